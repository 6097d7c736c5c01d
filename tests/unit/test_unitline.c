#include "unitline.h"

#include "core/str.h"
#include "fixture.h"
#include "suite.h"

static void check_next(struct unitline *l, const char *section, const char *key, const char *value)
{
	do
		ck_assert(unitline_next(l));
	while (!l->key);
	ck_assert_str_eq(l->section, section);
	ck_assert_str_eq(l->key, key);
	ck_assert_str_eq(l->value, value);
}

START_TEST(assignments_have_their_section_key_and_value)
{
	struct unitline l = { .at = "stray = 1\n[Unit]\n# After=x\n; After=y\nAfter = a  b \n\n  [Service]  \nExecStart=\n"
				    "ExecStart=/bin/x --y=z\n[Section that is longer than any that there is]\nType=forking" };

	check_next(&l, "", "stray", "1");
	check_next(&l, "Unit", "After", "a  b");
	check_next(&l, "Service", "ExecStart", "");
	check_next(&l, "Service", "ExecStart", "/bin/x --y=z");
	check_next(&l, "Section that is longer than any", "Type", "forking");
	ck_assert(!unitline_next(&l));
	unitline_done(&l);
}
END_TEST

START_TEST(a_line_goes_on_after_a_backslash_past_comments)
{
	struct unitline l = { .at = "[Unit]\r\nAfter=a \\\n# not of it \\\n; nor this\n\tb \\\r\nc\n# end \\\nBefore=d\nWants=e\\" };

	check_next(&l, "Unit", "After", "a  \tb  c");
	ck_assert_mem_eq(l.raw, "After=a \\\n# not", strlen("After=a \\\n# not"));
	check_next(&l, "Unit", "Before", "d");
	check_next(&l, "Unit", "Wants", "e");
	ck_assert(!unitline_next(&l));
}
END_TEST

START_TEST(what_was_read_is_the_whole_text)
{
	static const char text[] = "# a\n[Unit]\nAfter=x \\\n y\n\nnonsense\n[Install]\nWantedBy=z";
	_cleanup_(unitline_done) struct unitline l = { .at = text };
	_cleanup_strbuf_ struct strbuf all = { 0 };

	while (unitline_next(&l))
		strbuf_add(&all, l.raw, l.raw_len);
	ck_assert_str_eq(all.s, text);
}
END_TEST

START_TEST(an_empty_text_has_no_line)
{
	struct unitline l = { .at = "" };

	ck_assert(!unitline_next(&l));
}
END_TEST

SUITE("unitline", assignments_have_their_section_key_and_value, a_line_goes_on_after_a_backslash_past_comments,
      what_was_read_is_the_whole_text, an_empty_text_has_no_line)
