#include "sys/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "suite.h"

#define SH(script) ARGV("/bin/sh", "-c", script)

static char lines[65536];

static void collect(const char *line, void *data)
{
	size_t *n = data;

	(*n)++;
	strncat(lines, line, sizeof(lines) - strlen(lines) - 2);
	strcat(lines, "|");
}

/* Whether the process ends, long before it would by itself; a zombie has ended. */
static bool ends_soon(pid_t pid)
{
	uint64_t deadline = clock_monotonic_us() + 30000000;

	while (clock_monotonic_us() < deadline) {
		char path[64], text[256] = "";
		_cleanup_fd_ int fd = -1;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || strstr(text, ") Z "))
			return true;
		usleep(10000);
	}
	return false;
}

static pid_t pid_in(const char *text)
{
	return (pid_t)atoi(text);
}

static int note_fd;

static void say_goodbye(int sig)
{
	(void)sig;
	_exit(write(note_fd, "T", 1) != 1);
}

static pid_t fork_child(void (*on_term)(int))
{
	sigset_t term, old;
	pid_t pid;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &old);
	pid = fork();
	if (pid == 0) {
		signal(SIGTERM, on_term);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		for (;;)
			pause();
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

START_TEST(zero_exit_is_success)
{
	struct run r = { .argv = ARGV("/bin/true"), .timeout_s = 60 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), 0);
	ck_assert_int_eq(r.status, 0);
	ck_assert_ptr_null(r.output);
}
END_TEST

START_TEST(failure_names_the_command_its_status_and_last_line)
{
	struct run r = { .argv = SH("echo one; echo 'no space' >&2; echo; exit 3"), .timeout_s = 60 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_CHILD);
	ck_assert_int_eq(r.status, 3);
	ck_assert_str_eq(e.msg, "sh -c echo one; echo 'no space' >&2; echo; exit 3: exit status 3: "
				"no space");
}
END_TEST

