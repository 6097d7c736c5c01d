#include "intent.h"

#include "core/fs.h"
#include "core/str.h"
#include "fixture.h"
#include "suite.h"

static struct err e = ERR_INIT;

START_TEST(a_record_is_there_until_it_is_ended)
{
	_cleanup_free_ char *before = NULL, *text = NULL, *after = NULL;

	ck_assert_int_eq(intent_read("cuda", &before, &e), 0);
	ck_assert_ptr_null(before);
	ck_assert_int_eq(intent_begin("cuda", "/usr/local/cuda-12.8 absent\n", &e), 0);
	ck_assert_int_eq(intent_read("cuda", &text, &e), 0);
	ck_assert_str_eq(text, "/usr/local/cuda-12.8 absent\n");
	ck_assert_int_eq(intent_end("cuda", &e), 0);
	ck_assert_int_eq(intent_end("cuda", &e), 0);
	ck_assert_int_eq(intent_read("cuda", &after, &e), 0);
	ck_assert_ptr_null(after);
}
END_TEST

START_TEST(the_first_record_stays)
{
	_cleanup_free_ char *text = NULL;

	ck_assert_int_eq(intent_begin("cuda", "absent\n", &e), 0);
	ck_assert_int_eq(intent_begin("cuda", "there\n", &e), 0);
	ck_assert_int_eq(intent_read("cuda", &text, &e), 0);
	ck_assert_str_eq(text, "absent\n");
}
END_TEST

SUITE_AROUND("intent", fixture_root_make, fixture_root_drop, a_record_is_there_until_it_is_ended,
	     the_first_record_stays)
