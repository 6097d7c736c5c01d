/* fetch-one URL PATH SHA256 CA_FILE CONNECTIONS: one download by the library alone, for tests/bench/fetch.
 *
 * Prints one line of JSON; the exit code is 0 when the file is there. */
#include <inttypes.h>
#include <stdio.h>

#include "net/fetch.h"

#define SIZE_MAX_BYTES (UINT64_C(1) << 40)

static void keep_most(const struct fetch_progress *p, void *data)
{
	unsigned int *most = data;

	if (p->connections > *most)
		*most = p->connections;
}

int main(int argc, char **argv)
{
	struct fetch_source sources[2] = { 0 };
	struct err e = ERR_INIT;
	unsigned int most = 0;
	struct fetch f;
	int r;

	if (argc != 6) {
		fputs("usage: fetch-one URL PATH SHA256 CA_FILE CONNECTIONS\n", stderr);
		return 2;
	}
	sources[0].url = argv[1];
	f = (struct fetch){ .sources = sources,
			    .path = argv[2],
			    .sha256 = argv[3],
			    .ca_file = argv[4],
			    .connections_max = (unsigned int)atoi(argv[5]),
			    .deadline_s = 600,
			    .size_max = SIZE_MAX_BYTES,
			    .on_progress = keep_most,
			    .on_data = &most };
	r = fetch_to_file(&f, &e);
	if (r < 0)
		fprintf(stderr, "fetch-one: %s: %s\n", e.kind->code, e.msg);
	printf("{\"attempts\": %u, \"received\": %" PRIu64 ", \"connections\": %u}\n", f.attempts, f.received,
	       most);
	return r < 0;
}
