/* Preloaded into a container's systemd-timedated: whether the clock is right is what the twin says,
 * not what the host's kernel says. */
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

int adjtimex(struct timex *t)
{
	memset(t, 0, sizeof(*t));
	if (access("/twin/state/clock-wrong", F_OK) == 0) {
		t->status = STA_UNSYNC;
		t->maxerror = 16000000;
		return TIME_ERROR;
	}
	return TIME_OK;
}
