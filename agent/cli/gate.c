/* gn8v gate --close-unless-success: the unit's ExecStopPost (systemd.exec(5), $SERVICE_RESULT). */
#include "gate.h"
#include "cli/cli.h"
#include "core/log.h"
#include "core/str.h"

/* What was said of this boot is no longer vouched for by a running agent. An answer that is final
 * stays, but for the gate. */
static void set_pending(enum result result, const char *summary)
{
	struct status s;
	struct err e = ERR_INIT;
	char *note = NULL;

	if (status_load(&s, &note, &e) < 0)
		return;
	free(note);
	s.gate_open = s.gate_open && result == RESULT_PENDING;
	if (s.result == RESULT_READY || s.result == RESULT_RUNNING || s.result == RESULT_WAITING) {
		s.result = result;
		str_copy(s.summary, sizeof(s.summary), summary);
		status_event(&s, LOG_WARNING, NULL, NULL, summary);
	}
	status_save(&s, &e);
	status_done(&s);
}

enum exit_code cli_gate(const struct cli_options *o)
{
	const char *result = getenv("SERVICE_RESULT");
	struct config c;
	struct err e = ERR_INIT;
	enum exit_code code = EXIT_READY;
	int closed;

	if (!o->close_unless_success) {
		fprintf(stderr, "gn8v: gate needs --close-unless-success\n");
		return EXIT_USAGE;
	}
	if (str_eq(result, "success")) {
		set_pending(RESULT_PENDING, "gn8v-agent.service was stopped; the gate stays as it is");
		return EXIT_READY;
	}
	if (config_load(&c, o->config, &e) < 0) {
		closed = gate_close_unconfigured(&e);
	} else {
		closed = gate_close(&c, &e);
		config_done(&c);
	}
	if (closed < 0)
		code = cli_fail(&e, EXIT_FAILED);
	set_pending(RESULT_FAILED, "gn8v-agent.service did not end well: the gate is closed");
	log_warning("gate closed: gn8v-agent.service ended with %s", result ? result : "no result");
	return code;
}
