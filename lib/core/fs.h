/* Files of the machine. Every path here is absolute and is looked up below the root directory
 * (--root), symbolic links included: a link to /usr/lib/x inside the root stays inside it
 * (openat2(2), RESOLVE_IN_ROOT). With no root set, it is the machine we run on.
 *
 * Writers are atomic and durable: temporary sibling, fsync, rename, fsync of the directory.
 * Readers state the largest size they accept. */
#ifndef GN8V_CORE_FS_H
#define GN8V_CORE_FS_H

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "core/err.h"

/* Sets the root once, before anything else here is used. "" and "/" mean the machine itself. */
int fs_set_root(const char *dir, struct err *e);
bool fs_has_root(void);

/* The path as the host sees it, for what must be handed to execve, libcurl or dlopen. Caller frees. */
char *fs_host_path(const char *path);

/* open(2); O_CLOEXEC is added. -1 with errno set. */
int fs_open(const char *path, int flags, mode_t mode);

bool fs_exists(const char *path);
int fs_stat(const char *path, struct stat *ret_st);	  /* follows links; -1 with errno */
int fs_statvfs(const char *path, struct statvfs *ret_st); /* of the nearest existing parent */
bool fs_mtime(const char *path, struct timespec *ret_t);  /* false if it does not exist */

/* The whole file, terminated by a NUL that is not counted; larger than max is ERR_TOO_LARGE.
 * *ret_data is the caller's; ret_len may be NULL. */
int fs_read(const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *e);

/* As fs_read, but a missing file is an empty *ret_data == NULL. */
int fs_read_optional(const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *e);

/* The first line of a small file into dst without its line end. False with errno when it could not be
 * read: ENOENT when the file is not there, EMSGSIZE when it is too long. */
bool fs_read_line(const char *path, char *dst, size_t dst_size);

/* Replaces the file durably. Parent directories are made (0755). */
int fs_write_atomic(const char *path, mode_t mode, const void *data, size_t len, struct err *e);

/* Replaces the file in one rename without syncing anything: for /run. */
int fs_write_volatile(const char *path, mode_t mode, const char *text, struct err *e);

/* fs_write_atomic unless the file already has these bytes. ret_changed may be NULL. */
int fs_ensure(const char *path, mode_t mode, const char *text, bool *ret_changed, struct err *e);

bool fs_equals(const char *path, const char *text); /* whether the file has exactly these bytes */

int fs_mkdirs(const char *path, mode_t mode, struct err *e);

/* 0 when nobody but root can change what a directory holds: every folder on the way to it is root's
 * and not writable by others (but one with the sticky bit, which /tmp is, may lie above it). What is
 * missing yet is for its parent to say. Not judged below a root directory (fs_set_root). */
int fs_private_dir(const char *path, struct err *e);

int fs_unlink(const char *path, struct err *e); /* a missing file is no error */

/* Removes a file that fs_write_atomic wrote, and what is left of a write that was cut off. */
int fs_unlink_atomic(const char *path, struct err *e);
int fs_remove_files(const char *dir,
		    struct err *e); /* every file in a directory, not the directory */

/* Removes a folder of another (not of "/") with all that is in it. Links are removed, not followed, and what is mounted in it
 * or on it is an error. What a call that was cut off left, the next removes; a missing folder is no error. Durable. */
int fs_remove_tree(const char *path, struct err *e);
int fs_rename(const char *from, const char *to, struct err *e); /* same directory, durable */

/* All bytes that are left in one file to the other, and to the disk; also between two file systems.
 * -1 with errno. */
int fs_copy_bytes(int from, int to);

/* syncfs of the file system that path lies on. */
int fs_sync_fs(const char *path, struct err *e);

/* As if the file had been written then; durable. */
int fs_set_mtime(const char *path, const struct timespec *t, struct err *e);

/* Names in a directory, sorted, without "." and ".."; a missing directory is empty. */
struct fs_names {
	char **v;
	size_t n;
};
int fs_list(const char *path, struct fs_names *ret_names, struct err *e);
void fs_names_done(struct fs_names *names);

#define FS_LIST_MAX 100000

#endif
