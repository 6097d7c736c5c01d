/* The text of a unit file, assignment by assignment, as systemd.syntax(7) has it: a line goes on after a backslash at its
 * end, and comments inside of it do not count. */
#ifndef GN8V_UNITLINE_H
#define GN8V_UNITLINE_H

#include "core/err.h"

struct unitline {
	const char *at; /* in the text: what comes next */
	char section[32];
	const char *raw; /* what was just read, as it lies there, line ends included */
	size_t raw_len;
	char *key, *value; /* NULL where it is no assignment; they last until the next call */
};

/* Begin with { .at = TEXT }. False at the end of the text. */
bool unitline_next(struct unitline *l);
void unitline_done(struct unitline *l);

#endif
