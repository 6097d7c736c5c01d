/* How many connections a download should have: it starts with one, adds some once the rate has
 * settled, and keeps them only if the rate grew with them. Pure: it is told the time. */
#ifndef GN8V_NET_PACE_H
#define GN8V_NET_PACE_H

#include "core/base.h"

struct pace {
	unsigned int max;   /* never more */
	unsigned int lanes; /* wanted now */

	unsigned int proven; /* as many as were worth it */
	double proven_rate;
	double rate;		      /* bytes per second, of the last window */
	uint64_t from_us, from_bytes; /* the window */
	unsigned int windows;	      /* since the number was changed */
	uint64_t changed_us, rest_us, rest_until_us;
};

void pace_init(struct pace *p, unsigned int max);

/* `came`: bytes so far. `flowing`: connections on which some came. `left`: bytes to come, 0 when not
 * known. */
void pace_tell(struct pace *p, uint64_t now_us, uint64_t came, unsigned int flowing, uint64_t left);

/* A connection was refused: no more than `lanes` from now on. */
void pace_limit(struct pace *p, unsigned int lanes);

/* One was cut: `lanes` for a while, then more are tried again. */
void pace_rest(struct pace *p, uint64_t now_us, unsigned int lanes);

#endif
