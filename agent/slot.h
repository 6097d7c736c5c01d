/* A slot: one worker as the agent sees it. Its process, its pipe, its deadline, on the event loop. */
#ifndef GN8V_SLOT_H
#define GN8V_SLOT_H

#include <systemd/sd-event.h>

#include "core/str.h"
#include "worker.h"

struct slot {
	void *owner;
	void (*on_frame)(struct slot *s, const struct worker_frame *head, char *body);
	void (*on_end)(struct slot *s,
		       int status); /* as of wait(2); the slot is free again by then */

	pid_t pid; /* 0: free */
	int fd;
	sd_event_source *io, *child, *deadline;
	struct strbuf in;
	bool timed_out; /* the last worker was killed at its deadline */
	uint64_t started_us;
};

void slot_init(struct slot *s, void *owner,
	       void (*on_frame)(struct slot *s, const struct worker_frame *head, char *body),
	       void (*on_end)(struct slot *s, int status));

/* Starts a worker; step and f may be NULL, see worker_start. It is killed WORKER_SLACK_S after its
 * limit. */
int slot_start(struct slot *s, sd_event *loop, const struct step *step, const struct config *c,
	       const struct facts *f, unsigned int limit_s, struct err *e);

/* It needs until then (clock_monotonic_us) for what it waits for. */
void slot_extend(struct slot *s, uint64_t end_us);

/* Kills and reaps the worker, hands on what it still said, and frees the slot; on_end is not called. */
void slot_kill(struct slot *s);

#endif
