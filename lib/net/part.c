#include "net/part.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "core/fs.h"
#include "core/json.h"
#include "core/str.h"

#define FLUSH_EVERY (UINT64_C(8) << 20)
#define SIDECAR_MAX 16384
#define PIECES_MAX  256
#define READ_SIZE   262144

/* So much may have to be fetched again after a kill: a sixty-fourth of the file, within bounds. */
#define SAVE_SHARE 64
#define SAVE_MIN   (UINT64_C(1) << 18)
#define SAVE_MAX   (UINT64_C(64) << 20)

static int start_over(struct part *p, struct err *e)
{
	if (ftruncate(p->fd, 0) < 0)
		return err_errno(e, errno, "emptying %s", p->file);
	hash_reset(p->hash);
	pieces_clear(&p->here);
	p->bytes = p->hashed = p->flushed = p->saved = p->reserved = 0;
	p->answers = 0;
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

/* --- the sidecar ------------------------------------------------------------------------------- */

/* [[start, end], ...], sorted, apart and inside of the file. */
static bool load_pieces(struct part *p, struct json_object *list, uint64_t end)
{
	uint64_t least = 0;

	if (!json_object_is_type(list, json_type_array) ||
	    json_object_array_length(list) > PIECES_MAX)
		return false;
	for (size_t i = 0; i < (size_t)json_object_array_length(list); i++) {
		struct json_object *pair = json_object_array_get_idx(list, i);
		struct piece piece;

		if (!json_object_is_type(pair, json_type_array) ||
		    json_object_array_length(pair) != 2)
			return false;
		piece.start = (uint64_t)json_object_get_int64(json_object_array_get_idx(pair, 0));
		piece.end = (uint64_t)json_object_get_int64(json_object_array_get_idx(pair, 1));
		if (piece.start < least || piece.start >= piece.end || piece.end > end)
			return false;
		least = piece.end + 1;
		pieces_add(&p->here, piece.start, piece.end);
	}
	return p->here.n > 0;
}

/* False when there is no sidecar to be believed. */
static bool load_sidecar(struct part *p)
{
	_cleanup_json_ struct json_object *o = NULL;
	struct part_origin origin = { 0 };
	struct err ignored = ERR_INIT;
	struct stat st;
	int64_t size;

	if (json_read(p->sidecar, SIDECAR_MAX, &o, &ignored) < 0 || fstat(p->fd, &st) < 0)
		return false;
	size = json_int(o, "size", -1);
	if (!json_str(o, "url", NULL) || size < 0 ||
	    !str_copy(origin.etag, sizeof(origin.etag), json_str(o, "etag", "")) ||
	    !str_copy(origin.last_modified, sizeof(origin.last_modified),
		      json_str(o, "last_modified", "")) ||
	    !load_pieces(p, json_get(o, "pieces"),
			 (uint64_t)(size && size < st.st_size ? size : st.st_size)))
		return false;
	origin.url = xstrdup(json_str(o, "url", ""));
	origin.size = (uint64_t)size;
	part_set_origin(p, &origin);
	free(origin.url);
	return true;
}

static int write_sidecar(struct part *p, struct err *e)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();

	json_set_str(o, "url", p->origin.url);
	json_set_int(o, "size", (int64_t)p->origin.size);
	json_set_str(o, "etag", p->origin.etag);
	json_set_str(o, "last_modified", p->origin.last_modified);
	for (size_t i = 0; i < p->here.n && i < PIECES_MAX; i++) {
		struct json_object *pair = json_object_new_array();

		json_object_array_add(pair, json_object_new_int64((int64_t)p->here.v[i].start));
		json_object_array_add(pair, json_object_new_int64((int64_t)p->here.v[i].end));
		json_object_array_add(list, pair);
	}
	json_set(o, "pieces", list);
	return json_write(p->sidecar, 0644, o, e);
}

/* --- the file ---------------------------------------------------------------------------------- */

