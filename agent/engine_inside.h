/* The engine, cut open: what engine.c (the loop and what is done next), engine_task.c (one step's life)
 * and engine_notes.c (what the status is told) share. Nobody else includes this. */
#ifndef GN8V_ENGINE_INSIDE_H
#define GN8V_ENGINE_INSIDE_H

#include <systemd/sd-event.h>

#include "engine.h"
#include "journal.h"
#include "plan.h"
#include "progress.h"
#include "slot.h"

/* The worker that only looks at the machine is a task of its own. */
#define TASK_LOOK STEP_MAX
#define TASKS	  (STEP_MAX + 1)

/* What the engine knows of a step in this run, beside its worker. */
struct task {
	struct engine *engine;
	size_t index;
	struct slot slot;
	sd_event_source *retry;
	bool have_result;
	struct worker_result result;
	unsigned int tries, limit_s; /* so far; of the last one */
	uint64_t failed_us;	     /* when the first of them had failed */
	struct status_error last;    /* of the last one that failed */
	bool done, failed;
	bool stopped; /* by us: its turn comes again in another run */
};

struct engine {
	struct config *config;
	const struct engine_options *options;
	sd_event *event;
	struct facts facts;
	struct plan plan;
	struct status status;
	struct journal journal;
	struct progress progress;
	struct task tasks[TASKS];
	bool looked, stopping, restart_asked;
	uint64_t downloads_end_us; /* fetch.total_deadline_s; 0: none has begun */
	sd_event_source *restart_timer;
	enum exit_code code;
};

/* --- engine.c */

/* Starts whatever can be started now; concludes when nothing runs and nothing can. */
void engine_schedule(struct engine *g);

/* The first look is there: the plan can be made. */
void engine_finish_look(struct engine *g, struct task *s);

/* Whether all that a step needs is satisfied: done in this run, or found done. */
bool engine_needs_met(const struct engine *g, const struct step *s);
bool engine_satisfied(const struct engine *g, size_t i);

bool engine_save(struct engine *g); /* false: the run ends, and the journal says why */
void engine_end(struct engine *g, enum result result, enum exit_code code);
/* Ends the run, refused or failed, by the status's error: its code, its step and what to do are the last word. */
void engine_fail(struct engine *g);

/* --- engine_task.c */

void engine_init_task(struct engine *g, size_t i);
void engine_done_task(struct task *s);
int engine_start_look(struct engine *g, struct err *e);
void engine_start_step(struct engine *g, size_t i);
void engine_stop_task(struct task *s); /* if it runs */
void engine_record_failure(struct engine *g, size_t i, const struct err *e);

/* --- engine_notes.c */

/* Steps that were found done or are not for this machine. */
void engine_note_found(struct engine *g);

/* Steps that cannot be done although all they need is: refusals and what could not be read. */
void engine_note_blocked(struct engine *g);

/* What its owner should know of a machine that is ready. */
void engine_note_for_owner(struct engine *g);

#endif
