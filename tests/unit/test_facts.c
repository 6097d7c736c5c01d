#include "facts.h"

#include "fixture.h"
#include "suite.h"

static void put_disk(const char *name, const char *file, const char *value)
{
	_cleanup_free_ char *path = xasprintf("/sys/block/%s/%s", name, file);

	fixture_put(path, value);
}

static void check_data_disks(unsigned int expected)
{
	struct err e = ERR_INIT;
	unsigned int n;

	ck_assert_msg(facts_count_data_disks(&n, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(n, expected);
}

START_TEST(whole_disks_but_one_are_data_disks)
{
	put_disk("vda", "size", "83886080\n");
	check_data_disks(0);
	put_disk("vdb", "size", "83886080\n");
	put_disk("sdaa", "size", "83886080\n");
	put_disk("nvme10n2", "size", "83886080\n");
	check_data_disks(3);
}
END_TEST

START_TEST(what_is_no_disk_is_not_counted)
{
	static const char *const names[] = { "loop0", "sr0", "dm-0", "md127", "zram0", "vda1", "sd", "nvme0c0n1",
					     "nvme0n1p1", "nvme0", "nvmen1", "vd-x" };

	put_disk("vda", "size", "83886080\n");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		put_disk(names[i], "size", "83886080\n");
	check_data_disks(0);
}
END_TEST

START_TEST(disks_without_a_medium_and_hidden_ones_are_not_counted)
{
	put_disk("nvme0n1", "size", "83886080\n");
	put_disk("nvme0n1", "hidden", "0\n");
	put_disk("sdb", "size", "0\n");
	put_disk("nvme1n1", "size", "83886080\n");
	put_disk("nvme1n1", "hidden", "1\n");
	check_data_disks(0);
	/* One that says nothing of itself is rather counted. */
	put_disk("vdb", "ro", "0\n");
	check_data_disks(1);
}
END_TEST

/* A folder in the place of a file: it is there, and reading it fails. */
START_TEST(a_disk_that_cannot_be_read_is_neither_there_nor_absent)
{
	static const char *const files[] = { "/sys/block/vdb/size", "/sys/block/vdb/hidden" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct err e = ERR_INIT;
		unsigned int n = 99;

		if (i) {
			fixture_root_drop();
			fixture_root_make();
		}
		put_disk("vda", "size", "83886080\n");
		ck_assert_int_eq(fs_mkdirs(files[i], 0755, &e), 0);
		ck_assert_int_eq(facts_count_data_disks(&n, &e), -1);
		ck_assert_has(e.msg, files[i]);
		ck_assert_uint_eq(n, 99);
	}
}
END_TEST

/* --- the machine -------------------------------------------------------------------------------- */

static struct facts_machine *machine;

static void put_machine(void)
{
	struct err e = ERR_INIT;

	fixture_put("/etc/os-release", "ID=\"alinux\"\nVERSION_ID=\"3\"\n");
	fixture_put("/proc/sys/kernel/osrelease", "5.10.134-18.al8.x86_64\n");
	fixture_put("/proc/sys/kernel/random/boot_id", "b0000000-0000-4000-8000-000000000001\n");
	fixture_put("/proc/cmdline", "ro\n");
	fixture_put("/proc/stat", "btime 1760000000\n");
	fixture_put("/proc/cpuinfo", "flags\t\t: fpu tdx_guest\n");
	fixture_put("/sys/bus/pci/devices/0000:00:05.0/vendor", "0x10de\n");
	fixture_put("/sys/bus/pci/devices/0000:00:05.0/class", "0x030200\n");
	fixture_put("/dev/tdx_guest", "");
	ck_assert_msg(facts_read_machine(machine, &e) == 0, "%s", e.msg);
	ck_assert(machine->tdx_flag && machine->tdx_device);
	ck_assert_uint_eq(machine->pci.gpus, 1);
}

START_TEST(an_entry_that_cannot_be_read_is_named_with_the_reason)
{
	static const char *const paths[] = { "/proc/sys/kernel/osrelease", "/proc/sys/kernel/random/boot_id",
					     "/proc/cmdline", "/proc/stat", "/proc/cpuinfo",
					     "/sys/bus/pci/devices/0000:00:05.0/vendor" };

	machine = xcalloc(1, sizeof(*machine));
	put_machine();
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_free_ char *host = fs_host_path(paths[i]);
		struct err e = ERR_INIT;

		ck_assert_int_eq(unlink(host), 0);
		ck_assert_int_eq(mkdir(host, 0755), 0);
		ck_assert_int_eq(facts_read_machine(machine, &e), -1);
		ck_assert_str_eq(e.kind->code, "io");
		ck_assert_has(e.msg, paths[i]);
		ck_assert_has(e.msg, "Is a directory");
		ck_assert_int_eq(rmdir(host), 0);
		put_machine();
	}
	free(machine);
}
END_TEST

START_TEST(a_device_node_that_cannot_be_looked_for_is_not_missing)
{
	_cleanup_free_ char *dev = fs_host_path("/dev"), *away = fs_host_path("/away"),
			    *node = fs_host_path("/dev/tdx_guest");
	struct err e = ERR_INIT;

	machine = xcalloc(1, sizeof(*machine));
	put_machine();
	ck_assert_int_eq(unlink(node), 0);
	ck_assert_int_eq(facts_read_machine(machine, &e), 0);
	ck_assert(!machine->tdx_device);
	ck_assert_int_eq(rename(dev, away), 0);
	ck_assert_int_eq(symlink("dev", dev), 0); /* ELOOP */
	ck_assert_int_eq(facts_read_machine(machine, &e), -1);
	ck_assert_has(e.msg, "/dev/tdx_guest");
	free(machine);
}
END_TEST

START_TEST(a_machine_without_a_disk_cannot_be_read)
{
	struct err e = ERR_INIT;
	unsigned int n;

	ck_assert_int_eq(facts_count_data_disks(&n, &e), -1);
	ck_assert_has(e.msg, "/sys/block");
}
END_TEST

SUITE_AROUND("facts", fixture_root_make, fixture_root_drop, whole_disks_but_one_are_data_disks,
	     what_is_no_disk_is_not_counted, disks_without_a_medium_and_hidden_ones_are_not_counted,
	     a_disk_that_cannot_be_read_is_neither_there_nor_absent, an_entry_that_cannot_be_read_is_named_with_the_reason,
	     a_device_node_that_cannot_be_looked_for_is_not_missing, a_machine_without_a_disk_cannot_be_read)
