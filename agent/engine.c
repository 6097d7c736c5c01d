#include "engine.h"

#include <errno.h>
#include <signal.h>
#include <syslog.h>

#include "artefact.h"
#include "codes.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/str.h"
#include "engine_inside.h"
#include "gate.h"
#include "intent.h"
#include "mapped.h"
#include "package_db.h"
#include "paths.h"
#include "restarts.h"
#include "steps/all.h"
#include "sys/run.h"

/* At SIGTERM, programs that were told to end get this long before they are killed. */
#define ORPHAN_GRACE_S 30

static bool any_running(const struct engine *g)
{
	for (size_t i = 0; i < TASKS; i++)
		if (g->tasks[i].slot.pid || g->tasks[i].retry)
			return true;
	return false;
}

/* A status that cannot be saved is as bad as a failed step, but must not stop the closing of the
 * gate: it is said, and the run ends as failed. */
bool engine_save(struct engine *g)
{
	struct err e = ERR_INIT;

	if (status_save(&g->status, &e) == 0)
		return true;
	journal_error(&g->journal, NULL, &e);
	g->code = EXIT_FAILED;
	sd_event_exit(g->event, EXIT_FAILED);
	return false;
}

void engine_end(struct engine *g, enum result result, enum exit_code code)
{
	g->status.result = result;
	g->code = code;
	engine_save(g);
	sd_event_exit(g->event, (int)code);
}

void engine_fail(struct engine *g)
{
	const struct status_error *e = &g->status.error;
	enum result result =
		str_eq(e->class, err_class_name(ERR_CLASS_REFUSE)) ? RESULT_REFUSED : RESULT_FAILED;

	journal_summary(&g->journal, result, "%s in %s: %s", e->code, e->step[0] ? e->step : "gn8v",
			e->hint);
	engine_end(g, result,
		   str_eq(e->code, CODE_RESTART_BY_HAND.code) ? EXIT_RESTART_PENDING : EXIT_FAILED);
}

/* --- the gate --------------------------------------------------------------------------------- */

/* Anything but certainly closed. The flag is looked at now, not remembered. */
static bool gate_may_be_open(const struct engine *g)
{
	return fs_exists(PATH_READY) || !(g->facts.known & FACTS_UNITS) ||
	       g->facts.units.gate_target;
}

/* Closes the gate unless it certainly is. False if that failed: an open gate that cannot be closed
 * is said and ends the run. */
static bool shut(struct engine *g)
{
	struct err e = ERR_INIT;

	g->status.gate_open = g->facts.units.gate_open = false;
	if (!gate_may_be_open(g))
		return true;
	if (gate_close(g->config, &e) == 0) {
		g->facts.units.gate_target = false;
		return true;
	}
	g->status.gate_open = true; /* not certainly closed */
	journal_error(&g->journal, NULL, &e);
	if (!g->status.error.code[0])
		status_set_error(&g->status.error, NULL, &e);
	return false;
}

/* Mending something while the gate is open: close it first, so that the proof is taken again. */
static bool close_gate_first(struct engine *g)
{
	if (!gate_may_be_open(g))
		return true;
	journal_say(
		&g->journal, NULL, LOG_WARNING,
		"something has to be mended: the gate is closed until the proof is taken again");
	if (!shut(g)) {
		engine_fail(g);
		return false;
	}
	plan_make(&g->plan, g->config, &g->facts);
	return true;
}

/* Whether the status says that this boot was attested. One that is garbled, lost or of another boot
 * does not, and then an open gate is nobody's word. */
static bool vouched(const struct engine *g)
{
	struct json_object *a = json_get(g->status.data, "attestation");
	const char *boot = g->facts.machine.boot_id;

	return g->status.gate_open && str_eq(g->status.boot_id, boot) &&
	       str_eq(json_str(a, "boot_id", ""), boot) &&
	       str_eq(json_str(a, "verdict", ""), "accepted");
}

/* --- what to do next -------------------------------------------------------------------------- */

bool engine_needs_met(const struct engine *g, const struct step *s)
{
	for (const enum step_id *n = step_needs(s, g->config); *n != STEP_MAX; n++)
		if (!engine_satisfied(g, *n))
			return false;
	return true;
}

