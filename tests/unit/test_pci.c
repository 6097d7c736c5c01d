#include "sys/pci.h"

#include <sys/stat.h>

#include "core/fs.h"
#include "suite.h"

static char root[64];

static void use_root(void)
{
	struct err e = ERR_INIT;

	strcpy(root, "/tmp/gn8v-test-pci-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(fs_set_root(root, &e), 0);
}

static void drop_root(void)
{
	char *command = xasprintf("rm -rf %s", root);

	ck_assert_int_eq(system(command), 0);
	free(command);
}

static void put(const char *address, const char *file, const char *text)
{
	char *path = xasprintf("/sys/bus/pci/devices/%s/%s", address, file);
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_write_atomic(path, 0444, text, strlen(text), &e), 0);
	free(path);
}

static void put_device(const char *address, const char *vendor, const char *class)
{
	put(address, "vendor", vendor);
	put(address, "class", class);
}

static void bind(const char *address, const char *driver)
{
	char *target = xasprintf("../../../bus/pci/drivers/%s", driver);
	char *path = xasprintf("%s/sys/bus/pci/devices/%s/driver", root, address);

	ck_assert_int_eq(symlink(target, path), 0);
	free(target);
	free(path);
}

START_TEST(gpus_and_switches_of_nvidia_are_counted)
{
	struct pci_counts c;
	struct err e = ERR_INIT;

	use_root();
	put_device("0000:00:00.0", "0x8086\n", "0x060000\n");
	put_device("0000:00:02.0", "0x1013\n", "0x030000\n");
	put_device("0000:00:05.0", "0x10de\n", "0x030200\n");
	put_device("0000:00:06.0", "0x10de\n", "0x030000\n");
	put_device("0000:00:07.0", "0x10de\n", "0x068000\n");
	put_device("0000:00:08.0", "0x10de\n", "0x040300\n");
	ck_assert_int_eq(pci_count(&c, &e), 0);
	ck_assert_uint_eq(c.gpus, 2);
	ck_assert_uint_eq(c.nvswitches, 1);
	ck_assert_uint_eq(c.gpus_on_nouveau, 0);
	drop_root();
}
END_TEST

START_TEST(a_gpu_bound_to_nouveau_is_told)
{
	struct pci_counts c;
	struct err e = ERR_INIT;

	use_root();
	put_device("0000:00:05.0", "0x10de\n", "0x030200\n");
	put_device("0000:00:06.0", "0x10de\n", "0x030200\n");
	bind("0000:00:05.0", "nouveau");
	bind("0000:00:06.0", "nvidia");
	ck_assert_int_eq(pci_count(&c, &e), 0);
	ck_assert_uint_eq(c.gpus, 2);
	ck_assert_uint_eq(c.gpus_on_nouveau, 1);
	drop_root();
}
END_TEST

START_TEST(a_bus_without_devices_has_none)
{
	struct pci_counts c;
	struct err e = ERR_INIT;

	use_root();
	ck_assert_int_eq(fs_mkdirs("/sys/bus/pci/devices", 0755, &e), 0);
	ck_assert_int_eq(pci_count(&c, &e), 0);
	ck_assert_uint_eq(c.gpus + c.nvswitches, 0);
	drop_root();
}
END_TEST

static void check_cannot_tell(const char *path)
{
	struct pci_counts c = { .gpus = 99 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(pci_count(&c, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_IO);
	ck_assert_msg(strstr(e.msg, path), "%s is not in: %s", path, e.msg);
	ck_assert_uint_eq(c.gpus, 99);
}

START_TEST(a_machine_without_sysfs_cannot_be_read)
{
	use_root();
	check_cannot_tell("/sys/bus/pci/devices");
	drop_root();
}
END_TEST

/* A folder in the place of a file: it is there, and reading it fails (EISDIR). */
static void put_unreadable(const char *address, const char *file)
{
	char *path = xasprintf("/sys/bus/pci/devices/%s/%s", address, file);
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_mkdirs(path, 0755, &e), 0);
	free(path);
}

START_TEST(what_cannot_be_read_is_not_no_device)
{
	use_root();
	put_device("0000:00:05.0", "0x10de\n", "0x030200\n");
	put_unreadable("0000:00:06.0", "vendor");
	check_cannot_tell("0000:00:06.0/vendor");
	drop_root();
	use_root();
	put("0000:00:05.0", "vendor", "0x10de\n");
	put_unreadable("0000:00:05.0", "class");
	check_cannot_tell("0000:00:05.0/class");
	drop_root();
	use_root();
	put_device("0000:00:05.0", "0x10de\n", "0x030200\n");
	put_unreadable("0000:00:05.0", "driver");
	check_cannot_tell("0000:00:05.0/driver");
	drop_root();
}
END_TEST

START_TEST(a_device_that_just_went_away_is_skipped)
{
	struct pci_counts c;
	struct err e = ERR_INIT;

	use_root();
	put("0000:00:05.0", "vendor", "0x10de\n");
	put("0000:00:06.0", "class", "0x030200\n");
	ck_assert_int_eq(pci_count(&c, &e), 0);
	ck_assert_uint_eq(c.gpus, 0);
	drop_root();
}
END_TEST

START_TEST(what_is_no_number_is_a_format_error)
{
	struct pci_counts c;
	struct err e = ERR_INIT;

	use_root();
	put_device("0000:00:05.0", "10de\n", "0x030200\n");
	ck_assert_int_eq(pci_count(&c, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_FORMAT);
	drop_root();
}
END_TEST

START_TEST(gpus_are_known_by_their_addresses)
{
	struct pci_gpus gpus;
	struct err e = ERR_INIT;

	use_root();
	put_device("0000:0f:00.0", "0x10de\n", "0x030200\n");
	put_device("0000:00:07.0", "0x10de\n", "0x030200\n");
	put_device("0000:00:08.0", "0x10de\n", "0x068000\n");
	put_device("0000:00:09.0", "0x8086\n", "0x030000\n");
	ck_assert_int_eq(pci_gpus(&gpus, &e), 0);
	ck_assert_uint_eq(gpus.n, 2);
	ck_assert_str_eq(gpus.v[0], "0000:00:07.0");
	ck_assert_str_eq(gpus.v[1], "0000:0f:00.0");
	put_device("0000:00:05.0", "10de\n", "0x030200\n");
	ck_assert_int_eq(pci_gpus(&gpus, &e), -1);
	drop_root();
}
END_TEST

START_TEST(counts_read_as_english)
{
	char text[PCI_COUNTS_TEXT_SIZE];

	pci_counts_text(1, 0, text);
	ck_assert_str_eq(text, "1 GPU and 0 NVSwitches");
	pci_counts_text(8, 1, text);
	ck_assert_str_eq(text, "8 GPUs and 1 NVSwitch");
}
END_TEST

SUITE("pci", gpus_and_switches_of_nvidia_are_counted, a_gpu_bound_to_nouveau_is_told,
      a_bus_without_devices_has_none, a_machine_without_sysfs_cannot_be_read,
      what_cannot_be_read_is_not_no_device, a_device_that_just_went_away_is_skipped,
      what_is_no_number_is_a_format_error, gpus_are_known_by_their_addresses, counts_read_as_english)
