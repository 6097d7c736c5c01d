#include "progress.h"

#include "core/clock.h"
#include "core/str.h"
#include "fixture.h"
#include "suite.h"

#define MIB (1024 * 1024)

static struct progress p;
static sd_event *loop;

static void start(void)
{
	fixture_root_make();
	ck_assert_int_ge(sd_event_new(&loop), 0);
	progress_init(&p, loop);
}

static void stop(void)
{
	progress_done(&p);
	sd_event_unref(loop);
	fixture_root_drop();
}

static void bytes(enum step_id id, uint64_t done, uint64_t total, double rate)
{
	struct worker_progress w = { .done = done, .total = total, .rate = rate, .connections = 2 };

	progress_take(&p, &steps[id], &w);
}

static void words(enum step_id id, const char *text)
{
	struct worker_progress w = { 0 };

	str_copy(w.text, sizeof(w.text), text);
	progress_take(&p, &steps[id], &w);
}

static void check_line(const char *expected, double share)
{
	char line[PROGRESS_LINE_SIZE];
	double found;

	progress_line(&p, line, &found);
	ck_assert_str_eq(line, expected);
	ck_assert_double_eq_tol(found, share, 0.001);
}

START_TEST(one_download_says_share_size_rate_and_what_is_left)
{
	progress_begin(&p, &steps[STEP_FETCH_CUDA]);
	check_line("", -1);
	bytes(STEP_FETCH_CUDA, 40 * MIB, 100 * MIB, 20 * MIB);
	check_line("fetch-cuda: 40 % of 100 MiB, 20.0 MiB/s, 3 s left", 0.4);
	bytes(STEP_FETCH_CUDA, 100 * MIB, 100 * MIB, 0);
	check_line("fetch-cuda: 100 % of 100 MiB, 0.0 MiB/s", 1);
	progress_end(&p, &steps[STEP_FETCH_CUDA]);
	check_line("", -1);
}
END_TEST

START_TEST(downloads_side_by_side_are_one_line_and_other_steps_follow)
{
	progress_begin(&p, &steps[STEP_FETCH_DRIVER]);
	progress_begin(&p, &steps[STEP_FETCH_CUDA]);
	progress_begin(&p, &steps[STEP_PACKAGES]);
	bytes(STEP_FETCH_DRIVER, 50 * MIB, 100 * MIB, 10 * MIB);
	bytes(STEP_FETCH_CUDA, 100 * MIB, 500 * MIB, 35 * MIB);
	check_line("fetch-driver, fetch-cuda: 25 % of 600 MiB, 45.0 MiB/s, 10 s left", 0.25);
	words(STEP_PACKAGES, "Installing gcc");
	check_line(
		"fetch-driver, fetch-cuda: 25 % of 600 MiB, 45.0 MiB/s, 10 s left; packages: Installing gcc",
		0.25);
	progress_end(&p, &steps[STEP_FETCH_DRIVER]);
	progress_end(&p, &steps[STEP_FETCH_CUDA]);
	check_line("packages: Installing gcc", -1);
}
END_TEST

START_TEST(a_size_that_is_not_known_makes_no_share)
{
	progress_begin(&p, &steps[STEP_FETCH_DRIVER]);
	progress_begin(&p, &steps[STEP_FETCH_CUDA]);
	bytes(STEP_FETCH_DRIVER, 5 * MIB, 0, MIB);
	check_line("fetch-driver: 5.0 MiB, 1.0 MiB/s", -1);
	bytes(STEP_FETCH_CUDA, 5 * MIB, 10 * MIB, MIB);
	check_line("fetch-driver, fetch-cuda: 10.0 MiB, 2.0 MiB/s", -1);
}
END_TEST

/* The file as it is once the loop had its turn. */
static char *file(void)
{
	char *text;
	struct err e = ERR_INIT;

	ck_assert_msg(fs_read("/run/gn8v/progress.json", 65536, &text, NULL, &e) == 0, "%s", e.msg);
	return text;
}

