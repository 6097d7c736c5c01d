/* time-sync: a wrong clock makes good certificates bad, so nothing over https before it is right. */
#include <errno.h>
#include <strings.h>
#include <sys/timerfd.h>
#include <time.h>

#include "codes.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
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
		probe_done(
			r, "the clock is synchronised%s",
			f->clock.flagged
				? "; STA_UNSYNC is set all the same, as by chrony without rtcsync"
				: "");
	else
		probe_todo(r, "wait until the clock is synchronised");
}

/* chrony then keeps the kernel's flag set, and systemd before 243 says "no" for ever. One that includes
 * other files is not judged. */
static bool chrony_lacks_rtcsync(void)
{
	static const char *const elsewhere[] = { "include", "confdir" };
	_cleanup_free_ char *text = NULL;
	char *rest, *line;

	if (fs_read_optional(PATH_CHRONY_CONF, 65536, &text, NULL, NULL) < 0 || !text)
		return false;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		line = str_trim(line);
		line[strcspn(line, " \t")] = '\0';
		if (strcasecmp(line, "rtcsync") == 0)
			return false;
		for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
			if (strcasecmp(line, elsewhere[i]) == 0)
				return false;
	}
	return true;
}

/* Not synchronised is one thing, and nobody who could be asked another. */
static int give_up(const struct facts_clock *k, int waited_s, struct err *e)
{
	bool lacks = chrony_lacks_rtcsync();
	char now[CLOCK_TEXT_SIZE];

	clock_format(clock_wall_s(), now);
	if (!k->told)
		return err_set(
			e, &CODE_CLOCK_UNKNOWN,
			"whether the clock (now %s) is synchronised could not be found out in %d s: %s",
			now, waited_s, k->timedated);
	err_set(e, &CODE_CLOCK, "the clock (now %s) is not synchronised after %d s%s%s", now,
		waited_s, k->timedated[0] ? "; timedated did not answer: " : "", k->timedated);
	if (!lacks)
		return -1;
	return err_hint(
		e,
		"add the line \"rtcsync\" to " PATH_CHRONY_CONF
		", without which systemd does not see that chrony synchronises the clock, then: "
		"systemctl restart chronyd; or: %s",
		CODE_CLOCK.hint);
}

/* Returns at once when the clock is set (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET), else after a
 * while: a daemon that slews the clock sets nothing, and timedated sends no signal for it. */
static int wait_for_step(int most_s, struct err *e)
{
	_cleanup_fd_ int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
	struct itimerspec at = { .it_value.tv_sec = clock_wall_s() + most_s };
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
	int deadline_s = w->config->time_sync_deadline_s;
	int most_s = deadline_s < LOOK_EVERY_S ? deadline_s : LOOK_EVERY_S;
	uint64_t end = clock_monotonic_us() + (uint64_t)deadline_s * 1000000;

	worker_progress(w, "waiting for the clock to be synchronised");
	for (;;) {
		facts_collect(&w->facts, w->config, FACTS_CLOCK);
		if (!(w->facts.known & FACTS_CLOCK)) {
			*e = *facts_error(&w->facts, FACTS_CLOCK);
			return -1;
		}
		if (w->facts.clock.synchronised)
			return 0;
		if (clock_monotonic_us() > end)
			return give_up(&w->facts.clock, deadline_s, e);
		if (wait_for_step(most_s, e) < 0)
			return -1;
	}
}