/* Done in this run, or found done; what was found counts only behind needs that are met. */
bool engine_satisfied(const struct engine *g, size_t i)
{
	enum plan_action a = g->plan.rows[i].action;

	const struct task *s = &g->tasks[i];

	/* While a step runs, the machine may look as if it were done already. */
	if (s->slot.pid || s->retry || s->failed)
		return false;
	return s->done || a == PLAN_SKIP || (a == PLAN_DONE && engine_needs_met(g, &steps[i]));
}

static bool startable(const struct engine *g, size_t i)
{
	const struct task *s = &g->tasks[i];

	return g->plan.rows[i].action == PLAN_RUN && !s->done && !s->failed && !s->slot.pid &&
	       !s->retry && engine_needs_met(g, &steps[i]);
}

static bool restart_allowed(struct engine *g, size_t i)
{
	struct err e = ERR_INIT;

	if (!steps[i].restarts || (g->options->may_restart && !g->facts.units.gate_opened))
		return true;
	err_set(&e, &CODE_RESTART_BY_HAND, "a restart is needed: %s", g->plan.rows[i].r.reason);
	if (g->facts.units.gate_opened)
		err_hint(&e,
			 "this machine was in use in this boot, so it is not restarted by itself: "
			 "systemctl reboot when that suits you");
	engine_record_failure(g, i, &e);
	return false;
}

/* Downloads that began before a restart do not hold up the word that it will not come. */
static bool waits_in_vain(const struct engine *g)
{
	if (!g->config->fetch_before_restart || engine_satisfied(g, STEP_RESTART))
		return false;
	for (size_t i = 0; i < STEP_MAX; i++)
		if ((g->tasks[i].slot.pid || g->tasks[i].retry) && !steps[i].downloads &&
		    !steps[i].needs_early)
			return false;
	return true;
}

static void sweep(struct engine *g)
{
	struct err e = ERR_INIT;

	if (artefact_sweep(g->config, json_get(g->status.data, "packages"), &e) < 0)
		log_warning("leftovers of downloads: %s", e.msg);
	if (step_sweep_unpacked(&e) < 0)
		log_warning("leftovers of an installer: %s", e.msg);
	/* The driver works: what its installer left undone, when it did, was nothing. */
	if (intent_end(INTENT_DRIVER, &e) < 0)
		log_warning("%s", e.msg);
}

static void conclude(struct engine *g)
{
	struct status *st = &g->status;

	if (engine_satisfied(g, STEP_READY)) {
		st->gate_open = true;
		st->error = (struct status_error){ 0 };
		engine_note_for_owner(g);
		restarts_forget();
		sweep(g);
		journal_summary(&g->journal, RESULT_READY,
				"every step holds and the attestation of this boot was accepted");
		engine_end(g, RESULT_READY, EXIT_READY);
		return;
	}
	shut(g);
	if (!st->error.code[0]) {
		struct err e = ERR_INIT;

		err_set(&e, &ERR_INTERNAL, "nothing is left to do and the machine is not ready");
		status_set_error(&st->error, NULL, &e);
	}
	engine_fail(g);
}

void engine_schedule(struct engine *g)
{
	if (g->stopping || g->restart_asked || !g->looked)
		return;
	plan_make(&g->plan, g->config, &g->facts);
	engine_note_found(g);
	for (size_t i = 0; i < STEP_MAX; i++) {
		if (!startable(g, i) || !restart_allowed(g, i))
			continue;
		if (!steps[i].verifies && !close_gate_first(g))
			return;
		if (startable(g, i))
			engine_start_step(g, i);
	}
	engine_note_blocked(g);
	if (waits_in_vain(g))
		for (size_t i = 0; i < TASKS; i++)
			engine_stop_task(&g->tasks[i]);
	if (!any_running(g))
		conclude(g);
}

