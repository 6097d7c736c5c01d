#include "engine.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <syslog.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "gate.h"
#include "journal.h"
#include "paths.h"
#include "plan.h"
#include "restarts.h"
#include "slot.h"
#include "sys/run.h"
#include "worker.h"

/* The worker that only looks at the machine is a task of its own. */
#define TASK_LOOK STEP_MAX
#define TASKS	  (STEP_MAX + 1)

/* At SIGTERM, programs that were told to end get this long before they are killed. */
#define ORPHAN_GRACE_S 30

/* A step that failed for what may pass is begun again after about 2, 4, 8 ... 60 s. */
#define RETRY_FIRST_US UINT64_C(2000000)
#define RETRY_MAX_US   UINT64_C(60000000)

/* What the engine knows of a step in this run, beside its worker. */
struct task {
	struct engine *engine;
	size_t index;
	struct slot slot;
	sd_event_source *retry;
	bool have_result;
	struct worker_result result;
	unsigned int tries;
	uint64_t first_try_us;
	bool done, failed;
};

struct engine {
	struct config *config;
	const struct engine_options *options;
	sd_event *event;
	struct facts facts;
	struct plan plan;
	struct status status;
	struct journal journal;
	struct task tasks[TASKS];
	bool looked, stopping, restart_asked;
	sd_event_source *restart_timer;
	enum exit_code code;
};

static void schedule(struct engine *g);

static void release(sd_event_source **s)
{
	*s = sd_event_source_unref(*s);
}

static bool any_running(const struct engine *g)
{
	for (size_t i = 0; i < TASKS; i++)
		if (g->tasks[i].slot.pid || g->tasks[i].retry)
			return true;
	return false;
}

/* A status that cannot be saved is as bad as a failed step, but must not stop the closing of the
 * gate: it is said, and the run ends as failed. */
static void save(struct engine *g)
{
	struct err e = ERR_INIT;

	if (status_save(&g->status, &e) == 0)
		return;
	journal_error(&g->journal, NULL, &e);
	g->code = EXIT_FAILED;
	sd_event_exit(g->event, EXIT_FAILED);
}

static void end(struct engine *g, enum result result, enum exit_code code)
{
	g->status.result = result;
	g->code = code;
	save(g);
	sd_event_exit(g->event, (int)code);
}

/* --- one step's life ------------------------------------------------------------------------- */

static unsigned int deadline_s(const struct engine *g, const struct step *s)
{
	return step_deadline_s(s, g->config);
}

static void record_failure(struct engine *g, size_t i, const struct err *e)
{
	struct status_step *st = &g->status.steps[i];

	st->state = STATE_FAILED;
	status_set_error(&st->error, steps[i].id, e);
	g->tasks[i].failed = true;
	journal_error(&g->journal, &steps[i], e);
	if (!g->status.error.code[0])
		status_set_error(&g->status.error, steps[i].id, e);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *data)
{
	struct task *s = data;

	(void)source;
	(void)usec;
	release(&s->retry);
	schedule(s->engine);
	return 0;
}

static bool try_again(struct engine *g, struct task *s, const struct err *e)
{
	const struct step *step = &steps[s->index];
	unsigned int attempts = config_step(g->config, step->id, "attempts", step->attempts);
	uint64_t wait = clock_backoff_us(s->tries - 1, RETRY_FIRST_US, RETRY_MAX_US),
		 now = clock_monotonic_us();

	if (e->kind->class != ERR_CLASS_RETRY || g->stopping)
		return false;
	if (step->retry_for_s) {
		if (now + wait - s->first_try_us > (uint64_t)step->retry_for_s(g->config) * 1000000)
			return false;
	} else if (s->tries >= attempts) {
		return false;
	}
	if (sd_event_add_time(g->event, &s->retry, CLOCK_MONOTONIC, now + wait, 0, on_retry, s) < 0)
		return false;
	journal_retry(&g->journal, step, e, wait / 1000000);
	g->status.steps[s->index].state = STATE_TODO;
	status_set_error(&g->status.steps[s->index].error, step->id, e);
	if (step->retry_for_s)
		g->status.result = RESULT_WAITING;
	return true;
}

