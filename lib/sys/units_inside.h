/* The connection to the bus, cut open: what units.c and units_machine.c share. Nobody else includes this. */
#ifndef GN8V_SYS_UNITS_INSIDE_H
#define GN8V_SYS_UNITS_INSIDE_H

#include <systemd/sd-bus.h>

#include "sys/units.h"

#define SECOND_US 1000000ULL
#define CALL_US	  (30 * SECOND_US) /* for an answer of others than PID 1 */
#define WORD_SIZE 32

struct units {
	sd_bus *bus;
	sd_bus_slot *job_removed;
	sd_bus_error error;	    /* of the last call */
	char *job;		    /* object path of the job that is waited for, or NULL */
	char job_result[WORD_SIZE]; /* "" until it was removed */
	const char *const *watched; /* units whose jobs matter to units_wait_idle */
	size_t watched_n;
	bool changed;
};

/* An object to call. */
struct peer {
	const char *name, *path, *interface;
};

static inline void message_unref_p(sd_bus_message **m)
{
	sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(message_unref_p)

/* Calls and waits at most timeout_us. u->error tells the D-Bus name of a failure afterwards. */
int units_call(struct units *u, const struct peer *peer, const char *member, uint64_t timeout_us,
	       sd_bus_message **ret_reply, struct err *e, const char *types, ...);

/* A call, or the reading of its answer, failed with -errno r: ERR_TIMEOUT or ERR_BUS. Always -1. */
int units_bus_failed(struct units *u, int r, const char *what, struct err *e);

/* Has PID 1 queue a job for a unit: u->job is its object path then. */
int units_queue(struct units *u, const char *member, const char *name, const char *mode,
		struct err *e);

#endif
