#include "net/pace.h"

#define WINDOW_US UINT64_C(100000)
#define GROW	  3 /* times as many connections are tried */

/* A rate has settled when a window brings no more than this times the one before it. */
#define SETTLED 1.15

/* More connections are worth it when they bring this times as much. */
#define WORTH 1.2

/* Connections that never come up, or a rate that never settles, are not waited for. */
#define PATIENCE_US UINT64_C(3000000)

/* After a try that brought nothing the next one comes this much later, twice as much each time. */
#define REST_US	    UINT64_C(2000000)
#define REST_MAX_US UINT64_C(64000000)

/* What ends sooner by itself is not worth another connection. */
#define SOON_S 1.5

void pace_init(struct pace *p, unsigned int max)
{
	*p = (struct pace){ .max = max ? max : 1, .lanes = 1, .proven = 1, .rest_us = REST_US };
}

static void want(struct pace *p, uint64_t now_us, unsigned int lanes)
{
	p->lanes = lanes < p->max ? lanes : p->max;
	p->windows = 0;
	p->changed_us = now_us;
}

void pace_limit(struct pace *p, unsigned int lanes)
{
	if (lanes < p->max)
		p->max = lanes ? lanes : 1;
	if (p->lanes > p->max)
		p->lanes = p->max;
	if (p->proven > p->max)
		p->proven = p->max;
}

void pace_rest(struct pace *p, uint64_t now_us, unsigned int lanes)
{
	want(p, now_us, lanes ? lanes : 1);
	p->proven = p->lanes;
	p->rest_until_us = now_us + REST_US;
}

/* The number is settled for now: is there a reason to try more? */
static void maybe_grow(struct pace *p, uint64_t now_us, uint64_t left)
{
	if (p->lanes >= p->max || now_us < p->rest_until_us || (double)left < p->rate * SOON_S)
		return;
	p->proven = p->lanes;
	p->proven_rate = p->rate;
	want(p, now_us, p->lanes * GROW);
}

static bool is_worth(const struct pace *p)
{
	return p->lanes > p->proven && p->rate >= p->proven_rate * WORTH;
}

static void judge_try(struct pace *p, uint64_t now_us, uint64_t left)
{
	if (is_worth(p)) {
		p->proven = p->lanes;
		p->proven_rate = p->rate;
		maybe_grow(p, now_us, left);
		return;
	}
	p->rest_until_us = now_us + p->rest_us;
	p->rest_us = p->rest_us * 2 < REST_MAX_US ? p->rest_us * 2 : REST_MAX_US;
	want(p, now_us, p->proven);
}

void pace_tell(struct pace *p, uint64_t now_us, uint64_t came, unsigned int flowing, uint64_t left)
{
	double before = p->rate;
	bool patient;

	if (p->from_us == 0 || came == 0) {
		p->from_us = p->changed_us = now_us;
		p->from_bytes = came;
		return;
	}
	if (now_us - p->from_us < WINDOW_US)
		return;
	p->rate = (double)(came - p->from_bytes) * 1e6 / (double)(now_us - p->from_us);
	p->from_us = now_us;
	p->from_bytes = came;
	patient = now_us - p->changed_us < PATIENCE_US;
	if (patient && flowing < p->lanes) {
		p->windows = 0;
		return;
	}
	p->windows++;
	/* A gain shows at once; that there is none only when the rate has settled. */
	if (patient && !is_worth(p) && (p->windows < 2 || p->rate > before * SETTLED))
		return;
	if (p->lanes > p->proven)
		judge_try(p, now_us, left);
	else
		maybe_grow(p, now_us, left);
}
