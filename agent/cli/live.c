/* Evidence of the devices of this machine, for verify and collect. */
#include <errno.h>
#include <signal.h>

#include "cli/cli.h"
#include "codes.h"
#include "core/log.h"
#include "core/str.h"
#include "facts.h"
#include "gpu.h"
#include "native.h"

#define DEVICES_S 180 /* for all calls into devices */

/* A call that hangs cannot be broken off, but the program can end. */
static void on_alarm(int signal_number)
{
	static const char text[] =
		"gn8v: a call into a GPU or NVSwitch does not return\n"
		"To mend it (operator): see what the driver logged: journalctl -k | grep -i nvrm\n";

	(void)signal_number;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(EXIT_CANNOT_TELL);
}

static int collect(enum shape shape, struct evidence *ev, struct err *e)
{
	const struct sigaction act = { .sa_handler = on_alarm };
	int r;

	sigaction(SIGALRM, &act, NULL);
	alarm(DEVICES_S);
	r = native_collect(shape, ev, e);
	alarm(0);
	return r;
}

/* The instance type says how many devices there must be; a configured shape needs no such word. */
static enum exit_code find_shape(struct config *c, enum shape *ret)
{
	_cleanup_free_ struct facts *f = xcalloc(1, sizeof(*f));
	char note[FACTS_NOTE_SIZE];
	struct err e = ERR_INIT;

	if (!str_eq(c->shape, "auto")) {
		*ret = str_eq(c->shape, "multi") ? SHAPE_MULTI : SHAPE_SINGLE;
		return EXIT_READY;
	}
	cli_hurry(c);
	facts_collect(f, c, FACTS_INSTANCE);
	if (facts_error(f, FACTS_INSTANCE)) {
		e = *facts_error(f, FACTS_INSTANCE);
		if (e.kind == &CODE_METADATA)
			err_hint(
				&e,
				"%s; on a machine without a metadata service: put \"shape\": \"single\" "
				"(or \"multi\") into /etc/gn8v/config.json",
				e.kind->hint);
		return cli_fail(&e, EXIT_CANNOT_TELL);
	}
	if (f->instance.shape == SHAPE_UNKNOWN) {
		err_set(&e, &CODE_TYPE, "instance type %s: nobody knows how many GPUs it has",
			f->instance.type);
		return cli_fail(&e, EXIT_CANNOT_TELL);
	}
	facts_instance_note(&f->instance, note, sizeof(note));
	if (note[0])
		log_warning("%s", note);
	*ret = f->instance.shape;
	return EXIT_READY;
}

enum exit_code cli_live(struct config *c, struct evidence *ev)
{
	struct err e = ERR_INIT;
	enum shape shape = SHAPE_UNKNOWN;
	enum exit_code code = find_shape(c, &shape);

	if (code != EXIT_READY)
		return code;
	config_set_shape(c, shape);
	if (gpu_guard(&e) < 0 || collect(shape, ev, &e) < 0)
		return cli_fail(&e, EXIT_CANNOT_TELL);
	if (ev->note[0])
		log_warning("%s", ev->note);
	if (ev->mode.devtools)
		log_warning("DevTools mode is on: who runs the machine can look into its GPUs");
	return EXIT_READY;
}