START_TEST(the_last_word_is_written_though_it_came_within_a_second)
{
	_cleanup_free_ char *first = NULL, *second = NULL, *third = NULL;
	uint64_t due_us;

	progress_begin(&p, &steps[STEP_FETCH_CUDA]);
	bytes(STEP_FETCH_CUDA, 10 * MIB, 100 * MIB, 0);
	first = file();
	ck_assert_has(first, "\"bytes\": 10485760");
	ck_assert_has(first, "\"eta_s\": null");
	/* However long the machine takes, no second has passed; then it passes at once. */
	p.written_us = clock_monotonic_us() + UINT64_C(3600000000);
	bytes(STEP_FETCH_CUDA, 90 * MIB, 100 * MIB, 5 * MIB);
	second = file();
	ck_assert_str_eq(first, second);
	ck_assert_int_ge(sd_event_source_get_time(p.timer, &due_us), 0);
	ck_assert_uint_eq(due_us, p.written_us + 1000000);
	ck_assert_int_ge(sd_event_source_set_time(p.timer, 0), 0);
	ck_assert_int_gt(sd_event_run(loop, UINT64_MAX), 0);
	third = file();
	ck_assert_has(third, "\"step\": \"fetch-cuda\", \"bytes\": 94371840, \"total\": 104857600");
	ck_assert_has(third, "\"eta_s\": 2.0, \"connections\": 2");
	ck_assert_has(third, "\"downloads\": { \"bytes\": 94371840");
}
END_TEST

/* How many lines the journal got of a download that was at these percents, one after another. */
static size_t lines_of(const unsigned int *percents, size_t n)
{
	_cleanup_fclose_ FILE *log = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t lines = 0;

	ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
	progress_begin(&p, &steps[STEP_FETCH_CUDA]);
	for (size_t i = 0; i < n; i++)
		bytes(STEP_FETCH_CUDA, percents[i] * MIB, 100 * MIB, MIB);
	ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
	close(saved);
	rewind(log);
	for (int c; (c = fgetc(log)) != EOF;)
		lines += c == '\n';
	return lines;
}

START_TEST(the_journal_gets_a_line_for_a_tenth_one_for_what_was_there_before_and_none_for_the_end)
{
	static const unsigned int slow[] = { 0, 5, 9, 10, 11, 19, 20, 29, 31, 95, 100 };
	static const unsigned int resumed[] = { 57, 58, 59, 61 };
	static const unsigned int begun_anew[] = { 57, 0, 10, 57, 58, 60 };
	static const unsigned int at_once[] = { 100 };

	ck_assert_uint_eq(lines_of(slow, ARRAY_SIZE(slow)), 4);
	ck_assert_uint_eq(lines_of(resumed, ARRAY_SIZE(resumed)), 2);
	ck_assert_uint_eq(lines_of(begun_anew, ARRAY_SIZE(begun_anew)), 2);
	ck_assert_uint_eq(lines_of(at_once, ARRAY_SIZE(at_once)), 0);
}
END_TEST

START_TEST(a_bar_is_as_long_as_its_share)
{
	static const struct {
		double share;
		const char *bar;
	} cases[] = {
		{0,    "[........................]"},
		{ 0.5, "[############............]"},
		{ 1,   "[########################]"},
		{ 7,   "[########################]"},
		{ -1,  "[........................]"}
	};
	char bar[TERMINAL_BAR_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		terminal_bar(cases[i].share, bar);
		ck_assert_str_eq(bar, cases[i].bar);
	}
}
END_TEST

SUITE_AROUND("progress", start, stop, one_download_says_share_size_rate_and_what_is_left,
	     downloads_side_by_side_are_one_line_and_other_steps_follow,
	     a_size_that_is_not_known_makes_no_share,
	     the_last_word_is_written_though_it_came_within_a_second,
	     the_journal_gets_a_line_for_a_tenth_one_for_what_was_there_before_and_none_for_the_end,
	     a_bar_is_as_long_as_its_share)
