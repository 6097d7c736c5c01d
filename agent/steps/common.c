/* What several steps share. */
#include "codes.h"
#include "core/str.h"
#include "steps/all.h"
#include "sys/run.h"

#define LAST_LINES 5
#define STOP_S	   150
/* What systemd takes, after TimeoutStartSec=, to end what did not start: SIGTERM, then SIGKILL, 90 s each by default. */
#define END_S 200

/* Where the last n lines of a text begin. */
static const char *last_lines(const char *text, size_t n)
{
	const char *p = text + strlen(text);

	while (p > text && p[-1] == '\n')
		p--;
	for (; p > text; p--)
		if (p[-1] == '\n' && --n == 0)
			break;
	return p;
}

/* The end of a failed program's output goes into the status: the journal of this boot may be gone
 * when somebody asks. */
static void say_last_lines(struct worker *w, const char *program, const char *tail)
{
	_cleanup_free_ char *copy = xstrdup(last_lines(tail, LAST_LINES));
	char *rest = copy, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			worker_event(w, "%s said: %s", program, line);
}

int step_hint_command(struct err *e, const char *const *argv, const char *cwd)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	strbuf_begin(&text);
	for (size_t i = 0; argv[i]; i++)
		strbuf_printf(&text, " %s", argv[i]);
	return err_hint(e, "by hand: %s%s%s%s; then: systemctl restart gn8v-agent",
			cwd ? "cd " : "", cwd ? cwd : "", cwd ? " &&" : "", text.s + !cwd);
}

/* A shell's program that a signal ended makes the shell end with 128 and the signal's number. */
static bool was_cut_off(const struct run *r, const struct err *e)
{
	return e->kind == &ERR_TIMEOUT ||
	       (e->kind == &ERR_CHILD && (r->status < 0 || (r->status > 128 && r->status < 160)));
}

int step_play(struct worker *w, struct run *r, const struct err_kind *kind, struct err *e)
{
	int ok;

	r->timeout_s = worker_left_s(w);
	r->on_line = worker_on_line;
	r->on_line_data = w;
	ok = run_wait(r, e);
	w->cut_off = ok < 0 && was_cut_off(r, e);
	if (ok < 0) {
		say_last_lines(w, r->argv[0], r->tail);
		str_copy(w->said, sizeof(w->said), r->tail);
	}
	if (ok < 0 && e->kind == &ERR_CHILD)
		err_rekind(e, kind);
	run_done(r);
	return ok;
}

int step_run(struct worker *w, const char *const *argv, const char *cwd,
	     const struct err_kind *kind, struct err *e)
{
	struct run r = { .argv = argv, .cwd = cwd };

	return step_play(w, &r, kind, e);
}

int step_run_plain(struct worker *w, const char *const *argv, const char *cwd,
		   const struct err_kind *kind, struct err *e)
{
	if (step_run(w, argv, cwd, kind, e) == 0)
		return 0;
	return e->kind == kind ? step_hint_command(e, argv, cwd) : -1;
}

int step_stop_unit(struct worker *w, struct units *u, const char *name, struct err *e)
{
	unsigned int left_s = worker_left_s(w);

	return units_stop(u, name, left_s < STOP_S ? left_s : STOP_S, e);
}

/* Whoever waits for a unit's start waits as long as systemd does: its own deadline moves where the unit, or a drop-in of
 * the owner's, has more time. A deadline that is configured is the owner's word: that it is shorter is said. */
static void wait_as_long(struct worker *w, struct units *u, const char *name)
{
	struct err ignored = ERR_INIT;
	unsigned int limit_s;

	if (units_start_limit(u, name, &limit_s, &ignored) < 0 || !limit_s)
		return;
	if (config_step(w->config, w->step->id, "timeout_s", 0)) {
		if (limit_s > worker_left_s(w))
			worker_event(
				w,
				"%s has %u s to start, and steps.%s.timeout_s of the configuration "
				"leaves it %u s: that long it is waited for, and not stopped then",
				name, limit_s, w->step->id, worker_left_s(w));
	} else if (limit_s + END_S > worker_left_s(w)) {
		worker_event(w, "%s has %u s to start: that is waited for", name, limit_s);
		worker_needs(w, limit_s + END_S);
	}
}

/* The job ended, and the unit's program was not started for it. */
static bool never_ran(const struct unit_state *before, const char *result)
{
	return str_eq(result, "dependency") ||
	       (str_eq(result, "canceled") && str_eq(before->active, "inactive"));
}

int step_start_unit(struct worker *w, struct units *u, const char *name, struct err *e)
{
	struct unit_state before;

	if (units_get(u, name, &before, e) < 0)
		return -1;
	wait_as_long(w, u, name);
	if (units_start(u, name, worker_left_s(w), e) == 0)
		return 0;
	if (before.job[0] && never_ran(&before, units_job_result(u)))
		return units_start(u, name, worker_left_s(w), e);
	if (e->kind == &ERR_TIMEOUT && !*units_job_result(u))
		err_hint(e,
			 "journalctl -b -u %s; its start goes on and is not stopped: "
			 "systemctl restart gn8v-agent waits for it again",
			 name);
	return -1;
}

int step_settle_unit(struct worker *w, struct units *u, const char *name, struct err *e)
{
	struct unit_state s;
	unsigned int left_s;
	bool idle;

	if (units_get(u, name, &s, e) < 0)
		return -1;
	if (!units_is_starting(&s))
		return 0;
	worker_event(w, "%s is being started: that is waited for, not stopped in the middle", name);
	wait_as_long(w, u, name);
	left_s = worker_left_s(w);
	if (units_wait_idle(u, &name, 1, left_s, &idle, e) < 0)
		return -1;
	if (idle)
		return 0;
	err_set(e, &CODE_HOLD,
		"%s is still being started after %u s, and is not stopped in the middle", name,
		left_s);
	return err_hint(e, "journalctl -b -u %s; once it has ended: systemctl restart gn8v-agent",
			name);
}

void step_names(const char *const *names, size_t n, char dst[STEP_NAMES_SIZE])
{
	size_t len = 0;

	*dst = '\0';
	for (size_t i = 0; i < n; i++) {
		const char *joint = i == 0 ? "" : i + 1 == n ? " and " : ", ";

		if (len + strlen(joint) + strlen(names[i]) + sizeof(" and 64 more") >
		    STEP_NAMES_SIZE) {
			snprintf(dst + len, STEP_NAMES_SIZE - len, "%s%zu more", i ? " and " : "",
				 n - i);
			return;
		}
		len += (size_t)snprintf(dst + len, STEP_NAMES_SIZE - len, "%s%s", joint, names[i]);
	}
}

bool all_installed(const struct config *c, const struct facts *f)
{
	const enum step_id ids[] = { STEP_DRIVER, STEP_CUDA, STEP_FABRICMANAGER, STEP_NSCQ };
	size_t n = f->instance.shape == SHAPE_MULTI ? 4 : 2;

	for (size_t i = 0; i < n; i++) {
		struct probe_result r = { 0 };

		steps[ids[i]].probe(c, f, &r);
		if (r.probe != PROBE_DONE || step_cut_off(&steps[ids[i]], f))
			return false;
	}
	return true;
}

void verify_probe(const struct facts *f, struct probe_result *r, const char *what)
{
	if (probe_cannot(r, f, FACTS_UNITS))
		return;
	if (f->units.gate_open)
		probe_done(r, "verified in this boot");
	else
		probe_todo(r, "%s", what);
}
