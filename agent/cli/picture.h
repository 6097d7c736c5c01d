/* The status as it changes: waits for the agent's files by inotify and, on a terminal, draws what runs. */
#ifndef GN8V_CLI_PICTURE_H
#define GN8V_CLI_PICTURE_H

#include "core/json.h"
#include "progress.h"

struct picture {
	int fd;		 /* inotify */
	uint64_t end_us; /* 0: never */
	struct terminal terminal;
};

/* drawn: on a terminal at all. timeout_s 0: none. */
void picture_init(struct picture *p, unsigned int timeout_s, bool drawn);
void picture_done(struct picture *p); /* the terminal is as before */

/* Changes from here on end picture_wait. */
int picture_watch(struct picture *p, struct err *e);

/* Until something may have changed. False when time is up. */
bool picture_wait(struct picture *p);

void picture_draw(struct picture *p, struct json_object *status, const char *result);

/* What progress.json says of a step, in words, with a bar where there is a total; false if nothing. */
#define PICTURE_TEXT_SIZE (TERMINAL_BAR_SIZE + PROGRESS_TEXT_SIZE)
bool picture_progress(struct json_object *progress, const char *id, char dst[PICTURE_TEXT_SIZE]);

/* Of a step of status.json that waits for others: when it is tried again, and why; false if it does not wait. */
#define PICTURE_WAITS_SIZE 1024
bool picture_waits(struct json_object *step, char dst[PICTURE_WAITS_SIZE]);

#endif
