#include "ranges.h"

#include <math.h>

#include "suite.h"

#define SEEDS	     (getenv("LONG") ? 100u : 10u)
#define SIDE_BY_SIDE 10

/* Slow enough that what lies in socket buffers is nothing beside the file. */
#define SLOW "{\"rate\": 4000000}"

/* So slow that more connections are tried well before the end, however long it takes until their rate is settled. */
#define SLOWER "{\"rate\": 2500000}"

static const struct wish plain[SIDE_BY_SIDE];

/* --- one connection, several, cut ones, killed ones ---------------------------------------------- */

START_TEST(a_slow_link_is_shared_by_several_connections)
{
	struct download d;
	double end = 0, sum = 0;

	server_file(32 * MIB);
	download_prepare(&d, 0, "{}", SLOW);
	downloads_run(&d, 1, plain);
	assert_arrived(&d);
	read_requests(&d);
	assert_came(&d, 1);
	ck_assert_str_eq(requests[0].range, "");
	ck_assert_int_ge(most_at_once(), 3);
	for (size_t i = 0; i < n_requests; i++) {
		end = fmax(end, requests[i].t + requests[i].seconds);
		sum += requests[i].seconds;
	}
	ck_assert_double_gt(sum, 1.5 * (end - requests[0].t));
}
END_TEST

/* As many downloads as there are seeds, some at a time; each has a name, and with it its own random troubles. */
static unsigned int seeds_arrive(const char *faults)
{
	static struct download all[SIDE_BY_SIDE];
	unsigned int kills = 0;
	struct err e = ERR_INIT;

	server_file(32 * MIB);
	for (unsigned int seed = 0; seed < SEEDS; seed += SIDE_BY_SIDE) {
		for (unsigned int i = 0; i < SIDE_BY_SIDE; i++) {
			download_prepare(&all[i], seed + i, faults, SLOW);
			all[i].about = all[i].name;
		}
		downloads_run(all, SIDE_BY_SIDE, plain);
		for (unsigned int i = 0; i < SIDE_BY_SIDE; i++) {
			assert_arrived(&all[i]);
			assert_little_lost(&all[i]);
			ck_assert_int_eq(fs_unlink(all[i].path, &e), 0);
			read_requests(&all[i]);
			if (all[i].kills == 0)
				assert_came(&all[i], 1);
			kills += all[i].kills;
		}
	}
	return kills;
}

START_TEST(connections_that_are_cut_anywhere_are_continued)
{
	ck_assert_uint_eq(seeds_arrive("{\"download-cut-random\": {\"seed\": 4, \"times\": 6}}"), 0);
	ck_assert_uint_ge(n_requests, 6);
}
END_TEST

START_TEST(a_process_killed_anywhere_is_continued)
{
	unsigned int kills = seeds_arrive("{\"client-killed\": {\"seed\": 4, \"times\": 2}}");

	ck_assert_uint_ge(kills, 2 * SEEDS - SEEDS / 5); /* some come when all is there */
}
END_TEST

/* --- what servers do otherwise ------------------------------------------------------------------- */

struct row {
	const char *about, *faults;
	struct wish wish;
	unsigned int times; /* that the file may come; 0: once */
	void (*look)(void);
};

/* Every row ends with the right file; all at the same time. */
static void rows_arrive(const struct row *rows, unsigned int n, const char *delays)
{
	static struct download all[SIDE_BY_SIDE];
	static struct wish wishes[SIDE_BY_SIDE];

	server_file(16 * MIB);
	for (unsigned int i = 0; i < n; i++) {
		download_prepare(&all[i], i, rows[i].faults, delays);
		all[i].about = rows[i].about;
		wishes[i] = rows[i].wish;
	}
	downloads_run(all, n, wishes);
	for (unsigned int i = 0; i < n; i++) {
		assert_arrived(&all[i]);
		read_requests(&all[i]);
		assert_came(&all[i], rows[i].times ? rows[i].times : 1);
		if (rows[i].look)
			rows[i].look();
	}
}

#define ROWS_ARRIVE(rows, delays) rows_arrive(rows, ARRAY_SIZE(rows), delays)

static void one_request(void)
{
	ck_assert_uint_eq(n_requests, 1);
}

static void few_requests(void)
{
	ck_assert_uint_le(n_requests, 4);
}

static void some_ranges(void)
{
	ck_assert_uint_ge(count_status(206), 1);
}

