#include "net/answer.h"

#include "core/clock.h"
#include "suite.h"

static struct answer read_lines(const char *const *lines)
{
	struct answer a = { 0 };

	for (; *lines; lines++)
		answer_line(&a, *lines);
	return a;
}

#define ANSWER(...) \
	read_lines((const char *const[]){ "HTTP/1.1 206 Partial Content", __VA_ARGS__, NULL })

START_TEST(a_range_is_read)
{
	struct answer a = ANSWER("content-range:  bytes 10-19/100", "Content-Length: 10");

	ck_assert(a.status == 206 && a.has_range && a.start == 10 && a.end == 20);
	ck_assert(a.total == 100 && a.length == 10);
	a = ANSWER("Content-Range: bytes 10-19/*");
	ck_assert(a.has_range && a.total == 0);
}
END_TEST

START_TEST(a_range_that_makes_no_sense_is_none)
{
	static const char *const bad[] = { "bytes 20-10/100", "bytes 10-100/100", "bytes */100",
					   "pages 1-2/3", "" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *line = xasprintf("Content-Range: %s", bad[i]);

		ck_assert_msg(!ANSWER(line).has_range, "%s", bad[i]);
	}
}
END_TEST

START_TEST(the_wish_to_come_back_is_seconds_or_a_date)
{
	char line[128] = "Retry-After: ";
	time_t then = clock_wall_s() + 100;
	unsigned int after_s;
	struct tm tm;

	ck_assert_uint_eq(ANSWER("Retry-After: 7").retry_after_s, 7);
	ck_assert_uint_eq(ANSWER("Retry-After: 99999999999999999999").retry_after_s, 86400);
	ck_assert_uint_eq(ANSWER("Retry-After: -1").retry_after_s, 0);
	ck_assert_uint_eq(ANSWER("Retry-After: soon").retry_after_s, 0);
	ck_assert_uint_eq(ANSWER("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT").retry_after_s, 0);
	gmtime_r(&then, &tm);
	strftime(line + strlen(line), 64, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	after_s = ANSWER(line).retry_after_s;
	ck_assert_uint_le(after_s, 100);
	ck_assert_int_ge(clock_wall_s() + after_s, then);
}
END_TEST

START_TEST(a_length_beside_a_transfer_coding_does_not_count)
{
	ck_assert_uint_eq(ANSWER("Content-Length: 5", "Transfer-Encoding: chunked").length, 0);
	ck_assert_uint_eq(ANSWER("Transfer-Encoding: chunked", "Content-Length: 5").length, 0);
}
END_TEST

START_TEST(only_strong_tags_are_kept)
{
	ck_assert_str_eq(ANSWER("ETag: \"x\"").etag, "\"x\"");
	ck_assert_str_eq(ANSWER("ETag: W/\"x\"").etag, "");
}
END_TEST

START_TEST(the_last_answer_is_the_one_that_counts)
{
	struct answer a = ANSWER("ETag: \"x\"", "Accept-Ranges: none", "HTTP/1.1 200 OK");

	ck_assert(a.status == 200 && !*a.etag && !a.no_ranges);
}
END_TEST

SUITE("answer", a_range_is_read, a_range_that_makes_no_sense_is_none,
      the_wish_to_come_back_is_seconds_or_a_date, a_length_beside_a_transfer_coding_does_not_count,
      only_strong_tags_are_kept, the_last_answer_is_the_one_that_counts)
