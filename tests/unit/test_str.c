#include "core/str.h"

#include "suite.h"

START_TEST(equality_takes_null)
{
	ck_assert(str_eq("a", "a"));
	ck_assert(!str_eq("a", "b"));
	ck_assert(!str_eq("a", "aa"));
	ck_assert(str_eq(NULL, NULL));
	ck_assert(!str_eq(NULL, ""));
	ck_assert(!str_eq("", NULL));
}
END_TEST

START_TEST(beginnings_and_ends_are_found)
{
	ck_assert(str_starts("abc", "ab") && str_starts("abc", "") && str_starts("abc", "abc"));
	ck_assert(!str_starts("ab", "abc") && !str_starts("", "a"));
	ck_assert(str_ends("abc", "bc") && str_ends("abc", "") && str_ends("abc", "abc"));
	ck_assert(!str_ends("bc", "abc") && !str_ends("abc", "ab"));
}
END_TEST

static void check_trim(const char *text, const char *expected)
{
	_cleanup_free_ char *copy = xstrdup(text);

	ck_assert_str_eq(str_trim(copy), expected);
}

START_TEST(blanks_are_cut_off_both_ends_only)
{
	check_trim(" \t\r\n a b \n", "a b");
	check_trim("", "");
	check_trim(" \n ", "");
	check_trim("x", "x");
	check_trim("\303\251 ", "\303\251");
}
END_TEST

START_TEST(copying_always_terminates_and_says_whether_it_fitted)
{
	char dst[4];

	ck_assert(str_copy(dst, sizeof(dst), "abc"));
	ck_assert_str_eq(dst, "abc");
	ck_assert(!str_copy(dst, sizeof(dst), "abcd"));
	ck_assert_str_eq(dst, "abc");
	ck_assert(str_copy(dst, 1, ""));
	ck_assert(!str_copy(dst, 1, "x"));
	ck_assert_str_eq(dst, "");
}
END_TEST

START_TEST(words_are_whole_words)
{
	ck_assert(str_has_word("a bc d", "bc"));
	ck_assert(str_has_word("bc", "bc"));
	ck_assert(str_has_word("bcx bc", "bc"));
	ck_assert(str_has_word("xbc\tbc\n", "bc"));
	ck_assert(!str_has_word("abc bcd", "bc"));
	ck_assert(!str_has_word("", "bc"));
	ck_assert(!str_has_word("b c", "bc"));
	ck_assert(str_has_word("aaa aa", "aa"));
}
END_TEST

START_TEST(an_empty_word_is_no_word)
{
	ck_assert(!str_has_word("a b", ""));
	ck_assert(!str_has_word("", ""));
}
END_TEST

static void check_expand(const char *text, const char *expected)
{
	_cleanup_free_ char *s = str_expand(text, "version", "1.2", "v", "{version}", "empty", "", NULL);

	ck_assert_str_eq(s, expected);
}

START_TEST(names_in_braces_are_replaced_once)
{
	check_expand("x-{version}.run", "x-1.2.run");
	check_expand("{version}{version}", "1.21.2");
	check_expand("{v}", "{version}");
	check_expand("{empty}", "");
	check_expand("", "");
	check_expand("{unknown} {versio} {versions} { version}", "{unknown} {versio} {versions} { version}");
	check_expand("{version", "{version");
	check_expand("{{version}}", "{1.2}");
	check_expand("{", "{");
	check_expand("}{", "}{");
}
END_TEST

START_TEST(bytes_become_hex_and_hex_is_recognised)
{
	static const uint8_t bytes[] = { 0, 0x0f, 0xf0, 0xff };
	char text[9];

	str_hex(text, bytes, 4);
	ck_assert_str_eq(text, "000ff0ff");
	str_hex(text, bytes, 0);
	ck_assert_str_eq(text, "");
	ck_assert(str_is_hex("00fF", 4));
	ck_assert(!str_is_hex("00fF", 3) && !str_is_hex("00fF", 5));
	ck_assert(!str_is_hex("00fg", 4) && !str_is_hex("0x00", 4) && !str_is_hex(" 000", 4));
	ck_assert(str_is_hex("", 0));
}
END_TEST

START_TEST(what_is_logged_has_no_control_characters)
{
	char text[] = "a\033[31m\n\tb\177\303\251~ ";

	str_sanitise(text);
	ck_assert_str_eq(text, "a?[31m??b???~ ");
}
END_TEST

START_TEST(a_buffer_grows_and_stays_terminated)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };
	char expected[20001];

	strbuf_begin(&b);
	ck_assert_str_eq(b.s, "");
	for (int i = 0; i < 10000; i++) {
		if (i % 2)
			strbuf_add(&b, "xyz", 2);
		else
			strbuf_printf(&b, "%s", "xy");
		ck_assert_uint_eq(strlen(b.s), b.len);
	}
	for (size_t i = 0; i < 20000; i++)
		expected[i] = i % 2 ? 'y' : 'x';
	expected[20000] = '\0';
	ck_assert_str_eq(b.s, expected);
	strbuf_done(&b);
	ck_assert_ptr_null(b.s);
	strbuf_printf(&b, "%d%%", 5);
	ck_assert_str_eq(b.s, "5%");
}
END_TEST

SUITE("str", equality_takes_null, beginnings_and_ends_are_found, blanks_are_cut_off_both_ends_only,
      copying_always_terminates_and_says_whether_it_fitted, words_are_whole_words, an_empty_word_is_no_word,
      names_in_braces_are_replaced_once, bytes_become_hex_and_hex_is_recognised,
      what_is_logged_has_no_control_characters, a_buffer_grows_and_stays_terminated)
