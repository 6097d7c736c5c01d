/* The archive of `gn8v collect-logs`: a .tar.gz without secrets, and its index with where every file is
 * from, or why it is not there. It is made in memory and written once. */
#ifndef GN8V_ARCHIVE_H
#define GN8V_ARCHIVE_H

#include <time.h>

#include "core/err.h"
#include "core/redact.h"

struct archive {
	struct redact secrets;
	struct strbuf tar, index;
	time_t at;
	size_t answered, missing;
};

void archive_begin(struct archive *a);
void archive_done(struct archive *a);

/* Adds a file without its secrets; data[len] is NUL. False when there is no room for it. */
bool archive_add(struct archive *a, const char *file, const char *data, size_t len, struct err *e);

/* A row of the index: the file, R for recorded here (as in the fixtures' own index), where it is from. */
void archive_tell(struct archive *a, const char *file, bool answered, const char *fmt, ...)
	PRINTF(4, 5);

/* Writes it to a new file that only its owner may read. */
int archive_write(struct archive *a, const char *path, struct err *e);

#endif
