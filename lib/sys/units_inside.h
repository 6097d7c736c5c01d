/* The connection to the bus, cut open: what the units*.c share. Nobody else includes this. */
#ifndef GN8V_SYS_UNITS_INSIDE_H
#define GN8V_SYS_UNITS_INSIDE_H

#include <systemd/sd-bus.h>

#include "sys/units.h"

#define SECOND_US 1000000ULL
/* For an answer: PID 1 runs every generator before it answers again, whoever asked it to reload. */
#define PID1_US	  (180 * SECOND_US)
#define CALL_US	  (30 * SECOND_US) /* of others */
#define WORD_SIZE 32

struct units {
	sd_bus *bus;
	sd_bus_error error;	    /* of the last call */
	char *job;		    /* object path of the job that is waited for, or NULL */
	char job_result[WORD_SIZE]; /* "" until it was removed */
	const char *const *watched; /* units whose jobs matter to units_wait_idle */
	size_t watched_n;
	bool changed;
	bool returned; /* PID 1, to the bus: units_subscribe is due, and events were missed */
};

/* An object to call. */
struct peer {
	const char *name, *path, *interface;
};
extern const struct peer units_pid1; /* its Manager */

static inline void message_unref_p(sd_bus_message **m)
{
	sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(message_unref_p)

/* Calls and waits at most timeout_us for the answer. When PID 1 drops off the bus it is waited for,
 * and called again. u->error tells the D-Bus name of a failure afterwards. */
int units_call(struct units *u, const struct peer *peer, const char *member, uint64_t timeout_us,
	       sd_bus_message **ret_reply, struct err *e, const char *types, ...);
bool units_error_is(const struct units *u, const char *name);

bool units_error_is_missing(const struct units *u); /* there is no such unit, or no file of it */

/* Loads a unit and has each of its properties read, of the interface that all kinds of units have: the
 * message stands before the variant, which must be read or skipped. Negative: -errno. */
typedef int units_on_property(sd_bus_message *m, const char *key, void *data);
int units_properties(struct units *u, const char *name, units_on_property *on_property, void *data,
		     struct err *e);

/* Asks PID 1 for its signals (again); waits for it while it is off the bus. */
int units_subscribe(struct units *u, struct err *e);

/* Handles what has come, or waits for something to come. *ret_in_time is false at the deadline
 * (CLOCK_MONOTONIC). */
int units_pump(struct units *u, uint64_t deadline, bool *ret_in_time, struct err *e);

/* Handles all that has come, without waiting. */
int units_catch_up(struct units *u, struct err *e);

/* A call, or the reading of its answer, failed with -errno r: ERR_TIMEOUT or ERR_BUS. Always -1. */
int units_bus_failed(struct units *u, int r, const char *what, struct err *e);

/* Has PID 1 queue a job for a unit: u->job is its object path then. */
int units_queue(struct units *u, const char *member, const char *name, const char *mode,
		struct err *e);

#endif
