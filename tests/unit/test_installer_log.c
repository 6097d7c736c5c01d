#include "installer_log.h"

#include "core/str.h"
#include "fixture.h"
#include "paths.h"
#include "suite.h"

static struct installer_log l;

static void read_fixture(const char *name)
{
	_cleanup_free_ char *path = xasprintf("../../fixtures/real/installer/%s", name), *text = fixture_text(path);

	fixture_put(PATH_INSTALLER_LOG, text);
	installer_log_read(&l);
}

static void read_text(const char *text)
{
	fixture_put(PATH_INSTALLER_LOG, text);
	installer_log_read(&l);
}

START_TEST(a_failed_build_is_told_with_what_make_said)
{
	read_fixture("build.log");
	ck_assert_str_eq(l.reason,
			 "An error occurred while performing the step: \"Building kernel modules\": Makefile:964: *** \"Cannot "
			 "generate ORC metadata for CONFIG_UNWINDER_ORC=y, please install libelf-dev, libelf-devel or "
			 "elfutils-libelf-devel\".  Stop.");
	ck_assert_uint_eq(l.errors, 2);
	ck_assert(!l.files_in_place && !l.complete && !l.in_use);
	ck_assert_str_eq(l.version, "550.144.03");
}
END_TEST

START_TEST(a_module_that_does_not_load_is_told_with_the_kernels_word)
{
	read_fixture("load.log");
	ck_assert_str_eq(l.reason,
			 "Unable to load the kernel module 'nvidia.ko': Kernel module load error: Invalid argument");
	ck_assert_uint_eq(l.errors, 1);
	ck_assert(!l.files_in_place);
}
END_TEST

START_TEST(what_is_warned_of_before_an_abort_is_the_reason)
{
	read_fixture("in-use.log");
	ck_assert_str_eq(l.reason,
			 "An NVIDIA kernel module 'nvidia-uvm' appears to be already loaded in your kernel.");
	ck_assert(l.in_use);
	/* The answer stands behind a long question. */
	read_text("-> You appear to be running an X server.  Installing the NVIDIA driver while X is running is not recommended, "
		  "as doing so may prevent the installer from detecting some potential installation problems, and it may not be "
		  "possible to start new graphics applications after a new driver is installed.  If you choose to continue "
		  "installation, it is highly recommended that you reboot your computer after installation to use the newly "
		  "installed driver. (Answer: Abort installation)\nERROR: Installation has failed.  Please see the file.\n");
	ck_assert_str_eq(l.reason, "You appear to be running an X server.");
	ck_assert_uint_eq(l.errors, 1);
	read_fixture("alternate.log");
	ck_assert_str_eq(l.reason,
			 "The installation was canceled due to the availability or presence of an alternate driver "
			 "installation. Please see /var/log/nvidia-installer.log for more details.");
	ck_assert_uint_eq(l.errors, 1);
	ck_assert(!l.in_use);
}
END_TEST

START_TEST(files_in_place_are_not_an_end)
{
	read_fixture("last-step.log");
	ck_assert(l.files_in_place && !l.complete);
	ck_assert_str_eq(l.reason, "Unable to load the 'nvidia-drm' kernel module.");
	read_fixture("complete.log");
	ck_assert(l.files_in_place && l.complete);
	/* It went on in spite of it. */
	ck_assert_str_eq(l.reason, "Rebuilding initramfs failed");
	ck_assert_uint_eq(l.errors, 1);
}
END_TEST

START_TEST(a_log_without_an_error_line_still_tells_what_make_said)
{
	read_text("Makefile:964: *** \"Cannot generate ORC metadata for CONFIG_UNWINDER_ORC=y\".  Stop.\n");
	ck_assert_str_eq(l.reason, "Makefile:964: *** \"Cannot generate ORC metadata for CONFIG_UNWINDER_ORC=y\".  Stop.");
	ck_assert_uint_eq(l.errors, 1);
	read_text("-> all is well\n");
	ck_assert_str_eq(l.reason, "");
	ck_assert_uint_eq(l.errors, 0);
	read_text("ERROR: a message\nof two lines\n\nand a paragraph\nERROR: another\n");
	ck_assert_str_eq(l.reason, "a message of two lines");
	ck_assert_uint_eq(l.errors, 2);
}
END_TEST

START_TEST(no_log_says_nothing_and_a_large_one_is_read_in_pieces)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };

	installer_log_read(&l);
	ck_assert_str_eq(l.reason, "");
	ck_assert(!l.complete);
	strbuf_begin(&b);
	for (int i = 0; i < 200; i++)
		strbuf_printf(&b, "-> %05000d\n", i);
	strbuf_printf(&b, "ERROR: the last \x1b[1m%0900d\n", 7);
	read_text(b.s);
	ck_assert_uint_eq(l.errors, 1);
	ck_assert_has(l.reason, "the last ?[1m0000");
	ck_assert_uint_lt(strlen(l.reason), INSTALLER_LOG_REASON);
}
END_TEST

START_TEST(a_log_of_an_earlier_run_is_known_again)
{
	struct installer_log_mark before;

	installer_log_mark(&before);
	ck_assert(!installer_log_is_new(&before));
	read_text("ERROR: of the first run\n");
	ck_assert(installer_log_is_new(&before));
	installer_log_mark(&before);
	ck_assert(!installer_log_is_new(&before));
	read_text("ERROR: of another run\n");
	ck_assert(installer_log_is_new(&before));
}
END_TEST

/* Logs of real machines, where they lie beside the repository. */
START_TEST(a_real_log_tells_its_reason)
{
	_cleanup_free_ char *text = NULL;
	const char *slash = strrchr(__FILE__, '/');
	_cleanup_free_ char *path = xasprintf(
		"%.*s../../../shared/real/installer/nvidia-installer.log-550.54.15-x-server.txt",
		(int)(slash + 1 - __FILE__), __FILE__);

	if (access(path, R_OK) < 0) {
		printf("skipped: no %s\n", path);
		return;
	}
	text = fixture_text("../../../../shared/real/installer/nvidia-installer.log-550.54.15-x-server.txt");
	read_text(text);
	ck_assert_has(l.reason, "You appear to be running an X server.");
	ck_assert_str_eq(l.version, "550.54.15");
	ck_assert(!l.complete && !l.files_in_place);
}
END_TEST

SUITE_AROUND("installer_log", fixture_root_make, fixture_root_drop, a_failed_build_is_told_with_what_make_said,
	     a_module_that_does_not_load_is_told_with_the_kernels_word, what_is_warned_of_before_an_abort_is_the_reason,
	     files_in_place_are_not_an_end, a_log_without_an_error_line_still_tells_what_make_said,
	     no_log_says_nothing_and_a_large_one_is_read_in_pieces, a_log_of_an_earlier_run_is_known_again,
	     a_real_log_tells_its_reason)
