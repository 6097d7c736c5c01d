#include "fmunit.h"

#include "core/str.h"
#include "fixture.h"
#include "paths.h"
#include "suite.h"

/* data: the units that have to go; "?" cannot be told. */
static int drop(const char *unit, void *data, struct err *e)
{
	if (str_eq(unit, "?"))
		return err_set(e, &ERR_BUS, "nobody answers");
	return str_has_word(data, unit);
}

static char *derived(const char *text)
{
	struct err e = ERR_INIT;
	char *copy = NULL;

	ck_assert_msg(fmunit_derive(text, drop, (void *)"multi-user.target late.service", &copy, &e) == 0, "%s", e.msg);
	return copy;
}

/* The text behind our own lines. */
static void check_derived(const char *text, const char *expected)
{
	_cleanup_free_ char *copy = derived(text);
	const char *body = copy;

	ck_assert_ptr_nonnull(copy);
	ck_assert(str_starts(copy, "# Put here by gn8v: " PATH_FABRICMANAGER_UNIT));
	while (*body == '#')
		body = strchr(body, '\n') + 1;
	ck_assert_str_eq(body, expected);
}

START_TEST(a_unit_that_is_in_order_needs_no_copy)
{
	ck_assert_ptr_null(derived(""));
	ck_assert_ptr_null(derived("[Unit]\nAfter=network-online.target\nBefore=multi-user.target\n"));
	/* Where it means something else, or nothing. */
	ck_assert_ptr_null(derived("[Install]\nWantedBy=multi-user.target\nAfter=multi-user.target\n"));
	ck_assert_ptr_null(derived("[Unit]\n# After=multi-user.target\n;After=late.service\nWants=multi-user.target\n"));
}
END_TEST

START_TEST(only_what_has_to_go_is_left_out)
{
	check_derived("[Unit]\nDescription=x\nAfter=multi-user.target\n[Service]\nExecStart=/bin/x\n",
		      "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/x\n");
	check_derived("[Unit]\nAfter= a.target multi-user.target\tb.target late.service\nAfter=c.target\n",
		      "[Unit]\nAfter=a.target b.target\nAfter=c.target\n");
	check_derived("[Unit]\nAfter=a.target \\\n# in between\n  multi-user.target \\\n b.target\nRequires=a.target \\\n c.target\n",
		      "[Unit]\nAfter=a.target b.target\nRequires=a.target \\\n c.target\n");
	check_derived("[Unit]\nAfter=multi-user.target", "[Unit]\n");
}
END_TEST

START_TEST(the_unit_that_packages_had_keeps_its_start_script)
{
	_cleanup_free_ char *text = fixture_text("../../twin/payload/fabricmanager-after-multi-user.service");
	_cleanup_free_ char *copy = derived(text);

	ck_assert_ptr_nonnull(copy);
	ck_assert_has(copy, "\nAfter=network-online.target\n");
	ck_assert_has(copy, "ExecStartPre=/usr/bin/nvidia-fabricmanager-start.sh --mode precheck\n");
	ck_assert_has(copy, "\nPIDFile=/var/run/nvidia-fabricmanager/nv-fabricmanager.pid\n");
	ck_assert_has(copy, "WantedBy=multi-user.target\n");
	free(text);
	text = fixture_text("../../twin/payload/fabricmanager-590.service");
	ck_assert_ptr_null(derived(text));
}
END_TEST

START_TEST(what_cannot_be_told_is_no_answer)
{
	struct err e = ERR_INIT;
	char *copy = NULL;

	ck_assert_int_eq(fmunit_derive("[Unit]\nAfter=multi-user.target ?\n", drop, (void *)"multi-user.target", &copy, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_BUS);
	ck_assert_ptr_null(copy);
}
END_TEST

SUITE("fmunit", a_unit_that_is_in_order_needs_no_copy, only_what_has_to_go_is_left_out,
      the_unit_that_packages_had_keeps_its_start_script, what_cannot_be_told_is_no_answer)
