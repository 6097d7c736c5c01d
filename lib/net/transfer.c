#include "net/transfer.h"

#include "core/clock.h"
#include "core/str.h"
#include "net/lane.h"
#include "net/pace.h"

#define LANES_MAX 16
#define WAIT_US	  UINT64_C(100000)

/* What is read back between two looks at the sockets. */
#define CATCH_UP (UINT64_C(4) << 20)

/* A connection gets a range for so many seconds, or its share of the rest when that is less; so
 * that all end together, and what a range costs (one way there and back) stays small. */
#define RANGE_S	    2.0
#define RANGE_MIN_S 0.5
#define RANGE_MIN   (UINT64_C(4) << 20)

/* From a connection that has fallen far behind the others its range is taken, but for a little. */
#define BEHIND_S   2.0
#define BEHIND_MIN (UINT64_C(64) << 10)
#define KNOWN_US   UINT64_C(1000000) /* how fast it is */

struct run {
	struct transfer *t;
	CURLM *multi;
	struct lane lanes[LANES_MAX];
	struct pace pace;
	struct err e; /* why the last lane that failed did */
	bool ended;   /* the file's size was not known, and its end has come */
	bool over;    /* by a failure */
};

static uint64_t size_of(const struct run *r)
{
	return r->t->part->origin.size;
}

static unsigned int count_busy(const struct run *r, bool flowing)
{
	unsigned int n = 0;

	for (size_t i = 0; i < LANES_MAX; i++)
		n += r->lanes[i].busy && (!flowing || r->lanes[i].came);
	return n;
}

/* Ranges of one file can be told apart from those of another, and the server gives them. */
static bool may_split(const struct run *r)
{
	const struct part_origin *o = &r->t->part->origin;

	for (size_t i = 0; i < LANES_MAX; i++)
		if (r->lanes[i].busy && r->lanes[i].accepted && r->lanes[i].answer.no_ranges)
			return false;
	return size_of(r) && (r->t->fetch->sha256 || *o->etag || *o->last_modified);
}

/* --- which range is next ------------------------------------------------------------------------ */

static uint64_t range_length(const struct run *r)
{
	double each = r->pace.rate / r->pace.lanes;
	double share = (double)(size_of(r) - r->t->part->bytes) / (2.0 * r->pace.lanes);
	double length = each * RANGE_S < share ? each * RANGE_S : share;

	if (length < each * RANGE_MIN_S)
		length = each * RANGE_MIN_S;
	return length < (double)RANGE_MIN ? RANGE_MIN : (uint64_t)length;
}

/* What is neither there nor on its way. */
static bool find_gap(const struct run *r, struct piece *ret)
{
	struct pieces taken = { 0 };
	bool found;

	pieces_copy(&taken, &r->t->part->here);
	for (size_t i = 0; i < LANES_MAX; i++)
		if (r->lanes[i].busy)
			pieces_add(&taken, r->lanes[i].at, r->lanes[i].end);
	found = pieces_gap(&taken, size_of(r) ? size_of(r) : LANE_OPEN, ret);
	pieces_clear(&taken);
	return found;
}

/* Seconds that a connection needs for what it has left, as fast as it was so far. */
static double lasts_s(const struct lane *l)
{
	double took_us = (double)(clock_monotonic_us() - l->begun_us);

	return (double)(l->end - l->at) * took_us / 1e6 / ((double)(l->at - l->start) + 1);
}

static bool take_from_slowest(struct run *r)
{
	struct lane *slowest = NULL;
	uint64_t known_us = clock_monotonic_us() - KNOWN_US, keep;

	for (size_t i = 0; i < LANES_MAX; i++) {
		struct lane *l = &r->lanes[i];

		if (l->busy && l->accepted && l->begun_us < known_us &&
		    (!slowest || lasts_s(l) > lasts_s(slowest)))
			slowest = l;
	}
	if (!slowest || lasts_s(slowest) < BEHIND_S || slowest->end - slowest->at < 2 * BEHIND_MIN)
		return false;
	keep = (uint64_t)((double)(slowest->end - slowest->at) / lasts_s(slowest) * BEHIND_S / 4);
	slowest->end = slowest->at + (keep > BEHIND_MIN ? keep : BEHIND_MIN);
	return true;
}

