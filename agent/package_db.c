#include "package_db.h"

#include <errno.h>
#include <fcntl.h>

#include "core/fs.h"
#include "core/str.h"
#include "paths.h"

/* In the copy, written last and removed first: it is whole. */
#define COMPLETE ".complete"

/* A regular file beside its new name, then renamed. Anything else has no place in the database. */
static int copy_file(const char *from_dir, const char *to_dir, const char *name, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/%s", from_dir, name);
	_cleanup_free_ char *to = xasprintf("%s/%s", to_dir, name);
	_cleanup_free_ char *part = xasprintf("%s.gn8v", to);
	_cleanup_fd_ int in = fs_open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0), out = -1;
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return err_errno(e, errno, "opening %s", from);
	if (!S_ISREG(st.st_mode))
		return 0;
	out = fs_open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	if (out < 0 || fchown(out, st.st_uid, st.st_gid) < 0 ||
	    fchmod(out, st.st_mode & 07777) < 0 || fs_copy_bytes(in, out) < 0)
		return err_errno(e, errno, "copying %s to %s", from, part);
	return fs_rename(part, to, e);
}

/* Every file of one directory into the other. */
static int mirror(const char *from, const char *to, struct err *e)
{
	struct fs_names names;
	int r = 0;

	if (fs_list(from, &names, e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (!str_eq(names.v[i], COMPLETE))
			r = copy_file(from, to, names.v[i], e);
	fs_names_done(&names);
	return r;
}

static int drop(struct err *e)
{
	if (fs_unlink(PATH_RPM_KEPT "/" COMPLETE, e) < 0)
		return -1;
	return fs_remove_files(PATH_RPM_KEPT, e);
}

int package_db_keep(struct err *e)
{
	bool was_cut_off;

	if (!fs_exists(PATH_RPM))
		return err_errno(e, ENOENT, "keeping a copy of %s", PATH_RPM);
	if (package_db_put_back(&was_cut_off, e) < 0 || fs_mkdirs(PATH_RPM_KEPT, 0700, e) < 0 ||
	    drop(e) < 0 || mirror(PATH_RPM, PATH_RPM_KEPT, e) < 0)
		return -1;
	return fs_write_atomic(PATH_RPM_KEPT "/" COMPLETE, 0600, "", 0, e);
}

int package_db_settle(struct err *e)
{
	static const char *const places[] = { "/usr", "/etc", PATH_RPM };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (fs_sync_fs(places[i], e) < 0)
			return -1;
	return drop(e);
}

int package_db_put_back(bool *ret_was_cut_off, struct err *e)
{
	*ret_was_cut_off = fs_exists(PATH_RPM_KEPT "/" COMPLETE);
	if (!*ret_was_cut_off)
		return 0;
	/* Write-ahead logs and regions of the transaction that was cut off belong to nothing any more. */
	if (mirror(PATH_RPM_KEPT, PATH_RPM, e) < 0 ||
	    fs_remove_others(PATH_RPM, PATH_RPM_KEPT, e) < 0)
		return -1;
	return drop(e);
}
