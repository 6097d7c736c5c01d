/* How far the running steps are. Once a second to /run/gn8v/progress.json, to `systemctl status` and to
 * a terminal on standard error; every tenth of a download to the journal. */
#ifndef GN8V_PROGRESS_H
#define GN8V_PROGRESS_H

#include <systemd/sd-event.h>

#include "terminal.h"
#include "worker.h"

struct progress_step {
	bool running;
	struct worker_progress last;
	unsigned int tenths; /* said in the journal */
	uint64_t at_us;	     /* of the last word */
};

struct progress {
	sd_event *loop;
	sd_event_source *timer; /* what came since the last writing waits for it */
	uint64_t written_us;
	struct terminal terminal;
	struct progress_step steps[STEP_MAX];
};

void progress_init(struct progress *p, sd_event *loop);
void progress_done(struct progress *p); /* removes the file */

void progress_begin(struct progress *p, const struct step *s);
void progress_take(struct progress *p, const struct step *s, const struct worker_progress *w);
void progress_end(struct progress *p, const struct step *s);

/* For people: "45 % of 4248 MiB, 88.0 MiB/s, 40 s left", or the step's own words. */
#define PROGRESS_TEXT_SIZE 192
void progress_text(const struct worker_progress *w, char dst[PROGRESS_TEXT_SIZE]);

/* All that runs, in one line: downloads together, then what was said last by another step; "" when
 * there is nothing to tell. ret_share may be NULL: how much of the downloads is here, -1 when that is not
 * known. */
#define PROGRESS_LINE_SIZE 512
void progress_line(const struct progress *p, char dst[PROGRESS_LINE_SIZE], double *ret_share);

/* Seconds until the last byte, at the rate of now; -1 when nobody knows. */
double progress_eta_s(const struct worker_progress *w);

#endif
