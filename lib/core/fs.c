#include "core/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "core/str.h"

#define COPY_CHUNK 262144

static int root_fd = -1;
static char *root_dir; /* without a trailing slash; NULL: the machine itself */

int fs_set_root(const char *dir, struct err *e)
{
	_cleanup_free_ char *real = NULL;
	int fd;

	if (!*dir || str_eq(dir, "/"))
		return 0;
	real = realpath(dir, NULL);
	if (!real)
		return err_errno(e, errno, "root directory %s", dir);
	fd = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "root directory %s", real);
	if (root_fd >= 0)
		close(root_fd);
	free(root_dir);
	root_fd = fd;
	root_dir = TAKE_PTR(real);
	return 0;
}

bool fs_has_root(void)
{
	return root_dir != NULL;
}

char *fs_host_path(const char *path)
{
	return xasprintf("%s%s", root_dir ? root_dir : "", path);
}

int fs_open(const char *path, int flags, mode_t mode)
{
	struct open_how how = { .resolve = RESOLVE_IN_ROOT };
	int fd;

	if (root_fd < 0)
		return open(path, flags | O_CLOEXEC, mode);
	how.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC);
	how.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0;
	/* openat2(2): EAGAIN when anything on the system was renamed while ".." was followed. */
	do
		fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN);
	return fd;
}

/* Opens the directory that holds `path` and points *ret_name at the last component. */
static int open_parent(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = NULL;

	if (!slash) {
		errno = EINVAL;
		return -1;
	}
	dir = slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
	*ret_name = slash + 1;
	return fs_open(dir, O_RDONLY | O_DIRECTORY, 0);
}

bool fs_exists(const char *path)
{
	_cleanup_fd_ int fd = fs_open(path, O_PATH, 0);

	return fd >= 0;
}

int fs_stat(const char *path, struct stat *ret_st)
{
	_cleanup_fd_ int fd = fs_open(path, O_PATH, 0);

	return fd < 0 ? -1 : fstat(fd, ret_st);
}

int fs_statvfs(const char *path, struct statvfs *ret_st)
{
	_cleanup_free_ char *p = xstrdup(path);

	for (;;) {
		_cleanup_fd_ int fd = fs_open(*p ? p : "/", O_PATH, 0);
		char *slash;

		if (fd >= 0)
			return fstatvfs(fd, ret_st);
		slash = strrchr(p, '/');
		if (errno != ENOENT || !slash)
			return -1;
		*slash = '\0';
	}
}

bool fs_mtime(const char *path, struct timespec *ret_t)
{
	struct stat st;

	if (fs_stat(path, &st) < 0)
		return false;
	*ret_t = st.st_mtim;
	return true;
}

/* Files in /proc and /sys report a size of 0 or 4096, so the end is found by reading. */
static int read_all(int fd, const char *path, size_t max, struct strbuf *out, struct err *e)
{
	char chunk[16384];

	strbuf_begin(out);
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "reading %s", path);
		if (out->len + (size_t)n > max)
			return err_set(e, &ERR_TOO_LARGE, "%s is larger than %zu bytes", path, max);
		strbuf_add(out, chunk, (size_t)n);
	}
}

int fs_read(const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *e)
{
	_cleanup_fd_ int fd = fs_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	_cleanup_strbuf_ struct strbuf b = { 0 };

	if (fd < 0)
		return err_errno(e, errno, "opening %s", path);
	if (read_all(fd, path, max, &b, e) < 0)
		return -1;
	if (ret_len)
		*ret_len = b.len;
	*ret_data = TAKE_PTR(b.s);
	return 0;
}

int fs_read_optional(const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *e)
{
	if (!fs_exists(path) && errno == ENOENT) {
		*ret_data = NULL;
		if (ret_len)
			*ret_len = 0;
		return 0;
	}
	return fs_read(path, max, ret_data, ret_len, e);
}

