/* The one source of events. What is said here goes to the journal (or standard error), to
 * `systemctl status` (sd_notify), to the last events of the status, and as progress to
 * /run/gn8v/progress.json. */
#ifndef GN8V_JOURNAL_H
#define GN8V_JOURNAL_H

#include "status.h"
#include "worker.h"

struct journal {
	struct status *status;
	struct worker_progress last[STEP_MAX];
	unsigned int
		said_tenths[STEP_MAX]; /* of a download, so that the journal has ten lines of it */
	uint64_t written_us;	       /* progress.json */
};

void journal_open(struct journal *j, struct status *s);
void journal_close(struct journal *j); /* removes the progress file */

/* step may be NULL everywhere it is a parameter of say and error. */
void journal_say(struct journal *j, const struct step *s, int level, const char *text);
void journal_error(struct journal *j, const struct step *s, const struct err *e);
void journal_machine(struct journal *j, const struct facts *f);
void journal_start(struct journal *j, const struct step *s, const char *reason);
void journal_found(struct journal *j, const struct step *s, const char *reason);
void journal_done(struct journal *j, const struct step *s, const struct status_step *st);
void journal_retry(struct journal *j, const struct step *s, const struct err *e, uint64_t wait_s);
void journal_progress(struct journal *j, const struct step *s, const struct worker_progress *p);

/* The last word of a run: status.summary and `systemctl status`. */
void journal_summary(struct journal *j, enum result r, const char *fmt, ...) PRINTF(3, 4);

#endif
