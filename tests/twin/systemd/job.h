/*
 * Jobs: what StartUnit and its like queue. A job runs as soon as nothing that it is ordered behind
 * has a job; it ends, with a JobRemoved signal, when its unit arrived.
 */
#pragma once

#include "unit.h"

#define JOB_OBJECTS "/org/freedesktop/systemd1/job"

enum job_type { JOB_START, JOB_STOP, JOB_RESTART };

struct job {
	struct job *next;
	struct unit *unit;
	uint32_t id;
	char *object;
	enum job_type type;
	bool running;
	bool irreversible, unordered; /* modes replace-irreversibly, ignore-dependencies */
	bool held; /* reboot.target's: never runs, the machine goes away instead */
};

const char *job_type_name(enum job_type type);
const char *job_state_name(const struct job *j);
struct job *job_find(struct twin *t, uint32_t id);

/* As the Manager's methods do: negative with *error filled. */
int job_request(struct unit *u, enum job_type type, const char *mode, struct job **ret,
		sd_bus_error *error);

struct job *job_new(struct unit *u, enum job_type type); /* without any dependency */
void job_finish(struct job *j, const char *result);
void job_unit_changed(struct unit *u);
void job_stop_everything(struct twin *t); /* for a restart of the machine */
void job_queue_run(struct twin *t);	  /* from the event loop, not at once */
