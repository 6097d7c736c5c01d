/* Evidence of the devices of this machine, for verify and collect. */
#include <errno.h>
#include <signal.h>

#include "cli/cli.h"
#include "codes.h"
#include "core/log.h"
#include "core/str.h"
#include "native.h"
#include "paths.h"

#define DEVICES_S 180 /* for all calls into devices */

/* R23: nothing may touch a GPU before nvidia-persistenced is active (running). */
static int may_touch(const struct facts *f, struct err *e)
{
	const struct facts_unit *u = facts_unit(f, UNIT_PERSISTENCED);

	if (facts_error(f, FACTS_UNITS)) {
		*e = *facts_error(f, FACTS_UNITS);
		return err_wrap(e, "whether " UNIT_PERSISTENCED " is active cannot be told");
	}
	if (u && str_eq(u->state.active, "active") && str_eq(u->state.sub, "running"))
		return 0;
	err_set(e, &CODE_PERSISTENCED,
		UNIT_PERSISTENCED " is not active (running): no GPU may be touched yet");
	return err_hint(e, "wait for it: systemctl status nvidia-persistenced");
}

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

enum exit_code cli_live(struct config *c, struct evidence *ev)
{
	_cleanup_free_ struct facts *f = xcalloc(1, sizeof(*f));
	struct err e = ERR_INIT;

	facts_collect(f, c, FACTS_MACHINE | FACTS_INSTANCE);
	if (facts_error(f, FACTS_INSTANCE))
		return cli_fail(facts_error(f, FACTS_INSTANCE), EXIT_CANNOT_TELL);
	if (f->instance.shape == SHAPE_UNKNOWN) {
		err_set(&e, &CODE_TYPE, "instance type %s: nobody knows how many GPUs it has",
			f->instance.type);
		return cli_fail(&e, EXIT_CANNOT_TELL);
	}
	config_set_shape(c, f->instance.shape);
	facts_collect(f, c, FACTS_UNITS);
	if (may_touch(f, &e) < 0 || collect(f->instance.shape, ev, &e) < 0)
		return cli_fail(&e, EXIT_CANNOT_TELL);
	if (ev->note[0])
		log_warning("%s", ev->note);
	return EXIT_READY;
}