START_TEST(servers_without_ranges_or_with_strange_ones_have_one_connection)
{
	const struct row rows[] = {
		{ "none, and it says so", "{\"no-ranges\": \"\"}", .look = one_request },
		{ "none, but promised", "{\"no-ranges\": {\"says\": \"bytes\"}}", .look = few_requests },
		{ "none, and nothing said", "{\"no-ranges\": {\"says\": \"\"}}", .look = few_requests },
		{ "416", "{\"ranges-416\": \"\"}", .look = few_requests },
		{ "others than asked for", "{\"ranges-shifted\": \"\"}", .look = few_requests },
		{ "wrong bytes", "{\"ranges-lie\": \"\"}", .times = 2, .look = some_ranges },
		{ "wrong bytes once", "{\"ranges-lie\": 1}", .times = 2, .look = some_ranges },
		{ "not asked for", "{}", .wish = { .single = true }, .look = one_request },
	};

	ROWS_ARRIVE(rows, SLOWER);
}
END_TEST

START_TEST(a_server_without_ranges_starts_over_when_it_was_cut)
{
	const struct row rows[] = {
		{ "none", "{\"no-ranges\": \"\", \"download-cut\": 1}", .times = 2 },
	};

	ROWS_ARRIVE(rows, "{}");
	ck_assert_int_eq(bytes_sent(), 24 * MIB);
}
END_TEST

/* Seconds between the first refusal and the next request. */
static double pause_after(int status)
{
	for (size_t i = 0; i + 1 < n_requests; i++)
		if (requests[i].status == status)
			return requests[i + 1].t - requests[i].t;
	ck_abort_msg("no answer had status %d", status);
}

static void two_seconds(void)
{
	ck_assert_double_ge(pause_after(503), 2);
}

static void almost_two_seconds(void)
{
	ck_assert_double_ge(pause_after(429), 1.9); /* a date has whole seconds */
}

static void soon_two(void)
{
	ck_assert_int_eq(most_at_once(), 2);
	ck_assert_uint_le(count_status(503), 8);
}

START_TEST(busy_and_stalling_servers_are_borne_with)
{
	const struct row rows[] = {
		{ "stall", "{\"download-stall\": 1}", .wish = { .stall_s = 1 } },
		{ "Retry-After", "{\"download-503\": {\"times\": 1, \"seconds\": 2}}", .look = two_seconds },
		{ "Retry-After, a date",
		  "{\"download-503\": {\"times\": 1, \"seconds\": 3, \"status\": 429, \"date\": true}}",
		  .look = almost_two_seconds },
		{ "no more than two connections", "{\"too-many\": {\"limit\": 2}}", .look = soon_two },
	};

	ROWS_ARRIVE(rows, SLOWER);
}
END_TEST

START_TEST(a_file_that_is_another_is_noticed)
{
	const struct row rows[] = {
		{ "changed between two ranges", "{\"download-changed\": 1}", .times = 2 },
		{ "changed, no digest", "{\"download-changed\": 1}", { .unpinned = true }, .times = 2 },
		{ "changed under its ETag", "{\"download-changed\": {\"times\": 1, \"same\": true}}", .times = 2 },
		{ "grown under its ETag, no digest",
		  "{\"download-changed\": {\"times\": 1, \"same\": true, \"size\": 12582912}}",
		  { .unpinned = true }, .times = 2 },
		{ "length too large", "{\"wrong-length\": {\"times\": 2, \"by\": 1000}}", .times = 2 },
		{ "length too small", "{\"wrong-length\": {\"host\": \"localhost\", \"by\": -1000}}",
		  { .mirrored = true }, .times = 3 },
	};

	ROWS_ARRIVE(rows, SLOWER);
}
END_TEST

static void both_gave(void)
{
	int64_t bytes[2] = { 0 };

	for (size_t i = 0; i < n_requests; i++)
		bytes[str_eq(requests[i].host, "localhost")] += requests[i].bytes;
	ck_assert(bytes[0] > 4 * MIB && bytes[1] > 4 * MIB);
}

START_TEST(the_next_mirror_goes_on)
{
	const struct row rows[] = {
		{ "cut, then gone",
		  "{\"download-cut\": {\"host\": \"localhost\", \"times\": 1}, "
		  "\"download-404\": {\"host\": \"localhost\", \"after\": 1}}",
		  { .mirrored = true }, .look = both_gave },
		{ "always cut", "{\"download-cut\": {\"host\": \"localhost\"}}", { .mirrored = true },
		  .look = both_gave },
		{ "another file, side by side", "{\"download-changed\": {\"host\": \"localhost\"}}", { .mirrored = true },
		  .times = 3 },
		{ "another file", "{\"download-changed\": {\"host\": \"localhost\"}}",
		  { .mirrored = true, .single = true }, .times = 2, .look = both_gave },
	};

	ROWS_ARRIVE(rows, "{\"rate\": 20000000}");
}
END_TEST

