#include "ranges.h"

#include <math.h>

#include "suite.h"

#define SEEDS	   (getenv("LONG") ? 100u : 10u)
#define SIDE_BY_SIDE 10

/* Slow enough that what lies in socket buffers is nothing beside the file. */
#define SLOW   "{\"rate\": 3000000}"
#define MEDIUM "{\"rate\": 6000000}"

static void prepare(struct download *d, size_t size, const char *faults, const char *delays)
{
	server_file(size);
	server_troubles(faults);
	server_delays(delays);
	download_prepare(d, 0);
}

/* One download that ends well. */
static void arrives(size_t size, const char *faults, const char *delays, const struct wish *w)
{
	struct download d;

	prepare(&d, size, faults, delays);
	downloads_run(&d, 1, w);
	assert_arrived(&d);
	read_requests();
}

static void arrives_once(size_t size, const char *faults, const char *delays, const struct wish *w)
{
	struct download d = { .name = "file-0.run" };

	arrives(size, faults, delays, w);
	assert_hardly_twice(&d);
}

/* As many downloads as there are seeds, some at a time; each has a name, and its own random troubles. */
static void seeds_arrive(size_t size, const char *faults, unsigned int *ret_kills)
{
	static struct download all[SIDE_BY_SIDE];
	unsigned int kills = 0;

	server_file(size);
	server_troubles(faults);
	server_delays(SLOW);
	for (unsigned int seed = 0; seed < SEEDS; seed += SIDE_BY_SIDE) {
		for (unsigned int i = 0; i < SIDE_BY_SIDE; i++)
			download_prepare(&all[i], seed + i);
		downloads_run(all, SIDE_BY_SIDE, &(struct wish){ 0 });
		read_requests();
		for (unsigned int i = 0; i < SIDE_BY_SIDE; i++) {
			assert_arrived(&all[i]);
			assert_little_lost(&all[i]);
			if (all[i].kills == 0)
				assert_hardly_twice(&all[i]);
			kills += all[i].kills;
		}
	}
	*ret_kills = kills;
}

static unsigned int count_status(int status)
{
	unsigned int n = 0;

	for (size_t i = 0; i < n_requests; i++)
		n += requests[i].status == status;
	return n;
}

START_TEST(a_slow_link_is_shared_by_several_connections)
{
	double end = 0;

	arrives_once(32 * MIB, "{}", SLOW, &(struct wish){ 0 });
	ck_assert_str_eq(requests[0].range, "");
	ck_assert_uint_ge(most_at_once(), 6);
	for (size_t i = 0; i < n_requests; i++)
		end = fmax(end, requests[i].t + requests[i].seconds);
	ck_assert_double_lt(end - requests[0].t, 32 * MIB / 3e6 / 2);
}
END_TEST

START_TEST(one_connection_stays_one)
{
	arrives_once(16 * MIB, "{}", MEDIUM, &(struct wish){ .single = true });
	ck_assert_uint_eq(most_at_once(), 1);
	ck_assert_uint_eq(count_status(206), 0);
}
END_TEST

START_TEST(connections_that_are_cut_anywhere_are_continued)
{
	unsigned int kills;

	seeds_arrive(24 * MIB, "{\"download-cut-random\": {\"seed\": 4, \"times\": 4}}", &kills);
	ck_assert_uint_eq(kills, 0);
	ck_assert_uint_ge(count_status(206), 4 * SIDE_BY_SIDE);
}
END_TEST

START_TEST(a_process_killed_anywhere_is_continued)
{
	unsigned int kills;

	seeds_arrive(32 * MIB, "{\"client-killed\": {\"seed\": 4, \"times\": 2}}", &kills);
	ck_assert_uint_ge(kills, 2 * SEEDS - SEEDS / 5); /* some come when all is there */
}
END_TEST

/* --- servers that do otherwise ------------------------------------------------------------------- */

START_TEST(a_connection_that_stalls_is_given_up)
{
	const struct wish w = { .stall_s = 1 };

	arrives_once(24 * MIB, "{\"download-stall\": 1}", MEDIUM, &w);
	ck_assert_uint_ge(n_requests, 2);
}
END_TEST

/* Seconds between a refusal and the next request. */
static double pause_after(int status)
{
	for (size_t i = 0; i + 1 < n_requests; i++)
		if (requests[i].status == status)
			return requests[i + 1].t - requests[i].t;
	ck_abort_msg("no answer had status %d", status);
}

