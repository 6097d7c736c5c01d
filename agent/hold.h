/* What the held units were before they were held: the text of the hold flag, a line for each,
 * "UNIT FILESTATE ACTIVESTATE". A line that is there already is older and therefore right. */
#ifndef GN8V_HOLD_H
#define GN8V_HOLD_H

#include "core/str.h"
#include "sys/units.h"

struct hold_before {
	bool enabled;
	bool running; /* by whoever: enabled or started by hand */
};

/* Whether the text (may be NULL) has a line for the unit. */
bool hold_knows(const char *text, const char *unit);

void hold_add(struct strbuf *text, const char *unit, const struct unit_state *s);

/* For a unit that the text does not know, the procedure's own answer: it was enabled. */
struct hold_before hold_recall(const char *text, const char *unit);

/* UnitFileState as the flag and the status spell it: "not-installed" where there is no file. */
const char *hold_file_state(const struct unit_state *s);

#endif
