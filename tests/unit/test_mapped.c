#include "mapped.h"

#include "core/str.h"
#include "fixture.h"
#include "paths.h"
#include "suite.h"

#define BOOT  "b0000000-0000-4000-8000-000000000001"
#define OTHER "b0000000-0000-4000-8000-000000000002"

static struct facts *f;

static void begin(void)
{
	fixture_root_make();
	f = xcalloc(1, sizeof(*f));
	f->known = FACTS_ALL;
	str_copy(f->machine.boot_id, sizeof(f->machine.boot_id), BOOT);
	f->boot.swiotlb_known = true;
	f->boot.swiotlb_bytes = UINT64_C(8) << 30;
}

static void end(void)
{
	free(f);
	fixture_root_drop();
}

static void keep(void)
{
	struct err e = ERR_INIT;

	ck_assert_msg(mapped_keep(f, &e) == 0, "%s", e.msg);
}

START_TEST(what_was_read_is_kept_for_this_boot)
{
	uint64_t bytes = 0;

	ck_assert(!mapped_kept(BOOT, &bytes));
	keep();
	ck_assert(mapped_kept(BOOT, &bytes));
	ck_assert_uint_eq(bytes, UINT64_C(8) << 30);
	ck_assert(!mapped_kept(OTHER, &bytes));
	ck_assert(!mapped_kept("", &bytes));
}
END_TEST

START_TEST(what_was_not_read_is_not_kept)
{
	uint64_t bytes;

	f->boot.swiotlb_known = false;
	keep();
	ck_assert(!mapped_kept(BOOT, &bytes));
	f->boot.swiotlb_known = f->boot.swiotlb_kept = true;
	keep();
	ck_assert(!mapped_kept(BOOT, &bytes));
	f->boot.swiotlb_kept = false;
	f->known = FACTS_ALL & ~(unsigned int)FACTS_BOOT;
	keep();
	ck_assert(!mapped_kept(BOOT, &bytes));
}
END_TEST

START_TEST(what_is_garbled_says_nothing)
{
	static const char *const texts[] = { "", BOOT, BOOT " ", BOOT " x", BOOT " 12x", BOOT " -1", BOOT "12",
					     BOOT " 99999999999999999999999" };
	uint64_t bytes = 5;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		fixture_put(PATH_MAPPED, texts[i]);
		ck_assert_msg(!mapped_kept(BOOT, &bytes), "%s", texts[i]);
	}
	ck_assert_uint_eq(bytes, 5);
}
END_TEST

START_TEST(the_kernel_is_believed_before_it)
{
	uint64_t bytes = 0;

	keep();
	f->boot.swiotlb_bytes = UINT64_C(1) << 30;
	keep();
	ck_assert(mapped_kept(BOOT, &bytes));
	ck_assert_uint_eq(bytes, UINT64_C(1) << 30);
}
END_TEST

SUITE_AROUND("mapped", begin, end, what_was_read_is_kept_for_this_boot, what_was_not_read_is_not_kept,
	     what_is_garbled_says_nothing, the_kernel_is_believed_before_it)
