/* One step's life in a run: its intent, its worker and what that says, its end, and its next try. */
#include <signal.h>
#include <sys/wait.h>
#include <syslog.h>

#include "codes.h"
#include "core/str.h"
#include "engine_inside.h"
#include "restarts.h"
#include "sys/run.h"

/* The first look, beside its question for the metadata: it may wait for another's installation (worker.c), and then ask
 * rpm what came of it. */
#define LOOK_S 3000

static void release(sd_event_source **s)
{
	*s = sd_event_source_unref(*s);
}

static bool downloads_over(const struct engine *g, uint64_t at_us)
{
	return g->downloads_end_us && at_us >= g->downloads_end_us;
}

/* What a step may take that begins now. */
static unsigned int limit_s(struct engine *g, const struct step *s)
{
	uint64_t now = clock_monotonic_us(), left_s;
	unsigned int own = step_deadline_s(s, g->config);

	if (!s->downloads)
		return own;
	if (!g->downloads_end_us)
		g->downloads_end_us = now + (uint64_t)g->config->fetch_total_deadline_s * 1000000;
	left_s = downloads_over(g, now) ? 1 : (g->downloads_end_us - now) / 1000000 + 1;
	return left_s < own ? (unsigned int)left_s : own;
}

/* --- its end ---------------------------------------------------------------------------------- */

void engine_record_failure(struct engine *g, size_t i, const struct err *e)
{
	struct status_step *st = &g->status.steps[i];

	st->state = STATE_FAILED;
	status_set_error(&st->error, steps[i].id, e);
	g->tasks[i].failed = true;
	journal_error(&g->journal, &steps[i], e);
	if (!g->status.error.code[0])
		status_set_error(&g->status.error, steps[i].id, e);
}

/* Its next try begins, or will not come. */
static void forget_retry(struct task *s)
{
	struct status_step *st = &s->engine->status.steps[s->index];

	if (s->retry)
		st->next_try[0] = st->gives_up[0] = '\0';
	release(&s->retry);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *data)
{
	struct task *s = data;

	(void)source;
	(void)usec;
	forget_retry(s);
	engine_schedule(s->engine);
	return 0;
}

static bool others_run(const struct engine *g)
{
	for (size_t i = 0; i < TASKS; i++)
		if (g->tasks[i].slot.pid)
			return true;
	return false;
}

/* A step that looks every few seconds says again only what is new. */
static bool is_news(const struct task *s, const struct err *e)
{
	return !steps[s->index].every_s || !str_eq(s->last.code, e->kind->code) ||
	       !str_eq(s->last.message, e->msg);
}

static void note_retry(struct engine *g, struct task *s, const struct err *e, uint64_t pause_us)
{
	const struct step *step = &steps[s->index];
	struct status_step *st = &g->status.steps[s->index];
	uint64_t pause_s = (pause_us + 999999) / 1000000, now_us = clock_monotonic_us();
	unsigned int patience_s = step_patience_s(step, g->config);
	time_t now = clock_wall_s();

	if (is_news(s, e))
		journal_retry(&g->journal, step, e, pause_s);
	st->state = STATE_TODO;
	status_set_error(&st->error, step->id, e);
	s->last = st->error;
	clock_format(now + (time_t)pause_s, st->next_try);
	if (patience_s)
		clock_format(now + (time_t)patience_s - (time_t)((now_us - s->failed_us) / 1000000),
			     st->gives_up);
	/* All that is left waits for others. */
	if (step->retry_for_s || !others_run(g))
		g->status.result = RESULT_WAITING;
}

