/* The one source of events. What is said here goes to the journal (or standard error), to
 * `systemctl status` (sd_notify) and to the last events of the status. */
#ifndef GN8V_JOURNAL_H
#define GN8V_JOURNAL_H

#include "status.h"

struct journal {
	struct status *status;
};

void journal_open(struct journal *j, struct status *s);

/* step may be NULL everywhere it is a parameter of say and error. */
void journal_say(struct journal *j, const struct step *s, int level, const char *text);
void journal_error(struct journal *j, const struct step *s, const struct err *e);
void journal_machine(const struct facts *f);
void journal_start(struct journal *j, const struct step *s, const char *reason);
void journal_found(struct journal *j, const struct step *s, const char *reason);
void journal_retry(struct journal *j, const struct step *s, const struct err *e, uint64_t wait_s);

/* That a step is done is noted in the status, and told once that is saved: what people were told outlives a power cut. */
void journal_note_done(struct journal *j, const struct step *s, const struct status_step *st);
void journal_tell_done(const struct step *s, const struct status_step *st);

/* The last word of a run: status.summary and `systemctl status`. */
void journal_summary(struct journal *j, enum result r, const char *fmt, ...) PRINTF(3, 4);

#endif
