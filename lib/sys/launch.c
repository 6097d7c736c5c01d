#include "sys/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/fs.h"

/* glibc 2.32 knows neither the call nor its number; Linux has it since 5.9. */
#ifndef __NR_close_range
#define __NR_close_range 436
#endif

/* All that the child needs between fork and exec, where nothing may allocate. */
struct prepared {
	char *host_path;
	char *const *argv, *const *env;
	pid_t parent;
	int cwd_fd, null_fd, out_fd, err_fd, report_fd, inherited_fd;
};

static void prepared_done(struct prepared *p)
{
	free(p->host_path);
	cleanup_close(&p->cwd_fd);
	cleanup_close(&p->null_fd);
	cleanup_close(&p->out_fd);
	cleanup_close(&p->err_fd);
	cleanup_close(&p->report_fd);
}

/* --- in the child: async-signal-safe calls only --- */

/* glibc keeps two signals to itself and refuses to touch them, but a parent that used posix_spawn
 * (GNU make) leaves them ignored: so the system call, whose struct is all zeros for SIG_DFL. */
static void reset_signals(void)
{
	static const char dfl[64];
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, NSIG / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Ours are O_CLOEXEC anyway; this is for what a library opened without it. */
static void close_all_but(int a, int b)
{
	unsigned int low = (unsigned int)(a < b ? a : b), high = (unsigned int)(a < b ? b : a);

	if (low > 3)
		syscall(__NR_close_range, 3U, low - 1, 0U);
	if (high > low + 1)
		syscall(__NR_close_range, low + 1, high - 1, 0U);
	syscall(__NR_close_range, high + 1, ~0U, 0U);
}

static int set_files(struct prepared *p)
{
	int *fds[] = { &p->null_fd, &p->out_fd, &p->err_fd, &p->report_fd };
	int kept;

	if (fchdir(p->cwd_fd) < 0)
		return -1;
	/* Above 2 first: they lie below it when our own standard streams were closed. */
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, 3);
		if (*fds[i] < 0)
			return -1;
	}
	if (dup2(p->null_fd, STDIN_FILENO) < 0 || dup2(p->out_fd, STDOUT_FILENO) < 0 ||
	    dup2(p->err_fd, STDERR_FILENO) < 0)
		return -1;
	kept = p->inherited_fd > STDERR_FILENO ? p->inherited_fd : p->report_fd;
	if (kept != p->report_fd && fcntl(kept, F_SETFD, 0) < 0)
		return -1;
	close_all_but(p->report_fd, kept);
	return 0;
}

NORETURN static void execute(struct prepared *p)
{
	int errnum;
	ssize_t n;

	setpgid(0, 0);
	/* SIGTERM: a package manager ends its transaction; whoever killed us kills the rest later. */
	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	/* Had the parent died before the line above, nobody would ever end us. */
	if (getppid() != p->parent)
		_exit(127);
	reset_signals();
	if (set_files(p) == 0)
		execve(p->host_path, p->argv, p->env);
	errnum = errno;
	n = write(p->report_fd, &errnum, sizeof(errnum));
	_exit(n == sizeof(errnum) ? 127 : 126);
}

/* --- in the parent --- */

static int failed(const struct launch *l, int errnum, struct err *e)
{
	err_errno(e, errnum, "starting %s", l->argv[0]);
	return err_hint(e, "look at ls -l %s; install or repair the package that brings it",
			l->argv[0]);
}

/* fork with every signal blocked: no handler of the parent's may run in the child. */
static pid_t fork_blocked(struct prepared *p)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		execute(p);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

/* 0 once the program runs (exec closes the pipe), else the errno that the child wrote. */
static int read_report(int fd)
{
	int errnum = 0;
	ssize_t n;

	do
		n = read(fd, &errnum, sizeof(errnum));
	while (n < 0 && errno == EINTR);
	return n == sizeof(errnum) ? errnum : 0;
}

static int fork_and_exec(struct launch *l, struct prepared *p, int report_fd, struct err *e)
{
	int errnum;

	l->pid = fork_blocked(p);
	if (l->pid < 0)
		return failed(l, errno, e);
	close(take_fd(&p->report_fd));
	setpgid(l->pid, l->pid); /* by whoever is first: the group must be there to be killed */
	errnum = read_report(report_fd);
	if (errnum == 0) {
		l->pid_fd = (int)syscall(SYS_pidfd_open, l->pid, 0);
		if (l->pid_fd >= 0)
			return 0;
		errnum = errno;
		kill(-l->pid, SIGKILL);
	}
	waitpid(l->pid, NULL, 0);
	return failed(l, errnum, e);
}

static int open_pipe(int *ret_read, int *ret_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

int launch_start(struct launch *l, struct err *e)
{
	_cleanup_(prepared_done) struct prepared p = {
		.host_path = fs_host_path(l->argv[0]),
		/* execve takes them without const for historical reasons and changes nothing */
		.argv = (char *const *)(uintptr_t)l->argv,
		.env = (char *const *)(uintptr_t)l->env,
		.parent = getpid(),
		.cwd_fd = fs_open(l->cwd, O_PATH | O_DIRECTORY, 0),
		.null_fd = -1,
		.out_fd = -1,
		.err_fd = -1,
		.report_fd = -1,
		.inherited_fd = l->inherited_fd,
	};
	_cleanup_fd_ int out = -1, err = -1, report = -1;

	if (p.cwd_fd < 0)
		return err_errno(e, errno, "starting %s in %s", l->argv[0], l->cwd);
	p.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (p.null_fd < 0 || open_pipe(&out, &p.out_fd) < 0 || open_pipe(&err, &p.err_fd) < 0 ||
	    open_pipe(&report, &p.report_fd) < 0)
		return failed(l, errno, e);
	if (fcntl(out, F_SETFL, O_NONBLOCK) < 0 || fcntl(err, F_SETFL, O_NONBLOCK) < 0)
		return failed(l, errno, e);
	if (fork_and_exec(l, &p, report, e) < 0)
		return -1;
	l->out_fd = take_fd(&out);
	l->err_fd = take_fd(&err);
	return 0;
}