START_TEST(long_command_is_cut_in_the_message)
{
	struct run r = { .argv = ARGV("/bin/false", "--update-kernel=ALL",
				      "--args=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
			 .timeout_s = 60 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_str_eq(e.msg, "false --update-kernel=ALL ...: exit status 1");
}
END_TEST

START_TEST(death_by_signal_is_told)
{
	struct run r = { .argv = SH("kill -SEGV $$"), .timeout_s = 60 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_CHILD);
	ck_assert_int_eq(r.status, -SIGSEGV);
	ck_assert_ptr_nonnull(strstr(e.msg, "killed by signal 11 (Segmentation fault)"));
}
END_TEST

START_TEST(missing_program_is_named)
{
	struct run r = { .argv = ARGV("/usr/sbin/no-such-program"), .timeout_s = 60 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_IO);
	ck_assert_int_eq(r.status, -1);
	ck_assert_str_eq(e.msg, "starting /usr/sbin/no-such-program: No such file or directory");
	ck_assert_ptr_nonnull(strstr(err_hint_text(&e), "/usr/sbin/no-such-program"));
}
END_TEST

START_TEST(missing_directory_is_named)
{
	struct run r = { .argv = ARGV("/bin/true"), .cwd = "/no/such", .timeout_s = 60 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_str_eq(e.msg, "starting /bin/true in /no/such: No such file or directory");
}
END_TEST

START_TEST(relative_path_and_no_timeout_are_defects)
{
	struct run relative = { .argv = ARGV("true"), .timeout_s = 60 };
	struct run endless = { .argv = ARGV("/bin/true") };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&relative, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_INTERNAL);
	ck_assert_int_eq(run_wait(&endless, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_INTERNAL);
}
END_TEST

START_TEST(environment_is_our_own)
{
	static const char *const common[] = { "https_proxy=http://p:1", "A=common", NULL };
	static const char *const own[] = { "A=mine", "B=", NULL };
	struct run r = { .argv = ARGV("/usr/bin/env"), .env = own, .timeout_s = 60,
			 .output_max = 4096 };
	struct err e = ERR_INIT;

	setenv("NOTIFY_SOCKET", "/leak", 1);
	run_set_environment(common);
	ck_assert_int_eq(run_wait(&r, &e), 0);
	run_set_environment(NULL);
	ck_assert_str_eq(r.output, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
				   "LANG=C.UTF-8\nHOME=/root\nhttps_proxy=http://p:1\nA=mine\nB=\n");
	run_done(&r);
	ck_assert_ptr_null(r.output);
}
END_TEST

START_TEST(standard_input_is_empty_and_the_directory_is_set)
{
	struct run r = { .argv = SH("cat; pwd"), .cwd = "/usr", .timeout_s = 60, .output_max = 100 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), 0);
	ck_assert_str_eq(r.output, "/usr\n");
	run_done(&r);
}
END_TEST

START_TEST(standard_output_is_kept_whole_without_errors)
{
	struct run r = { .argv = SH("printf '\\001a\\n\\n'; echo oops >&2; "
				    "head -c 200000 /dev/zero | tr '\\0' x"),
			 .timeout_s = 60, .output_max = 200004 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), 0);
	ck_assert_uint_eq(strlen(r.output), 200004);
	ck_assert(str_starts(r.output, "?a\n\nxxx"));
	run_done(&r);
}
END_TEST

START_TEST(output_is_kept_when_the_program_fails)
{
	struct run r = { .argv = SH("echo table; exit 1"), .timeout_s = 60, .output_max = 100 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_str_eq(r.output, "table\n");
	run_done(&r);
}
END_TEST

START_TEST(too_much_output_ends_the_program)
{
	struct run r = { .argv = SH("exec cat /dev/zero"), .timeout_s = 60, .output_max = 10000 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_TOO_LARGE);
	ck_assert_int_eq(r.status, -SIGTERM);
	run_done(&r);
}
END_TEST

START_TEST(lines_are_handed_over_sanitised)
{
	size_t n = 0;
	struct run r = { .argv = SH("printf 'a\\033[1mb\\r\\n10%%\\r20%%\\r\\n\\n  in\\tdent \\nlast'"),
			 .timeout_s = 60, .on_line = collect, .on_line_data = &n };
	struct err e = ERR_INIT;

	lines[0] = '\0';
	ck_assert_int_eq(run_wait(&r, &e), 0);
	ck_assert_str_eq(lines, "a?[1mb|10%|20%|  in dent|last|");
	ck_assert_uint_eq(n, 5);
	ck_assert_str_eq(r.tail, "a?[1mb\n10%\n20%\n  in dent\nlast\n");
}
END_TEST

START_TEST(lines_of_both_streams_come)
{
	size_t n = 0;
	struct run r = { .argv = SH("echo out; echo err >&2"), .timeout_s = 60, .on_line = collect,
			 .on_line_data = &n };
	struct err e = ERR_INIT;

	lines[0] = '\0';
	ck_assert_int_eq(run_wait(&r, &e), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_ptr_nonnull(strstr(lines, "out|"));
	ck_assert_ptr_nonnull(strstr(lines, "err|"));
}
END_TEST

START_TEST(overlong_line_is_cut)
{
	size_t n = 0;
	struct run r = { .argv = SH("head -c 9000 /dev/zero | tr '\\0' x; echo; echo next"),
			 .timeout_s = 60, .on_line = collect, .on_line_data = &n };
	struct err e = ERR_INIT;

	lines[0] = '\0';
	ck_assert_int_eq(run_wait(&r, &e), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(strcspn(lines, "|"), 4095);
	ck_assert_str_eq(lines + 4096, "next|");
}
END_TEST

START_TEST(tail_holds_the_last_whole_lines)
{
	struct run r = { .argv = SH("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"),
			 .timeout_s = 60 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), 0);
	ck_assert(str_starts(r.tail, "line "));
	ck_assert(str_ends(r.tail, "\nline 1999\n"));
	ck_assert_uint_gt(strlen(r.tail), RUN_TAIL_MAX - 20);
}
END_TEST

START_TEST(deadline_ends_the_whole_group)
{
	struct run r = { .argv = SH("sleep 61 & echo $!; echo waiting; wait"), .timeout_s = 4,
			 .output_max = 100 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(e.msg, "not finished after 4 s, stopped: waiting"));
	ck_assert(ends_soon(pid_in(r.output)));
	run_done(&r);
}
END_TEST

START_TEST(deadline_ends_what_ignores_it_and_what_left_the_group)
{
	uint64_t begin = clock_monotonic_us();
	struct run r = { .argv = SH("trap '' TERM; setsid sh -c 'sleep 62 & echo $!; sleep 63' & "
				    "while :; do sleep 1; done"),
			 .timeout_s = 4, .output_max = 100 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_TIMEOUT);
	ck_assert_int_eq(r.status, -SIGKILL);
	ck_assert_uint_ge(clock_monotonic_us() - begin, 9000000);
	ck_assert_int_gt(pid_in(r.output), 0);
	ck_assert_int_eq(kill(pid_in(r.output), 0), -1);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	run_done(&r);
}
END_TEST

START_TEST(daemon_that_holds_the_pipe_does_not_hold_us)
{
	struct run r = { .argv = SH("setsid sleep 64 & echo $!"), .timeout_s = 30, .output_max = 100 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), 0); /* and no time-out */
	ck_assert_int_eq(kill(pid_in(r.output), 0), 0);
	ck_assert_uint_eq(run_kill_orphans(NULL, 0, 0), 1);
	ck_assert_int_eq(kill(pid_in(r.output), 0), -1);
	run_done(&r);
}
END_TEST

START_TEST(only_what_a_failed_program_left_is_killed)
{
	pid_t older = fork_child(SIG_DFL);
	struct run r = { .argv = SH("setsid sleep 65 & echo $!; exit 1"), .timeout_s = 60,
			 .output_max = 100 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_int_eq(kill(pid_in(r.output), 0), -1);
	ck_assert_int_eq(waitpid(older, NULL, WNOHANG), 0);
	ck_assert_uint_eq(run_kill_orphans(&older, 1, 0), 0);
	ck_assert_uint_eq(run_kill_orphans(NULL, 0, 0), 1);
	ck_assert_int_eq(waitpid(older, NULL, WNOHANG), -1);
	run_done(&r);
}
END_TEST

START_TEST(orphans_are_asked_before_they_are_killed)
{
	uint64_t begin = clock_monotonic_us();
	char text[4] = "";
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	note_fd = fds[1];
	fork_child(say_goodbye);
	ck_assert_uint_eq(run_kill_orphans(NULL, 0, 120), 1);
	ck_assert_uint_lt(clock_monotonic_us() - begin, 100000000);
	ck_assert_int_eq(read(fds[0], text, sizeof(text)), 1);
	fork_child(SIG_IGN);
	ck_assert_uint_eq(run_kill_orphans(NULL, 0, 1), 1);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(blocked_and_ignored_signals_are_not_handed_down)
{
	struct run r = { .argv = ARGV("/bin/grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"),
			 .timeout_s = 60, .output_max = 200 };
	sigset_t mask, now;
	struct err e = ERR_INIT;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(run_wait(&r, &e), 0);
	ck_assert_str_eq(r.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	sigprocmask(SIG_SETMASK, NULL, &now);
	ck_assert_int_eq(sigismember(&now, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&now, SIGINT), 0);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_DFL);
	run_done(&r);
}
END_TEST

START_TEST(only_the_inherited_descriptor_stays_open)
{
	int lock = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int leak = open("/dev/zero", O_RDONLY);
	struct run r = { .argv = SH("readlink /proc/$$/fd/* | grep -v pipe:"), .timeout_s = 60,
			 .output_max = 1000 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(fcntl(lock, F_DUPFD_CLOEXEC, 40), 40);
	run_set_inherited_fd(40);
	ck_assert_int_eq(run_wait(&r, &e), 0);
	run_set_inherited_fd(-1);
	ck_assert_str_eq(r.output, "/dev/null\n/dev/null\n"); /* standard input and 40 */
	ck_assert_int_eq(fcntl(40, F_GETFD), FD_CLOEXEC);
	close(40);
	close(lock);
	close(leak);
	run_done(&r);
}
END_TEST

START_TEST(child_dies_with_its_parent)
{
	int fds[2];
	char text[32] = "";
	pid_t parent, child;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	run_set_inherited_fd(fds[1]);
	parent = fork();
	if (parent == 0) {
		char script[64];
		struct run r = { .argv = ARGV("/bin/sh", "-c", script), .timeout_s = 60 };

		snprintf(script, sizeof(script), "echo $$ >&%d; exec sleep 66", fds[1]);
		_exit(run_wait(&r, NULL) == 0);
	}
	run_set_inherited_fd(-1);
	close(fds[1]);
	ck_assert_int_gt(read(fds[0], text, sizeof(text) - 1), 0);
	child = pid_in(text);
	ck_assert_int_eq(kill(child, 0), 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	ck_assert(ends_soon(child));
	close(fds[0]);
}
END_TEST

START_TEST(closed_standard_streams_do_no_harm)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct run r = { .argv = SH("echo out; echo err >&2; cat"), .timeout_s = 60,
				 .output_max = 100 };

		close(0);
		close(1);
		close(2);
		_exit(run_wait(&r, NULL) == 0 && str_eq(r.output, "out\n") ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* The root can be set once only, so this one is the last. */
START_TEST(program_and_directory_lie_below_the_root)
{
	char dir[] = "/tmp/test_run.XXXXXX", command[128];
	const char script[] = "#!/bin/sh\necho \"$1 $(pwd)\"\n", *got;
	struct run r = { .argv = ARGV("/usr/sbin/tool", "/usr/sbin/arg"), .cwd = "/usr",
			 .timeout_s = 60, .output_max = 1000 };
	struct err e = ERR_INIT;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(fs_set_root(dir, &e), 0);
	ck_assert_int_eq(fs_write_atomic("/usr/sbin/tool", 0755, script, strlen(script), &e), 0);
	ck_assert_msg(run_wait(&r, &e) == 0, "%s", e.msg);
	got = r.output;
	ck_assert(str_starts(got, "/usr/sbin/arg /"));
	ck_assert_ptr_nonnull(strstr(got, dir));
	ck_assert(str_ends(got, "/usr\n"));
	run_done(&r);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(both_streams_are_kept_and_cut_where_asked)
{
	struct run r = { .argv = SH("echo; echo out; echo err >&2; exit 3"), .timeout_s = 60, .output_max = 100, .output_both = true };
	struct run cut = { .argv = SH("yes long | head -n 50000"), .timeout_s = 60, .output_max = 100, .output_both = true };
	struct err e = ERR_INIT;

	ck_assert_int_eq(run_wait(&r, &e), -1);
	ck_assert_int_eq(r.status, 3);
	ck_assert_msg(r.output[0] == '\n' && strstr(r.output, "out\n") && strstr(r.output, "err\n") && !r.output_cut, "%s", r.output);
	ck_assert_msg(run_wait(&cut, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(strlen(cut.output), 100);
	ck_assert(cut.output_cut);
	run_done(&r);
	run_done(&cut);
}
END_TEST

SUITE("run", zero_exit_is_success, failure_names_the_command_its_status_and_last_line,
      long_command_is_cut_in_the_message, death_by_signal_is_told, missing_program_is_named,
      missing_directory_is_named, relative_path_and_no_timeout_are_defects, environment_is_our_own,
      standard_input_is_empty_and_the_directory_is_set,
      standard_output_is_kept_whole_without_errors, output_is_kept_when_the_program_fails,
      too_much_output_ends_the_program, lines_are_handed_over_sanitised,
      lines_of_both_streams_come, overlong_line_is_cut, tail_holds_the_last_whole_lines,
      deadline_ends_the_whole_group, deadline_ends_what_ignores_it_and_what_left_the_group,
      daemon_that_holds_the_pipe_does_not_hold_us, only_what_a_failed_program_left_is_killed,
      orphans_are_asked_before_they_are_killed,
      blocked_and_ignored_signals_are_not_handed_down, only_the_inherited_descriptor_stays_open,
      child_dies_with_its_parent, closed_standard_streams_do_no_harm,
      program_and_directory_lie_below_the_root,
      both_streams_are_kept_and_cut_where_asked)