bool fs_read_line(const char *path, char *dst, size_t dst_size)
{
	_cleanup_fd_ int fd = fs_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	_cleanup_strbuf_ struct strbuf b = { 0 };
	int why = errno;
	bool ok = false;

	if (fd >= 0) {
		errno = EMSGSIZE; /* of a file, or a line, that is too long */
		ok = read_all(fd, path, 65536, &b, NULL) == 0;
		why = errno;
	}
	if (ok) {
		b.s[strcspn(b.s, "\n")] = '\0';
		ok = str_copy(dst, dst_size, b.s);
		why = EMSGSIZE;
	}
	if (!ok)
		errno = why;
	return ok;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_file(const char *path, mode_t mode, const void *data, size_t len, bool durable,
		      struct err *e)
{
	_cleanup_free_ char *dir = xstrdup(path), *tmp = NULL;
	_cleanup_fd_ int dir_fd = -1, fd = -1;
	const char *name;
	char *slash = strrchr(dir, '/');

	if (!slash)
		return err_set(e, &ERR_INTERNAL, "writing %s: not an absolute path", path);
	*slash = '\0';
	if (*dir && fs_mkdirs(dir, 0755, e) < 0)
		return err_wrap(e, "writing %s", path);
	dir_fd = open_parent(path, &name);
	if (dir_fd < 0)
		return err_errno(e, errno, "writing %s", path);
	/* One writer per file (the run lock), so a fixed name also cleans up after a power cut. */
	tmp = xasprintf(".%s.tmp", name);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_errno(e, errno, "writing %s", path);
	if (fchmod(fd, mode) < 0 || write_all(fd, data, len) < 0 || (durable && fsync(fd) < 0) ||
	    renameat(dir_fd, tmp, dir_fd, name) < 0) {
		err_errno(e, errno, "writing %s", path);
		unlinkat(dir_fd, tmp, 0);
		return -1;
	}
	if (durable && fsync(dir_fd) < 0)
		return err_errno(e, errno, "writing %s: syncing its directory", path);
	return 0;
}

int fs_write_atomic(const char *path, mode_t mode, const void *data, size_t len, struct err *e)
{
	return write_file(path, mode, data, len, true, e);
}

int fs_write_volatile(const char *path, mode_t mode, const char *text, struct err *e)
{
	return write_file(path, mode, text, strlen(text), false, e);
}

bool fs_equals(const char *path, const char *text)
{
	_cleanup_free_ char *old = NULL;
	size_t len, want = strlen(text);

	return fs_read(path, want + 1, &old, &len, NULL) == 0 && len == want &&
	       memcmp(old, text, want) == 0;
}

int fs_ensure(const char *path, mode_t mode, const char *text, bool *ret_changed, struct err *e)
{
	bool same = fs_equals(path, text);

	if (!same && fs_write_atomic(path, mode, text, strlen(text), e) < 0)
		return -1;
	if (ret_changed)
		*ret_changed = !same;
	return 0;
}

int fs_mkdirs(const char *path, mode_t mode, struct err *e)
{
	_cleanup_free_ char *p = xstrdup(path);

	for (char *slash = p + 1;; slash++) {
		_cleanup_fd_ int dir_fd = -1;
		const char *name;
		char end;

		slash += strcspn(slash, "/");
		end = *slash;
		*slash = '\0';
		if (!fs_exists(p)) {
			dir_fd = open_parent(p, &name);
			if (dir_fd < 0 || (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST))
				return err_errno(e, errno, "making directory %s", p);
			if (fsync(dir_fd) < 0)
				return err_errno(e, errno, "syncing the parent of %s", p);
		}
		if (!end)
			return 0;
		*slash = '/';
	}
}

/* A folder or a link on the way to the directory that is judged; `last` is that one itself. */
static int judge_private(const char *path, bool last, struct err *e)
{
	struct stat st;
	bool shared;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, errno, "looking at %s", path);
	shared = !S_ISLNK(st.st_mode) && (st.st_mode & 022) && (last || !(st.st_mode & S_ISVTX));
	if (st.st_uid == 0 && !shared)
		return 0;
	err_set(e, &ERR_UNTRUSTED, "%s: others than root may change what is in it", path);
	err_hint(
		e,
		"use a folder that is root's alone; or: chown root %s && chmod go-w %s, and remove what others put there",
		path, path);
	return -1;
}

static int judge_way(const char *path, struct err *e)
{
	_cleanup_free_ char *p = xstrdup(path);

	for (char *slash = p + strspn(p, "/"); *slash; slash += strspn(slash, "/")) {
		char end;

		slash += strcspn(slash, "/");
		end = *slash;
		*slash = '\0';
		if (judge_private(p, !end, e) < 0)
			return -1;
		*slash = end;
	}
	return 0;
}

