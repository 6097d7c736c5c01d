#include "net/pieces.h"

#include "suite.h"

/* Pieces as text: "0-5 7-9". */
static const char *text(const struct pieces *p)
{
	static char out[512];
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->n; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%llu-%llu", i ? " " : "",
				      (unsigned long long)p->v[i].start,
				      (unsigned long long)p->v[i].end);
	return out;
}

START_TEST(what_touches_or_overlaps_becomes_one)
{
	struct pieces p = { 0 };

	pieces_add(&p, 10, 20);
	pieces_add(&p, 30, 40);
	pieces_add(&p, 0, 5);
	ck_assert_str_eq(text(&p), "0-5 10-20 30-40");
	pieces_add(&p, 5, 10);
	ck_assert_str_eq(text(&p), "0-20 30-40");
	pieces_add(&p, 15, 35);
	ck_assert_str_eq(text(&p), "0-40");
	pieces_add(&p, 50, 60);
	pieces_add(&p, 70, 80);
	pieces_add(&p, 45, 90);
	ck_assert_str_eq(text(&p), "0-40 45-90");
	pieces_add(&p, 3, 3);
	ck_assert_str_eq(text(&p), "0-40 45-90");
	ck_assert_uint_eq(pieces_total(&p), 85);
	pieces_clear(&p);
	ck_assert_str_eq(text(&p), "");
}
END_TEST

START_TEST(the_prefix_ends_at_the_first_gap)
{
	struct pieces p = { 0 };

	ck_assert_uint_eq(pieces_prefix(&p), 0);
	pieces_add(&p, 1, 5);
	ck_assert_uint_eq(pieces_prefix(&p), 0);
	pieces_add(&p, 0, 1);
	ck_assert_uint_eq(pieces_prefix(&p), 5);
	pieces_clear(&p);
}
END_TEST

START_TEST(the_first_gap_is_found)
{
	struct pieces p = { 0 };
	struct piece gap;

	ck_assert(pieces_gap(&p, 9, &gap) && gap.start == 0 && gap.end == 9);
	pieces_add(&p, 4, 6);
	ck_assert(pieces_gap(&p, 9, &gap) && gap.start == 0 && gap.end == 4);
	pieces_add(&p, 0, 2);
	ck_assert(pieces_gap(&p, 9, &gap) && gap.start == 2 && gap.end == 4);
	pieces_add(&p, 2, 4);
	ck_assert(pieces_gap(&p, 9, &gap) && gap.start == 6 && gap.end == 9);
	ck_assert(!pieces_gap(&p, 6, &gap));
	pieces_add(&p, 6, 9);
	ck_assert(!pieces_gap(&p, 9, &gap));
	pieces_clear(&p);
}
END_TEST

/* Against a map of bytes, for ranges of every kind. */
START_TEST(any_order_of_ranges_ends_alike)
{
	for (unsigned int seed = 1; seed <= 200; seed++) {
		bool map[64] = { 0 };
		struct pieces p = { 0 };
		uint64_t total = 0;

		srand(seed);
		for (int i = 0; i < 12; i++) {
			uint64_t start = (uint64_t)rand() % 64,
				 end = start + (uint64_t)rand() % (65 - start);

			pieces_add(&p, start, end);
			memset(map + start, 1, end - start);
		}
		for (uint64_t i = 0; i < 64; i++)
			total += map[i];
		ck_assert_uint_eq(pieces_total(&p), total);
		for (size_t i = 0; i < p.n; i++) {
			ck_assert_uint_lt(p.v[i].start, p.v[i].end);
			ck_assert(i == 0 || p.v[i - 1].end < p.v[i].start);
			for (uint64_t at = p.v[i].start; at < p.v[i].end; at++)
				ck_assert(map[at]);
		}
		pieces_clear(&p);
	}
}
END_TEST

SUITE("pieces", what_touches_or_overlaps_becomes_one, the_prefix_ends_at_the_first_gap,
      the_first_gap_is_found, any_order_of_ranges_ends_alike)
