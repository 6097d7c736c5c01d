/* The engine: one single-threaded event loop that carries out the plan.
 *
 * Steps run as workers, side by side as far as the graph lets them. The engine holds the deadlines,
 * is the only writer of the status, saves each intent before it is acted on, and is the one source
 * of events for the journal, `systemctl status` and status.json. */
#ifndef GN8V_ENGINE_H
#define GN8V_ENGINE_H

#include "status.h"

/* Exit codes of `gn8v run`, and of the commands that ask about it. */
enum exit_code {
	EXIT_READY = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CANNOT_TELL = 3,
	EXIT_RESTART_PENDING = 4,
	EXIT_LOCKED = 5,
	EXIT_TIMED_OUT = 6,
	EXIT_STOPPED = 143, /* SIGTERM */
};

struct engine_options {
	bool may_restart; /* --restart: as the unit does */
};

/* Runs until ready, failed, refused, a restart or SIGTERM. The configuration gets its shape here.
 * -1 only for what kept it from running at all. */
int engine_run(struct config *c, const struct engine_options *o, enum exit_code *ret_code,
	       struct err *e);

#endif
