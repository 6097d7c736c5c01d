#include "cli/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include "codes.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "sys/run.h"

#define LOOK_EVERY_MS 100

int lock_take(int *ret_fd, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char holder[32] = "";

	/* What lies in them decides what root runs, and what others believe of the machine. */
	if (fs_mkdirs(PATH_RUN_DIR, 0755, e) < 0 || fs_private_dir(PATH_RUN_DIR, e) < 0 ||
	    fs_private_dir(PATH_STATE_DIR, e) < 0)
		return -1;
	fd = fs_open(PATH_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, errno, "run lock %s", PATH_LOCK);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_errno(e, errno, "run lock %s", PATH_LOCK);
		fs_read_line(PATH_LOCK, holder, sizeof(holder));
		err_set(e, &CODE_LOCKED,
			"another run holds %s: process %s, or an installer that it left behind",
			PATH_LOCK, *holder ? holder : "unknown");
		return -1;
	}
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		return err_errno(e, errno, "run lock %s", PATH_LOCK);
	run_set_inherited_fd(fd);
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Whether the run that took the lock is alive; an installer that it left may hold it without it. */
static bool holder_lives(void)
{
	char text[32];
	long pid = fs_read_line(PATH_LOCK, text, sizeof(text)) ? strtol(text, NULL, 10) : 0;

	return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

int lock_wait(unsigned int timeout_s, int *ret_fd, bool *ret_other_run, struct err *e)
{
	uint64_t end = clock_monotonic_us() + (uint64_t)timeout_s * 1000000;

	for (;;) {
		bool lives;

		*e = (struct err)ERR_INIT;
		if (lock_take(ret_fd, e) == 0)
			return 0;
		lives = e->kind == &CODE_LOCKED && holder_lives();
		if (!lives || clock_monotonic_us() >= end) {
			*ret_other_run = lives;
			return -1;
		}
		clock_sleep_us(LOOK_EVERY_MS * UINT64_C(1000));
	}
}