/* Both ways count: of the links on the path as written, and of where they lead now. */
int fs_private_dir(const char *path, struct err *e)
{
	_cleanup_free_ char *real = NULL;

	if (fs_has_root())
		return 0;
	real = realpath(path, NULL);
	if (judge_way(path, e) < 0)
		return -1;
	return real ? judge_way(real, e) : 0;
}

int fs_unlink(const char *path, struct err *e)
{
	const char *name;
	_cleanup_fd_ int dir_fd = open_parent(path, &name);

	if (dir_fd < 0 && errno == ENOENT)
		return 0;
	if (dir_fd < 0)
		return err_errno(e, errno, "removing %s", path);
	if (unlinkat(dir_fd, name, 0) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_errno(e, errno, "removing %s", path);
	}
	if (fsync(dir_fd) < 0)
		return err_errno(e, errno, "removing %s: syncing its directory", path);
	return 0;
}

int fs_unlink_atomic(const char *path, struct err *e)
{
	const char *name = strrchr(path, '/') + 1;
	_cleanup_free_ char *tmp = xasprintf("%.*s.%s.tmp", (int)(name - path), path, name);

	return fs_unlink(path, e) < 0 ? -1 : fs_unlink(tmp, e);
}

int fs_rename(const char *from, const char *to, struct err *e)
{
	const char *from_name, *to_name;
	_cleanup_fd_ int from_fd = open_parent(from, &from_name), to_fd = open_parent(to, &to_name);

	if (from_fd < 0 || to_fd < 0 || renameat(from_fd, from_name, to_fd, to_name) < 0 ||
	    fsync(to_fd) < 0)
		return err_errno(e, errno, "renaming %s to %s", from, to);
	return 0;
}

/* copy_file_range(2) is only the fast way. It refuses files of two file systems (EXDEV), file systems
 * that lack it (EOPNOTSUPP, EINVAL, ENOSYS), and may end early: whatever it left, for whatever reason,
 * is read and written, and what is truly wrong (a full or broken disk) is met again there. */
int fs_copy_bytes(int from, int to)
{
	_cleanup_free_ char *chunk = NULL;
	ssize_t n;

	while (copy_file_range(from, NULL, to, NULL, 1 << 26, 0) > 0)
		;
	chunk = xcalloc(1, COPY_CHUNK);
	while ((n = read(from, chunk, COPY_CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || write_all(to, chunk, (size_t)n) < 0)
			return -1;
	}
	return fsync(to);
}

int fs_sync_fs(const char *path, struct err *e)
{
	_cleanup_fd_ int fd = fs_open(path, O_RDONLY, 0);

	if (fd < 0 || syncfs(fd) < 0)
		return err_errno(e, errno, "syncing the file system of %s", path);
	return 0;
}

int fs_set_mtime(const char *path, const struct timespec *t, struct err *e)
{
	struct timespec both[] = { { .tv_nsec = UTIME_OMIT }, *t };
	_cleanup_fd_ int fd = fs_open(path, O_RDONLY, 0);

	if (fd < 0 || futimens(fd, both) < 0 || fsync(fd) < 0)
		return err_errno(e, errno, "setting the time of %s", path);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int fs_list(const char *path, struct fs_names *ret_names, struct err *e)
{
	int fd = fs_open(path, O_RDONLY | O_DIRECTORY, 0);
	struct fs_names names = { 0 };
	struct dirent *entry;
	DIR *dir;
	int why = 0;

	*ret_names = names;
	if (fd < 0 && errno == ENOENT)
		return 0;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		err_errno(e, errno, "listing %s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (names.n < FS_LIST_MAX) {
		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			why = errno;
			break;
		}
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		names.v = xrealloc(names.v, (names.n + 1) * sizeof(*names.v));
		names.v[names.n++] = xstrdup(entry->d_name);
	}
	closedir(dir);
	if (why) { /* half a list is none */
		fs_names_done(&names);
		return err_errno(e, why, "listing %s", path);
	}
	if (names.n)
		qsort(names.v, names.n, sizeof(*names.v), compare_names);
	*ret_names = names;
	return 0;
}

void fs_names_done(struct fs_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct fs_names){ 0 };
}

int fs_remove_files(const char *dir, struct err *e)
{
	struct fs_names names;
	int r = 0;

	if (fs_list(dir, &names, e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, names.v[i]);

		r = fs_unlink(path, e);
	}
	fs_names_done(&names);
	return r;
}
