#include "service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "proc.h"

#define STOP_FLOOR_S 5 /* a scaled time-out must not kill what only shares a busy machine */

static void enter_signal(struct unit *u, const char *sub);
static void list_next(struct unit *u);

static double at_least(double seconds, double floor)
{
	return seconds > floor ? seconds : floor;
}

static void fail(struct unit *u, const char *result)
{
	if (strcmp(u->result, "success") == 0)
		u->result = result;
}

static void enter_dead(struct unit *u)
{
	twin_timer_off(&u->timer);
	u->main_pid = 0;
	if (strcmp(u->result, "success") == 0)
		unit_set_state(u, "inactive", "dead");
	else
		unit_set_state(u, "failed", "failed");
}

static int timed_out(sd_event_source *s, uint64_t usec, void *data)
{
	struct unit *u = data;

	(void)s;
	(void)usec;
	fail(u, "timeout");
	if (strcmp(u->sub, "stop-sigterm") == 0) {
		enter_signal(u, "stop-sigkill");
	} else if (strcmp(u->sub, "stop-post") == 0 || strcmp(u->sub, "stop-sigkill") == 0) {
		proc_signal(u, SIGKILL, NULL);
		u->control_pid = 0;
		enter_dead(u);
	} else {
		enter_signal(u, "stop-sigterm");
	}
	return 0;
}

static void enter_list(struct unit *u, enum exec_list list, const char *active, const char *sub)
{
	double timeout = twin_time_scale(u->twin) *
			 (list < EXEC_STOP ? u->def.timeout_start_s : u->def.timeout_stop_s);

	u->list = list;
	u->at = 0;
	if (list >= EXEC_STOP)
		timeout = at_least(timeout, STOP_FLOOR_S);
	twin_timer(u->twin, &u->timer, timeout, timed_out, u);
	if (u->def.exec[list].n > 0 || list == EXEC_START)
		unit_set_state(u, active, sub);
	list_next(u);
}

/* As systemd does: SIGTERM to all of its processes, then SIGKILL, then ExecStopPost=. */
static void signalled_check(struct unit *u)
{
	if (proc_signal(u, 0, NULL) == 0)
		enter_list(u, EXEC_STOP_POST, "deactivating", "stop-post");
}

static void enter_signal(struct unit *u, const char *sub)
{
	double timeout = at_least(twin_time_scale(u->twin) * u->def.timeout_stop_s, STOP_FLOOR_S);
	int signal = strcmp(sub, "stop-sigkill") == 0 ? SIGKILL : SIGTERM;

	twin_timer(u->twin, &u->timer, timeout, timed_out, u);
	u->list = EXEC_STOP;
	if (proc_signal(u, signal, NULL) > 0)
		unit_set_state(u, "deactivating", sub);
	else
		enter_list(u, EXEC_STOP_POST, "deactivating", "stop-post");
}

static void enter_stop(struct unit *u)
{
	enter_list(u, EXEC_STOP, "deactivating", "stop");
}

static void main_pid_find(struct unit *u)
{
	_cleanup_free_ char *path = u->def.pid_file ? twin_chase(u->twin, u->def.pid_file) : NULL;
	_cleanup_free_ char *text = path ? file_read(path) : NULL;

	if (text && atoi(text) > 0)
		u->main_pid = atoi(text);
	else
		proc_signal(u, 0, &u->main_pid);
}

static void enter_running(struct unit *u)
{
	bool alive = u->main_pid > 0 && u->def.type != SERVICE_ONESHOT;

	twin_timer_off(&u->timer);
	if (strcmp(u->result, "success") != 0)
		enter_signal(u, "stop-sigterm");
	else if (alive)
		unit_set_state(u, "active", "running");
	else if (u->def.remain_after_exit)
		unit_set_state(u, "active", "exited");
	else
		enter_stop(u);
}

static void list_done(struct unit *u)
{
	switch (u->list) {
	case EXEC_START_PRE: enter_list(u, EXEC_START, "activating", "start"); break;
	case EXEC_START:
		if (u->def.type == SERVICE_FORKING)
			main_pid_find(u);
		enter_list(u, EXEC_START_POST, "activating", "start-post");
		break;
	case EXEC_START_POST: enter_running(u); break;
	case EXEC_STOP: enter_signal(u, "stop-sigterm"); break;
	default: enter_dead(u); break;
	}
}

