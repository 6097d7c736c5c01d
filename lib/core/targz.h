/* A .tar.gz, made in memory: ustar, and gzip whose blocks are stored as they are (RFC 1952, RFC 1951
 * 3.2.4). That needs neither a program nor a library, and leaves nothing unpacked on the disk; the
 * price is size, and what is put in is small. */
#ifndef GN8V_CORE_TARGZ_H
#define GN8V_CORE_TARGZ_H

#include <time.h>

#include "core/err.h"
#include "core/str.h"

/* Adds one regular file of root's, mode 0600. A name is relative and has at most 255 characters; its
 * last part at most 100. ERR_ARGUMENT for a name that ustar cannot hold. */
int targz_add(struct strbuf *tar, const char *name, const char *data, size_t len, time_t at,
	      struct err *e);

/* The end of the archive, and the whole as gzip. */
void targz_end(struct strbuf *tar, struct strbuf *ret_gz);

#endif
