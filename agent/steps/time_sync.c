/* time-sync: a wrong clock makes good certificates bad, so nothing over https before it is right. */
#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>

#include "codes.h"
#include "core/clock.h"
#include "steps/all.h"

#define LOOK_EVERY_S 2

PROBE(time_sync)
{
	if (!c->time_sync_required) {
		probe_done(r, "not required (time_sync.required is false)");
		return;
	}
	if (probe_cannot(r, f, FACTS_CLOCK))
		return;
	if (f->clock.synchronised)
		probe_done(r, "the clock is synchronised");
	else
		probe_todo(r, "wait until the clock is synchronised");
}

/* Returns at once when the clock is set (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET), else after a
 * while: a daemon that slews the clock sets nothing, and timedated sends no signal for it. */
static int wait_for_step(struct err *e)
{
	_cleanup_fd_ int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
	struct itimerspec at = { .it_value.tv_sec = clock_wall_s() + LOOK_EVERY_S };
	uint64_t ticks;

	if (fd < 0 ||
	    timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) < 0)
		return err_errno(e, errno, "timer");
	if (read(fd, &ticks, sizeof(ticks)) < 0 && errno != ECANCELED && errno != EINTR)
		return err_errno(e, errno, "timer");
	return 0;
}

APPLY(time_sync)
{
	uint64_t end = clock_monotonic_us() + (uint64_t)w->config->time_sync_deadline_s * 1000000;

	worker_progress(w, "waiting for the clock to be synchronised");
	for (;;) {
		char now[CLOCK_TEXT_SIZE];

		facts_collect(&w->facts, w->config, FACTS_CLOCK);
		if (!(w->facts.known & FACTS_CLOCK)) {
			*e = *facts_error(&w->facts, FACTS_CLOCK);
			return -1;
		}
		if (w->facts.clock.synchronised)
			return 0;
		clock_format(clock_wall_s(), now);
		if (clock_monotonic_us() > end)
			return err_set(e, &CODE_CLOCK,
				       "the clock (now %s) is not synchronised after %d s", now,
				       w->config->time_sync_deadline_s);
		if (wait_for_step(e) < 0)
			return -1;
	}
}
