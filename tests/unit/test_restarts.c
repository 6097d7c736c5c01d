#include "restarts.h"

#include "codes.h"
#include "fixture.h"
#include "machine.h"
#include "suite.h"
#include "steps/all.h"

#define BOOT_A "a0000000-0000-4000-8000-00000000000a"
#define BOOT_B "a0000000-0000-4000-8000-00000000000b"
#define THIS_BOOT "b0000000-0000-4000-8000-000000000001"

static struct machine m;
static struct probe_result r;

static void probe(void)
{
	r = (struct probe_result){ 0 };
	restart_probe(&m.c, &m.f, &r);
}

static void check_blocked(const struct err_kind *kind, const char *words)
{
	probe();
	ck_assert_msg(r.probe == PROBE_BLOCKED, "%s", r.reason);
	ck_assert_str_eq(r.err.kind->code, kind->code);
	ck_assert_has(r.reason, words);
	machine_done(&m);
}

static void check_todo(const char *words)
{
	probe();
	ck_assert_msg(r.probe == PROBE_TODO, "%s", r.reason);
	ck_assert_has(r.reason, words);
	machine_done(&m);
}

static void check_done(void)
{
	probe();
	ck_assert_msg(r.probe == PROBE_DONE, "%s", r.reason);
	machine_done(&m);
}

static void in_entries_not_in_effect(enum shape shape, const char *config)
{
	machine_fresh(&m, shape, config);
	m.f.boot.swiotlb_everywhere = m.f.boot.swiotlb_next = m.f.boot.lkca_ok = true;
}

static void set_boot(const char *id)
{
	str_copy(m.f.machine.boot_id, sizeof(m.f.machine.boot_id), id);
}

/* --- the ledger ----------------------------------------------------------------------------- */

START_TEST(no_ledger_means_no_restart_was_asked_for)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	ck_assert_uint_eq(restarts_count(&m.f), 0);
	ck_assert_uint_eq(restarts_earlier(&m.f), 0);
	machine_done(&m);
}
END_TEST

START_TEST(a_restart_is_counted_once_per_boot)
{
	struct err e = ERR_INIT;

	machine_fresh(&m, SHAPE_SINGLE, "{}");
	ck_assert_int_eq(restarts_add(&m.f, &e), 0);
	ck_assert_int_eq(restarts_add(&m.f, &e), 0);
	ck_assert_uint_eq(restarts_count(&m.f), 1);
	ck_assert_uint_eq(restarts_earlier(&m.f), 0);
	set_boot(BOOT_B);
	ck_assert_uint_eq(restarts_earlier(&m.f), 1);
	ck_assert_int_eq(restarts_add(&m.f, &e), 0);
	ck_assert_uint_eq(restarts_count(&m.f), 2);
	machine_done(&m);
}
END_TEST

START_TEST(restarts_of_another_instance_do_not_count)
{
	fixture_put(PATH_RESTARTS, BOOT_A " i-other 2026-01-01T00:00:00Z\n" BOOT_B " i-test2 2026-01-01T00:00:00Z\n");
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	ck_assert_uint_eq(restarts_count(&m.f), 0);
	ck_assert_uint_eq(restarts_earlier(&m.f), 0);
	machine_done(&m);
}
END_TEST

START_TEST(lines_that_make_no_sense_do_not_count)
{
	fixture_put(PATH_RESTARTS, "\n\nhalf\n \t\n" BOOT_A " i-test\n\nx i-test-no y");
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	ck_assert_uint_eq(restarts_count(&m.f), 1);
	machine_done(&m);
}
END_TEST

START_TEST(a_last_line_that_was_cut_off_does_not_swallow_the_next)
{
	struct err e = ERR_INIT;

	fixture_put(PATH_RESTARTS, BOOT_A " i-test 2026-01-01T00:00:00Z");
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	ck_assert_int_eq(restarts_add(&m.f, &e), 0);
	ck_assert_uint_eq(restarts_count(&m.f), 2);
	machine_done(&m);
}
END_TEST

/* With what a power cut left of one that was being written. */
START_TEST(a_forgotten_ledger_is_gone)
{
	fixture_put(PATH_RESTARTS, BOOT_A " i-test 2026-01-01T00:00:00Z\n");
	fixture_put(PATH_STATE_DIR "/.restarts.tmp", BOOT_A);
	restarts_forget();
	ck_assert(!fs_exists(PATH_RESTARTS) && !fs_exists(PATH_STATE_DIR "/.restarts.tmp"));
	restarts_forget();
}
END_TEST

