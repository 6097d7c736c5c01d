#include "sys/kernel.h"

#include "core/fs.h"
#include "suite.h"

static char root[64];

static void use_root(void)
{
	struct err e = ERR_INIT;

	strcpy(root, "/tmp/gn8v-test-kernel-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(fs_set_root(root, &e), 0);
}

static void drop_root(void)
{
	char *command = xasprintf("rm -rf %s", root);

	ck_assert_int_eq(system(command), 0);
	free(command);
}

static void put(const char *path, const char *text)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_write_atomic(path, 0644, text, strlen(text), &e), 0);
}

/* From rpm's own tests (tests/rpmvercmp.at). */
static const struct {
	const char *a, *b;
	int expected;
} versions[] = {
	{"1.0",		 "1.0",		0 },
	{ "1.0",		 "2.0",		-1},
	{ "2.0.1",		   "2.0.1",		    0 },
	{ "2.0",		 "2.0.1",		  -1},
	{ "2.0.1a",	    "2.0.1a",	      0 },
	{ "2.0.1a",	    "2.0.1",	     1 },
	{ "5.5p1",		   "5.5p2",		    -1},
	{ "5.5p10",	    "5.5p1",	     1 },
	{ "10xyz",		   "10.1xyz",	      -1},
	{ "xyz10",		   "xyz10",		    0 },
	{ "xyz10",		   "xyz10.1",	      -1},
	{ "xyz.4",		   "8",			-1},
	{ "xyz.4",		   "2",			-1},
	{ "5.5p2",		   "5.6p1",		    -1},
	{ "5.6p1",		   "6.5p1",		    -1},
	{ "6.0.rc1",	     "6.0",		    1 },
	{ "10b2",		  "10a1",		  1 },
	{ "10a2",		  "10b2",		  -1},
	{ "1.0aa",		   "1.0a",		   1 },
	{ "10.0001",	     "10.0001",		0 },
	{ "10.0001",	     "10.1",		     0 },
	{ "10.0001",	     "10.0039",		-1},
	{ "4.999.9",	     "5.0",		    -1},
	{ "20101121",	      "20101122",	  -1},
	{ "2_0",		 "2_0",		0 },
	{ "2.0",		 "2_0",		0 },
	{ "a",		 "a+",		     0 },
	{ "a+",		"a_",		      0 },
	{ "+_",		"_+",		      0 },
	{ "1.0~rc1",	     "1.0~rc1",		0 },
	{ "1.0~rc1",	     "1.0",		    -1},
	{ "1.0~rc1",	     "1.0~rc2",		-1},
	{ "1.0~rc1~git123",    "1.0~rc1",	       -1},
	{ "1.0^",		  "1.0^",		  0 },
	{ "1.0^",		  "1.0",		 1 },
	{ "1.0^git1",	      "1.0",		     1 },
	{ "1.0^git1",	      "1.0^git2",	  -1},
	{ "1.0^git1",	      "1.01",	      -1},
	{ "1.0^20160101",	  "1.0.1",		   -1},
	{ "1.0^20160101^git1", "1.0^20160101",      1 },
	{ "1.0^20160102",	  "1.0^20160101^git1", 1 },
	{ "1.0~rc1^git1",	  "1.0~rc1",	     1 },
	{ "1.0^git1~pre",	  "1.0^git1",	      -1},
	{ "1.0^git1",	      "1.0^git1~pre",      1 },
	{ "1b.fc17",	     "1b.fc17",		0 },
	{ "1b.fc17",	     "1.fc17",	       -1},
	{ "1g.fc17",	     "1g.fc17",		0 },
	{ "1g.fc17",	     "1.fc17",	       1 },
	{ "1.1.\xce\xb1",	  "1.1.\xce\xb2",	  0 },
};

START_TEST(versions_compare_as_rpm_does)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		const char *a = versions[i].a, *b = versions[i].b;

		ck_assert_msg(kernel_version_compare(a, b) == versions[i].expected, "%s %s", a, b);
		ck_assert_msg(kernel_version_compare(b, a) == -versions[i].expected, "%s %s", b, a);
	}
}
END_TEST