static bool try_again(struct engine *g, struct task *s, const struct err *e)
{
	const struct step *step = &steps[s->index];
	uint64_t pause_us = step_pause_us(step, s->tries), now = clock_monotonic_us();

	if (!s->failed_us)
		s->failed_us = now;
	if (e->kind->class != ERR_CLASS_RETRY ||
	    !step_tries_again(step, g->config, s->tries, now + pause_us - s->failed_us) ||
	    (step->downloads && downloads_over(g, now + pause_us)))
		return false;
	if (sd_event_add_time(g->event, &s->retry, CLOCK_MONOTONIC, now + pause_us, 0, on_retry,
			      s) < 0)
		return false;
	note_retry(g, s, e, pause_us);
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
	journal_note_done(&g->journal, &steps[s->index], st);
}

/* What a worker left: its own word, or ours when it has none. */
static const struct err *judge_end(const struct engine *g, struct task *s, int status)
{
	const struct step *step = &steps[s->index];
	struct err *e = &s->result.err;

	if (s->slot.timed_out) {
		err_set(e, step->on_timeout ? step->on_timeout : &CODE_STEP_TIMEOUT,
			"%s: not done after %u s; what it had started was stopped", step->id,
			s->limit_s);
		return e;
	}
	if (!s->have_result) {
		err_set(e, &CODE_WORKER, "%s: the worker %s %d without a result", step->id,
			WIFSIGNALED(status) ? "was killed by signal" : "ended with status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		return e;
	}
	if (s->result.failed) {
		if (step->downloads && downloads_over(g, clock_monotonic_us()))
			err_wrap(e, "fetch.total_deadline_s (%d s) is over",
				 g->config->fetch_total_deadline_s);
		return e;
	}
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
	uint64_t bit = (uint64_t)1 << s->index;
	const struct err *e;

	progress_end(&g->progress, &steps[s->index]);
	clock_format(clock_wall_s(), st->ended);
	st->duration_s = (double)(clock_monotonic_us() - s->slot.started_us) / 1e6;
	if (s->stopped) {
		st->cut_off = true;
		st->state = STATE_INTERRUPTED;
		str_copy(st->reason, sizeof(st->reason),
			 "interrupted; begun again at the next start");
		if (st->attempts)
			st->attempts--;
		return;
	}
	e = judge_end(g, s, status);
	/* Once cut off, it is believed when it has ended well: it may have failed before it looked. */
	st->cut_off = s->slot.timed_out || !s->have_result ||
		      (e && (s->result.cut_off || g->facts.cut_off & bit));
	if (s->have_result)
		facts_merge(&g->facts, &s->result.facts, s->result.groups);
	g->facts.cut_off = st->cut_off ? g->facts.cut_off | bit : g->facts.cut_off & ~bit;
	if (!e)
		step_ended_well(g, s);
	else if (!try_again(g, s, e))
		engine_record_failure(g, s->index, e);
	if (engine_save(g) && !e)
		journal_tell_done(&steps[s->index], st);
}

static int on_restart_ignored(sd_event_source *source, uint64_t usec, void *data)
{
	struct engine *g = data;
	struct err e = ERR_INIT;

	(void)source;
	(void)usec;
	err_set(&e, &CODE_RESTART_IGNORED,
		"the restart was asked for, and nothing happened for %u s",
		g->tasks[STEP_RESTART].limit_s);
	engine_record_failure(g, STEP_RESTART, &e);
	engine_fail(g);
	return 0;
}

/* The restart was asked for: now SIGTERM must come. */
static void await_restart(struct engine *g)
{
	uint64_t until = clock_monotonic_us() + (uint64_t)g->tasks[STEP_RESTART].limit_s * 1000000;

	if (sd_event_add_time(g->event, &g->restart_timer, CLOCK_MONOTONIC, until, 0,
			      on_restart_ignored, g) < 0)
		engine_end(g, RESULT_FAILED, EXIT_FAILED);
}

/* --- what its worker says --------------------------------------------------------------------- */

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

	if (head->type == WORKER_PROGRESS && head->len == sizeof(struct worker_progress) &&
	    s->index != TASK_LOOK) {
		struct worker_progress p;

		memcpy(&p, body, sizeof(p));
		progress_take(&g->progress, &steps[s->index], &p);
	} else if (head->type == WORKER_EVENT && head->len > 0) {
		body[head->len - 1] = '\0';
		if (s->index == TASK_LOOK)
			journal_say(&g->journal, NULL, LOG_NOTICE, body);
		else
			journal_say(&g->journal, &steps[s->index], LOG_INFO, body);
	} else if (head->type == WORKER_NEEDS && head->len == sizeof(uint64_t)) {
		uint64_t end_us;

		memcpy(&end_us, body, sizeof(end_us));
		slot_extend(&s->slot, end_us);
		s->limit_s = (unsigned int)((end_us - s->slot.started_us) / 1000000);
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
		engine_finish_look(g, s);
		return;
	}
	finish_step(g, s, status);
	if (s->index == STEP_RESTART && s->done && !g->stopping) {
		await_restart(g);
		return;
	}
	if (s->index == STEP_RESTART) /* it was refused: the run goes on to its end */
		g->restart_asked = false;
	engine_schedule(g);
}

