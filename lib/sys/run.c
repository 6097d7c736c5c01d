#include "sys/run.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/str.h"
#include "sys/launch.h"

#define SECOND_US    1000000ULL
#define GRACE_US     (5 * SECOND_US)
#define LINE_SIZE    4096
#define COMMAND_SIZE 120

static int inherited_fd = -1;
static const char *const *common_environment;

/* One pipe from the child, and the line that is not complete yet. */
struct stream {
	int fd;	   /* -1 once it has ended */
	bool keep; /* into the output as well */
	size_t len;
	char line[LINE_SIZE];
};

struct child {
	pid_t pid;
	int pid_fd;
	struct stream out, err;
	struct strbuf output;
};

enum pump { PUMP_EXITED, PUMP_DEADLINE, PUMP_TOO_LARGE };

void run_set_inherited_fd(int fd)
{
	inherited_fd = fd;
}

void run_set_environment(const char *const *env)
{
	common_environment = env;
}

void run_adopt_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* --- what the child is started with --- */

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* Puts each "NAME=value" in place of an earlier one of that name, or behind the last. */
static void environment_add(const char **env, const char *const *add)
{
	for (; add && *add; add++) {
		size_t name_len = strcspn(*add, "=") + 1, i = 0;

		while (env[i] && strncmp(env[i], *add, name_len) != 0)
			i++;
		env[i] = *add;
	}
}

/* An array of borrowed strings; the caller frees the array. */
static const char **environment_new(const struct run *r)
{
	static const char *const fixed[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8",
		"HOME=/root",
		NULL,
	};
	size_t max = ARRAY_SIZE(fixed) + count(common_environment) + count(r->env);
	const char **env = xcalloc(max, sizeof(*env));

	environment_add(env, fixed);
	environment_add(env, common_environment);
	environment_add(env, r->env);
	return env;
}

static int start(const struct run *r, struct child *c, struct err *e)
{
	_cleanup_free_ const char **env = environment_new(r);
	struct launch l = { .argv = r->argv,
			    .env = env,
			    .cwd = r->cwd ? r->cwd : "/",
			    .inherited_fd = inherited_fd };

	if (launch_start(&l, e) < 0)
		return -1;
	c->pid = l.pid;
	c->pid_fd = l.pid_fd;
	c->out.fd = l.out_fd;
	c->err.fd = l.err_fd;
	return 0;
}

/* --- output --- */

/* Appends the line to the tail, dropping whole lines at its front. */
static void tail_add(char *tail, const char *line)
{
	size_t len = strlen(tail), add = strlen(line);

	if (add > RUN_TAIL_MAX - 2)
		add = RUN_TAIL_MAX - 2;
	while (len + add + 2 > RUN_TAIL_MAX) {
		size_t first = strcspn(tail, "\n") + 1;

		len -= first;
		memmove(tail, tail + first, len + 1);
	}
	memcpy(tail + len, line, add);
	memcpy(tail + len + add, "\n", 2);
}

/* Blank lines are dropped; indentation stays, for it is part of a table. */
static void end_line(struct stream *s, struct run *r)
{
	s->line[s->len] = '\0';
	s->len = 0;
	for (char *p = s->line; *p; p++)
		if (*p == '\t')
			*p = ' ';
	if (!*str_trim(s->line)) /* cuts the blanks at the end in place */
		return;
	str_sanitise(s->line);
	tail_add(r->tail, s->line);
	if (r->on_line)
		r->on_line(s->line, r->on_line_data);
}

/* A carriage return ends a line too: progress meters write nothing else for minutes. */
static void split_lines(struct stream *s, struct run *r, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n' || data[i] == '\r')
			end_line(s, r);
		else if (s->len < sizeof(s->line) - 1)
			s->line[s->len++] = data[i] ? data[i] : '?';
	}
}

/* False when it gets larger than the caller takes, who does not want a part of it. */
static bool output_add(struct child *c, struct run *r, const char *data, size_t n)
{
	size_t room = r->output_max - c->output.len;

	r->output_cut |= n > room;
	if (n > room && !r->output_both)
		return false;
	strbuf_add(&c->output, data, n < room ? n : room);
	return true;
}

/* Takes what is there, but at most `rounds` times: a daemon may write for ever. False when standard
 * output got larger than the caller takes. */
static bool stream_read(struct stream *s, struct child *c, struct run *r, int rounds)
{
	char data[16384];

	while (s->fd >= 0 && rounds-- > 0) {
		ssize_t n = read(s->fd, data, sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			close(take_fd(&s->fd));
			break;
		}
		split_lines(s, r, data, (size_t)n);
		if (!s->keep)
			continue;
		if (!output_add(c, r, data, (size_t)n)) {
			s->keep = false;
			return false;
		}
	}
	return true;
}