START_TEST(releases_of_the_platform_are_in_order)
{
	static const char *const releases[] = {
		"5.10.134-16.1.al8.x86_64",   "5.10.134-18.al8.x86_64",
		"5.10.134-19.1.al8.x86_64",   "5.10.134-19.2.al8.x86_64",
		"5.10.134-19.3.2.al8.x86_64", "5.10.134-19.7.al8.x86_64",
		"6.6.30-1.al8.x86_64",
	};

	for (size_t i = 1; i < ARRAY_SIZE(releases); i++)
		ck_assert_int_eq(kernel_version_compare(releases[i - 1], releases[i]), -1);
}
END_TEST

START_TEST(a_least_release_holds_for_itself_and_what_is_newer)
{
	ck_assert(!kernel_release_at_least("5.10.134-16.1.al8.x86_64", "5.10.134-18"));
	ck_assert(kernel_release_at_least("5.10.134-18.al8.x86_64", "5.10.134-18"));
	ck_assert(kernel_release_at_least("5.10.134-19.3.2.al8.x86_64", "5.10.134-18"));
	ck_assert(kernel_release_at_least("5.15.0-1.x86_64", "5.10.134-18"));
	ck_assert(!kernel_release_at_least("5.9.1-99.x86_64", "5.10.134-18"));
	ck_assert(kernel_release_at_least("5.10.134-1.al8", "5.10.134"));
	ck_assert(!kernel_release_at_least("5.10.134", "5.10.134-18"));
}
END_TEST

static const char real_cmdline[] =
	"BOOT_IMAGE=(hd0,gpt3)/boot/vmlinuz-5.10.134-19.1.al8.x86_64 root=UUID=1-2 ro rhgb quiet "
	"crashkernel=0M-2G:0M,2G-8G:192M swiotlb=65536 console=tty0 console=ttyS0,115200n8 noibrs "
	"swiotlb=4194304,any";

START_TEST(the_last_value_of_a_key_wins)
{
	char value[64];

	ck_assert(kernel_cmdline_get(real_cmdline, "swiotlb", value, sizeof(value)));
	ck_assert_str_eq(value, "4194304,any");
	ck_assert(kernel_cmdline_get(real_cmdline, "console", value, sizeof(value)));
	ck_assert_str_eq(value, "ttyS0,115200n8");
}
END_TEST

START_TEST(a_bare_word_is_empty_and_a_part_of_a_word_is_not_there)
{
	char value[64];

	ck_assert(kernel_cmdline_get(real_cmdline, "noibrs", value, sizeof(value)));
	ck_assert_str_eq(value, "");
	ck_assert(!kernel_cmdline_get(real_cmdline, "iotlb", value, sizeof(value)));
	ck_assert(!kernel_cmdline_get(real_cmdline, "swio", value, sizeof(value)));
	ck_assert(!kernel_cmdline_get("", "ro", value, sizeof(value)));
}
END_TEST

START_TEST(quotes_keep_blanks_and_are_taken_off)
{
	char value[64];

	ck_assert(kernel_cmdline_get("a=\"b c\" \"d=e  f\" g", "a", value, sizeof(value)));
	ck_assert_str_eq(value, "b c");
	ck_assert(kernel_cmdline_get("a=\"b c\" \"d=e  f\" g", "d", value, sizeof(value)));
	ck_assert_str_eq(value, "e  f");
	ck_assert(!kernel_cmdline_get("a=\"b c=x\"", "c", value, sizeof(value)));
	ck_assert(kernel_cmdline_get("ro dyndbg=\"file drivers/usb/* +p\" swiotlb=4194304,any quiet",
				     "swiotlb", value, sizeof(value)));
	ck_assert_str_eq(value, "4194304,any");
	ck_assert(!kernel_cmdline_get("ro foo=\"x swiotlb=4194304,any\" quiet", "swiotlb", value,
				      sizeof(value)));
}
END_TEST

START_TEST(odd_quotes_end_with_the_line)
{
	char value[64];

	ck_assert(kernel_cmdline_get("x=\"", "x", value, sizeof(value)));
	ck_assert_str_eq(value, "");
	ck_assert(kernel_cmdline_get("\"x=1", "x", value, sizeof(value)));
	ck_assert_str_eq(value, "1");
	ck_assert(!kernel_cmdline_get("\"", "x", value, sizeof(value)));
}
END_TEST