/* The first look is there: the plan can be made. */
void engine_finish_look(struct engine *g, struct task *s)
{
	struct err e = ERR_INIT;

	if (g->stopping)
		return;
	if (!s->have_result) {
		err_set(&e, s->slot.timed_out ? &ERR_TIMEOUT : &CODE_WORKER,
			"looking at the machine did not end with a result");
		status_set_error(&g->status.error, NULL, &e);
		journal_error(&g->journal, NULL, &e);
		engine_fail(g);
		return;
	}
	g->facts = s->result.facts;
	g->facts.cut_off = status_cut_off(&g->status);
	g->looked = true;
	if (g->facts.known & FACTS_INSTANCE)
		status_adopt_instance(&g->status, &g->facts);
	if (g->facts.instance.shape != SHAPE_UNKNOWN)
		config_set_shape(g->config, g->facts.instance.shape);
	g->status.error = (struct status_error){ 0 };
	if (!vouched(g) && !shut(g)) {
		engine_fail(g);
		return;
	}
	str_copy(g->status.boot_id, sizeof(g->status.boot_id), g->facts.machine.boot_id);
	str_copy(g->status.kernel, sizeof(g->status.kernel), g->facts.machine.kernel);
	g->status.restarts = restarts_count(&g->facts);
	status_measure(&g->status, &g->facts);
	if (mapped_keep(&g->facts, &e) < 0)
		log_warning("%s", e.msg);
	journal_machine(&g->facts);
	engine_schedule(g);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void leave_after_stop(struct engine *g)
{
	run_kill_orphans(NULL, 0, ORPHAN_GRACE_S);
	if (g->restart_asked) {
		g->status.steps[STEP_RESTART].cut_off = false;
		journal_summary(&g->journal, RESULT_RESTARTING, "gn8v goes on in the next boot");
		engine_end(g, RESULT_RESTARTING, EXIT_RESTART_PENDING);
		return;
	}
	journal_summary(&g->journal, RESULT_PENDING,
			"interrupted; gn8v goes on at the next start of gn8v-agent.service");
	engine_end(g, RESULT_PENDING, EXIT_STOPPED);
}

/* SIGTERM or SIGINT: workers are ended; what they ran is told to end and gets its time. */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *data)
{
	struct engine *g = data;

	(void)source;
	(void)si;
	if (g->stopping)
		return 0;
	g->stopping = true;
	for (size_t i = 0; i < TASKS; i++)
		engine_stop_task(&g->tasks[i]);
	leave_after_stop(g);
	return 0;
}

static int set_up(struct engine *g, struct err *e)
{
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_new(&g->event);
	if (r >= 0)
		r = sd_event_add_signal(g->event, NULL, SIGTERM, on_signal, g);
	if (r >= 0)
		r = sd_event_add_signal(g->event, NULL, SIGINT, on_signal, g);
	if (r < 0)
		return err_errno(e, -r, "event loop");
	progress_init(&g->progress, g->event);
	for (size_t i = 0; i < TASKS; i++)
		engine_init_task(g, i);
	return 0;
}

static int load_status(struct engine *g, struct err *e)
{
	_cleanup_free_ char *note = NULL;

	if (status_load(&g->status, &note, e) < 0)
		return -1;
	journal_open(&g->journal, &g->status);
	if (note)
		journal_say(&g->journal, NULL, LOG_WARNING, note);
	return 0;
}

int engine_run(struct config *c, const struct engine_options *o, enum exit_code *ret_code,
	       struct err *e)
{
	struct engine *g =
		xcalloc(1, sizeof(*g)); /* the slots hold facts: too large for the stack */
	int r;

	g->config = c;
	g->options = o;
	run_adopt_orphans();
	r = set_up(g, e) == 0 ? load_status(g, e) : -1;
	if (r == 0)
		r = engine_start_look(g, e);
	if (r == 0) {
		r = sd_event_loop(g->event);
		if (r < 0)
			r = err_errno(e, -r, "event loop");
		else
			r = 0;
		*ret_code = g->code;
	}
	for (size_t i = 0; i < TASKS; i++)
		engine_done_task(&g->tasks[i]);
	sd_event_source_unref(g->restart_timer);
	progress_done(&g->progress);
	status_done(&g->status);
	sd_event_unref(g->event);
	free(g);
	return r;
}
