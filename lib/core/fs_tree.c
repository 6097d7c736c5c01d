/* Removal of a folder with all that is in it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "core/fs.h"
#include "core/str.h"

#define DEPTH_MAX 64

/* A folder in another, not by way of a link and not on another file system. */
static int open_inside(int dir_fd, const char *name)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
				.resolve =
					RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV };

	return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
}

static int remove_folder(int parent_fd, const char *name, const char *path, unsigned int depth,
			 struct err *e);

/* *ret_n: how many there were. */
static int remove_entries(DIR *dir, const char *path, unsigned int depth, size_t *ret_n,
			  struct err *e)
{
	struct dirent *entry;

	*ret_n = 0;
	while ((errno = 0, entry = readdir(dir))) {
		_cleanup_free_ char *inside = xasprintf("%s/%s", path, entry->d_name);

		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		(*ret_n)++;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR)
			return err_errno(e, errno, "removing %s", inside);
		if (remove_folder(dirfd(dir), entry->d_name, inside, depth + 1, e) < 0)
			return -1;
	}
	return errno ? err_errno(e, errno, "listing %s", path) : 0;
}

static int remove_folder(int parent_fd, const char *name, const char *path, unsigned int depth,
			 struct err *e)
{
	int fd = open_inside(parent_fd, name), r;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	if (!dir) {
		err_errno(e, errno, "removing %s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (depth > DEPTH_MAX) {
		closedir(dir);
		return err_set(e, &ERR_TOO_LARGE, "removing %s: more than %d folders deep", path,
			       DEPTH_MAX);
	}
	/* readdir(3) may pass over some while others are removed. */
	do {
		rewinddir(dir);
		r = remove_entries(dir, path, depth, &n, e);
	} while (r == 0 && n > 0);
	closedir(dir);
	if (r == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = err_errno(e, errno, "removing %s", path);
	return r;
}

int fs_remove_tree(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = NULL;
	_cleanup_fd_ int parent_fd = -1;

	if (!slash || slash == path || !slash[1])
		return err_set(e, &ERR_INTERNAL, "removing %s: not a folder in another", path);
	parent = xstrndup(path, (size_t)(slash - path));
	parent_fd = fs_open(parent, O_RDONLY | O_DIRECTORY, 0);
	if (parent_fd < 0)
		return errno == ENOENT ? 0 : err_errno(e, errno, "removing %s", path);
	if (faccessat(parent_fd, slash + 1, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	if (remove_folder(parent_fd, slash + 1, path, 0, e) < 0)
		return -1;
	return fsync(parent_fd) < 0
		       ? err_errno(e, errno, "removing %s: syncing its directory", path)
		       : 0;
}