/* A pipe may stay open behind the child, so its end is the process's end, and what is in the pipes
 * by then. */
static bool drain(struct child *c, struct run *r)
{
	int rounds = 16;
	bool fits = stream_read(&c->out, c, r, rounds) && stream_read(&c->err, c, r, rounds);

	end_line(&c->out, r);
	end_line(&c->err, r);
	return fits;
}

static enum pump pump(struct child *c, struct run *r, uint64_t deadline)
{
	for (;;) {
		struct pollfd p[] = {
			{.fd = c->pid_fd,  .events = POLLIN},
			{ .fd = c->out.fd, .events = POLLIN},
			{ .fd = c->err.fd, .events = POLLIN}
		};
		uint64_t now = clock_monotonic_us();
		uint64_t left_ms = now < deadline ? (deadline - now + 999) / 1000 : 0;

		if (poll(p, ARRAY_SIZE(p), (int)(left_ms < INT_MAX ? left_ms : INT_MAX)) <= 0)
			p[0].revents = p[1].revents = p[2].revents = 0;
		if (p[0].revents)
			return drain(c, r) ? PUMP_EXITED : PUMP_TOO_LARGE;
		if (p[1].revents && !stream_read(&c->out, c, r, 1))
			return PUMP_TOO_LARGE;
		if (p[2].revents)
			stream_read(&c->err, c, r, 1);
		if (clock_monotonic_us() >= deadline)
			return PUMP_DEADLINE;
	}
}

/* --- what a child leaves behind --- */

struct pids {
	pid_t *v;
	size_t n;
};

static void pids_done(struct pids *p)
{
	free(p->v);
}

static bool pids_contain(const pid_t *v, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == pid)
			return true;
	return false;
}

/* Field 4 of /proc/PID/stat; field 2, the name, may hold blanks and parentheses. -1 if gone. */
static pid_t parent_of(const char *pid)
{
	char path[64], text[512];
	_cleanup_fd_ int fd = -1;
	const char *end;
	ssize_t n;
	int ppid;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && sscanf(end, ") %*c %d", &ppid) == 1 ? ppid : -1;
}

/* /proc here is the kernel's own, not the machine's below the root: these are real processes. */
static void pids_of_children(struct pids *p)
{
	siginfo_t info;
	struct dirent *entry;
	DIR *dir;

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return; /* none, the usual case: no need to read all of /proc */
	dir = opendir("/proc");
	while (dir && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    parent_of(entry->d_name) != getpid())
			continue;
		p->v = xrealloc(p->v, (p->n + 1) * sizeof(*p->v));
		p->v[p->n++] = (pid_t)atoi(entry->d_name);
	}
	if (dir)
		closedir(dir);
}

static bool wait_and_reap(pid_t pid, uint64_t deadline)
{
	_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now = clock_monotonic_us();

	while (fd >= 0 && now < deadline && poll(&p, 1, (int)((deadline - now + 999) / 1000)) < 0)
		now = clock_monotonic_us();
	return waitpid(pid, NULL, WNOHANG) == pid;
}

/* Takes the pids in keep out of the list, reaps those that have ended and signals the others, which
 * stay in the list. False when there was nothing to do. */
static bool signal_all(struct pids *p, int sig, const pid_t *keep, size_t n)
{
	size_t signalled = 0;
	bool found = false;

	for (size_t i = 0; i < p->n; i++) {
		if (pids_contain(keep, n, p->v[i]))
			continue;
		found = true;
		if (waitpid(p->v[i], NULL, WNOHANG) == 0 && kill(p->v[i], sig) == 0)
			p->v[signalled++] = p->v[i];
	}
	p->n = signalled;
	return found;
}

/* Returns how many ended by the signal. */
static size_t end_children(int sig, uint64_t deadline, const pid_t *keep, size_t n)
{
	size_t ended = 0;
	bool found;

	do { /* the children of one that has ended become ours: again, until there are none */
		_cleanup_(pids_done) struct pids p = { 0 };

		pids_of_children(&p);
		found = signal_all(&p, sig, keep, n);
		for (size_t i = 0; i < p.n; i++)
			ended += wait_and_reap(p.v[i], deadline);
	} while (found && clock_monotonic_us() < deadline);
	return ended;
}

size_t run_kill_orphans(const pid_t *keep, size_t n, unsigned int grace_s)
{
	uint64_t now = clock_monotonic_us();
	size_t ended = 0;

	if (grace_s > 0)
		ended = end_children(SIGTERM, now + grace_s * SECOND_US, keep, n);
	return ended + end_children(SIGKILL, clock_monotonic_us() + GRACE_US, keep, n);
}

/* --- the end --- */

/* The whole group is asked, then made to go. Bounded even then: a process that hangs in a driver
 * cannot be killed. */
