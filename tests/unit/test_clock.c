#include "core/clock.h"

#include "suite.h"

START_TEST(times_are_written_and_read_alike)
{
	static const struct {
		time_t t;
		const char *text;
	} times[] = {
		{ 0, "1970-01-01T00:00:00Z" },		 { 951782400, "2000-02-29T00:00:00Z" },
		{ 1709164800, "2024-02-29T00:00:00Z" },	 { 1709251199, "2024-02-29T23:59:59Z" },
		{ 2147483648, "2038-01-19T03:14:08Z" },	 { 1795305600, "2026-11-22T00:00:00Z" },
		{ 253402300799, "9999-12-31T23:59:59Z" }, { -1, "1969-12-31T23:59:59Z" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		char text[CLOCK_TEXT_SIZE];
		time_t t = 1;

		clock_format(times[i].t, text);
		ck_assert_str_eq(text, times[i].text);
		ck_assert_msg(clock_parse(times[i].text, &t), "%s", times[i].text);
		ck_assert_int_eq(t, times[i].t);
	}
}
END_TEST

START_TEST(every_day_of_four_years_survives)
{
	for (time_t t = 1704067200; t < 1704067200 + 4 * 366 * 86400; t += 86399) {
		char text[CLOCK_TEXT_SIZE];
		time_t back;

		clock_format(t, text);
		ck_assert(clock_parse(text, &back));
		ck_assert_int_eq(back, t);
	}
}
END_TEST

START_TEST(days_and_hours_that_do_not_exist_are_refused)
{
	static const char *const texts[] = {
		"2026-02-31T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:61Z",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		time_t t = 7;

		ck_assert_msg(!clock_parse(texts[i], &t), "%s", texts[i]);
		ck_assert_int_eq(t, 7);
	}
}
END_TEST

START_TEST(any_other_form_is_refused)
{
	static const char *const texts[] = {
		"", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00z",
		"2026-01-01t00:00:00Z", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.5Z", "2026-1-1T0:0:0Z",
		" 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z ", "2026-01-01T00:00:00ZZ", "+2026-01-01T00:00:00Z",
		"12026-01-01T00:00:00Z", "2026-01- 1T00:00:00Z", "0000-00-00T00:00:00Z",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		time_t t = 7;

		ck_assert_msg(!clock_parse(texts[i], &t), "\"%s\"", texts[i]);
		ck_assert_int_eq(t, 7);
	}
}
END_TEST

START_TEST(a_time_beyond_four_digits_of_years_is_empty)
{
	static const time_t beyond[] = { 253402300800, INT64_MAX, INT64_MIN, -3000000000000 };

	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++) {
		char text[CLOCK_TEXT_SIZE];

		memset(text, 'x', sizeof(text));
		clock_format(beyond[i], text);
		ck_assert_str_eq(text, "");
	}
}
END_TEST

START_TEST(the_zone_of_the_machine_does_not_matter)
{
	char text[CLOCK_TEXT_SIZE];
	time_t t;

	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	clock_format(0, text);
	ck_assert_str_eq(text, "1970-01-01T00:00:00Z");
	ck_assert(clock_parse("2024-02-29T00:00:00Z", &t));
	ck_assert_int_eq(t, 1709164800);
}
END_TEST

START_TEST(clocks_go_forward)
{
	uint64_t before = clock_monotonic_us();

	ck_assert_uint_ge(clock_monotonic_us(), before);
	ck_assert_int_gt(clock_wall_s(), 1600000000);
}
END_TEST

START_TEST(a_wait_doubles_up_to_its_limit_and_is_spread_over_all_of_it)
{
	unsigned int short_ones = 0, long_ones = 0;

	for (unsigned int tries = 0; tries < 80; tries++) {
		uint64_t whole = tries < 5 ? UINT64_C(2000000) << tries : UINT64_C(60000000);
		uint64_t wait = clock_backoff_us(tries, 2000000, 60000000);

		ck_assert_uint_le(wait, whole);
		short_ones += wait < whole / 2;
		long_ones += wait >= whole / 2;
	}
	/* By chance alone that is so 99.9999 times in 100. */
	ck_assert_uint_ge(short_ones, 10);
	ck_assert_uint_ge(long_ones, 10);
}
END_TEST

SUITE("clock", times_are_written_and_read_alike, every_day_of_four_years_survives,
      days_and_hours_that_do_not_exist_are_refused, any_other_form_is_refused,
      a_time_beyond_four_digits_of_years_is_empty, the_zone_of_the_machine_does_not_matter, clocks_go_forward,
      a_wait_doubles_up_to_its_limit_and_is_spread_over_all_of_it)
