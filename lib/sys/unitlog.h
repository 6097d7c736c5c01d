/* What a unit has written into the journal. */
#ifndef GN8V_SYS_UNITLOG_H
#define GN8V_SYS_UNITLOG_H

#include "core/err.h"

/* Hands over the messages of a service in this boot, the newest first: those since CLOCK_MONOTONIC since_us, and no more
 * than some hundred, each cut where it is long. Without a journal, or one that cannot be read, there are none: what is not
 * said here proves nothing. With a root set (fs_set_root) the journal is another machine's, and there are none. */
void unitlog_read(const char *unit, uint64_t since_us,
		  void (*on_message)(const char *text, void *data), void *data);

#endif