/* --- when a restart is right ---------------------------------------------------------------- */

START_TEST(the_first_restart_is_for_the_boot_entries)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	check_todo("once the boot entries are complete");
	in_entries_not_in_effect(SHAPE_SINGLE, "{}");
	check_todo("swiotlb= in the boot entry takes effect");
	in_entries_not_in_effect(SHAPE_MULTI, "{}");
	m.f.boot.lkca_ok = false;
	check_todo("once the boot entries are complete");
}
END_TEST

START_TEST(a_restart_without_effect_is_not_made_twice)
{
	fixture_put(PATH_RESTARTS, BOOT_A " i-test 2026-01-01T00:00:00Z\n");
	in_entries_not_in_effect(SHAPE_SINGLE, "{}");
	check_blocked(&CODE_RESTART_NO_EFFECT, "was restarted for swiotlb=4194304,any");
	/* Asked for in this boot and not come yet: that is no effect missed. */
	fixture_put(PATH_RESTARTS, THIS_BOOT " i-test 2026-01-01T00:00:00Z\n");
	in_entries_not_in_effect(SHAPE_SINGLE, "{}");
	check_todo("swiotlb=");
}
END_TEST

START_TEST(a_custom_image_of_a_machine_that_was_restarted_may_restart)
{
	fixture_put(PATH_RESTARTS, BOOT_A " i-image 2026-01-01T00:00:00Z\n" BOOT_B " i-image 2026-01-01T00:00:00Z\n");
	in_entries_not_in_effect(SHAPE_SINGLE, "{}");
	check_todo("swiotlb=");
}
END_TEST

START_TEST(the_default_entry_must_be_the_one_that_has_it)
{
	in_entries_not_in_effect(SHAPE_SINGLE, "{}");
	m.f.boot.swiotlb_next = false;
	check_blocked(&CODE_RESTART_NO_EFFECT, "nor in the default entry");
}
END_TEST

START_TEST(an_swiotlb_that_the_kernel_did_not_map_is_a_failure_and_never_a_restart)
{
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	m.f.boot.swiotlb_bytes = 64 << 20;
	check_blocked(&CODE_SWIOTLB, "asked for 8 GiB of SWIOTLB and mapped 0.06 GiB");
	machine_restarted(&m, SHAPE_MULTI, "{}");
	m.f.boot.swiotlb_bytes = 8 * MACHINE_GIB - 2048;
	check_blocked(&CODE_SWIOTLB, "mapped");
	machine_restarted(&m, SHAPE_MULTI, "{}");
	m.f.boot.swiotlb_bytes = 0;
	check_blocked(&CODE_SWIOTLB, "mapped 0.00 GiB");
}
END_TEST

START_TEST(an_swiotlb_that_cannot_be_read_is_not_believed)
{
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	m.f.boot.swiotlb_known = false;
	check_blocked(&CODE_SWIOTLB_UNKNOWN, "could not be read");
}
END_TEST

START_TEST(a_smaller_configured_swiotlb_asks_for_less)
{
	machine_restarted(&m, SHAPE_SINGLE, "{\"kernel\": {\"swiotlb\": \"1048576,any\"}}");
	m.f.boot.swiotlb_bytes = 2 * MACHINE_GIB;
	check_done();
}
END_TEST

START_TEST(a_driver_option_written_in_this_boot_needs_a_restart_on_8_gpus)
{
	machine_restarted(&m, SHAPE_MULTI, "{}");
	m.f.boot.lkca_time = MACHINE_BOOT_TIME + 1;
	check_todo("Protected PCIe");
	machine_restarted(&m, SHAPE_MULTI, "{}");
	m.f.boot.lkca_time = MACHINE_BOOT_TIME - 1;
	check_done();
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	m.f.boot.lkca_time = MACHINE_BOOT_TIME + 1;
	check_done();
}
END_TEST

START_TEST(a_time_in_the_future_is_no_evidence)
{
	machine_restarted(&m, SHAPE_MULTI, "{}");
	m.f.boot.lkca_time = m.f.boot.now + 3600;
	m.f.boot.initramfs_time = m.f.boot.now + 3600;
	check_done();
}
END_TEST

START_TEST(a_new_initramfs_needs_a_restart_until_the_driver_builds_its_own)
{
	machine_restarted(&m, SHAPE_MULTI, "{}");
	m.f.boot.initramfs_time = MACHINE_BOOT_TIME + 60;
	check_todo("new initramfs");
	machine_installed(&m, SHAPE_MULTI, "{}");
	m.f.boot.initramfs_time = MACHINE_BOOT_TIME + 60;
	check_done();
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	m.f.boot.initramfs_time = MACHINE_BOOT_TIME + 60;
	check_done();
}
END_TEST

