#include <errno.h>
#include <sys/timex.h>

#include "fixture.h"
#include "suite.h"
#include "sys/kernel.h"

static struct kernel_clock judged(long max_error_us, int status)
{
	struct kernel_clock k;

	kernel_clock_judge(max_error_us, status, &k);
	return k;
}

/* NTP_PHASE_LIMIT is where the kernel starts, where it arrives without news, and what it says once the clock was set. */
START_TEST(the_largest_error_decides)
{
	ck_assert(judged(0, STA_PLL).synchronised);
	ck_assert(judged(9776, STA_PLL | STA_NANO).synchronised);
	ck_assert(judged(15999999, STA_PLL).synchronised);
	ck_assert(!judged(16000000, STA_PLL).synchronised);
	ck_assert(!judged(16000000, STA_UNSYNC).synchronised);
	ck_assert(!judged(16000500, 0).synchronised);
	ck_assert(!judged(-1, 0).synchronised);
}
END_TEST

/* chronyd without rtcsync: sys_timex.c leaves the flag set and keeps the errors up to date. */
START_TEST(the_flag_alone_does_not)
{
	ck_assert(judged(9776, STA_UNSYNC).synchronised);
	ck_assert(judged(9776, STA_UNSYNC).flagged);
	ck_assert(!judged(9776, STA_PLL).flagged);
}
END_TEST

START_TEST(the_kernel_is_asked_and_nothing_is_set)
{
	struct timex before = { .modes = 0 };
	struct kernel_clock k;

	if (adjtimex(&before) < 0) { /* a system call filter around this test */
		ck_assert(!kernel_clock(&k));
		return;
	}
	ck_assert(kernel_clock(&k));
}
END_TEST

START_TEST(below_a_root_the_hosts_clock_says_nothing)
{
	struct kernel_clock k;

	fixture_root_make();
	errno = 0;
	ck_assert(!kernel_clock(&k));
	ck_assert_int_eq(errno, EOPNOTSUPP);
	fixture_root_drop();
}
END_TEST

static void check_errno(bool ok, int expected)
{
	int found = errno;

	ck_assert(!ok);
	ck_assert_msg(found == expected, "%s", strerror(found));
}

START_TEST(what_cannot_be_read_of_proc_says_why)
{
	char release[KERNEL_RELEASE_SIZE], boot_id[KERNEL_BOOT_ID_SIZE], line[8];
	struct err e = ERR_INIT;
	int64_t t;
	bool has;

	fixture_root_make();
	check_errno(kernel_release(release, sizeof(release)), ENOENT);
	check_errno(kernel_boot_time(&t), ENOENT);
	ck_assert_int_eq(fs_mkdirs("/proc/sys/kernel/random/boot_id", 0755, &e), 0);
	check_errno(kernel_boot_id(boot_id), EISDIR);
	ck_assert_int_eq(fs_mkdirs("/proc/cpuinfo", 0755, &e), 0);
	check_errno(kernel_cpu_has_flag("tdx_guest", &has), EISDIR);
	fixture_put("/proc/stat", "cpu 0\n");
	check_errno(kernel_boot_time(&t), ENODATA);
	fixture_put("/proc/stat", "btime soon\n");
	check_errno(kernel_boot_time(&t), EBADMSG);
	fixture_put("/proc/cmdline", "ro quiet splash\n");
	check_errno(kernel_cmdline(line, sizeof(line)), EMSGSIZE);
	fixture_root_drop();
}
END_TEST

SUITE("kernel_clock", the_largest_error_decides, the_flag_alone_does_not, the_kernel_is_asked_and_nothing_is_set,
      below_a_root_the_hosts_clock_says_nothing, what_cannot_be_read_of_proc_says_why)
