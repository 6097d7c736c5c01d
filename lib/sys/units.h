/* systemd over its bus: units, jobs, unit files, restart, and whether the clock is synchronised.
 *
 * A job that ended "done" is not a unit that is active (a failed Condition ends "done" too), so
 * every starter reads ActiveState afterwards. Nothing here waits without a deadline. With a root
 * set (fs_set_root) it refuses to talk to anything but a bus whose address was given in
 * DBUS_SYSTEM_BUS_ADDRESS, so that tests cannot reach the host's systemd.
 *
 * One object per process: a forked worker opens its own. */
#ifndef GN8V_SYS_UNITS_H
#define GN8V_SYS_UNITS_H

#include "core/err.h"

struct units;

struct unit_state {
	char load[16];	     /* loaded, not-found, masked, ... */
	char active[16];     /* active, inactive, activating, failed, ... */
	char sub[24];	     /* running, exited, start-post, ... */
	char file_state[24]; /* enabled, disabled, static, masked; "" when there is no file */
	char job[48];	     /* object path of the job that is under way, or "" */
};

/* Nothing of the unit runs, and no job is under way. */
bool units_is_idle(const struct unit_state *s);

/* It is being started. Between two tries of Restart= it counts as activating for systemd, and nothing of it runs. */
bool units_is_starting(const struct unit_state *s);

/* What a restart went through. */
enum units_restart_path { UNITS_RESTART_LOGIND, UNITS_RESTART_TARGET };

int units_open(struct units **ret_u, struct err *e);
void units_close(struct units *u);
DEFINE_CLEANUP(struct units *, units_close)

/* A unit that does not exist is no error: load is "not-found" then. */
int units_get(struct units *u, const char *name, struct unit_state *ret_s, struct err *e);

/* What systemd has read of a unit, and what it waits for, as far as systemd has it in memory: a file
 * that was changed since the last daemon-reload does not count yet. Ended by units_source_done. */
struct unit_source {
	char id[256];	   /* its own name, where it was asked for by another */
	char *fragment;	   /* path of the unit file; "" where there is none */
	char **dropins;	   /* paths, in the order in which they apply */
	char **after;	   /* units; what other units say with Before= is among them */
	uint64_t begun_us; /* CLOCK_MONOTONIC, when it last ceased to be inactive; 0: never */
};
int units_get_source(struct units *u, const char *name, struct unit_source *ret, struct err *e);
void units_source_done(struct unit_source *s);

/* Whether a start of `name` waits for a start of one of `others` (ended by NULL) that is under way, as it is ordered after
 * it, directly or through other units, or is one of them itself. */
int units_is_behind(struct units *u, const char *name, const char *const *others, bool *ret_yes,
		    struct err *e);

/* Start or stop, wait for the job, read the state. ERR_BUS when the job failed or the unit is not
 * active (neither inactive nor failed) afterwards, with Result and the journalctl line to read;
 * ERR_TIMEOUT when the deadline passed, ours or the unit's own. Never for a unit that is ordered
 * after our own: it would wait for ever. */
int units_start(struct units *u, const char *name, unsigned int timeout_s, struct err *e);
int units_stop(struct units *u, const char *name, unsigned int timeout_s, struct err *e);

/* How the job of the last units_start or units_stop ended: "done", "failed", "timeout", "canceled", "dependency", ...;
 * "unknown" where PID 1 was off the bus meanwhile, "" while it has not ended. */
const char *units_job_result(const struct units *u);

/* TimeoutStartSec= that is in effect, drop-ins included; 0 when there is no limit or it is no service that is loaded. */
int units_start_limit(struct units *u, const char *name, unsigned int *ret_s, struct err *e);

/* Queues the job and returns. */
int units_start_nowait(struct units *u, const char *name, struct err *e);

/* For good, then daemon-reload; nothing of it when the unit is enabled already. */
int units_enable(struct units *u, const char *name, struct err *e);
int units_disable(struct units *u, const char *name, struct err *e);
int units_reset_failed(struct units *u, const char *name, struct err *e);
int units_reload(struct units *u, struct err *e); /* daemon-reload */

/* Waits, by events, until none of the named units is starting or has a job. Units that do not
 * exist are idle. ret_idle is false when the time ran out. */
int units_wait_idle(struct units *u, const char *const *names, size_t n, unsigned int timeout_s,
		    bool *ret_idle, struct err *e);

/* Asks for a restart through logind's Reboot(false), else by starting reboot.target with
 * replace-irreversibly; never Manager.Reboot, which stops no service. Returns once it is queued:
 * SIGTERM follows. */
int units_restart_machine(struct units *u, enum units_restart_path *ret_path, struct err *e);

/* timedate1's NTPSynchronized. timedated asks the kernel (kernel_clock), before systemd 243 for STA_UNSYNC
 * alone. It is started by the bus when it is asked: what keeps it from starting takes 25 s. */
int units_clock_synchronised(struct units *u, bool *ret_yes, struct err *e);

/* ERR_ARGUMENT unless the bus may be used: no root, or DBUS_SYSTEM_BUS_ADDRESS is unix:path=SOCKET
 * with a socket that is not the system's own. What else must not reach the host under a root asks
 * this too. */
int units_guard(struct err *e);

#endif
