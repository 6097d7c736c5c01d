/* Outputs and files of the real programs (tests/fixtures/real) through the parsers of this program. */
#include "facts.h"
#include "fixture.h"
#include "machine.h"
#include "smi.h"
#include "suite.h"

#include <dirent.h>

static char *real(const char *folder, const char *name)
{
	_cleanup_free_ char *path = xasprintf("../../fixtures/real/%s/%s", folder, name);

	return fixture_text(path);
}

static void says(int (*parse)(const char *text, bool *ret), const char *name, bool expected)
{
	_cleanup_free_ char *file = xasprintf("conf-compute-550.163.01-%s.txt", name),
			    *text = real("nvidia-smi", file);
	bool found = !expected;

	ck_assert_msg(parse(text, &found) == 0, "%s is not understood", file);
	ck_assert_msg(found == expected, "%s is misunderstood", file);
}

START_TEST(what_nvidia_smi_printed_is_understood)
{
	says(smi_parse_cc, "f.single", true);
	says(smi_parse_cc, "f.multi", false);
	says(smi_parse_mgm, "mgm.single", false);
	says(smi_parse_mgm, "mgm.multi", true);
	says(smi_parse_devtools, "d", false);
	says(smi_parse_ready, "grs", true);
}
END_TEST

START_TEST(an_option_that_it_does_not_have_is_no_answer)
{
	_cleanup_free_ char *text = real("nvidia-smi", "conf-compute-550.163.01-q.refused.txt");
	bool found;

	ck_assert_int_eq(smi_parse_cc(text, &found), -1);
	ck_assert_int_eq(smi_parse_mgm(text, &found), -1);
	ck_assert_int_eq(smi_parse_ready(text, &found), -1);
	ck_assert_int_eq(smi_parse_devtools(text, &found), -1);
}
END_TEST

/* What the rest of a machine says, so that the whole is read. */
static void put_machine(const char *os_release)
{
	fixture_put("/etc/os-release", os_release);
	fixture_put("/proc/sys/kernel/osrelease", "5.10.134-18.al8.x86_64\n");
	fixture_put("/proc/sys/kernel/random/boot_id", "b0000000-0000-4000-8000-000000000001\n");
	fixture_put("/proc/cmdline", "ro quiet\n");
	fixture_put("/proc/stat", "cpu 1 2 3\nbtime 1760000000\n");
	fixture_put("/proc/cpuinfo", "processor : 0\nflags : fpu tdx_guest\n");
	fixture_put("/sys/bus/pci/devices/0000:00:05.0/vendor", "0x10de\n");
	fixture_put("/sys/bus/pci/devices/0000:00:05.0/device", "0x2329\n");
	fixture_put("/sys/bus/pci/devices/0000:00:05.0/class", "0x030200\n");
}

static void check_preflight(const char *os_release, bool accepted)
{
	static struct machine m;
	struct plan p = { 0 };
	struct err e = ERR_INIT;

	machine_fresh(&m, SHAPE_SINGLE, "{}");
	put_machine(os_release);
	ck_assert_msg(facts_read_machine(&m.f.machine, &e) == 0, "%s", e.msg);
	plan_make(&p, &m.c, &m.f);
	ck_assert_msg((p.rows[STEP_PREFLIGHT].action == PLAN_DONE) == accepted, "%s: %s",
		      os_release, p.rows[STEP_PREFLIGHT].r.reason);
	machine_done(&m);
}

START_TEST(every_alinux_3_is_recognised)
{
	static const char *const files[] = { "alinux3-oldest", "alinux3-U9",  "alinux3-U10",
					     "alinux3-U11",    "alinux3-U12", "alinux3-U13",
					     "alinux3-U13.1" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = real("os-release", files[i]);

		check_preflight(text, true);
	}
}
END_TEST

START_TEST(its_successor_and_its_relatives_are_not)
{
	static const char *const os[] = {
		"ID=\"alinux\"\nVERSION_ID=\"4\"\n", "ID=\"alinux\"\nVERSION_ID=\"2.1903\"\n",
		"ID=\"anolis\"\nID_LIKE=\"rhel fedora centos\"\nVERSION_ID=\"8.8\"\n",
		"VERSION_ID=\"3\"\nALINUX_MINOR_ID=\"2104\"\n"
	};

	for (size_t i = 0; i < ARRAY_SIZE(os); i++)
		check_preflight(os[i], false);
}
END_TEST

/* The larger collection, which may lie beside the repository: NAME of its folder, as a path of the host. */
static char *beside(const char *folder)
{
	const char *slash = strrchr(__FILE__, '/');

	return xasprintf("%.*s../../../shared/real/%s", (int)(slash + 1 - __FILE__), __FILE__,
			 folder);
}

START_TEST(the_larger_collection_is_understood_too)
{
	_cleanup_free_ char *folder = beside("os-release");
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned int n = 0;

	if (!dir) {
		puts("skipped: there is no ../shared/real beside the repository");
		return;
	}
	while ((entry = readdir(dir))) {
		_cleanup_free_ char *text = NULL;

		if (entry->d_name[0] == '.')
			continue;
		text = real("../../../../shared/real/os-release", entry->d_name);
		check_preflight(text, true);
		n++;
	}
	closedir(dir);
	ck_assert_uint_gt(n, 0);
}
END_TEST

SUITE_AROUND("real", fixture_root_make, fixture_root_drop, what_nvidia_smi_printed_is_understood,
	     an_option_that_it_does_not_have_is_no_answer, every_alinux_3_is_recognised,
	     its_successor_and_its_relatives_are_not, the_larger_collection_is_understood_too)
