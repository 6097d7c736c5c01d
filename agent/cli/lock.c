#include "cli/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "sys/run.h"

int lock_take(int *ret_fd, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char holder[32] = "";

	if (fs_mkdirs(PATH_RUN_DIR, 0755, e) < 0)
		return -1;
	fd = fs_open(PATH_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, errno, "run lock %s", PATH_LOCK);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_errno(e, errno, "run lock %s", PATH_LOCK);
		fs_read_line(PATH_LOCK, holder, sizeof(holder));
		err_set(e, &CODE_LOCKED, "another run holds %s: process %s, or an installer that it left behind",
			PATH_LOCK, *holder ? holder : "unknown");
		return -1;
	}
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		return err_errno(e, errno, "run lock %s", PATH_LOCK);
	run_set_inherited_fd(fd);
	*ret_fd = take_fd(&fd);
	return 0;
}
