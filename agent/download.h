/* A file from one of its sources, fetched as the configuration says: headers, proxy, limits. */
#ifndef GN8V_DOWNLOAD_H
#define GN8V_DOWNLOAD_H

#include "worker.h"

struct download {
	const struct strlist *urls; /* tried in this order */
	const char *path;	    /* of the machine */
	const char *sha256;	    /* NULL: the caller judges it */
	uint64_t size, size_max;
	const char *referer; /* for those of the sources that ask for one; NULL: none */

	uint64_t received, kept; /* out: as of struct fetch */
};

/* CODE_DOWNLOAD when no source led to the file; else as fetch_to_file. */
int download_run(struct worker *w, struct download *d, struct err *e);

/* "Name: value" of every header that a request to this URL carries, ended by NULL: those of
 * fetch.headers for its host, and the Referer, unless they have one. download_free_headers frees it. */
const char **download_headers(const struct config *c, const char *url, const char *referer);
void download_free_headers(const char **headers);

#endif
