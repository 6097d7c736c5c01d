/* One request for a file, appended to its part. What the server may send is judged before the first
 * byte of it is written. */
#ifndef GN8V_NET_TRANSFER_H
#define GN8V_NET_TRANSFER_H

#include "net/fetch.h"
#include "net/part.h"

struct transfer {
	const struct fetch *fetch; /* options */
	const struct fetch_source *source;
	struct part *part; /* its bytes are continued when there are some */
	uint64_t deadline_us;
	void (*on_tick)(void *data); /* often while it runs */
	void *on_tick_data;

	bool may_pass;	 /* out: trying again may help */
	bool start_over; /* out: the bytes of the part cannot be continued here */
};

/* 0: the server's whole file is in the part, unjudged. On -1 the part may have grown. */
int transfer_run(struct transfer *t, struct err *e);

#endif
