/* One connection's request for a range of a file, put into the part as it comes. What the server may
 * send is judged before the first byte of it is written: the range that was asked for, of the file
 * that the other bytes are from (RFC 9110 14, 13.1.5). */
#ifndef GN8V_NET_LANE_H
#define GN8V_NET_LANE_H

#include "net/fetch.h"
#include "net/http.h"
#include "net/part.h"

#define LANE_OPEN UINT64_MAX /* as an end: that of the file, wherever it is */

enum lane_end {
	LANE_DONE,    /* its range is in the part */
	LANE_LATER,   /* may work later: the network, a busy server */
	LANE_REFUSED, /* the server does not give the range that was asked for */
	LANE_CHANGED, /* the server's file is not the one that the other bytes are from */
	LANE_FAILED,  /* it will not work here */
};

struct lane {
	const struct fetch *fetch; /* options */
	const struct fetch_source *source;
	struct part *part;

	CURL *curl; /* NULL: the lane was never used */
	struct curl_slist *headers;
	bool busy;  /* the caller's */
	bool alone; /* no other is under way: the whole file is taken in the place of a range */
	bool hurry; /* another source waits: a slow one is given up sooner */
	bool loose; /* the digest alone tells this server's file from another; it may be of several nodes */
	bool ranged;
	uint64_t start, at, end; /* asked from, next byte, up to: may be lowered while it runs */
	uint64_t asked_end, begun_us;
	uint64_t came; /* bytes of bodies, ever */
	struct answer answer;
	bool accepted;
	enum lane_end trouble; /* of the callbacks, with e */
	struct err e;
	char detail[CURL_ERROR_SIZE];
};

/* Makes l->curl ready for [start, end). */
int lane_begin(struct lane *l, const struct fetch *f, const struct fetch_source *s, struct part *p,
	       uint64_t start, uint64_t end, bool alone, struct err *e);

/* How it ended; but for LANE_DONE l->e says why. */
enum lane_end lane_judge(struct lane *l, CURLcode code);

void lane_done(struct lane *l);

#endif
