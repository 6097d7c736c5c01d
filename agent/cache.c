#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "codes.h"
#include "core/fs.h"
#include "core/str.h"

#define PARTIAL "partial"

/* --- the folders ------------------------------------------------------------------------------- */

static int open_partial(const char *dir, int *ret_dir_fd, struct err *e)
{
	_cleanup_fd_ int dir_fd = fs_open(dir, O_RDONLY | O_DIRECTORY, 0);
	int fd = -1;

	if (dir_fd >= 0)
		fd = openat(dir_fd, PARTIAL, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "opening %s/" PARTIAL, dir);
	if (ret_dir_fd)
		*ret_dir_fd = take_fd(&dir_fd);
	return fd;
}

/* What another user left there is not gone on with: that user may have it open. */
static int give(const struct cache *c, struct err *e)
{
	_cleanup_fd_ int fd = open_partial(c->dir, NULL, e);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_errno(e, errno, "looking at %s", c->partial);
	if (st.st_uid == c->uid && st.st_gid == c->gid && (st.st_mode & 07777) == 0700)
		return 0;
	if (fs_remove_files(c->partial, e) < 0)
		return -1;
	if (fchown(fd, c->uid, c->gid) < 0 || fchmod(fd, 0700) < 0)
		return err_errno(e, errno, "giving %s to its user", c->partial);
	return 0;
}

/* Gives the folder to the user if there is one who can come to it: a folder on the way may be closed. */
static void find_user(struct cache *c, const char *user)
{
	const struct passwd *pw = fs_has_root() || geteuid() != 0 ? NULL : getpwnam(user);

	if (!pw || pw->pw_uid == 0)
		return;
	c->uid = pw->pw_uid;
	c->gid = pw->pw_gid;
	c->given = true;
	if (cache_enter(c, NULL) == 0 && fs_exists(c->partial)) {
		cache_leave(c);
		return;
	}
	cache_leave(c);
	c->uid = geteuid();
	c->gid = getegid();
	c->given = false;
}

int cache_open(struct cache *c, const char *dir, const char *user, struct err *e)
{
	*c = (struct cache){ .dir = dir, .uid = geteuid(), .gid = getegid(), .groups_n = -1 };
	c->partial = xasprintf("%s/" PARTIAL, dir);
	if (fs_mkdirs(dir, 0711, e) < 0)
		return -1;
	/* It may have been made by somebody else since the configuration was read. */
	if (fs_private_dir(dir, e) < 0)
		return err_rekind(e, &CODE_CONFIG);
	if (fs_mkdirs(c->partial, 0700, e) < 0)
		return -1;
	find_user(c, user);
	return give(c, e);
}

void cache_done(struct cache *c)
{
	cache_leave(c);
	free(c->partial);
	*c = (struct cache){ .groups_n = -1 };
}

int cache_sweep(const char *dir, struct err *e)
{
	_cleanup_free_ char *partial = xasprintf("%s/" PARTIAL, dir);

	return fs_exists(partial) ? fs_remove_files(partial, e) : 0;
}

/* --- another user's rights --------------------------------------------------------------------- */

/* A change of the user makes the kernel forget that we end with our parent (prctl(2)). */
static void end_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

int cache_enter(struct cache *c, struct err *e)
{
	int n;

	if (!c->given)
		return 0;
	n = getgroups(0, NULL);
	c->groups = xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof(*c->groups));
	c->groups_n = n > 0 ? getgroups(n, c->groups) : 0;
	if (setgroups(1, &c->gid) == 0 && setegid(c->gid) == 0 && seteuid(c->uid) == 0) {
		end_with_parent();
		return 0;
	}
	err_errno(e, errno, "taking the rights of " CACHE_USER);
	cache_leave(c);
	return -1;
}

void cache_leave(struct cache *c)
{
	if (c->groups_n < 0)
		return;
	/* To go on as somebody else would be to fail in a hundred places. */
	if (seteuid(0) < 0 || setegid(0) < 0 || setgroups((size_t)c->groups_n, c->groups) < 0)
		abort();
	end_with_parent();
	free(c->groups);
	c->groups = NULL;
	c->groups_n = -1;
}

/* --- what was fetched -------------------------------------------------------------------------- */

static int open_file(const char *path, int partial_fd, const char *name, struct err *e)
{
	_cleanup_fd_ int fd =
		openat(partial_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "opening %s/%s", path, name);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(e, &ERR_UNTRUSTED, "%s/%s is no file, or has other names too", path,
			       name);
	return take_fd(&fd);
}

/* Replaces dir/name by a file that nobody but us has ever opened. */
static int replace(int dir_fd, const char *name, int fd)
{
	_cleanup_free_ char *tmp = xasprintf(".%s.tmp", name);
	_cleanup_fd_ int to = -1;

	unlinkat(dir_fd, tmp, 0);
	to = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -1;
	if (fs_copy_bytes(fd, to) == 0 && renameat(dir_fd, tmp, dir_fd, name) == 0)
		return 0;
	unlinkat(dir_fd, tmp, 0);
	return -1;
}

/* A lease to write is given only while nobody else has the file open (fcntl(2)). Who opens it in this
 * moment has us sent a SIGIO, which would end us. */
static bool open_elsewhere(int fd)
{
	void (*before)(int) = signal(SIGIO, SIG_IGN);
	bool elsewhere = fcntl(fd, F_SETLEASE, F_WRLCK) < 0;

	if (!elsewhere)
		fcntl(fd, F_SETLEASE, F_UNLCK);
	signal(SIGIO, before);
	return elsewhere;
}

static int make_ours(const struct cache *c, int dir_fd, const char *name, int fd)
{
	struct stat ours, there;

	if (fstat(fd, &ours) < 0 || fstatat(dir_fd, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (ours.st_ino != there.st_ino || ours.st_dev != there.st_dev) {
		errno = ESTALE; /* another file was put in its place */
		return -1;
	}
	if (!c->given)
		return 0;
	if (fchown(fd, geteuid(), getegid()) < 0 || fchmod(fd, 0600) < 0)
		return -1;
	return open_elsewhere(fd) ? replace(dir_fd, name, fd) : 0;
}

int cache_take(const struct cache *c, const char *name, struct err *e)
{
	_cleanup_fd_ int dir_fd = -1, partial_fd = open_partial(c->dir, &dir_fd, e), fd = -1;

	if (partial_fd < 0)
		return -1;
	fd = open_file(c->partial, partial_fd, name, e);
	if (fd < 0)
		return -1;
	if (renameat(partial_fd, name, dir_fd, name) < 0)
		return err_errno(e, errno, "moving %s/%s to %s", c->partial, name, c->dir);
	if (make_ours(c, dir_fd, name, fd) < 0 || fsync(dir_fd) < 0) {
		err_errno(e, errno, "taking %s/%s over", c->dir, name);
		unlinkat(dir_fd, name, 0);
		return -1;
	}
	return 0;
}
