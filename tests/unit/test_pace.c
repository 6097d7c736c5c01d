/* The number of connections, on simulated links: no time passes here. */
#include "net/pace.h"

#include "suite.h"

#define MB	1e6
#define STEP_US UINT64_C(20000)
#define FILE_B	UINT64_C(5000000000)

/* A link of so many bytes per second in all, and for each connection; a connection brings its first
 * bytes so long after it was wanted. */
struct link {
	double all, each;
	uint64_t comes_up_us;
};

struct drive {
	struct pace pace;
	uint64_t now_us, came, since_us[16];
	unsigned int most;
};

static void drive(struct drive *d, const struct link *l, uint64_t for_us, unsigned int max)
{
	if (!d->now_us) {
		pace_init(&d->pace, max);
		d->now_us = 1000000;
	}
	for (uint64_t end = d->now_us + for_us; d->now_us < end; d->now_us += STEP_US) {
		unsigned int flowing = 0;
		double rate;

		for (unsigned int i = 0; i < 16; i++) {
			if (i >= d->pace.lanes)
				d->since_us[i] = 0;
			else if (!d->since_us[i])
				d->since_us[i] = d->now_us;
			flowing += d->since_us[i] && d->now_us - d->since_us[i] >= l->comes_up_us;
		}
		rate = l->each * flowing;
		d->came += (uint64_t)((rate < l->all ? rate : l->all) * (double)STEP_US / 1e6);
		pace_tell(&d->pace, d->now_us, d->came, flowing,
			  d->came < FILE_B ? FILE_B - d->came : 0);
		if (d->pace.lanes > d->most)
			d->most = d->pace.lanes;
	}
}

START_TEST(a_limit_for_each_connection_is_met_by_more_of_them)
{
	const struct link l = { .all = 1000 * MB, .each = 50 * MB, .comes_up_us = 100000 };
	struct drive d = { 0 };

	drive(&d, &l, 3000000, 8);
	ck_assert_uint_eq(d.pace.lanes, 8);
}
END_TEST

START_TEST(a_link_that_one_connection_fills_keeps_one)
{
	const struct link l = { .all = 100 * MB, .each = 100 * MB, .comes_up_us = 100000 };
	struct drive d = { 0 };

	drive(&d, &l, 4000000, 8);
	ck_assert_uint_eq(d.pace.lanes, 1);
	ck_assert_uint_gt(d.most, 1); /* it was tried */
}
END_TEST

START_TEST(what_brought_something_is_kept_and_what_did_not_is_not)
{
	const struct link l = { .all = 100 * MB, .each = 40 * MB, .comes_up_us = 100000 };
	struct drive d = { 0 };

	drive(&d, &l, 4000000, 16);
	ck_assert_uint_eq(d.pace.lanes, 3);
	ck_assert_uint_eq(d.most, 9);
}
END_TEST

START_TEST(a_try_that_failed_is_repeated_later_and_later)
{
	const struct link l = { .all = 10 * MB, .each = 10 * MB };
	struct drive d = { 0 };
	uint64_t last_us = 0, pause_us = 0;
	unsigned int tries = 0;

	while (d.now_us < UINT64_C(120000000)) {
		unsigned int before = d.pace.lanes;

		drive(&d, &l, STEP_US, 8);
		if (before != 1 || d.pace.lanes == 1)
			continue;
		if (last_us) {
			ck_assert_uint_gt(d.now_us - last_us, pause_us);
			pause_us = d.now_us - last_us;
		}
		last_us = d.now_us;
		tries++;
	}
	ck_assert_uint_ge(tries, 4);
	ck_assert_uint_le(tries, 7);
}
END_TEST

START_TEST(a_link_that_changed_is_found_out)
{
	struct link l = { .all = 100 * MB, .each = 100 * MB };
	struct drive d = { 0 };

	drive(&d, &l, 4000000, 8);
	ck_assert_uint_eq(d.pace.lanes, 1);
	l.each = 20 * MB;
	drive(&d, &l, 15000000, 8);
	ck_assert_uint_gt(d.pace.lanes, 1);
}
END_TEST

START_TEST(what_ends_soon_gets_no_more)
{
	const struct link l = { .all = 5000 * MB, .each = 4000 * MB };
	struct drive d = { 0 };

	drive(&d, &l, 1200000, 8);
	ck_assert_uint_eq(d.most, 1);
}
END_TEST

START_TEST(connections_that_never_come_up_are_given_up)
{
	const struct link l = { .all = 1000 * MB, .each = 50 * MB, .comes_up_us = 100000 };
	struct drive d = { 0 };

	drive(&d, &l, 200000, 8);
	while (d.pace.lanes == 1)
		drive(&d, &l, STEP_US, 8);
	/* The first one flows on; the others do not. */
	for (int i = 0; i < 400; i++) {
		d.now_us += STEP_US;
		d.came += (uint64_t)(l.each * (double)STEP_US / 1e6);
		pace_tell(&d.pace, d.now_us, d.came, 1, FILE_B - d.came);
	}
	ck_assert_uint_eq(d.pace.lanes, 1);
}
END_TEST

START_TEST(a_refusal_sets_the_limit)
{
	const struct link l = { .all = 1000 * MB, .each = 50 * MB };
	struct drive d = { 0 };

	drive(&d, &l, 3000000, 8);
	pace_limit(&d.pace, 2);
	ck_assert_uint_eq(d.pace.lanes, 2);
	drive(&d, &l, 10000000, 8);
	ck_assert_uint_eq(d.pace.lanes, 2);
	pace_limit(&d.pace, 0);
	ck_assert_uint_eq(d.pace.lanes, 1);
}
END_TEST

SUITE("pace", a_limit_for_each_connection_is_met_by_more_of_them,
      a_link_that_one_connection_fills_keeps_one,
      what_brought_something_is_kept_and_what_did_not_is_not,
      a_try_that_failed_is_repeated_later_and_later, a_link_that_changed_is_found_out,
      what_ends_soon_gets_no_more, connections_that_never_come_up_are_given_up,
      a_refusal_sets_the_limit)
