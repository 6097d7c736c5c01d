/* gn8v gate --close-unless-success: the unit's ExecStopPost (systemd.exec(5), $SERVICE_RESULT). */
#include "gate.h"
#include "cli/cli.h"
#include "cli/lock.h"
#include "core/log.h"
#include "core/str.h"

/* systemd waits for us: TimeoutStopSec= is longer. */
#define LOCK_WAIT_S 20

/* What was said of this boot is no longer vouched for by a running agent. An answer that is final
 * stays, but for the gate. `systemctl restart` stops a unit before it starts it: a run that then
 * crashes at once finds the answer pending. */
static void set_result(enum result result, bool gate_open, const char *summary)
{
	struct status s;
	struct err e = ERR_INIT;
	char *note = NULL;

	if (status_load(&s, &note, &e) < 0)
		return;
	free(note);
	if (result != RESULT_PENDING)
		s.gate_open = gate_open;
	if (s.result != result && (s.result == RESULT_READY || s.result == RESULT_RUNNING ||
				   s.result == RESULT_WAITING || s.result == RESULT_PENDING)) {
		s.result = result;
		str_copy(s.summary, sizeof(s.summary), summary);
		status_event(&s, LOG_WARNING, NULL, NULL, summary);
	}
	status_save(&s, &e);
	status_done(&s);
}

/* A run that is at work has the only word on the status. */
static void say_result(enum result result, bool gate_open, const char *summary)
{
	struct err e = ERR_INIT;
	bool other_run = false;
	int lock = -1;

	if (lock_wait(LOCK_WAIT_S, &lock, &other_run, &e) < 0 && other_run)
		log_warning("the status is left to the run that is at work: %s", e.msg);
	else
		set_result(result, gate_open, summary);
	cleanup_close(&lock);
}

static int close_gate(const struct cli_options *o, struct err *e)
{
	struct config c;
	int r;

	if (config_load(&c, o->config, e) < 0)
		return gate_close(NULL, e);
	r = gate_close(&c, e);
	config_done(&c);
	return r;
}

enum exit_code cli_gate(const struct cli_options *o)
{
	const char *result = getenv("SERVICE_RESULT"), *status = getenv("EXIT_STATUS");
	struct err e = ERR_INIT;

	if (!o->close_unless_success) {
		fprintf(stderr, "gn8v: gate needs --close-unless-success\n");
		return EXIT_USAGE;
	}
	if (status && strtol(status, NULL, 10) == EXIT_LOCKED) {
		log_info(
			"gn8v-agent.service gave way to another run: gate and status are that one's");
		return EXIT_READY;
	}
	if (str_eq(result, "success")) {
		say_result(RESULT_PENDING, true,
			   "gn8v-agent.service was stopped; the gate stays as it is");
		return EXIT_READY;
	}
	if (close_gate(o, &e) < 0) {
		say_result(RESULT_FAILED, true,
			   "gn8v-agent.service did not end well, and the gate could not be closed");
		return cli_fail(&e, EXIT_FAILED);
	}
	say_result(RESULT_FAILED, false, "gn8v-agent.service did not end well: the gate is closed");
	log_warning("gate closed: gn8v-agent.service ended with %s", result ? result : "no result");
	return EXIT_READY;
}