/* Takes from the connection that has the most left to do, when that saves time. */
static bool make_gap(struct run *r)
{
	struct lane *most = NULL;
	uint64_t left = 0, keep = range_length(r);

	for (size_t i = 0; i < LANES_MAX; i++) {
		struct lane *l = &r->lanes[i];

		if (l->busy && l->accepted && l->end - l->at > left) {
			most = l;
			left = l->end - l->at;
		}
	}
	if (left < 2 * RANGE_MIN || (double)left < r->pace.rate / r->pace.lanes)
		return take_from_slowest(r);
	most->end = most->at + (keep < left / 2 ? keep : left / 2);
	return true;
}

static int start_lane(struct run *r, const struct piece *range)
{
	struct lane *l = r->lanes;
	unsigned int busy = count_busy(r, false);

	while (l->busy)
		l++;
	l->hurry = r->t->others;
	l->loose = r->t->single && r->t->fetch->sha256;
	if (lane_begin(l, r->t->fetch, r->t->source, r->t->part, range->start, range->end,
		       busy == 0, &r->e) < 0)
		return -1;
	if (curl_multi_add_handle(r->multi, l->curl) != CURLM_OK)
		return err_set(&r->e, &ERR_INTERNAL, "libcurl refused a transfer");
	l->busy = true;
	return 0;
}

/* Starts connections until there are as many as wanted, or nothing to do for another. */
static int fill(struct run *r)
{
	unsigned int wanted = may_split(r) ? r->pace.lanes : 1;

	while (!r->over && !r->ended && count_busy(r, false) < wanted) {
		struct piece gap;

		if (!find_gap(r, &gap) &&
		    (count_busy(r, false) == 0 || !make_gap(r) || !find_gap(r, &gap)))
			break;
		if (wanted > 1 && gap.end - gap.start > range_length(r))
			gap.end = gap.start + range_length(r);
		if (start_lane(r, &gap) < 0)
			return -1;
	}
	return 0;
}

/* --- how a range ended -------------------------------------------------------------------------- */

/* The last connection still sends what it was asked for first: what others did not get is its own
 * again. */
static void give_back(struct run *r)
{
	const struct pieces *here = &r->t->part->here;

	for (size_t i = 0; i < LANES_MAX; i++) {
		struct lane *l = &r->lanes[i];

		if (!l->busy || !l->accepted)
			continue;
		l->end = l->asked_end == LANE_OPEN ? size_of(r) : l->asked_end;
		for (size_t k = 0; k < here->n; k++)
			if (here->v[k].start > l->at && here->v[k].start < l->end)
				l->end = here->v[k].start;
	}
}

static void note_failure(struct run *r, struct lane *l, enum lane_end how)
{
	struct transfer *t = r->t;
	unsigned int others = count_busy(r, false);

	if (r->over)
		return; /* the first that ended it says why */
	r->e = l->e;
	t->retry_after_s = l->answer.retry_after_s;
	t->may_pass = how == LANE_LATER;
	t->start_over = how == LANE_CHANGED || (how == LANE_REFUSED && l->alone);
	/* What a server does not give to one more connection, the others will get; a line that was cut
	 * says less. */
	if (how == LANE_REFUSED || l->e.kind == &ERR_HTTP)
		pace_limit(&r->pace, how == LANE_REFUSED ? 1 : others);
	else
		pace_rest(&r->pace, clock_monotonic_us(), others);
	if (how == LANE_REFUSED && others == 1)
		give_back(r);
	if (t->start_over || (how == LANE_LATER && others == 0) ||
	    (how == LANE_FAILED && (others == 0 || l->e.kind != &ERR_HTTP)))
		r->over = true;
}

