/* Many small requests side by side, over few connections.
 *
 *	gather_new(&options, &g, e);
 *	gather_add(g, &request);	for each
 *	gather_run(g, e);		calls request.done() for each, which may add more
 *	gather_free(g);
 *
 * A request whose failure may pass by itself (connection, time-out, 408, 429, 5xx) is tried again
 * after a random wait, longer each time, within the budget of time that all have together. Plain
 * http is spoken only to a URL that says so, no redirect leaves the URL's scheme, and nothing is read
 * from the environment. */
#ifndef GN8V_NET_GATHER_H
#define GN8V_NET_GATHER_H

#include "core/err.h"

struct gather_options {
	const char *proxy;	 /* of https URLs; NULL or "": none */
	const char *plain_proxy; /* of http URLs */
	const char *no_proxy;	 /* as CURLOPT_NOPROXY; NULL: none */
	const char *ca_file;	 /* of the machine; NULL or "": the system's */
	unsigned int budget_s;	 /* for everything, from gather_run() on */
};

/* Borrowed for the call. */
struct gather_answer {
	const struct err *e; /* why there is no body; NULL: status 200 and all of it */
	long status;	     /* 0: none came */
	const char *body;    /* terminated by a NUL that is not counted */
	size_t len;
};

struct gather_request {
	const char *url;
	const void *body; /* to be posted, borrowed until done; NULL: GET */
	size_t body_len;
	const char *content_type, *accept; /* borrowed until done */
	/* Value of that header, borrowed until done; NULL: none. It is a secret: it goes over https alone,
	 * to no proxy, and not to another host that a redirect leads to. */
	const char *authorization;
	size_t size_max; /* a larger answer is ERR_TOO_LARGE */
	/* true: the answer says to come back later. It is then asked again if time allows, and done()
	 * called again only with what comes of that. */
	bool (*done)(const struct gather_answer *a, void *data);
	void *data;
};

struct gather;

int gather_new(const struct gather_options *o, struct gather **ret, struct err *e);
void gather_free(struct gather *g);
DEFINE_CLEANUP(struct gather *, gather_free)

void gather_add(struct gather *g, const struct gather_request *r);

/* Until every request is done. -1 only if libcurl itself fails. */
int gather_run(struct gather *g, struct err *e);

/* How many requests went out, repeated ones and all. */
unsigned int gather_sent(const struct gather *g);

#endif