START_TEST(a_blacklist_of_nouveau_waits_for_its_restart)
{
	machine_restarted(&m, SHAPE_SINGLE, "{\"kernel\": {\"blacklist_nouveau\": true}}");
	m.f.boot.nouveau_everywhere = m.f.boot.nouveau_next = true;
	check_todo("blacklist of nouveau");
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	m.f.boot.nouveau_next = true;
	check_done();
}
END_TEST

START_TEST(the_limit_ends_what_something_else_keeps_undoing)
{
	fixture_put(PATH_RESTARTS, BOOT_A " i-test 2026-01-01T00:00:00Z\n" BOOT_B " i-test 2026-01-01T00:00:00Z\n");
	machine_restarted(&m, SHAPE_MULTI, "{}");
	m.f.boot.lkca_time = MACHINE_BOOT_TIME + 1;
	check_blocked(&CODE_RESTART_LIMIT, "2 restarts were made");
	machine_restarted(&m, SHAPE_MULTI, "{\"restart\": {\"max\": 3}}");
	m.f.boot.lkca_time = MACHINE_BOOT_TIME + 1;
	check_todo("Protected PCIe");
}
END_TEST

START_TEST(a_restart_asked_for_in_this_boot_does_not_use_up_the_limit_before_it_came)
{
	fixture_put(PATH_RESTARTS, BOOT_A " i-test 2026-01-01T00:00:00Z\n" THIS_BOOT " i-test 2026-01-01T00:00:00Z\n");
	machine_restarted(&m, SHAPE_MULTI, "{}");
	set_boot(THIS_BOOT);
	m.f.boot.lkca_time = MACHINE_BOOT_TIME + 1;
	check_todo("Protected PCIe");
}
END_TEST

START_TEST(a_limit_of_zero_forbids_the_first)
{
	in_entries_not_in_effect(SHAPE_SINGLE, "{\"restart\": {\"max\": 0}}");
	check_blocked(&CODE_RESTART_LIMIT, "0 restarts were made");
}
END_TEST

START_TEST(a_machine_that_is_as_it_should_be_restarts_never_whatever_the_ledger_says)
{
	fixture_put(PATH_RESTARTS, BOOT_A " i-test 2026-01-01T00:00:00Z\n" BOOT_B " i-test 2026-01-01T00:00:00Z\n");
	machine_restarted(&m, SHAPE_MULTI, "{}");
	check_done();
}
END_TEST

START_TEST(unknown_boot_entries_or_instance_block)
{
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	machine_unread(&m, FACTS_BOOT, &CODE_BOOT_ENTRY);
	check_blocked(&CODE_BOOT_ENTRY, "could not be read");
	in_entries_not_in_effect(SHAPE_SINGLE, "{}");
	machine_unread(&m, FACTS_INSTANCE, &CODE_METADATA);
	check_blocked(&CODE_METADATA, "could not be read");
}
END_TEST

SUITE_AROUND("restarts", fixture_root_make, fixture_root_drop,
	     no_ledger_means_no_restart_was_asked_for, a_restart_is_counted_once_per_boot,
	     restarts_of_another_instance_do_not_count, lines_that_make_no_sense_do_not_count,
	     a_last_line_that_was_cut_off_does_not_swallow_the_next, a_forgotten_ledger_is_gone,
	     the_first_restart_is_for_the_boot_entries, a_restart_without_effect_is_not_made_twice,
	     a_custom_image_of_a_machine_that_was_restarted_may_restart,
	     the_default_entry_must_be_the_one_that_has_it,
	     an_swiotlb_that_the_kernel_did_not_map_is_a_failure_and_never_a_restart,
	     an_swiotlb_that_cannot_be_read_is_not_believed, a_smaller_configured_swiotlb_asks_for_less,
	     a_driver_option_written_in_this_boot_needs_a_restart_on_8_gpus,
	     a_time_in_the_future_is_no_evidence,
	     a_new_initramfs_needs_a_restart_until_the_driver_builds_its_own,
	     a_blacklist_of_nouveau_waits_for_its_restart,
	     the_limit_ends_what_something_else_keeps_undoing,
	     a_restart_asked_for_in_this_boot_does_not_use_up_the_limit_before_it_came,
	     a_limit_of_zero_forbids_the_first,
	     a_machine_that_is_as_it_should_be_restarts_never_whatever_the_ledger_says,
	     unknown_boot_entries_or_instance_block)
