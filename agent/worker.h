/* A worker: a forked child of the agent in which one step's apply runs as plain blocking C.
 *
 * What it has to say goes through a pipe: progress, events, data for the status, and at the end one
 * result with the facts that it read again. It never touches the agent's loop, bus or files, and
 * leaves through one function. */
#ifndef GN8V_WORKER_H
#define GN8V_WORKER_H

#include "net/fetch.h"
#include "steps.h"
#include "sys/run.h"

struct worker {
	const struct step *step;
	const struct config *config;
	struct facts facts;	 /* as they were when the worker began; helpers may refresh them */
	uint64_t end_us;	 /* of the step's time: clock_monotonic_us() */
	char found[256];	 /* what apply has to say when it ended well, see worker_found */
	char said[RUN_TAIL_MAX]; /* the last output of the program that failed last */
	bool cut_off; /* a program was ended by a signal or its time: what it did may be half done */
	int fd;	      /* to the agent; -1 in commands that run a step's code by hand */
};

enum worker_message {
	WORKER_PROGRESS,
	WORKER_EVENT,
	WORKER_DATA,
	WORKER_RESTARTS,
	WORKER_NEEDS,
	WORKER_RESULT
};

struct worker_progress {
	uint64_t done, total; /* bytes; total 0: not known */
	double rate;	      /* bytes per second */
	unsigned int connections;
	char text[160];
};

struct worker_result {
	int failed;
	bool cut_off; /* see struct worker */
	struct err err;
	struct probe_result probe; /* after apply */
	char found[256];
	struct facts facts;
	unsigned int groups; /* of facts that are fresh */
};

/* What the step runs gets what is left of its time, at least a second. When none is left, a worker
 * still has WORKER_SLACK_S to leave things in order; then it is killed. */
#define WORKER_SLACK_S 15
unsigned int worker_left_s(const struct worker *w);

/* What it waits for may take so long from now on: its deadline is not before that. */
void worker_needs(struct worker *w, unsigned int seconds);

void worker_progress(struct worker *w, const char *text);
void worker_event(struct worker *w, const char *fmt, ...) PRINTF(2, 3);

/* What a verifying step found, for the status and the journal. */
void worker_found(struct worker *w, const char *fmt, ...) PRINTF(2, 3);

/* Said before the machine is asked to restart: the SIGTERM that follows is then expected. */
void worker_restarts(struct worker *w);

/* Gives the agent a value for status.json under a key ("attestation", "measured", ...). Takes o. */
void worker_data(struct worker *w, const char *key, struct json_object *o);

/* For struct run and struct fetch: output lines and bytes become progress. data is the worker. */
void worker_on_line(const char *line, void *data);
void worker_on_fetch(const struct fetch_progress *p, void *data);

/* Forks. limit_s is the step's time. *ret_fd is the agent's end of the pipe. In the child it does not
 * return. */
int worker_start(const struct step *s, const struct config *c, const struct facts *f,
		 unsigned int limit_s, pid_t *ret_pid, int *ret_fd, struct err *e);

/* Collects one message from the agent's end into *buf until one is whole. */
struct worker_frame {
	enum worker_message type;
	uint32_t len;
};
#define WORKER_FRAME_MAX (4u << 20)

#endif
