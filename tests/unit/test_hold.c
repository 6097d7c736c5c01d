#include "hold.h"

#include "suite.h"

static const struct unit_state enabled_running = { .file_state = "enabled", .active = "active" };
static const struct unit_state static_running = { .file_state = "static", .active = "activating" };
static const struct unit_state disabled_stopped = { .file_state = "disabled", .active = "inactive" };
static const struct unit_state absent = { .active = "inactive" };

START_TEST(what_was_enabled_and_what_ran_are_remembered_apart)
{
	_cleanup_strbuf_ struct strbuf t = { 0 };

	hold_add(&t, "a.service", &enabled_running);
	hold_add(&t, "b.path", &static_running);
	hold_add(&t, "c.service", &disabled_stopped);
	hold_add(&t, "d.service", &absent);
	ck_assert_str_eq(t.s, "a.service enabled active\nb.path static activating\n"
			      "c.service disabled inactive\nd.service not-installed inactive\n");
	ck_assert(hold_recall(t.s, "a.service").enabled && hold_recall(t.s, "a.service").running);
	ck_assert(!hold_recall(t.s, "b.path").enabled && hold_recall(t.s, "b.path").running);
	ck_assert(!hold_recall(t.s, "c.service").enabled && !hold_recall(t.s, "c.service").running);
	ck_assert(!hold_recall(t.s, "d.service").enabled && !hold_recall(t.s, "d.service").running);
}
END_TEST

START_TEST(a_unit_is_known_by_its_whole_name)
{
	static const char text[] = "active disabled inactive\nb.service disabled inactive";

	ck_assert(hold_knows(text, "b.service") && hold_knows(text, "active"));
	ck_assert(!hold_knows(text, "b") && !hold_knows(text, "service") && !hold_knows(text, "disabled"));
	ck_assert(!hold_knows(NULL, "b.service") && !hold_knows("", "b.service"));
}
END_TEST

START_TEST(of_a_unit_that_nobody_remembers_the_procedure_says_that_it_was_enabled)
{
	ck_assert(hold_recall(NULL, "a.service").enabled && !hold_recall(NULL, "a.service").running);
	ck_assert(hold_recall("b.service static active\n", "a.service").enabled);
}
END_TEST

SUITE("hold", what_was_enabled_and_what_ran_are_remembered_apart, a_unit_is_known_by_its_whole_name,
      of_a_unit_that_nobody_remembers_the_procedure_says_that_it_was_enabled)
