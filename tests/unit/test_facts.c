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
	     a_machine_without_a_disk_cannot_be_read)