static void step_ended_well(struct engine *g, struct task *s)
{
	struct status_step *st = &g->status.steps[s->index];

	s->done = true;
	st->state = STATE_DONE;
	st->attempts = 0;
	st->error = (struct status_error){ 0 };
	str_copy(st->reason, sizeof(st->reason),
		 s->result.found[0] ? s->result.found : s->result.probe.reason);
	journal_done(&g->journal, &steps[s->index], st);
}

/* What a worker left: its own word, or ours when it has none. */
static const struct err *judge_end(const struct engine *g, struct task *s, int status)
{
	const struct step *step = &steps[s->index];
	struct err *e = &s->result.err;

	if (s->slot.timed_out) {
		err_set(e, step->on_timeout ? step->on_timeout : &CODE_STEP_TIMEOUT,
			"%s: not done after %u s; what it had started was stopped", step->id,
			deadline_s(g, step));
		return e;
	}
	if (!s->have_result) {
		err_set(e, &CODE_WORKER, "%s: the worker %s %d without a result", step->id,
			WIFSIGNALED(status) ? "was killed by signal" : "ended with status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		return e;
	}
	if (s->result.failed)
		return e;
	if (!step->verifies && !step->transient && !step->restarts &&
	    s->result.probe.probe != PROBE_DONE) {
		if (s->result.probe.probe == PROBE_BLOCKED)
			*e = s->result.probe.err;
		else
			err_set(e, &CODE_NO_EFFECT, "%s: ended without an error, but %s", step->id,
				s->result.probe.reason);
		return e;
	}
	return NULL;
}

static void finish_step(struct engine *g, struct task *s, int status)
{
	struct status_step *st = &g->status.steps[s->index];
	const struct err *e;

	clock_format(clock_wall_s(), st->ended);
	st->duration_s = (double)(clock_monotonic_us() - s->slot.started_us) / 1e6;
	st->cut_off = g->stopping || s->slot.timed_out || !s->have_result;
	if (g->stopping) {
		st->state = STATE_INTERRUPTED;
		str_copy(st->reason, sizeof(st->reason),
			 "interrupted; begun again at the next start");
		if (st->attempts)
			st->attempts--;
		return;
	}
	e = judge_end(g, s, status);
	if (!st->cut_off)
		g->facts.cut_off &= ~((uint64_t)1 << s->index);
	if (s->have_result)
		facts_merge(&g->facts, &s->result.facts, s->result.groups);
	if (!e)
		step_ended_well(g, s);
	else if (!try_again(g, s, e))
		record_failure(g, s->index, e);
	save(g);
}

static int on_restart_ignored(sd_event_source *source, uint64_t usec, void *data)
{
	struct engine *g = data;
	struct err e = ERR_INIT;

	(void)source;
	(void)usec;
	err_set(&e, &CODE_RESTART_IGNORED,
		"the restart was asked for, and nothing happened for %u s",
		deadline_s(g, &steps[STEP_RESTART]));
	record_failure(g, STEP_RESTART, &e);
	end(g, RESULT_FAILED, EXIT_FAILED);
	return 0;
}

/* The restart was asked for: now SIGTERM must come. */
static void await_restart(struct engine *g)
{
	uint64_t until =
		clock_monotonic_us() + (uint64_t)deadline_s(g, &steps[STEP_RESTART]) * 1000000;

	if (sd_event_add_time(g->event, &g->restart_timer, CLOCK_MONOTONIC, until, 0,
			      on_restart_ignored, g) < 0)
		end(g, RESULT_FAILED, EXIT_FAILED);
}

/* --- messages of workers ---------------------------------------------------------------------- */

static void take_data(struct engine *g, const char *text, size_t len)
{
	_cleanup_json_ struct json_object *pair = NULL;
	struct err e = ERR_INIT;

	if (len < 2 || json_parse(text, len - 1, "worker", &pair, &e) < 0)
		return;
	status_merge(&g->status, json_str(pair, "key", ""), json_get(pair, "value"));
}

static void take_frame(struct task *s, const struct worker_frame *head, char *body)
{
	struct engine *g = s->engine;

	if (head->type == WORKER_PROGRESS && head->len == sizeof(struct worker_progress)) {
		struct worker_progress p;

		memcpy(&p, body, sizeof(p));
		journal_progress(&g->journal, &steps[s->index], &p);
	} else if (head->type == WORKER_EVENT && head->len > 0 && s->index != TASK_LOOK) {
		body[head->len - 1] = '\0';
		journal_say(&g->journal, &steps[s->index], LOG_INFO, body);
	} else if (head->type == WORKER_RESTARTS) {
		g->restart_asked = true;
	} else if (head->type == WORKER_DATA && head->len > 0) {
		body[head->len - 1] = '\0';
		take_data(g, body, head->len);
	} else if (head->type == WORKER_RESULT && head->len == sizeof(s->result)) {
		memcpy(&s->result, body, sizeof(s->result));
		s->have_result = true;
	}
}

static void finish_look(struct engine *g, struct task *s);

static void on_frame(struct slot *slot, const struct worker_frame *head, char *body)
{
	take_frame(slot->owner, head, body);
}

/* What a killed worker left behind must not go on beside the next. */
static void end_orphans(const struct engine *g)
{
	pid_t keep[TASKS];
	size_t n = 0;

	for (size_t i = 0; i < TASKS; i++)
		if (g->tasks[i].slot.pid)
			keep[n++] = g->tasks[i].slot.pid;
	run_kill_orphans(keep, n, 0);
}

static void on_end(struct slot *slot, int status)
{
	struct task *s = slot->owner;
	struct engine *g = s->engine;

	end_orphans(g);
	if (s->index == TASK_LOOK) {
		finish_look(g, s);
		return;
	}
	finish_step(g, s, status);
	if (s->index == STEP_RESTART && s->done && !g->stopping) {
		await_restart(g);
		return;
	}
	if (s->index == STEP_RESTART) /* it was refused: the run goes on to its end */
		g->restart_asked = false;
	schedule(g);
}

static int start_worker(struct engine *g, struct task *s, const struct step *step,
			unsigned int timeout_s, struct err *e)
{
	s->have_result = false;
	return slot_start(&s->slot, g->event, step, g->config, step ? &g->facts : NULL, timeout_s,
			  e);
}

/* --- what to do next -------------------------------------------------------------------------- */

static bool satisfied(const struct engine *g, size_t i);

static bool needs_met(const struct engine *g, const struct step *s)
{
	for (const enum step_id *n = s->needs; *n != STEP_MAX; n++)
		if (!satisfied(g, *n))
			return false;
	return true;
}

/* Done in this run, or found done; what was found counts only behind needs that are met. */
static bool satisfied(const struct engine *g, size_t i)
{
	enum plan_action a = g->plan.rows[i].action;

	const struct task *s = &g->tasks[i];

	/* While a step runs, the machine may look as if it were done already. */
	if (s->slot.pid || s->retry || s->failed)
		return false;
	return s->done || a == PLAN_SKIP || (a == PLAN_DONE && needs_met(g, &steps[i]));
}

/* Saves what is about to be done, durably, before it is. */
static bool save_intent(struct engine *g, size_t i, struct err *e)
{
	struct status_step *st = &g->status.steps[i];

	st->state = STATE_RUNNING;
	st->cut_off = true;
	st->attempts++;
	st->error = (struct status_error){ 0 };
	st->ended[0] = '\0';
	str_copy(st->reason, sizeof(st->reason), g->plan.rows[i].r.reason);
	str_copy(st->boot_id, sizeof(st->boot_id), g->facts.machine.boot_id);
	clock_format(clock_wall_s(), st->started);
	if (g->status.result != RESULT_WAITING || !steps[i].retry_for_s)
		g->status.result = steps[i].restarts ? RESULT_RESTARTING : RESULT_RUNNING;
	if (steps[i].restarts && restarts_add(&g->facts, e) < 0)
		return false;
	if (steps[i].restarts)
		g->status.restarts++;
	/* What only looks has no intent to keep; a long look is shown. */
	if (steps[i].verifies && !steps[i].retry_for_s)
		return true;
	return status_save(&g->status, e) == 0;
}

static void start_step(struct engine *g, size_t i)
{
	const struct step *step = &steps[i];
	struct task *s = &g->tasks[i];
	struct err e = ERR_INIT;

	if (!s->tries++)
		s->first_try_us = clock_monotonic_us();
	journal_start(&g->journal, step, g->plan.rows[i].r.reason);
	if (!save_intent(g, i, &e) ||
	    start_worker(g, s, step, deadline_s(g, step) + WORKER_SLACK_S, &e) < 0) {
		record_failure(g, i, &e);
		save(g);
	}
}

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
		end(g, RESULT_FAILED, EXIT_FAILED);
		return false;
	}
	plan_make(&g->plan, g->config, &g->facts);
	return true;
}

