#include "sys/units.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/fs.h"
#include "core/str.h"
#include "suite.h"

#define ADDRESS "DBUS_SYSTEM_BUS_ADDRESS"

enum outcome { OPENED, REFUSED_AS_ARGUMENT, FAILED_OTHERWISE, TOUCHED_A_SOCKET, NO_TRAP };

/* From here on socket(2) ends the process. */
static bool trap_sockets(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* units_open in a process of its own that cannot make a socket and live. */
static enum outcome open_units(const char *root, const char *address)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct units *u;
		struct err e = ERR_INIT;

		if (address)
			setenv(ADDRESS, address, 1);
		else
			unsetenv(ADDRESS);
		if (fs_set_root(root, &e) < 0 || !trap_sockets())
			_exit(NO_TRAP);
		if (units_open(&u, &e) == 0)
			_exit(OPENED);
		_exit(e.kind == &ERR_ARGUMENT ? REFUSED_AS_ARGUMENT : FAILED_OTHERWISE);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return TOUCHED_A_SOCKET;
	ck_assert_msg(WIFEXITED(status), "status %d", status);
	return (enum outcome)WEXITSTATUS(status);
}

START_TEST(trap_catches_a_private_bus)
{
	ck_assert_int_eq(open_units("/usr", "unix:path=/tmp/no-such-bus"), TOUCHED_A_SOCKET);
}
END_TEST

START_TEST(without_a_root_the_system_bus_is_asked)
{
	ck_assert_int_eq(open_units("", NULL), TOUCHED_A_SOCKET);
}
END_TEST

START_TEST(with_a_root_no_address_means_no_bus)
{
	ck_assert_int_eq(open_units("/usr", NULL), REFUSED_AS_ARGUMENT);
	ck_assert_int_eq(open_units("/usr", ""), REFUSED_AS_ARGUMENT);
}
END_TEST

START_TEST(with_a_root_the_hosts_sockets_are_refused)
{
	static const char *const addresses[] = {
		"unix:path=/run/dbus/system_bus_socket",
		"unix:path=/var/run/dbus/system_bus_socket",
		"unix:path=/run/dbus/system_bus_socket,guid=0123456789abcdef0123456789abcdef",
		"unix:path=/run/../run/dbus//system_bus_socket",
		"unix:path=/run//dbus/system_bus_socket",
		"unix:path=%2frun%2fdbus%2fsystem_bus_socket",
		"unix:path=/run%2Fdbus/system%5fbus_socket",
		"unix:path=/run/systemd/private",
		"unix:path=/tmp/no-such-bus;unix:path=/run/dbus/system_bus_socket",
		"unix:guid=0123456789abcdef0123456789abcdef,path=/run/dbus/system_bus_socket",
	};

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		ck_assert_msg(open_units("/usr", addresses[i]) == REFUSED_AS_ARGUMENT, "%s",
			      addresses[i]);
}
END_TEST

START_TEST(with_a_root_other_transports_are_refused)
{
	static const char *const addresses[] = {
		"tcp:host=127.0.0.1,port=1", "unixexec:path=/bin/true", "unix:abstract=/run/x",
		"x-machine-unix:machine=.host", "unix:runtime=yes", "unix:path=relative", "nonsense",
	};

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		ck_assert_msg(open_units("/usr", addresses[i]) == REFUSED_AS_ARGUMENT, "%s",
			      addresses[i]);
}
END_TEST

START_TEST(link_to_the_hosts_socket_is_refused)
{
	char dir[] = "/tmp/test_units.XXXXXX", link_path[64], address[128];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(link_path, sizeof(link_path), "%s/bus", dir);
	snprintf(address, sizeof(address), "unix:path=%s", link_path);
	ck_assert_int_eq(symlink("/run/dbus/system_bus_socket", link_path), 0);
	ck_assert_int_eq(open_units("/usr", address), REFUSED_AS_ARGUMENT);
	unlink(link_path);
	ck_assert_int_eq(symlink("/run/dbus", link_path), 0);
	snprintf(address, sizeof(address), "unix:path=%s/system_bus_socket", link_path);
	ck_assert_int_eq(open_units("/usr", address), REFUSED_AS_ARGUMENT);
	unlink(link_path);
	rmdir(dir);
}
END_TEST

START_TEST(refusal_says_what_to_set)
{
	struct err e = ERR_INIT;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		unsetenv(ADDRESS);
		if (fs_set_root("/usr", &e) < 0 || units_guard(&e) == 0)
			_exit(1);
		_exit(strstr(e.msg, ADDRESS) && strstr(err_hint_text(&e), ADDRESS) ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(between_two_tries_of_its_restart_a_unit_is_not_starting)
{
	struct unit_state s = { .active = "activating", .sub = "start" };

	ck_assert(units_is_starting(&s));
	str_copy(s.sub, sizeof(s.sub), "start-pre");
	ck_assert(units_is_starting(&s));
	str_copy(s.sub, sizeof(s.sub), "auto-restart");
	ck_assert(!units_is_starting(&s));
	str_copy(s.sub, sizeof(s.sub), "auto-restart-queued");
	ck_assert(!units_is_starting(&s));
	ck_assert(!units_is_idle(&s));
	s = (struct unit_state){ .active = "active", .sub = "running" };
	ck_assert(!units_is_starting(&s));
}
END_TEST

START_TEST(closing_nothing_is_allowed)
{
	units_close(NULL);
}
END_TEST

SUITE("units", trap_catches_a_private_bus, without_a_root_the_system_bus_is_asked,
      with_a_root_no_address_means_no_bus, with_a_root_the_hosts_sockets_are_refused,
      with_a_root_other_transports_are_refused, link_to_the_hosts_socket_is_refused,
      refusal_says_what_to_set, between_two_tries_of_its_restart_a_unit_is_not_starting,
      closing_nothing_is_allowed)