/* --- what lies on the disk ----------------------------------------------------------------------- */

/* Half of a file, as a download leaves it that does not find the other half. */
static void leave_half(struct download *d)
{
	struct err e = ERR_INIT;
	struct fetch f;

	put_state(d, "faults", "{\"download-cut\": 1, \"download-404\": {\"after\": 1}}");
	ck_assert_int_eq(fetch_it(d, plain, &f, &e), -1);
	put_state(d, "faults", "{}");
}

static char *read_sidecar(const struct download *d, char **ret_path, size_t *ret_len)
{
	struct err e = ERR_INIT;
	char *text = NULL;

	*ret_path = xasprintf("%s.part.json", d->path);
	ck_assert_msg(fs_read(*ret_path, MIB, &text, ret_len, &e) == 0, "%s", e.msg);
	return text;
}

START_TEST(a_sidecar_spoilt_anywhere_wedges_nothing)
{
	_cleanup_free_ char *text = NULL, *path = NULL, *part = NULL, *half = NULL;
	struct download d;
	struct err e = ERR_INIT;
	size_t len, half_len;

	server_file(MIB);
	download_prepare(&d, 0, "{}", "{}");
	leave_half(&d);
	text = read_sidecar(&d, &path, &len);
	part = xasprintf("%s.part", d.path);
	ck_assert_int_eq(fs_read(part, 2 * MIB, &half, &half_len, &e), 0);
	srandom(4);
	for (unsigned int seed = 0; seed < 4 * SEEDS; seed++) {
		_cleanup_free_ char *spoilt = xstrndup(text, len);
		size_t cut = seed % 4 ? len : (size_t)random() % len, at = (size_t)random() % len;

		spoilt[at] = (char)(seed % 2 ? '0' + random() % 10 : random());
		ck_assert_int_eq(fs_write_atomic(part, 0644, half, half_len, &e), 0);
		ck_assert_int_eq(fs_write_atomic(path, 0644, spoilt, cut, &e), 0);
		ck_assert_int_eq(fs_unlink(d.path, &e), 0);
		downloads_run(&d, 1, plain);
		assert_right_file(&d);
	}
}
END_TEST

START_TEST(a_part_spoilt_anywhere_wedges_nothing)
{
	_cleanup_free_ char *part = NULL, *half = NULL, *text = NULL, *path = NULL;
	struct download d;
	struct err e = ERR_INIT;
	size_t len, text_len;

	server_file(MIB);
	download_prepare(&d, 0, "{}", "{}");
	leave_half(&d);
	text = read_sidecar(&d, &path, &text_len);
	part = xasprintf("%s.part", d.path);
	ck_assert_int_eq(fs_read(part, 2 * MIB, &half, &len, &e), 0);
	srandom(4);
	for (unsigned int seed = 0; seed < SEEDS; seed++) {
		_cleanup_free_ char *spoilt = xcalloc(1, len);
		size_t left = seed % 2 ? len : (size_t)random() % len;

		memcpy(spoilt, half, len);
		spoilt[(size_t)random() % len] ^= 1;
		ck_assert_int_eq(fs_write_atomic(part, 0644, spoilt, left, &e), 0);
		ck_assert_int_eq(fs_write_atomic(path, 0644, text, text_len, &e), 0);
		ck_assert_int_eq(fs_unlink(d.path, &e), 0);
		downloads_run(&d, 1, plain);
		assert_right_file(&d);
	}
}
END_TEST

START_TEST(a_part_without_a_sidecar_wedges_nothing)
{
	_cleanup_free_ char *part = NULL;
	struct download d;

	server_file(MIB);
	download_prepare(&d, 0, "{}", "{}");
	part = xasprintf("%s.part", d.path);
	fixture_put(part, "anything");
	downloads_run(&d, 1, plain);
	assert_arrived(&d);
}
END_TEST

SUITE_AROUND("fetch: ranges", server_start, server_stop, a_slow_link_is_shared_by_several_connections,
	     connections_that_are_cut_anywhere_are_continued, a_process_killed_anywhere_is_continued,
	     servers_without_ranges_or_with_strange_ones_have_one_connection,
	     a_server_without_ranges_starts_over_when_it_was_cut, busy_and_stalling_servers_are_borne_with,
	     a_file_that_is_another_is_noticed, the_next_mirror_goes_on, a_sidecar_spoilt_anywhere_wedges_nothing,
	     a_part_spoilt_anywhere_wedges_nothing, a_part_without_a_sidecar_wedges_nothing)