static bool startable(const struct engine *g, size_t i)
{
	const struct task *s = &g->tasks[i];

	return g->plan.rows[i].action == PLAN_RUN && !s->done && !s->failed && !s->slot.pid &&
	       !s->retry && needs_met(g, &steps[i]);
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
	record_failure(g, i, &e);
	return false;
}

/* Steps that cannot be done although all they need is: refusals and what could not be read. */
static void note_blocked(struct engine *g)
{
	for (size_t i = 0; i < STEP_MAX; i++) {
		struct status_step *st = &g->status.steps[i];
		const struct plan_row *row = &g->plan.rows[i];

		if (row->action != PLAN_BLOCKED || g->tasks[i].failed || g->tasks[i].done ||
		    !needs_met(g, &steps[i]))
			continue;
		record_failure(g, i, &row->r.err);
		st->state = STATE_BLOCKED;
		str_copy(st->reason, sizeof(st->reason), row->r.reason);
	}
}

/* Steps that were found done or are not for this machine: the status says so. */
static void note_found(struct engine *g)
{
	for (size_t i = 0; i < STEP_MAX; i++) {
		struct status_step *st = &g->status.steps[i];
		const struct plan_row *row = &g->plan.rows[i];

		if (g->tasks[i].done || g->tasks[i].failed || g->tasks[i].slot.pid ||
		    g->tasks[i].retry)
			continue;
		if (row->action == PLAN_DONE || row->action == PLAN_SKIP) {
			bool news = st->state != STATE_DONE && st->state != STATE_SKIPPED;

			/* Its turn has not come: what it looks like then is said then. */
			if (!satisfied(g, i))
				continue;

			st->state = row->action == PLAN_DONE ? STATE_DONE : STATE_SKIPPED;
			st->attempts = 0;
			st->error = (struct status_error){ 0 };
			if (news && row->action == PLAN_DONE)
				journal_found(&g->journal, &steps[i], row->r.reason);
			/* A verdict keeps the words of the run that reached it. */
			if (news || !steps[i].verifies)
				str_copy(st->reason, sizeof(st->reason), row->r.reason);
		} else if (st->state != STATE_BLOCKED) {
			st->state = STATE_TODO;
			st->error = (struct status_error){ 0 };
			str_copy(st->reason, sizeof(st->reason), row->r.reason);
		}
	}
}

