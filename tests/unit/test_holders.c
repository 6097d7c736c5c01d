#include "sys/holders.h"

#include "core/fs.h"
#include "core/str.h"
#include "fixture.h"
#include "suite.h"

static struct holders h;
static char text[HOLDERS_TEXT_SIZE];

static void put_process(int pid, const char *comm, const char *cgroup, const char *target)
{
	_cleanup_free_ char *comm_path = xasprintf("/proc/%d/comm", pid), *group = xasprintf("/proc/%d/cgroup", pid),
			    *fd = xasprintf("/proc/%d/fd/0", pid), *link = xasprintf("/proc/%d/fd/7", pid), *host;

	fixture_put(comm_path, comm);
	fixture_put(group, cgroup);
	fixture_put(fd, "");
	host = fs_host_path(link);
	ck_assert_int_eq(symlink(target, host), 0);
}

static void find(void)
{
	holders_find(&h, "/dev/nvidia");
	holders_text(&h, text);
}

START_TEST(who_holds_a_device_is_named_with_its_service)
{
	put_process(4711, "python3\n", "0::/system.slice/my-model.service\n", "/dev/nvidia0");
	put_process(4712, "vim\n", "0::/user.slice/user-0.slice/session-3.scope\n", "/etc/passwd");
	put_process(4713, "dcgm\n", "12:pids:/x.service\n1:name=systemd:/system.slice/dcgm.service\n", "/dev/nvidiactl");
	fixture_put("/proc/meminfo", "");
	find();
	ck_assert_uint_eq(h.all, 2);
	ck_assert_str_eq(text, "4711 python3 (my-model.service), 4713 dcgm (dcgm.service)");
	ck_assert_str_eq(h.v[1].file, "/dev/nvidiactl");
}
END_TEST

START_TEST(what_cannot_be_read_is_left_out_of_the_words)
{
	_cleanup_free_ char *link = fs_host_path("/proc/77/fd/1");
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_mkdirs("/proc/77/fd", 0755, &e), 0);
	ck_assert_int_eq(symlink("/dev/nvidia-uvm", link), 0);
	find();
	ck_assert_str_eq(text, "77 ?");
}
END_TEST

START_TEST(many_are_counted)
{
	for (int pid = 100; pid < 120; pid++)
		put_process(pid, "a-worker-\x01name\n", "0::/system.slice/one-with-a-name-that-is-long.service\n", "/dev/nvidia3");
	find();
	ck_assert_uint_eq(h.all, 20);
	ck_assert_uint_eq(h.n, HOLDERS_MAX);
	ck_assert_has(text, "100 a-worker-?name (one-with");
	ck_assert(str_ends(text, " more"));
}
END_TEST

START_TEST(without_any_there_are_no_words)
{
	find();
	ck_assert_uint_eq(h.all, 0);
	ck_assert_str_eq(text, "");
}
END_TEST

SUITE_AROUND("holders", fixture_root_make, fixture_root_drop, who_holds_a_device_is_named_with_its_service,
	     what_cannot_be_read_is_left_out_of_the_words, many_are_counted, without_any_there_are_no_words)