static bool keep_pieces(struct part *p)
{
	struct err ignored = ERR_INIT;

	if (!load_sidecar(p) || part_catch_up(p, UINT64_MAX, &ignored) < 0)
		return false;
	p->bytes = p->flushed = p->saved = pieces_total(&p->here);
	p->answers = 2; /* they may be of several */
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

static bool is_own_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

/* What is no plain file, or has other names too, is not ours: a new one takes its place. */
static int open_file(struct part *p, struct err *e)
{
	struct stat mine, there;

	p->fd = fs_open(p->file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (p->fd < 0 ? errno == ELOOP || errno == ENXIO : !is_own_file(p->fd)) {
		cleanup_close(&p->fd);
		if (fs_unlink(p->file, e) < 0)
			return -1;
		p->fd = fs_open(p->file, O_RDWR | O_CREAT | O_EXCL, 0644);
	}
	if (p->fd < 0)
		return err_errno(e, errno, "opening %s", p->file);
	if (flock(p->fd, LOCK_EX | LOCK_NB) == 0 && fstat(p->fd, &mine) == 0 &&
	    fs_stat(p->file, &there) == 0 && mine.st_ino == there.st_ino)
		return 0;
	close(p->fd);
	p->fd = -1;
	return err_set(e, &ERR_IO, "%s is being fetched by another process", p->file);
}

int part_open(struct part *p, const char *path, struct err *e)
{
	*p = (struct part){ .path = path, .fd = -1 };
	if (make_parent(path, e) < 0)
		return -1;
	p->file = xasprintf("%s.part", path);
	p->sidecar = xasprintf("%s.part.json", path);
	p->hash = hash_new();
	if (open_file(p, e) < 0)
		return -1;
	return keep_pieces(p) ? 0 : part_reset(p, e);
}

void part_done(struct part *p)
{
	if (p->fd >= 0 && p->bytes == 0) /* nothing is kept */
		fs_unlink(p->file, NULL);
	cleanup_close(&p->fd);
	p->fd = -1;
	hash_free_p(&p->hash);
	pieces_clear(&p->here);
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

	if (need == 0 || total <= p->reserved)
		return 0;
	if (fallocate(p->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)total) == 0) {
		p->reserved = total;
		return 0;
	}
	if (errno == ENOSPC || errno == EDQUOT)
		return no_room(p, need, e);
	/* A file system that cannot reserve can still be asked. */
	if (fs_statvfs(p->path, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < need)
		return no_room(p, need, e);
	return 0;
}

static int write_at(struct part *p, uint64_t at, const char *data, size_t len, struct err *e)
{
	while (len > 0) {
		ssize_t n = pwrite(p->fd, data, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
			return no_room(
				p, p->origin.size > p->bytes ? p->origin.size - p->bytes : len, e);
		if (n < 0)
			return err_errno(e, errno, "writing %s", p->file);
		data += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Starts the way to the disk early, so that saving does not hold up the transfer for long. */
static void flush(struct part *p)
{
	sync_file_range(p->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	p->flushed = p->bytes;
}

static uint64_t save_every(const struct part *p)
{
	uint64_t share = p->origin.size / SAVE_SHARE;

	return share < SAVE_MIN ? SAVE_MIN : share > SAVE_MAX ? SAVE_MAX : share;
}

int part_write(struct part *p, uint64_t at, const void *data, size_t len, struct err *e)
{
	if (write_at(p, at, data, len, e) < 0)
		return -1;
	pieces_add(&p->here, at, at + len);
	if (at == p->hashed) {
		hash_add(p->hash, data, len);
		p->hashed += len;
	}
	p->bytes += len;
	if (p->bytes - p->flushed >= FLUSH_EVERY)
		flush(p);
	return p->bytes - p->saved >= save_every(p) ? part_save(p, e) : 0;
}

int part_catch_up(struct part *p, uint64_t max, struct err *e)
{
	uint64_t end = pieces_prefix(&p->here);
	_cleanup_free_ uint8_t *buffer = NULL;

	if (end - p->hashed > max)
		end = p->hashed + max;
	if (p->hashed < end)
		buffer = xmalloc(READ_SIZE);
	while (p->hashed < end) {
		size_t want = end - p->hashed < READ_SIZE ? (size_t)(end - p->hashed) : READ_SIZE;
		ssize_t n = pread(p->fd, buffer, want, (off_t)p->hashed);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(e, n < 0 ? errno : ENODATA, "reading %s", p->file);
		hash_add(p->hash, buffer, (size_t)n);
		p->hashed += (uint64_t)n;
	}
	return 0;
}

bool part_is_whole(const struct part *p, uint64_t size)
{
	return p->bytes == size && pieces_prefix(&p->here) == size;
}

int part_save(struct part *p, struct err *e)
{
	if (p->bytes == p->saved || !p->origin.url)
		return 0;
	if (fdatasync(p->fd) < 0)
		return err_errno(e, errno, "syncing %s", p->file);
	if (write_sidecar(p, e) < 0)
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
