#include "trust/cur.h"

#include "suite.h"

static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

START_TEST(numbers_are_little_endian)
{
	struct cur c = cur_of(bytes, sizeof(bytes));

	ck_assert_uint_eq(cur_u8(&c), 1);
	ck_assert_uint_eq(cur_le16(&c), 0x0302);
	ck_assert_uint_eq(cur_le24(&c), 0x060504);
	ck_assert_uint_eq(cur_le32(&c), 0x0a090807);
	ck_assert(cur_done(&c));
}
END_TEST

START_TEST(a_short_read_sticks)
{
	struct cur c = cur_of(bytes, 3);

	ck_assert_uint_eq(cur_le32(&c), 0);
	ck_assert(!cur_ok(&c));
	ck_assert_uint_eq(cur_u8(&c), 0);
	ck_assert_ptr_null(cur_bytes(&c, 1));
	ck_assert_ptr_null(cur_bytes(&c, 0));
	ck_assert_uint_eq(cur_left(&c), 0);
	ck_assert(!cur_done(&c));
}
END_TEST

START_TEST(leftovers_are_not_done)
{
	struct cur c = cur_of(bytes, 2);

	ck_assert_uint_eq(cur_u8(&c), 1);
	ck_assert(cur_ok(&c));
	ck_assert(!cur_done(&c));
	ck_assert_uint_eq(cur_left(&c), 1);
}
END_TEST

START_TEST(a_part_ends_where_it_ends)
{
	struct cur c = cur_of(bytes, sizeof(bytes));
	struct cur part = cur_sub(&c, 2);

	ck_assert_uint_eq(cur_le24(&part), 0);
	ck_assert(!cur_ok(&part));
	ck_assert(cur_ok(&c));
	ck_assert_uint_eq(cur_u8(&c), 3);
}
END_TEST

START_TEST(a_part_that_is_not_there_has_failed_from_the_start)
{
	struct cur c = cur_of(bytes, 2);
	struct cur part = cur_sub(&c, 3);

	ck_assert(!cur_ok(&c));
	ck_assert(!cur_ok(&part));
	ck_assert(!cur_done(&part));
}
END_TEST

START_TEST(a_size_near_the_largest_number_does_not_wrap)
{
	struct cur c = cur_of(bytes, sizeof(bytes));

	cur_u8(&c);
	ck_assert_ptr_null(cur_bytes(&c, SIZE_MAX));
	ck_assert(!cur_ok(&c));
}
END_TEST

START_TEST(nothing_at_all_is_done)
{
	struct cur c = cur_of(NULL, 0);

	ck_assert(cur_done(&c));
	ck_assert_ptr_null(cur_bytes(&c, 0));
	ck_assert(cur_ok(&c));
	ck_assert_uint_eq(cur_u8(&c), 0);
	ck_assert(!cur_ok(&c));
}
END_TEST

SUITE("cur", numbers_are_little_endian, a_short_read_sticks, leftovers_are_not_done,
      a_part_ends_where_it_ends, a_part_that_is_not_there_has_failed_from_the_start,
      a_size_near_the_largest_number_does_not_wrap, nothing_at_all_is_done)
