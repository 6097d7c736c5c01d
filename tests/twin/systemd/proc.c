#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD_TO_CLOSE 3
#define EXEC_S		  10 /* an exec takes a moment, on a busy machine a long one */

void proc_adopt_orphans(void)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		abort();
}

static void environment_of(const struct unit *u, struct strv *ret)
{
	strv_add(ret, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin");
	strv_take(ret, fmt("TWIN_UNIT=%s", u->name));
	for (size_t i = 0; i < u->def.environment.n; i++)
		strv_add(ret, u->def.environment.v[i]);
	if (u->main_pid > 0)
		strv_take(ret, fmt("MAINPID=%d", (int)u->main_pid));
	if (u->list >= EXEC_STOP)
		strv_take(ret, fmt("SERVICE_RESULT=%s", u->result));
}

static void child(const struct unit *u, const char *program, const struct command *c,
		  char **environment)
{
	sigset_t none;
	int null;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < NSIG; s++)
		signal(s, s == SIGPIPE ? SIG_IGN
				       : SIG_DFL); /* systemd.exec(5): IgnoreSIGPIPE= is on */
	null = open("/dev/null", O_RDONLY);
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	for (int fd = FIRST_FD_TO_CLOSE; fd < 1024; fd++)
		close(fd);
	if (chdir(u->twin->root) == 0)
		execve(program, c->argv.v, environment);
	dprintf(STDERR_FILENO, "%s: %s: %s\n", u->name, c->path, strerror(errno));
	_exit(203); /* systemd.exec(5): EXIT_EXEC */
}

pid_t proc_spawn(struct unit *u, const struct command *c)
{
	_cleanup_free_ char *program = twin_chase(u->twin, c->path);
	struct strv environment = { 0 };
	pid_t pid;

	environment_of(u, &environment);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0)
		child(u, program, c, environment.v);
	strv_done(&environment);
	return pid;
}

static bool is_zombie(pid_t pid)
{
	_cleanup_free_ char *path = fmt("/proc/%d/stat", (int)pid), *text = file_read(path);
	const char *state = text ? strrchr(text, ')') : NULL;

	return !state || state[2] == 'Z';
}

/* False when there is nothing to read. */
static bool environment_search(pid_t pid, char **ret_unit)
{
	_cleanup_free_ char *path = fmt("/proc/%d/environ", (int)pid);
	_cleanup_free_ char *variable = NULL;
	FILE *f = fopen(path, "re");
	bool any = false;
	size_t room = 0;

	while (f && !*ret_unit && getdelim(&variable, &room, '\0', f) > 0) {
		any = true;
		if (starts_with(variable, "TWIN_UNIT="))
			*ret_unit = copy(variable + strlen("TWIN_UNIT="));
	}
	if (f)
		fclose(f);
	return any;
}

/* In the middle of an exec a process has no environment to read for a moment: then look again. */
static char *unit_named_by(pid_t pid)
{
	double until = twin_now() + EXEC_S;
	char *unit = NULL;

	while (!environment_search(pid, &unit) && !is_zombie(pid) && twin_now() < until)
		usleep(1000);
	return unit;
}

typedef void (*visit_t)(pid_t pid, const char *unit, void *data);

static char *owner_of(const struct unit *units, pid_t pid, const char *parents)
{
	char *name;

	for (const struct unit *u = units; u; u = u->next)
		if (u->main_pid == pid || u->control_pid == pid)
			return copy(u->name);
	name = units ? unit_named_by(pid) : NULL; /* no units: whose it is does not matter */
	return name ? name : copy(parents);
}

/* Every living process below pid, with the unit that it belongs to ("" if none). */
static void walk(const struct unit *units, pid_t pid, const char *unit, visit_t visit, void *data)
{
	_cleanup_free_ char *tasks = fmt("/proc/%d/task", (int)pid);
	struct strv threads = { 0 };

	dir_names(tasks, &threads);
	for (size_t i = 0; i < threads.n; i++) {
		_cleanup_free_ char *path = fmt("%s/%s/children", tasks, threads.v[i]),
				    *text = file_read(path);
		struct strv children = { 0 };

		strv_words(&children, text ? text : "");
		for (size_t k = 0; k < children.n; k++) {
			pid_t child = atoi(children.v[k]);
			_cleanup_free_ char *owner = owner_of(units, child, unit);

			walk(units, child, owner, visit, data);
			if (!is_zombie(child))
				visit(child, owner, data);
		}
		strv_done(&children);
	}
	strv_done(&threads);
}

struct count {
	const struct unit *unit;
	int signal;
	size_t n;
	pid_t first;
};

static void count_one(pid_t pid, const char *unit, void *data)
{
	struct count *c = data;

	if (strcmp(unit, c->unit->name) != 0)
		return;
	c->n++;
	c->first = c->first && c->first < pid ? c->first : pid;
	if (c->signal)
		kill(pid, c->signal);
}

size_t proc_signal(const struct unit *u, int signal, pid_t *ret_first)
{
	struct count c = { .unit = u, .signal = signal };

	walk(u->twin->units, getpid(), "", count_one, &c);
	if (ret_first)
		*ret_first = c.first;
	return c.n;
}

static void kill_one(pid_t pid, const char *unit, void *data)
{
	(void)unit;
	(void)data;
	kill(pid, SIGKILL);
}

void proc_kill_descendants(void)
{
	do
		walk(NULL, getpid(), "", kill_one, NULL);
	while (waitpid(-1, NULL, 0) > 0);
}
