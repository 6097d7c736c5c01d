#include "plan.h"

const char *plan_action_name(enum plan_action a)
{
	static const char *const names[] = { "done", "run",	      "blocked",
					     "skip", "after-restart", "waits" };

	return names[a];
}

/* What a step inherits from those it needs, which stand above it in the table: PLAN_RUN when its
 * turn comes in this boot. One that is done hands on what it inherited itself; one that is skipped is not there. */
static enum plan_action inherited(const struct plan *p, const struct config *c,
				  const struct step *s)
{
	enum plan_action worst = PLAN_RUN;

	for (const enum step_id *n = step_needs(s, c); *n != STEP_MAX; n++) {
		enum plan_action a = p->rows[*n].action;

		if (a == PLAN_DONE)
			a = inherited(p, c, &steps[*n]);
		if (a == PLAN_BLOCKED || a == PLAN_WAITS)
			return PLAN_WAITS;
		if (a == PLAN_AFTER_RESTART ||
		    (p->rows[*n].action == PLAN_RUN && steps[*n].restarts))
			worst = PLAN_AFTER_RESTART;
	}
	return worst;
}

/* What a step left when it was cut off may look finished: it is run again. A download is judged by its bytes. */
static void distrust(const struct step *s, const struct facts *f, struct probe_result *r)
{
	if (r->probe == PROBE_DONE && s->apply && !s->verifies && !s->restarts && !s->downloads &&
	    step_cut_off(s, f))
		probe_todo(r, "run again: it was cut off in the middle");
}

void plan_make(struct plan *p, const struct config *c, const struct facts *f)
{
	*p = (struct plan){ 0 };
	for (size_t i = 0; i < STEP_MAX; i++) {
		const struct step *s = &steps[i];
		struct plan_row *row = &p->rows[i];

		/* Versions, steps and what counts as done hang on the shape. */
		if (f->instance.shape == SHAPE_UNKNOWN && i != STEP_PREFLIGHT) {
			row->action = PLAN_WAITS;
			snprintf(row->r.reason, sizeof(row->r.reason),
				 "the instance type is not known");
			continue;
		}
		if (!step_applies(s, c, f)) {
			row->action = PLAN_SKIP;
			snprintf(row->r.reason, sizeof(row->r.reason), "%s",
				 s->shapes == STEP_BOTH ? "not configured" : "not for this shape");
			continue;
		}
		s->probe(c, f, &row->r);
		distrust(s, f, &row->r);
		if (row->r.probe == PROBE_DONE)
			row->action = PLAN_DONE;
		else if (row->r.probe == PROBE_TODO)
			row->action = inherited(p, c, s);
		else if (inherited(p, c, s) == PLAN_RUN)
			row->action = PLAN_BLOCKED;
		else /* behind a restart or another block: its own reason may be gone by then */
			row->action = inherited(p, c, s);
	}
}
