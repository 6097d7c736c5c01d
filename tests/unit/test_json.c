#include "core/json.h"

#include "core/str.h"
#include "fixture.h"
#include "suite.h"

static struct json_object *parse(const char *text)
{
	struct json_object *o = NULL;
	struct err e = ERR_INIT;

	ck_assert_msg(json_parse(text, strlen(text), "x.json", &o, &e) == 0, "%s: %s", text, e.msg);
	return o;
}

static void check_refused(const char *text, size_t len, const char *words)
{
	struct json_object *o = (struct json_object *)&o;
	struct err e = ERR_INIT;

	ck_assert_msg(json_parse(text, len, "x.json", &o, &e) == -1, "accepted: %s", text);
	ck_assert_ptr_eq(o, &o);
	ck_assert_str_eq(e.kind->code, "format");
	ck_assert_has(e.msg, words);
}

START_TEST(one_value_with_blanks_around_it_is_a_text)
{
	static const char *const texts[] = { "{}", " [1, 2] ", "\n\t\"x\"\r\n", "7", "-1.5e3 ", "true", "false\n", "{\"a\": null}" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_json_ struct json_object *o = parse(texts[i]);

		ck_assert_ptr_nonnull(o);
	}
	ck_assert_ptr_null(parse("null"));
}
END_TEST

START_TEST(an_error_names_file_line_and_column)
{
	check_refused("{\n  \"a\": 1,\n  \"b\": tru\n}", 26, "x.json: line 3, column ");
	check_refused("", 0, "x.json: line 1, column 1: ");
	check_refused("\n\n\n  ]", 6, "x.json: line 4, column 3: ");
	check_refused("{\"a\" 1}", 7, "x.json: line 1, column 6: ");
}
END_TEST

START_TEST(what_is_not_one_whole_value_is_refused)
{
	static const char *const texts[] = { "{", "[1", "\"x", "{\"a\":", "{\"a\": 1,}", "[1,]", "tru", "nul", "1 2", "{} {}",
					     "{}x", "{} 7", "/* c */ {}", "'x'", "{a: 1}", "[1 2]", "0x10",
					     "\"\\q\"", "-" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		check_refused(texts[i], strlen(texts[i]), "x.json: line 1, column ");
}
END_TEST

START_TEST(a_nul_inside_is_refused)
{
	check_refused("{}\0{}", 5, "line 1");
	check_refused("\0", 1, "line 1");
	check_refused("{\"a\": \"x\0y\"}", 12, "line 1");
	check_refused("7\0", 2, "line 1");
}
END_TEST

START_TEST(depth_is_limited)
{
	char text[200] = "";

	for (size_t depth = 1; depth < 64; depth++) {
		_cleanup_json_ struct json_object *o = NULL;
		struct err e = ERR_INIT;
		int r;

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = '\0';
		r = json_parse(text, 2 * depth, "x.json", &o, &e);
		if (depth <= 30)
			ck_assert_msg(r == 0, "depth %zu: %s", depth, e.msg);
		if (depth > 33)
			ck_assert_msg(r == -1, "depth %zu", depth);
	}
}
END_TEST

START_TEST(getters_fall_back_on_other_types_and_missing_keys)
{
	_cleanup_json_ struct json_object *o =
		parse("{\"s\": \"x\", \"i\": 7, \"d\": 1.5, \"b\": true, \"n\": null, \"a\": [1, 2], \"o\": {}}");
	static const char *const keys[] = { "s", "i", "d", "b", "n", "a", "o", "missing" };

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		const char *key = keys[k];

		ck_assert_str_eq(json_str(o, key, "fallback"), str_eq(key, "s") ? "x" : "fallback");
		ck_assert_int_eq(json_int(o, key, -1), str_eq(key, "i") ? 7 : -1);
		ck_assert_double_eq(json_num(o, key, -1), str_eq(key, "i") ? 7 : str_eq(key, "d") ? 1.5 : -1);
		ck_assert(json_flag(o, key, false) == str_eq(key, "b"));
		ck_assert_uint_eq(json_count(json_get(o, key)), str_eq(key, "a") ? 2 : 0);
	}
	ck_assert_ptr_null(json_get(NULL, "x"));
	ck_assert_ptr_null(json_get(json_get(o, "a"), "x"));
	ck_assert_ptr_null(json_str(o, "missing", NULL));
	ck_assert_int_eq(json_object_get_int(json_item(json_get(o, "a"), 1)), 2);
	ck_assert_ptr_null(json_item(json_get(o, "a"), 2));
	ck_assert_uint_eq(json_count(NULL), 0);
}
END_TEST

START_TEST(what_is_no_number_is_never_handed_out)
{
	_cleanup_json_ struct json_object *o = NULL;
	struct err e = ERR_INIT;

	if (json_parse("{\"a\": NaN, \"b\": -Infinity}", 26, "x.json", &o, &e) < 0)
		return;
	ck_assert_double_eq(json_num(o, "a", -1), -1);
	ck_assert_double_eq(json_num(o, "b", -1), -1);
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
	_cleanup_json_ struct json_object *o = json_object_new_object(), *back = NULL;
	struct err e = ERR_INIT;

	json_set_str(o, "s", "a/b \"q\" \xc3\xa9\n");
	json_set_str(o, "none", NULL);
	json_set_int(o, "i", INT64_MIN);
	json_set_num(o, "d", 1.0625);
	json_set_bool(o, "b", true);
	json_set(o, "a", json_object_new_array());
	ck_assert_int_eq(json_write("/x/y.json", 0600, o, &e), 0);
	ck_assert_int_eq(json_read("/x/y.json", 4096, &back, &e), 0);
	ck_assert_str_eq(json_str(back, "s", ""), "a/b \"q\" \xc3\xa9\n");
	ck_assert_int_eq(json_int(back, "i", 0), INT64_MIN);
	ck_assert_double_eq_tol(json_num(back, "d", 0), 1.062, 0.0011);
	ck_assert(json_object_object_get_ex(back, "none", NULL));
	ck_assert_ptr_null(json_get(back, "none"));
}
END_TEST

START_TEST(a_missing_and_a_large_file_are_named)
{
	_cleanup_json_ struct json_object *o = NULL;
	struct err e = ERR_INIT;

	ck_assert_int_eq(json_read("/no.json", 100, &o, &e), -1);
	ck_assert_str_eq(e.kind->code, "io");
	ck_assert_has(e.msg, "/no.json");
	fixture_put("/big.json", "[                    ]");
	ck_assert_int_eq(json_read("/big.json", 10, &o, &e), -1);
	ck_assert_str_eq(e.kind->code, "too-large");
	fixture_put("/bad.json", "[\n1,\n");
	ck_assert_int_eq(json_read("/bad.json", 10, &o, &e), -1);
	ck_assert_has(e.msg, "/bad.json: line 3");
}
END_TEST

SUITE_AROUND("json", fixture_root_make, fixture_root_drop, one_value_with_blanks_around_it_is_a_text,
	     an_error_names_file_line_and_column, what_is_not_one_whole_value_is_refused, a_nul_inside_is_refused,
	     depth_is_limited, getters_fall_back_on_other_types_and_missing_keys, what_is_no_number_is_never_handed_out,
	     what_is_written_is_read_back,
	     a_missing_and_a_large_file_are_named)