/* What its owner should know of a machine that is ready. */
static void note_for_owner(struct engine *g)
{
	const struct config *c = g->config;
	const struct {
		bool on;
		const char *name;
	} reductions[] = {
		{!c->time_sync_required, "time_sync.required"},
		{ str_eq(c->attest_ocsp, "off"),		 "attest.ocsp" },
		{ !c->attest_ocsp_nonce,			 "attest.ocsp_nonce"		     },
		{ c->attest_allow_hold,			"attest.allow_hold"  },
		{ c->attest_allow_expired_rim,		       "attest.allow_expired_rim"		  },
		{ *c->attest_device_root,			  "attest.device_root"       },
		{ *c->attest_rim_root,		       "attest.rim_root"		 },
	};
	struct json_object *notes = json_object_new_array(), *reduced = json_object_new_array();

	if (g->facts.instance.shape == SHAPE_SINGLE && str_starts(c->cuda_version, "12.4.") &&
	    !g->facts.software.cublas)
		json_object_array_add(
			notes,
			json_object_new_string(
				"R22: cuBLAS of CUDA 12.4 has a known fault in CC mode: in the Python "
				"environment that uses it, pip3 install nvidia-cublas-cu12==12.4.5.8"));
	for (size_t i = 0; i < ARRAY_SIZE(reductions); i++)
		if (reductions[i].on)
			json_object_array_add(reduced, json_object_new_string(reductions[i].name));
	status_set_data(&g->status, "notes", notes);
	status_set_data(&g->status, "reduced", reduced);
}

