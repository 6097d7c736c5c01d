/* The plan: pure. Configuration, facts and the table in; for every step what will be done and why
 * out. `gn8v plan` prints it, and the agent runs exactly it. */
#ifndef GN8V_PLAN_H
#define GN8V_PLAN_H

#include "steps.h"

enum plan_action {
	PLAN_DONE,	    /* holds already */
	PLAN_RUN,	    /* will be run when what it needs is done */
	PLAN_BLOCKED,	    /* cannot be done: r.err says why */
	PLAN_SKIP,	    /* not for this shape or not configured */
	PLAN_AFTER_RESTART, /* its turn comes in the next boot */
	PLAN_WAITS,	    /* needs a step that is blocked */
};

struct plan_row {
	enum plan_action action;
	struct probe_result r;
};

struct plan {
	struct plan_row rows[STEP_MAX];
};

const char *plan_action_name(enum plan_action a);

void plan_make(struct plan *p, const struct config *c, const struct facts *f);

#endif