/* --- its beginning ---------------------------------------------------------------------------- */

static int start_worker(struct engine *g, struct task *s, const struct step *step,
			unsigned int limit, struct err *e)
{
	s->have_result = false;
	s->limit_s = limit;
	return slot_start(&s->slot, g->event, step, g->config, step ? &g->facts : NULL, limit, e);
}

/* Saves what is about to be done, durably, before it is. */
static bool save_intent(struct engine *g, size_t i, struct err *e)
{
	struct status_step *st = &g->status.steps[i];

	st->state = STATE_RUNNING;
	st->cut_off = true;
	st->attempts++;
	st->error = g->tasks[i].last; /* the cause of a further try stays until that has ended */
	st->ended[0] = '\0';
	str_copy(st->reason, sizeof(st->reason), g->plan.rows[i].r.reason);
	str_copy(st->boot_id, sizeof(st->boot_id), g->facts.machine.boot_id);
	clock_format(clock_wall_s(), st->started);
	if (g->status.result != RESULT_WAITING || !steps[i].verifies || g->tasks[i].tries == 1)
		g->status.result = steps[i].restarts || g->tasks[STEP_RESTART].slot.pid
					   ? RESULT_RESTARTING
					   : RESULT_RUNNING;
	if (steps[i].restarts && restarts_add(&g->facts, e) < 0)
		return false;
	if (steps[i].restarts)
		g->status.restarts++;
	/* What only looks has no intent to keep; a long look is shown. */
	if (steps[i].verifies && !steps[i].retry_for_s)
		return true;
	return status_save(&g->status, e) == 0;
}

void engine_start_step(struct engine *g, size_t i)
{
	const struct step *step = &steps[i];
	struct task *s = &g->tasks[i];
	struct err e = ERR_INIT;

	if (!s->tries++ || !step->every_s)
		journal_start(&g->journal, step, g->plan.rows[i].r.reason);
	if (!save_intent(g, i, &e) || start_worker(g, s, step, limit_s(g, step), &e) < 0) {
		engine_record_failure(g, i, &e);
		engine_save(g);
		return;
	}
	progress_begin(&g->progress, step);
}

void engine_init_task(struct engine *g, size_t i)
{
	g->tasks[i] = (struct task){ .engine = g, .index = i };
	slot_init(&g->tasks[i].slot, &g->tasks[i], on_frame, on_end);
}

void engine_done_task(struct task *s)
{
	release(&s->retry);
	slot_kill(&s->slot);
}

int engine_start_look(struct engine *g, struct err *e)
{
	return start_worker(g, &g->tasks[TASK_LOOK], NULL,
			    (unsigned int)g->config->metadata_deadline_s + LOOK_S, e);
}

void engine_stop_task(struct task *s)
{
	forget_retry(s);
	if (!s->slot.pid)
		return;
	s->stopped = true;
	/* What it still said may be that it asked for the restart that ends us. */
	slot_kill(&s->slot);
	if (s->index != TASK_LOOK)
		finish_step(s->engine, s, 0);
}