START_TEST(retry_after_is_waited_for)
{
	arrives_once(MIB, "{\"download-503\": {\"times\": 1, \"seconds\": 2}}", "{}", &(struct wish){ 0 });
	ck_assert_double_ge(pause_after(503), 2);
}
END_TEST

START_TEST(retry_after_may_be_a_date)
{
	arrives_once(MIB, "{\"download-503\": {\"times\": 1, \"seconds\": 3, \"status\": 429, \"date\": true}}", "{}",
		     &(struct wish){ 0 });
	ck_assert_double_ge(pause_after(429), 1.9); /* a date has whole seconds */
}
END_TEST

START_TEST(no_more_connections_than_the_server_takes)
{
	arrives_once(24 * MIB, "{\"too-many\": {\"limit\": 2}}", MEDIUM, &(struct wish){ 0 });
	ck_assert_uint_eq(most_at_once(), 2);
	ck_assert_uint_le(count_status(503), 8);
}
END_TEST

START_TEST(a_server_without_ranges_has_one_connection)
{
	arrives_once(16 * MIB, "{\"no-ranges\": \"\"}", MEDIUM, &(struct wish){ 0 });
	ck_assert_uint_eq(n_requests, 1);
}
END_TEST

START_TEST(a_server_that_only_promises_ranges_has_one_connection)
{
	arrives_once(16 * MIB, "{\"no-ranges\": {\"says\": \"bytes\"}}", MEDIUM, &(struct wish){ 0 });
	ck_assert_uint_le(n_requests, 4);
}
END_TEST

START_TEST(a_server_that_says_nothing_of_ranges_may_have_none)
{
	arrives_once(16 * MIB, "{\"no-ranges\": {\"says\": \"\"}}", MEDIUM, &(struct wish){ 0 });
	ck_assert_uint_le(n_requests, 4);
}
END_TEST

START_TEST(without_ranges_a_cut_body_starts_over)
{
	arrives(4 * MIB, "{\"no-ranges\": \"\", \"download-cut\": 1}", "{}", &(struct wish){ 0 });
	ck_assert_int_eq(bytes_sent("file-0.run"), 6 * MIB);
}
END_TEST

START_TEST(ranges_answered_by_416_are_no_longer_asked_for)
{
	arrives_once(16 * MIB, "{\"ranges-416\": \"\"}", MEDIUM, &(struct wish){ 0 });
	ck_assert_uint_le(count_status(416), 3);
}
END_TEST

START_TEST(ranges_other_than_asked_for_are_no_longer_asked_for)
{
	arrives_once(16 * MIB, "{\"ranges-shifted\": \"\"}", MEDIUM, &(struct wish){ 0 });
	ck_assert_uint_le(count_status(206), 3);
}
END_TEST

START_TEST(ranges_with_wrong_bytes_are_noticed_by_the_digest)
{
	arrives(16 * MIB, "{\"ranges-lie\": \"\"}", MEDIUM, &(struct wish){ 0 });
	ck_assert_uint_ge(count_status(206), 1);
	ck_assert_int_le(bytes_sent("file-0.run"), 33 * MIB);
}
END_TEST

START_TEST(a_range_that_lies_once_does_not_spoil_the_file)
{
	arrives(16 * MIB, "{\"ranges-lie\": 1}", MEDIUM, &(struct wish){ 0 });
}
END_TEST

/* --- files that are another ---------------------------------------------------------------------- */

START_TEST(a_file_that_changes_between_two_ranges_starts_over)
{
	arrives(16 * MIB, "{\"download-changed\": 1}", MEDIUM, &(struct wish){ 0 });
	ck_assert_uint_ge(n_requests, 3);
}
END_TEST

START_TEST(a_file_that_changes_starts_over_without_a_digest_too)
{
	arrives(16 * MIB, "{\"download-changed\": 1}", MEDIUM, &(struct wish){ .unpinned = true });
}
END_TEST

START_TEST(a_file_that_changes_under_its_etag_is_noticed_by_the_digest)
{
	arrives(16 * MIB, "{\"download-changed\": {\"times\": 1, \"same\": true}}", MEDIUM, &(struct wish){ 0 });
}
END_TEST

START_TEST(a_file_that_grows_under_its_etag_starts_over)
{
	arrives(16 * MIB, "{\"download-changed\": {\"times\": 1, \"same\": true, \"size\": 12582912}}", MEDIUM,
		&(struct wish){ .unpinned = true });
}
END_TEST