START_TEST(what_follows_two_dashes_is_not_the_kernels)
{
	char value[64];

	ck_assert(!kernel_cmdline_get("ro -- swiotlb=1", "swiotlb", value, sizeof(value)));
}
END_TEST

START_TEST(a_value_that_does_not_fit_is_not_cut)
{
	char value[4] = "old";

	ck_assert(!kernel_cmdline_get("a=long", "a", value, sizeof(value)));
	ck_assert_str_eq(value, "old");
}
END_TEST

START_TEST(swiotlb_is_read_from_one_line_of_the_log)
{
	uint64_t bytes = 0;

	ck_assert(kernel_swiotlb_line("6,123,456,-;software IO TLB: mapped [mem "
				      "0x0000000200000000-0x0000000400000000] (8192MB)",
				      &bytes));
	ck_assert_uint_eq(bytes, 8589934592);
	ck_assert(!kernel_swiotlb_line("software IO TLB: Cannot allocate buffer", &bytes));
	ck_assert(!kernel_swiotlb_line("software IO TLB: mapped [mem 0x0-0x1]", &bytes));
	ck_assert(!kernel_swiotlb_line("software IO TLB: mapped [mem 0x0-0x1] (1M", &bytes));
}
END_TEST

START_TEST(swiotlb_comes_from_debugfs_first)
{
	uint64_t bytes = 0;

	use_root();
	put("/sys/kernel/debug/swiotlb/io_tlb_nslabs", "4194304\n");
	put("/dev/kmsg", "6,1,0,-;software IO TLB: mapped [mem 0x1-0x2] (64MB)\n");
	ck_assert(kernel_swiotlb_bytes(&bytes));
	ck_assert_uint_eq(bytes, 8589934592);
	drop_root();
}
END_TEST

START_TEST(swiotlb_comes_from_the_log_without_debugfs)
{
	uint64_t bytes = 0;

	use_root();
	ck_assert(!kernel_swiotlb_bytes(&bytes));
	put("/dev/kmsg", "5,0,0,-;Linux version 5.10\n SUBSYSTEM=pci\n"
			 "6,1,0,-;software IO TLB: mapped [mem 0x1-0x2] (8192MB)\n"
			 "12,2,0,-;software IO TLB: mapped [mem 0x1-0x2] (1MB)\n");
	ck_assert(kernel_swiotlb_bytes(&bytes));
	ck_assert_uint_eq(bytes, 8589934592);
	drop_root();
}
END_TEST

START_TEST(facts_come_from_proc)
{
	char boot_id[KERNEL_BOOT_ID_SIZE], release[KERNEL_RELEASE_SIZE];
	int64_t t = 0;
	bool has;

	use_root();
	ck_assert(!kernel_boot_id(boot_id) && !kernel_boot_time(&t));
	put("/proc/sys/kernel/random/boot_id", "0a0b0c0d-0000-4000-8000-000000000001\n");
	put("/proc/sys/kernel/osrelease", "5.10.134-18.al8.x86_64\n");
	put("/proc/stat", "cpu  1 2 3\nintr 5 6\nbtime 1795305600\nprocesses 5\n");
	put("/proc/cpuinfo",
	    "processor\t: 0\nflags\t\t: fpu vme tdx_guest lm\nbugs\t\t: spectre\n");
	ck_assert(kernel_boot_id(boot_id) && kernel_release(release, sizeof(release)));
	ck_assert_str_eq(release, "5.10.134-18.al8.x86_64");
	ck_assert(kernel_boot_time(&t));
	ck_assert_int_eq(t, 1795305600);
	ck_assert(kernel_cpu_has_flag("tdx_guest", &has) && has);
	ck_assert(kernel_cpu_has_flag("tdx", &has) && !has);
	ck_assert(kernel_cpu_has_flag("spectre", &has) && !has);
	put("/proc/cpuinfo", "processor\t: 0\n");
	ck_assert(!kernel_cpu_has_flag("tdx_guest", &has));
	drop_root();
}
END_TEST

static struct kernel_entries entries;

