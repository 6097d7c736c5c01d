/* The rest of a file from one source, over as many connections as are worth it (net/pace.h), into its
 * part. Connections take consecutive ranges, so that the part is filled from its front. */
#ifndef GN8V_NET_TRANSFER_H
#define GN8V_NET_TRANSFER_H

#include "net/fetch.h"
#include "net/part.h"

struct transfer {
	const struct fetch *fetch; /* options */
	const struct fetch_source *source;
	struct part *part; /* its bytes are continued when there are some */
	bool single;	   /* one connection only, and the digest alone judges what it brings */
	bool others;	   /* another source can be asked */
	uint64_t deadline_us;
	void (*on_tick)(void *data); /* often while it runs */
	void *on_tick_data;

	unsigned int connections;   /* out: now */
	uint64_t received;	    /* out: bytes of bodies so far */
	unsigned int retry_after_s; /* out: what the server asked for when it failed */
	bool may_pass;		    /* out: trying again may help */
	bool start_over;	    /* out: the bytes of the part cannot be continued here */
};

/* 0: the server's whole file is in the part, unjudged. On -1 the part may have grown. */
int transfer_run(struct transfer *t, struct err *e);

#endif
