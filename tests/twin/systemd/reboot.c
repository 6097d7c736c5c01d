#include "reboot.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "job.h"
#include "login.h"

#define AGENT_GRACE_S	    30
#define AGENT_GRACE_FLOOR_S 5

static void stop_units(struct twin *t)
{
	twin_timer_off(&t->agent_deadline);
	t->agent_exit = sd_event_source_disable_unref(t->agent_exit);
	if (t->agent_pidfd >= 0)
		close(t->agent_pidfd);
	t->agent_pidfd = -1;
	t->reboot = REBOOT_UNITS;
	job_stop_everything(t);
}

static int agent_gone(sd_event_source *s, int fd, uint32_t events, void *data)
{
	(void)s;
	(void)fd;
	(void)events;
	stop_units(data);
	return 0;
}

static int agent_stays(sd_event_source *s, uint64_t usec, void *data)
{
	struct twin *t = data;

	(void)s;
	(void)usec;
	twin_misuse(t, "agent ignored SIGTERM");
	twin_timer_off(&t->agent_deadline);
	kill(t->agent_pid, SIGKILL); /* agent_gone() follows */
	return 0;
}

static pid_t agent_pid(const struct twin *t)
{
	_cleanup_free_ char *path = fmt("%s/agent.pid", t->state), *text = file_read(path);

	return text ? atoi(text) : 0;
}

static int begin(sd_event_source *s, void *data)
{
	struct twin *t = data;
	double grace = AGENT_GRACE_S * twin_time_scale(t);

	sd_event_source_unref(s);
	login_announce_shutdown(t);
	t->agent_pid = agent_pid(t);
	if (t->agent_pid > 1)
		t->agent_pidfd = (int)syscall(SYS_pidfd_open, t->agent_pid, 0);
	if (t->agent_pidfd < 0 || kill(t->agent_pid, SIGTERM) < 0 ||
	    sd_event_add_io(t->event, &t->agent_exit, t->agent_pidfd, EPOLLIN, agent_gone, t) < 0) {
		stop_units(t);
		return 0;
	}
	if (grace < AGENT_GRACE_FLOOR_S)
		grace = AGENT_GRACE_FLOOR_S;
	twin_timer(t, &t->agent_deadline, grace, agent_stays, t);
	return 0;
}

int reboot_ask(struct twin *t, const char *who)
{
	sd_event_source *s;

	if (t->reboot != REBOOT_NONE)
		return -EALREADY;
	if (twin_fault(t, "reboot-ignored"))
		return 0;
	t->reboot = REBOOT_AGENT;
	t->reboot_asked_by = who;
	/* From the loop, so that whoever asked gets the answer first. */
	return sd_event_add_defer(t->event, &s, begin, t) < 0 ? -ENOMEM : 0;
}

void reboot_jobs_ran(struct twin *t)
{
	_cleanup_free_ char *path = fmt("%s/restart-requested", t->state), *line = NULL;

	if (t->reboot != REBOOT_UNITS)
		return;
	for (const struct job *j = t->jobs; j; j = j->next)
		if (!j->held)
			return;
	line = fmt("%s\n", t->reboot_asked_by);
	file_write(path, line);
	sd_event_exit(t->event, 0);
}