START_TEST(boot_entries_are_read)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(
		kernel_entries_parse("index=0\n"
				     "kernel=\"/boot/vmlinuz-5.10.134-18.al8.x86_64\"\n"
				     "args=\"ro dyndbg=\"file x +p\" swiotlb=4194304,any\"\n"
				     "root=\"UUID=1\"\n"
				     "initrd=\"/boot/initramfs.img\"\n"
				     "title=\"Alibaba Cloud Linux (5.10.134) 3\"\n"
				     "index=1\n"
				     "non linux entry\n"
				     "index=2\n"
				     "kernel=/boot/vmlinuz-0-rescue\n"
				     "args=\"\"\n",
				     &entries, &e),
		0);
	ck_assert_uint_eq(entries.n, 2);
	ck_assert_str_eq(entries.v[0].kernel, "/boot/vmlinuz-5.10.134-18.al8.x86_64");
	ck_assert_str_eq(entries.v[0].args, "ro dyndbg=\"file x +p\" swiotlb=4194304,any");
	ck_assert_uint_eq(entries.v[1].index, 2);
	ck_assert_str_eq(entries.v[1].kernel, "/boot/vmlinuz-0-rescue");
	ck_assert_str_eq(entries.v[1].args, "");
	kernel_entries_done(&entries);
	ck_assert_uint_eq(entries.n, 0);
}
END_TEST

START_TEST(malformed_boot_entries_are_refused)
{
	static const char *const texts[] = {
		"",
		"kernel=\"/boot/x\"\n",
		"index=x\n",
		"index=-1\n",
		"index=0\nargs=\"ro\"\n",
		"index=0\nkernel=\"\"\n",
		"index=0\nkernel=\"/boot/x\nargs=\"\"\n",
		"index=0\nkernel=/a\nkernel=/b\n",
		"index=0\nkernel=/a\nsomething else\n",
		"index=0\nkernel=/a\nnon linux entry\n",
		"index=0\nindex=1\nkernel=/a\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct err e = ERR_INIT;

		ck_assert_int_eq(kernel_entries_parse(texts[i], &entries, &e), -1);
		ck_assert_ptr_eq(e.kind, &ERR_FORMAT);
	}
}
END_TEST

START_TEST(more_boot_entries_than_anybody_has_are_read)
{
	struct err e = ERR_INIT;
	static char text[64 * 1000];
	char *at = text;

	for (int i = 0; i < 1000; i++)
		at += sprintf(at, "index=%d\nkernel=/a\nargs=\"ro\"\n", i);
	ck_assert_int_eq(kernel_entries_parse(text, &entries, &e), 0);
	ck_assert_uint_eq(entries.n, 1000);
	ck_assert_uint_eq(entries.v[999].index, 999);
	kernel_entries_done(&entries);
}
END_TEST

START_TEST(a_command_line_that_no_kernel_takes_is_refused)
{
	struct err e = ERR_INIT;
	static char text[3 * KERNEL_CMDLINE_SIZE];

	sprintf(text, "index=0\nkernel=/a\nargs=\"%*s\"\n", KERNEL_CMDLINE_SIZE - 1, "x");
	ck_assert_int_eq(kernel_entries_parse(text, &entries, &e), 0);
	kernel_entries_done(&entries);
	sprintf(text, "index=0\nkernel=/a\nargs=\"%*s\"\n", KERNEL_CMDLINE_SIZE, "x");
	ck_assert_int_eq(kernel_entries_parse(text, &entries, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_TOO_LARGE);
}
END_TEST

SUITE("kernel", versions_compare_as_rpm_does, releases_of_the_platform_are_in_order,
      a_least_release_holds_for_itself_and_what_is_newer, the_last_value_of_a_key_wins,
      a_bare_word_is_empty_and_a_part_of_a_word_is_not_there, quotes_keep_blanks_and_are_taken_off,
      odd_quotes_end_with_the_line, what_follows_two_dashes_is_not_the_kernels,
      a_value_that_does_not_fit_is_not_cut, swiotlb_is_read_from_one_line_of_the_log,
      swiotlb_comes_from_debugfs_first, swiotlb_comes_from_the_log_without_debugfs,
      facts_come_from_proc, boot_entries_are_read, malformed_boot_entries_are_refused,
      more_boot_entries_than_anybody_has_are_read, a_command_line_that_no_kernel_takes_is_refused)
