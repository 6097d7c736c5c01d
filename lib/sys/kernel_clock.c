#include <errno.h>
#include <sys/timex.h>

#include "core/fs.h"
#include "sys/kernel.h"

#define MAX_ERROR_US 16000000 /* NTP_PHASE_LIMIT, kernel/time/ntp.c */

/* As systemd judges since 243: STA_UNSYNC alone may only be there to keep the kernel from setting the
 * hardware's clock. */
void kernel_clock_judge(long max_error_us, int status, struct kernel_clock *ret)
{
	ret->synchronised = max_error_us >= 0 && max_error_us < MAX_ERROR_US;
	ret->flagged = (status & STA_UNSYNC) != 0;
}

bool kernel_clock(struct kernel_clock *ret)
{
	struct timex t = { .modes = 0 };

	if (fs_has_root()) {
		errno = EOPNOTSUPP;
		return false;
	}
	if (adjtimex(&t) < 0) /* TIME_ERROR, which is positive, is an answer */
		return false;
	kernel_clock_judge(t.maxerror, t.status, ret);
	return true;
}