static void end_lane(struct run *r, struct lane *l, CURLcode code)
{
	enum lane_end how = lane_judge(l, code);

	curl_multi_remove_handle(r->multi, l->curl);
	l->busy = false;
	if (how != LANE_DONE) {
		note_failure(r, l, how);
		return;
	}
	if (!size_of(r)) {
		r->t->part->origin.size = l->at;
		r->ended = true;
	}
	if (l->answer.no_ranges)
		pace_limit(&r->pace, 1);
}

static void take_ended(struct run *r)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(r->multi, &left))) {
		CURLcode code = m->data.result;
		struct lane *l = NULL;

		if (m->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &l) == CURLE_OK)
			end_lane(r, l, code);
	}
}

/* --- the loop ----------------------------------------------------------------------------------- */

static void tell(struct run *r)
{
	struct transfer *t = r->t;
	uint64_t size = size_of(r), came = 0;

	for (size_t i = 0; i < LANES_MAX; i++)
		came += r->lanes[i].came;
	t->received = came;
	t->connections = count_busy(r, false);
	pace_tell(&r->pace, clock_monotonic_us(), came, count_busy(r, true),
		  size ? size - t->part->bytes : 0);
	t->on_tick(t->on_tick_data);
}

static int timed_out(const struct transfer *t, struct err *e)
{
	return err_set(e, &ERR_TIMEOUT, "not done after %u s", t->fetch->deadline_s);
}

static int go_on(struct run *r)
{
	int running;

	if (clock_monotonic_us() >= r->t->deadline_us) {
		r->t->may_pass = false;
		return timed_out(r->t, &r->e);
	}
	if (curl_multi_perform(r->multi, &running) != CURLM_OK)
		return err_set(&r->e, &ERR_INTERNAL, "libcurl cannot go on");
	take_ended(r);
	if (part_catch_up(r->t->part, CATCH_UP, &r->e) < 0)
		return -1;
	tell(r);
	return fill(r);
}

static bool is_whole(const struct run *r)
{
	return (size_of(r) || r->ended) && part_is_whole(r->t->part, size_of(r));
}

static bool is_over(const struct run *r)
{
	return r->over || is_whole(r) || count_busy(r, false) == 0;
}

static int carry(struct run *r)
{
	if (fill(r) < 0)
		return -1;
	while (!is_over(r)) {
		if (go_on(r) < 0 || (!is_over(r) && http_wait(r->multi, WAIT_US, &r->e) < 0))
			return -1;
	}
	if (is_whole(r))
		return part_catch_up(r->t->part, UINT64_MAX, &r->e);
	return r->e.kind ? -1 : err_set(&r->e, &ERR_INTERNAL, "bytes are missing and nothing runs");
}

int transfer_run(struct transfer *t, struct err *e)
{
	struct run *r = xcalloc(1, sizeof(*r));
	unsigned int max = t->single || !t->fetch->connections_max ? 1 : t->fetch->connections_max;
	int code = -1;

	t->may_pass = t->start_over = false;
	t->retry_after_s = 0;
	r->t = t;
	r->e = (struct err)ERR_INIT;
	r->multi = curl_multi_init();
	pace_init(&r->pace, max < LANES_MAX ? max : LANES_MAX);
	if (!r->multi ||
	    curl_multi_setopt(r->multi, CURLMOPT_MAXCONNECTS, (long)LANES_MAX) != CURLM_OK)
		err_set(&r->e, &ERR_INTERNAL, "libcurl refused an option");
	else
		code = carry(r);
	if (code < 0 && e)
		*e = r->e;
	for (size_t i = 0; i < LANES_MAX; i++) {
		if (r->lanes[i].busy)
			curl_multi_remove_handle(r->multi, r->lanes[i].curl);
		lane_done(&r->lanes[i]);
	}
	curl_multi_cleanup(r->multi);
	t->connections = 0;
	free(r);
	return code;
}
