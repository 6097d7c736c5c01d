/* gn8v run */
#include "cli/cli.h"
#include "cli/lock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/str.h"
#include "gate.h"
#include "paths.h"

/* A configuration that cannot be used is the machine's state too: programs read it in the status. */
static enum exit_code refuse(const struct err *e)
{
	struct status s;
	struct err ignored = ERR_INIT;
	char *note = NULL;

	if (status_load(&s, &note, &ignored) == 0) {
		kernel_boot_id(s.boot_id);
		s.result = RESULT_REFUSED;
		s.gate_open = gate_close(NULL, &ignored) < 0; /* not certainly closed */
		status_set_error(&s.error, NULL, e);
		snprintf(s.summary, sizeof(s.summary), "%.200s", e->msg);
		status_event(&s, LOG_ERR, NULL, e->kind->code, e->msg);
		status_save(&s, &ignored);
		status_done(&s);
	}
	free(note);
	return cli_fail(e, EXIT_FAILED);
}

enum exit_code cli_run(const struct cli_options *o)
{
	struct engine_options options = { .may_restart = o->restart };
	struct err e = ERR_INIT;
	struct config c;
	enum exit_code code = EXIT_FAILED;
	int lock = -1;

	if (geteuid() != 0 && !fs_has_root()) {
		err_set(&e, &ERR_ARGUMENT, "gn8v run changes the machine and must be run as root");
		err_hint(&e, "sudo systemctl restart gn8v-agent; gn8v status works for everybody");
		return cli_fail(&e, EXIT_CANNOT_TELL);
	}
	if (lock_take(&lock, &e) < 0)
		return cli_fail(&e,
				str_eq(e.kind->code, "locked") ? EXIT_LOCKED : EXIT_CANNOT_TELL);
	if (config_load(&c, o->config, &e) < 0) {
		code = refuse(&e);
	} else {
		if (engine_run(&c, &options, &code, &e) < 0)
			code = cli_fail(&e, EXIT_CANNOT_TELL);
		config_done(&c);
	}
	close(lock);
	return code;
}
