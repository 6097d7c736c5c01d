/* Preloaded into every service of a container, whose clock is its host's: the clock that the twin
 * says. /twin/state/clock-wrong holds the seconds by which it is wrong, and while it is there the
 * kernel says that the clock is not synchronised. While /twin/state/clock-flagged is there, it says what it
 * says under chronyd without rtcsync (sys_timex.c of chrony: errors kept up to date, STA_UNSYNC set). */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define NOTE	"/twin/state/clock-wrong"
#define FLAGGED "/twin/state/clock-flagged"

static long long wrong_by(void)
{
	char text[32] = "";
	int before = errno, fd = open(NOTE, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		errno = before;
		return 0;
	}
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	errno = before;
	return n > 0 ? atoll(text) : 0;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	static int (*real)(clockid_t, struct timespec *);
	int r;

	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	r = real(id, t);
	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += wrong_by();
	return r;
}

time_t time(time_t *out)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	*out = (struct timeval){ .tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000 };
	return 0;
}

/* A moment by the wrong clock is another one by the kernel's. */
int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	static int (*real)(int, int, const struct itimerspec *, struct itimerspec *);
	struct itimerspec at = *new;

	if (!real)
		real = (int (*)(int, int, const struct itimerspec *, struct itimerspec *))dlsym(
			RTLD_NEXT, "timerfd_settime");
	if ((flags & TFD_TIMER_ABSTIME) && (flags & TFD_TIMER_CANCEL_ON_SET))
		at.it_value.tv_sec -= wrong_by();
	return real(fd, flags, &at, old);
}

int adjtimex(struct timex *t)
{
	memset(t, 0, sizeof(*t));
	t->status = STA_UNSYNC;
	t->maxerror = 16000000;
	if (access(NOTE, F_OK) == 0)
		return TIME_ERROR;
	t->maxerror = 9776;
	if (access(FLAGGED, F_OK) == 0)
		return TIME_ERROR;
	t->status = STA_PLL;
	return TIME_OK;
}