static void stop(struct child *c, struct run *r)
{
	static const int signals[] = { SIGTERM, SIGKILL };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		kill(-c->pid, signals[i]);
		c->out.keep = false;
		if (pump(c, r, clock_monotonic_us() + GRACE_US) == PUMP_EXITED)
			return;
	}
}

/* Reaps the child; false if it has not ended. Until then its process id, and so its group, cannot
 * be anybody else's: what is left of the group after a failure goes first. */
static bool reap(struct child *c, struct run *r, bool failed)
{
	siginfo_t info = { .si_pid = 0 };

	waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	if (info.si_pid == 0)
		return false;
	r->status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
	if (failed || r->status != 0)
		kill(-c->pid, SIGKILL);
	return waitpid(c->pid, NULL, WNOHANG) == c->pid;
}

/* The command for messages: the program's name and its arguments, cut. */
static const char *command_text(const struct run *r, char *dst)
{
	const char *slash = strrchr(r->argv[0], '/');
	size_t len;

	str_copy(dst, COMMAND_SIZE, slash ? slash + 1 : r->argv[0]);
	for (size_t i = 1; r->argv[i]; i++) {
		len = strlen(dst);
		if (len + strlen(r->argv[i]) + sizeof(" ...") >= COMMAND_SIZE) {
			str_copy(dst + len, COMMAND_SIZE - len, " ...");
			break;
		}
		snprintf(dst + len, COMMAND_SIZE - len, " %s", r->argv[i]);
	}
	str_sanitise(dst);
	return dst;
}

/* The last line of the tail, with ": " in front, or "". */
static const char *last_words(const struct run *r, char *dst, size_t dst_size)
{
	size_t end = strlen(r->tail), start;

	*dst = '\0';
	if (end == 0)
		return dst;
	start = --end;
	while (start > 0 && r->tail[start - 1] != '\n')
		start--;
	snprintf(dst, dst_size, ": %.*s", (int)(end - start), r->tail + start);
	return dst;
}

static int judge(const struct run *r, enum pump how, bool ended, struct err *e)
{
	char command[COMMAND_SIZE], last[400];

	command_text(r, command);
	last_words(r, last, sizeof(last));
	if (how == PUMP_TOO_LARGE)
		return err_set(e, &ERR_TOO_LARGE, "%s: more than %zu bytes of output", command,
			       r->output_max);
	if (how == PUMP_DEADLINE)
		return err_set(e, &ERR_TIMEOUT, "%s: not finished after %u s, %s%s", command,
			       r->timeout_s, ended ? "stopped" : "could not be killed", last);
	if (!ended)
		return err_set(e, &ERR_INTERNAL, "%s: its exit status was lost", command);
	if (r->status < 0)
		return err_set(e, &ERR_CHILD, "%s: killed by signal %d (%s)%s", command, -r->status,
			       strsignal(-r->status), last);
	if (r->status > 0)
		return err_set(e, &ERR_CHILD, "%s: exit status %d%s", command, r->status, last);
	return 0;
}

static void child_done(struct child *c)
{
	cleanup_close(&c->pid_fd);
	cleanup_close(&c->out.fd);
	cleanup_close(&c->err.fd);
	strbuf_done(&c->output);
}

/* Programs' words go into messages, the status and terminals: text, whatever they printed. */
static void clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\n' && text[i] != '\t' && (text[i] < 0x20 || text[i] > 0x7e))
			text[i] = '?';
}

int run_wait(struct run *r, struct err *e)
{
	_cleanup_(child_done) struct child c = { .pid_fd = -1, .out.fd = -1, .err.fd = -1 };
	_cleanup_(pids_done) struct pids before = { 0 };
	uint64_t deadline = clock_monotonic_us() + r->timeout_s * SECOND_US;
	enum pump how;
	bool ended;

	r->status = -1;
	r->output = NULL;
	r->output_cut = false;
	r->tail[0] = '\0';
	if (r->argv[0][0] != '/' || r->timeout_s == 0)
		return err_set(e, &ERR_INTERNAL, "running %s: needs an absolute path and a timeout",
			       r->argv[0]);
	run_adopt_orphans();
	pids_of_children(&before);
	c.out.keep = r->output_max > 0;
	c.err.keep = c.out.keep && r->output_both;
	if (start(r, &c, e) < 0)
		return -1;
	how = pump(&c, r, deadline);
	if (how != PUMP_EXITED)
		stop(&c, r);
	ended = reap(&c, r, how != PUMP_EXITED);
	if (how != PUMP_EXITED || r->status != 0)
		run_kill_orphans(before.v, before.n, 0);
	if (r->output_max > 0) {
		clean(c.output.s, c.output.len);
		r->output = c.output.s ? TAKE_PTR(c.output.s) : xstrdup("");
	}
	return judge(r, how, ended, e);
}

void run_done(struct run *r)
{
	free(r->output);
	r->output = NULL;
}
