#include "net/part.h"

#include <errno.h>
#include <fcntl.h>

#include "core/fs.h"
#include "core/json.h"
#include "core/str.h"

#define FLUSH_EVERY (UINT64_C(8) << 20)
#define SAVE_EVERY  (UINT64_C(64) << 20)
#define SIDECAR_MAX 16384

static int start_over(struct part *p, struct err *e)
{
	if (ftruncate(p->fd, 0) < 0 || lseek(p->fd, 0, SEEK_SET) < 0)
		return err_errno(e, errno, "emptying %s", p->file);
	hash_reset(p->hash);
	p->bytes = p->flushed = p->saved = 0;
	p->resumed = false;
	part_set_origin(p, &(struct part_origin){ 0 });
	return 0;
}

int part_reset(struct part *p, struct err *e)
{
	/* The sidecar goes first: without it the bytes count for nothing. */
	if (fs_unlink(p->sidecar, e) < 0)
		return -1;
	return start_over(p, e);
}

/* False when there is no sidecar to be believed. */
static bool load_sidecar(struct part *p)
{
	_cleanup_json_ struct json_object *o = NULL;
	struct part_origin origin = { 0 };
	struct err ignored = ERR_INIT;
	int64_t size, bytes;

	if (json_read(p->sidecar, SIDECAR_MAX, &o, &ignored) < 0)
		return false;
	size = json_int(o, "size", -1);
	bytes = json_int(o, "bytes", -1);
	if (!json_str(o, "url", NULL) || size < 0 || bytes <= 0 || (size && bytes > size) ||
	    !str_copy(origin.etag, sizeof(origin.etag), json_str(o, "etag", "")) ||
	    !str_copy(origin.last_modified, sizeof(origin.last_modified),
		      json_str(o, "last_modified", "")))
		return false;
	origin.url = xstrdup(json_str(o, "url", ""));
	origin.size = (uint64_t)size;
	part_set_origin(p, &origin);
	free(origin.url);
	p->bytes = (uint64_t)bytes;
	return true;
}

/* What lies behind the saved bytes was not known to be on disk, so it is cut off. */
static bool keep_prefix(struct part *p)
{
	struct stat st;

	if (!load_sidecar(p) || fstat(p->fd, &st) < 0 || (uint64_t)st.st_size < p->bytes ||
	    ftruncate(p->fd, (off_t)p->bytes) < 0 || !hash_add_fd(p->hash, p->fd, p->bytes))
		return false;
	p->flushed = p->saved = p->bytes;
	return true;
}

static int make_parent(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = NULL;

	if (!slash)
		return err_set(e, &ERR_INTERNAL, "%s is not an absolute path", path);
	dir = xstrndup(path, (size_t)(slash - path));
	return *dir ? fs_mkdirs(dir, 0755, e) : 0;
}

int part_open(struct part *p, const char *path, struct err *e)
{
	*p = (struct part){ .path = path, .fd = -1 };
	if (make_parent(path, e) < 0)
		return -1;
	p->file = xasprintf("%s.part", path);
	p->sidecar = xasprintf("%s.part.json", path);
	p->hash = hash_new();
	p->fd = fs_open(p->file, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
	if (p->fd < 0)
		return err_errno(e, errno, "opening %s", p->file);
	return keep_prefix(p) ? 0 : part_reset(p, e);
}

void part_done(struct part *p)
{
	cleanup_close(&p->fd);
	p->fd = -1;
	hash_free_p(&p->hash);
	free(p->origin.url);
	free(p->file);
	free(p->sidecar);
}

void part_set_origin(struct part *p, const struct part_origin *origin)
{
	char *url = origin->url ? xstrdup(origin->url) : NULL;

	free(p->origin.url);
	p->origin = *origin;
	p->origin.url = url;
}

static int no_room(struct part *p, uint64_t need, struct err *e)
{
	struct statvfs fs;
	uint64_t free_bytes = 0;

	if (fs_statvfs(p->path, &fs) == 0)
		free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return err_set(e, &ERR_DISK_FULL, "%s: %llu bytes more are needed, %llu are free", p->file,
		       (unsigned long long)need, (unsigned long long)free_bytes);
}

int part_reserve(struct part *p, uint64_t total, struct err *e)
{
	uint64_t need = total > p->bytes ? total - p->bytes : 0;
	struct statvfs fs;

	if (need == 0)
		return 0;
	if (fallocate(p->fd, FALLOC_FL_KEEP_SIZE, (off_t)p->bytes, (off_t)need) == 0)
		return 0;
	if (errno == ENOSPC || errno == EDQUOT)
		return no_room(p, need, e);
	/* A file system that cannot reserve can still be asked. */
	if (fs_statvfs(p->path, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < need)
		return no_room(p, need, e);
	return 0;
}

/* Starts the way to the disk early, so that saving does not hold up the transfer for long. */
static void flush(struct part *p)
{
	sync_file_range(p->fd, (off_t)p->flushed, (off_t)(p->bytes - p->flushed),
			SYNC_FILE_RANGE_WRITE);
	p->flushed = p->bytes;
}

int part_write(struct part *p, const void *data, size_t len, struct err *e)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(p->fd, (const char *)data + done, len - done,
				   (off_t)(p->bytes + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
			return no_room(
				p, p->origin.size > p->bytes ? p->origin.size - p->bytes : len, e);
		if (n < 0)
			return err_errno(e, errno, "writing %s", p->file);
		done += (size_t)n;
	}
	hash_add(p->hash, data, len);
	p->bytes += len;
	if (p->bytes - p->flushed >= FLUSH_EVERY)
		flush(p);
	return p->bytes - p->saved >= SAVE_EVERY ? part_save(p, e) : 0;
}

int part_save(struct part *p, struct err *e)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();

	if (p->bytes == p->saved || !p->origin.url)
		return 0;
	if (fdatasync(p->fd) < 0)
		return err_errno(e, errno, "syncing %s", p->file);
	json_set_str(o, "url", p->origin.url);
	json_set_int(o, "size", (int64_t)p->origin.size);
	json_set_str(o, "etag", p->origin.etag);
	json_set_str(o, "last_modified", p->origin.last_modified);
	json_set_int(o, "bytes", (int64_t)p->bytes);
	if (json_write(p->sidecar, 0644, o, e) < 0)
		return -1;
	p->flushed = p->saved = p->bytes;
	return 0;
}

int part_finish(struct part *p, struct err *e)
{
	/* Room reserved for more than what came is given back. */
	if (ftruncate(p->fd, (off_t)p->bytes) < 0 || fsync(p->fd) < 0)
		return err_errno(e, errno, "syncing %s", p->file);
	if (fs_rename(p->file, p->path, e) < 0)
		return -1;
	return fs_unlink(p->sidecar, e);
}