START_TEST(a_length_that_is_too_large_is_noticed)
{
	arrives(2 * MIB, "{\"wrong-length\": {\"times\": 2, \"by\": 1000}}", "{}", &(struct wish){ 0 });
}
END_TEST

START_TEST(a_length_that_is_too_small_is_noticed)
{
	arrives(2 * MIB, "{\"wrong-length\": {\"host\": \"localhost\", \"by\": -1000}}", "{}",
		&(struct wish){ .mirrored = true });
}
END_TEST

/* --- mirrors ------------------------------------------------------------------------------------- */

START_TEST(the_next_mirror_continues_where_the_first_stopped)
{
	arrives_once(16 * MIB, "{\"download-cut\": {\"host\": \"localhost\", \"times\": 1}, "
			       "\"download-404\": {\"host\": \"localhost\", \"after\": 1}}",
		     "{\"rate\": 20000000}", &(struct wish){ .mirrored = true });
}
END_TEST

START_TEST(a_mirror_that_is_gone_half_way_is_left)
{
	arrives_once(16 * MIB, "{\"download-cut\": {\"host\": \"localhost\"}}", "{\"rate\": 20000000}",
		     &(struct wish){ .mirrored = true });
}
END_TEST

START_TEST(a_mirror_with_another_file_is_left)
{
	arrives(4 * MIB, "{\"download-changed\": {\"host\": \"localhost\"}}", "{}", &(struct wish){ .mirrored = true });
	ck_assert_int_eq(bytes_sent("file-0.run"), 8 * MIB);
}
END_TEST

/* --- what lies on the disk ----------------------------------------------------------------------- */

/* Half of a file, as a download leaves it that runs out of time. */
static void leave_half(struct download *d)
{
	const struct wish w = { .deadline_s = 1 };
	struct err e = ERR_INIT;
	struct fetch f;

	server_troubles("{\"download-cut\": \"\"}");
	ck_assert_int_eq(fetch_it(d, &w, &f, &e), -1);
	server_troubles("{}");
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

	prepare(&d, MIB, "{}", "{}");
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
		downloads_run(&d, 1, &(struct wish){ 0 });
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

	prepare(&d, MIB, "{}", "{}");
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
		downloads_run(&d, 1, &(struct wish){ 0 });
		assert_right_file(&d);
	}
}
END_TEST

START_TEST(a_part_without_a_sidecar_wedges_nothing)
{
	_cleanup_free_ char *part = NULL;
	struct download d;

	prepare(&d, MIB, "{}", "{}");
	part = xasprintf("%s.part", d.path);
	fixture_put(part, "anything");
	downloads_run(&d, 1, &(struct wish){ 0 });
	assert_arrived(&d);
}
END_TEST

SUITE_AROUND("fetch: ranges", server_start, server_stop, a_slow_link_is_shared_by_several_connections,
	     one_connection_stays_one, connections_that_are_cut_anywhere_are_continued,
	     a_process_killed_anywhere_is_continued, a_connection_that_stalls_is_given_up, retry_after_is_waited_for,
	     retry_after_may_be_a_date, no_more_connections_than_the_server_takes,
	     a_server_without_ranges_has_one_connection, a_server_that_only_promises_ranges_has_one_connection,
	     a_server_that_says_nothing_of_ranges_may_have_none, without_ranges_a_cut_body_starts_over,
	     ranges_answered_by_416_are_no_longer_asked_for, ranges_other_than_asked_for_are_no_longer_asked_for,
	     ranges_with_wrong_bytes_are_noticed_by_the_digest, a_range_that_lies_once_does_not_spoil_the_file,
	     a_file_that_changes_between_two_ranges_starts_over,
	     a_file_that_changes_starts_over_without_a_digest_too,
	     a_file_that_changes_under_its_etag_is_noticed_by_the_digest,
	     a_file_that_grows_under_its_etag_starts_over, a_length_that_is_too_large_is_noticed,
	     a_length_that_is_too_small_is_noticed, the_next_mirror_continues_where_the_first_stopped,
	     a_mirror_that_is_gone_half_way_is_left, a_mirror_with_another_file_is_left,
	     a_sidecar_spoilt_anywhere_wedges_nothing, a_part_spoilt_anywhere_wedges_nothing,
	     a_part_without_a_sidecar_wedges_nothing)