static void conclude(struct engine *g)
{
	struct status *st = &g->status;
	bool refused = str_eq(st->error.class, err_class_name(ERR_CLASS_REFUSE));

	if (satisfied(g, STEP_READY)) {
		st->gate_open = true;
		st->error = (struct status_error){ 0 };
		note_for_owner(g);
		restarts_forget();
		journal_summary(&g->journal, RESULT_READY,
				"every step holds and the attestation of this boot was accepted");
		end(g, RESULT_READY, EXIT_READY);
		return;
	}
	shut(g);
	if (!st->error.code[0]) {
		struct err e = ERR_INIT;

		err_set(&e, &ERR_INTERNAL, "nothing is left to do and the machine is not ready");
		status_set_error(&st->error, NULL, &e);
	}
	journal_summary(&g->journal, refused ? RESULT_REFUSED : RESULT_FAILED, "%s",
			st->error.message);
	end(g, refused ? RESULT_REFUSED : RESULT_FAILED,
	    str_eq(st->error.code, CODE_RESTART_BY_HAND.code) ? EXIT_RESTART_PENDING : EXIT_FAILED);
}

static void schedule(struct engine *g)
{
	if (g->stopping || g->restart_asked || !g->looked)
		return;
	plan_make(&g->plan, g->config, &g->facts);
	note_found(g);
	for (size_t i = 0; i < STEP_MAX; i++) {
		if (!startable(g, i) || !restart_allowed(g, i))
			continue;
		if (!steps[i].verifies && !close_gate_first(g))
			return;
		if (startable(g, i))
			start_step(g, i);
	}
	note_blocked(g);
	if (!any_running(g))
		conclude(g);
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

/* The first look is there: the plan can be made. */
static void finish_look(struct engine *g, struct task *s)
{
	struct err e = ERR_INIT;

	if (g->stopping)
		return;
	if (!s->have_result) {
		err_set(&e, s->slot.timed_out ? &ERR_TIMEOUT : &CODE_WORKER,
			"looking at the machine did not end with a result");
		status_set_error(&g->status.error, NULL, &e);
		journal_error(&g->journal, NULL, &e);
		end(g, RESULT_FAILED, EXIT_FAILED);
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
		end(g, RESULT_FAILED, EXIT_FAILED);
		return;
	}
	str_copy(g->status.boot_id, sizeof(g->status.boot_id), g->facts.machine.boot_id);
	str_copy(g->status.kernel, sizeof(g->status.kernel), g->facts.machine.kernel);
	g->status.restarts = restarts_count(&g->facts);
	status_measure(&g->status, &g->facts);
	journal_machine(&g->journal, &g->facts);
	schedule(g);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void leave_after_stop(struct engine *g)
{
	run_kill_orphans(NULL, 0, ORPHAN_GRACE_S);
	if (g->restart_asked) {
		g->status.steps[STEP_RESTART].cut_off = false;
		journal_summary(&g->journal, RESULT_RESTARTING, "it goes on in the next boot");
		end(g, RESULT_RESTARTING, EXIT_RESTART_PENDING);
		return;
	}
	journal_summary(&g->journal, RESULT_PENDING,
			"interrupted; it goes on at the next start of gn8v-agent.service");
	end(g, RESULT_PENDING, EXIT_STOPPED);
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
	for (size_t i = 0; i < TASKS; i++) {
		struct task *s = &g->tasks[i];

		release(&s->retry);
		if (!s->slot.pid)
			continue;
		slot_kill(
			&s->slot); /* what it still said may be that it asked for the restart that ends us */
		if (i != TASK_LOOK)
			finish_step(g, s, 0);
	}
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
	for (size_t i = 0; i < TASKS; i++) {
		g->tasks[i] = (struct task){ .engine = g, .index = i };
		slot_init(&g->tasks[i].slot, &g->tasks[i], on_frame, on_end);
	}
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
	int r = -1;

	g->config = c;
	g->options = o;
	run_adopt_orphans();
	if (set_up(g, e) == 0 && load_status(g, e) == 0 &&
	    start_worker(g, &g->tasks[TASK_LOOK], NULL, (unsigned int)c->metadata_deadline_s + 300,
			 e) == 0) {
		r = sd_event_loop(g->event);
		if (r < 0)
			r = err_errno(e, -r, "event loop");
		else
			r = 0;
		*ret_code = g->code;
	}
	for (size_t i = 0; i < TASKS; i++) {
		release(&g->tasks[i].retry);
		slot_kill(&g->tasks[i].slot);
	}
	release(&g->restart_timer);
	journal_close(&g->journal);
	status_done(&g->status);
	sd_event_unref(g->event);
	free(g);
	return r;
}
