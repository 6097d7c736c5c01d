/* What a server says of a file before it sends any of it (RFC 9110). */
#ifndef GN8V_NET_ANSWER_H
#define GN8V_NET_ANSWER_H

#include "core/base.h"

#define ANSWER_VALIDATOR_SIZE 256

struct answer {
	long status;
	bool chunked;
	uint64_t length;     /* Content-Length; 0: not said */
	bool has_range;	     /* Content-Range, and it makes sense */
	uint64_t start, end; /* of it: [start, end) */
	uint64_t total;	     /* of it; 0: not said */
	bool no_ranges;	     /* Accept-Ranges: none */
	unsigned int retry_after_s;
	/* Empty: not said. Only strong entity tags: a weak one does not promise the same bytes. */
	char etag[ANSWER_VALIDATOR_SIZE], last_modified[ANSWER_VALIDATOR_SIZE];
};

/* One header line without its end. A status line begins a new answer: of a redirect or a proxy only
 * the last one is left. */
void answer_line(struct answer *a, const char *line);

#endif