static void list_next(struct unit *u)
{
	const struct commands *l = &u->def.exec[u->list];
	pid_t pid;

	if (u->at >= l->n) {
		list_done(u);
		return;
	}
	u->ignore_failure = l->v[u->at].ignore_failure;
	pid = proc_spawn(u, &l->v[u->at]);
	if (u->list != EXEC_START || u->def.type == SERVICE_FORKING) {
		u->control_pid = pid;
		return;
	}
	u->main_pid = pid;
	if (u->def.type == SERVICE_SIMPLE) { /* counts as started when it is forked */
		u->at = l->n;
		list_done(u);
	}
}

static bool start_limit_hit(struct unit *u)
{
	double now = twin_now();

	if (u->starts[0] > 0 && now - u->starts[0] < u->twin->start_limit_s)
		return true;
	memmove(u->starts, u->starts + 1, sizeof(u->starts) - sizeof(*u->starts));
	u->starts[START_LIMIT_BURST - 1] = now;
	return false;
}

void service_start(struct unit *u)
{
	if (start_limit_hit(u)) {
		u->result = "start-limit-hit";
		if (unit_is(u, "failed")) /* it stays so, but the job must end */
			u->active = "inactive";
		enter_dead(u);
		return;
	}
	u->result = "success";
	u->main_status = 0;
	u->main_pid = u->control_pid = 0;
	unit_set_state(u, "activating", u->def.exec[EXEC_START_PRE].n > 0 ? "start-pre" : "start");
	enter_list(u, EXEC_START_PRE, "activating", "start-pre");
}

void service_stop(struct unit *u)
{
	if (unit_is(u, "deactivating"))
		return;
	if (unit_is(u, "activating")) /* ExecStop= is for services that did start */
		enter_signal(u, "stop-sigterm");
	else
		enter_stop(u);
}

static const char *verdict(int status, bool daemon)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == 0 ? NULL : "exit-code";
	/* systemd.service(5), SuccessExitStatus=: these end a daemon cleanly. */
	if (daemon && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT ||
		       WTERMSIG(status) == SIGHUP || WTERMSIG(status) == SIGPIPE))
		return NULL;
	return WCOREDUMP(status) ? "core-dump" : "signal";
}

static void control_ended(struct unit *u, int status)
{
	const char *bad = u->ignore_failure ? NULL : verdict(status, false);
	bool stopping = strcmp(u->sub, "stop-sigterm") == 0 || strcmp(u->sub, "stop-sigkill") == 0;

	u->control_pid = 0;
	if (stopping)
		return; /* it was told to end */
	if (!bad) {
		u->at++;
		list_next(u);
		return;
	}
	fail(u, bad);
	if (u->list == EXEC_STOP_POST)
		enter_dead(u);
	else
		enter_signal(u, "stop-sigterm");
}

static void main_ended(struct unit *u, int status)
{
	bool oneshot = u->def.type == SERVICE_ONESHOT;
	const char *bad = oneshot && u->ignore_failure ? NULL : verdict(status, !oneshot);

	u->main_pid = 0;
	u->main_status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	if (unit_is(u, "deactivating"))
		return;
	if (bad)
		fail(u, bad);
	if (oneshot && !bad) {
		u->at++;
		list_next(u);
	} else if (unit_is(u, "active") || oneshot) {
		enter_running(u);
	} /* else ExecStartPost= still runs: enter_running() sees it afterwards */
}

void service_reaped(struct twin *t, pid_t pid, int status)
{
	for (struct unit *u = t->units; u; u = u->next) {
		if (u->control_pid == pid)
			control_ended(u, status);
		else if (u->main_pid == pid)
			main_ended(u, status);
		if (strcmp(u->sub, "stop-sigterm") == 0 || strcmp(u->sub, "stop-sigkill") == 0)
			signalled_check(u);
	}
}
