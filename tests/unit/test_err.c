#include "core/err.h"

#include <errno.h>

#include "codes.h"
#include "core/str.h"
#include "suite.h"

static const struct err_kind *const kinds[] = {
	&ERR_IO,      &ERR_DISK_FULL, &ERR_FORMAT, &ERR_TOO_LARGE, &ERR_NETWORK, &ERR_HTTP,	   &ERR_UNTRUSTED,
	&ERR_DIGEST,  &ERR_CHILD,     &ERR_TIMEOUT, &ERR_BUS,	   &ERR_ARGUMENT, &ERR_INTERNAL,
#define X(name, code, class, who, hint) &name,
	CODES(X)
#undef X
};

START_TEST(setting_an_error_is_always_minus_one_and_forgets_the_old)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(err_set(&e, &ERR_IO, "reading %s", "/x"), -1);
	err_hint(&e, "look");
	ck_assert_str_eq(e.msg, "reading /x");
	ck_assert_int_eq(err_set(&e, &ERR_HTTP, "%d", 503), -1);
	ck_assert_ptr_eq(e.kind, &ERR_HTTP);
	ck_assert_str_eq(e.msg, "503");
	ck_assert_str_eq(err_hint_text(&e), ERR_HTTP.hint);
}
END_TEST

START_TEST(nobody_has_to_take_the_error)
{
	ck_assert_int_eq(err_set(NULL, &ERR_IO, "x"), -1);
	ck_assert_int_eq(err_errno(NULL, EIO, "x"), -1);
	ck_assert_int_eq(err_wrap(NULL, "x"), -1);
	ck_assert_int_eq(err_rekind(NULL, &ERR_IO), -1);
	ck_assert_int_eq(err_hint(NULL, "x"), -1);
}
END_TEST

START_TEST(errno_gives_its_words_and_a_full_disk_its_kind)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(err_errno(&e, ENOENT, "opening %s", "/x"), -1);
	ck_assert_str_eq(e.msg, "opening /x: No such file or directory");
	ck_assert_ptr_eq(e.kind, &ERR_IO);
	err_errno(&e, ENOSPC, "x");
	ck_assert_ptr_eq(e.kind, &ERR_DISK_FULL);
	err_errno(&e, EDQUOT, "x");
	ck_assert_ptr_eq(e.kind, &ERR_DISK_FULL);
	err_errno(&e, EACCES, "x");
	ck_assert_str_eq(e.kind->code, ERR_IO.code);
	ck_assert(strstr(e.hint, "permission"));
	err_errno(&e, 99999, "x");
	ck_assert_ptr_eq(e.kind, &ERR_IO);
}
END_TEST

START_TEST(wrapping_puts_context_in_front_and_keeps_the_rest)
{
	struct err e = ERR_INIT;

	err_set(&e, &ERR_CHILD, "exit status 1");
	err_hint(&e, "do %s", "this");
	ck_assert_int_eq(err_wrap(&e, "driver %s", "570"), -1);
	ck_assert_int_eq(err_wrap(&e, "step driver"), -1);
	ck_assert_str_eq(e.msg, "step driver: driver 570: exit status 1");
	ck_assert_ptr_eq(e.kind, &ERR_CHILD);
	ck_assert_str_eq(err_hint_text(&e), "do this");
	err_rekind(&e, &CODE_DRIVER);
	ck_assert_ptr_eq(e.kind, &CODE_DRIVER);
	ck_assert_str_eq(e.msg, "step driver: driver 570: exit status 1");
}
END_TEST

START_TEST(words_that_are_too_long_are_cut_and_stay_terminated)
{
	struct err e;
	char longest[2000];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (size_t n = sizeof(e.msg) - 6; n < sizeof(e.msg) + 6; n++) {
		memset(&e, 0x7f, sizeof(e));
		err_set(&e, &ERR_IO, "%.*s", (int)n, longest);
		ck_assert_uint_eq(strnlen(e.msg, sizeof(e.msg)), n < sizeof(e.msg) ? n : sizeof(e.msg) - 1);
		err_wrap(&e, "in front");
		ck_assert_uint_eq(strnlen(e.msg, sizeof(e.msg)), sizeof(e.msg) - 1);
		ck_assert(str_starts(e.msg, "in front: xxx"));
		err_set(&e, &ERR_IO, "behind");
		err_wrap(&e, "%.*s", (int)n, longest);
		ck_assert_uint_eq(strnlen(e.msg, sizeof(e.msg)), sizeof(e.msg) - 1);
		err_errno(&e, ENOENT, "%.*s", (int)n, longest);
		ck_assert_uint_eq(strnlen(e.msg, sizeof(e.msg)), sizeof(e.msg) - 1);
	}
	err_hint(&e, "%s", longest);
	ck_assert_uint_eq(strnlen(e.hint, sizeof(e.hint)), sizeof(e.hint) - 1);
}
END_TEST

START_TEST(wrapping_many_times_keeps_the_outermost_words)
{
	struct err e = ERR_INIT;

	err_set(&e, &ERR_IO, "innermost");
	for (int i = 0; i < 1000; i++)
		err_wrap(&e, "context %d", i);
	ck_assert(str_starts(e.msg, "context 999: context 998: "));
	ck_assert_uint_lt(strnlen(e.msg, sizeof(e.msg)), sizeof(e.msg));
}
END_TEST

START_TEST(every_kind_says_who_can_mend_it_and_how)
{
	static const char people[] = "operator alibaba-cloud nvidia network gn8v";

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct err_kind *k = kinds[i];
		struct err e = { .kind = k };

		ck_assert_msg(k->code[strspn(k->code, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0', "%s", k->code);
		ck_assert_msg(strlen(k->code) > 0 && strlen(k->code) < 48, "%s", k->code);
		ck_assert_msg(str_has_word(people, k->who), "%s: who is %s?", k->code, k->who);
		ck_assert_msg(strlen(k->hint) > 0 && strlen(k->hint) < sizeof(e.hint), "%s has no hint that fits", k->code);
		ck_assert_str_eq(err_hint_text(&e), k->hint);
		ck_assert_ptr_nonnull(err_class_name(k->class));
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(k->code, kinds[j]->code);
	}
	ck_assert_str_eq(err_class_name(ERR_CLASS_REFUSE), "refuse");
	ck_assert_str_eq(err_hint_text(&(struct err)ERR_INIT), "");
}
END_TEST

SUITE("err", setting_an_error_is_always_minus_one_and_forgets_the_old, nobody_has_to_take_the_error,
      errno_gives_its_words_and_a_full_disk_its_kind, wrapping_puts_context_in_front_and_keeps_the_rest,
      words_that_are_too_long_are_cut_and_stay_terminated, wrapping_many_times_keeps_the_outermost_words,
      every_kind_says_who_can_mend_it_and_how)
