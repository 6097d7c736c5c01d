#include "package_db.h"

#include <errno.h>
#include <fcntl.h>

#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "package_note.h"
#include "package_verify.h"
#include "paths.h"
#include "rpmsig.h"
#include "sys/holders.h"
#include "sys/run.h"

/* In the copy, written last and removed first: it is whole. Has the note of package_note.h. */
#define COMPLETE ".complete"
#define NOTE_MAX (1 << 20)
/* Where rpm locks its transactions (%_rpmlock_path), by fcntl(2). */
#define LOCK	       ".rpm.lock"
#define READ_TIMEOUT_S 120
#define LISTING_MAX    (8 << 20)

/* A file that is being copied. */
#define PART ".gn8v"

/* The lock, and regions that processes share: of the moment, not of the database. */
static bool is_lasting(const char *name)
{
	return !str_eq(name, COMPLETE) && !str_eq(name, LOCK) && !str_starts(name, "__db.") &&
	       !str_ends(name, "-shm");
}

/* A descriptor that holds rpm's lock as long as it is open, once whoever is in a transaction has left it. Of an open file
 * description: rpm is kept out all the same, and no other close of the file drops it. */
static int lock_transactions(void (*on_wait)(void *data), void *data, struct err *e)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_fd_ int fd = fs_open(PATH_RPM "/" LOCK, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
	int r = fd < 0 ? -1 : fcntl(fd, F_OFD_SETLK, &all);

	if (fd >= 0 && r < 0 && (errno == EAGAIN || errno == EACCES)) {
		on_wait(data);
		r = fcntl(fd, F_OFD_SETLKW, &all);
	}
	if (r < 0 && errno == EINTR)
		return err_set(e, &ERR_TIMEOUT,
			       PATH_RPM "/" LOCK ": another program does not end its transaction");
	if (r < 0)
		return err_errno(e, errno, "locking " PATH_RPM "/" LOCK);
	return take_fd(&fd);
}

/* Only looks: takes no lock, and makes no file. */
static bool in_transaction(void)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_fd_ int fd = fs_open(PATH_RPM "/" LOCK, O_RDONLY | O_NOFOLLOW, 0);

	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &all) == 0 && all.l_type != F_UNLCK;
}

int package_db_unanswered(struct err *e)
{
	char words[sizeof(e->msg)], text[HOLDERS_TEXT_SIZE];
	struct holders h;

	if (!in_transaction())
		return err_hint(
			e,
			"ps -e | grep -E 'yum|dnf|rpm|packagekit' shows what may keep rpm waiting: once "
			"it has ended: systemctl restart gn8v-agent");
	holders_find(&h, PATH_RPM "/" LOCK);
	holders_text(&h, text);
	str_copy(words, sizeof(words), e->msg);
	err_set(e, &CODE_RPM_BUSY, "%.400s; in a transaction: %s", words,
		h.n ? text : "another program");
	return err_hint(e, "once that has ended: systemctl restart gn8v-agent");
}

/* Folders and links have no place in the database: whoever put them there keeps them. */
static int look(const char *path, bool *ret_is_file, struct err *e)
{
	_cleanup_fd_ int fd = fs_open(path, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "looking at %s", path);
	*ret_is_file = S_ISREG(st.st_mode);
	return 0;
}

/* Beside its new name, then renamed. */
static int copy_file(const char *from, const char *to, struct err *e)
{
	_cleanup_free_ char *part = xasprintf("%s" PART, to);
	_cleanup_fd_ int in = fs_open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0), out = -1;
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return err_errno(e, errno, "opening %s", from);
	out = fs_open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	if (out < 0 || fchown(out, st.st_uid, st.st_gid) < 0 ||
	    fchmod(out, st.st_mode & 07777) < 0 || fs_copy_bytes(in, out) < 0)
		return err_errno(e, errno, "copying %s to %s", from, part);
	return fs_rename(part, to, e);
}

static int copy_name(const char *from_dir, const char *to_dir, const char *name, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/%s", from_dir, name);
	_cleanup_free_ char *to = xasprintf("%s/%s", to_dir, name);
	bool is_file;

	if (look(from, &is_file, e) < 0)
		return -1;
	return is_file ? copy_file(from, to, e) : 0;
}

/* Every file of one directory into the other. */
static int mirror(const char *from, const char *to, struct err *e)
{
	struct fs_names names;
	int r = 0;

	if (fs_list(from, &names, e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (is_lasting(names.v[i]))
			r = copy_name(from, to, names.v[i], e);
	fs_names_done(&names);
	return r;
}

static int drop(struct err *e)
{
	if (fs_unlink(PATH_RPM_KEPT "/" COMPLETE, e) < 0)
		return -1;
	return fs_remove_files(PATH_RPM_KEPT, e);
}

static int for_each_name(int (*act)(const char *name, struct err *e), struct err *e)
{
	struct fs_names names;
	int r = 0;

	if (fs_list(PATH_RPM, &names, e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = act(names.v[i], e);
	fs_names_done(&names);
	return r;
}

static int remove_file(const char *path, struct err *e)
{
	bool is_file;

	if (look(path, &is_file, e) < 0)
		return -1;
	return is_file ? fs_unlink(path, e) : 0;
}

/* Write-ahead logs and regions of a transaction that was cut off belong to nothing any more. A file is not in the copy
 * only when it is sure that it is not there. */
static int remove_stranger(const char *name, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(PATH_RPM "/%s", name);
	_cleanup_free_ char *kept = xasprintf(PATH_RPM_KEPT "/%s", name);
	struct stat st;

	if (str_eq(name, LOCK) || fs_stat(kept, &st) == 0)
		return 0;
	if (errno != ENOENT)
		return err_errno(e, errno, "looking at %s", kept);
	return remove_file(path, e);
}

/* Of a copy that was cut off while it was put back. */
static int remove_part(const char *name, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(PATH_RPM "/%s", name);

	return str_ends(name, PART) ? remove_file(path, e) : 0;
}

/* What rpm says of all packages: see PACKAGE_NOTE_FORM. Caller frees. */
static int read_listing(char **ret_text, struct err *e)
{
	struct run r = { .argv = ARGV(PROG_RPM, "-qa", "--qf", PACKAGE_NOTE_FORM),
			 .timeout_s = READ_TIMEOUT_S,
			 .output_max = LISTING_MAX };
	int ok = run_wait(&r, e);

	if (ok == 0)
		*ret_text = TAKE_PTR(r.output);
	else if (e->kind == &ERR_CHILD && rpmsig_blames_database(r.tail))
		err_rekind(e, &CODE_RPM_DATABASE);
	run_done(&r);
	return ok;
}

/* Sizes tell a file that never came to the disk; contents would take long. */
static bool are_whole(char *const *names)
{
	static const char *const rpm[] = { PROG_RPM, "-V", "--nodeps", "--noscripts",
					   "--nofiledigest" };
	_cleanup_free_ const char **argv = NULL;
	struct err ignored = ERR_INIT;
	size_t n = 0;
	bool damaged;

	while (names[n])
		n++;
	argv = xcalloc(ARRAY_SIZE(rpm) + n + 1, sizeof(*argv));
	memcpy(argv, rpm, sizeof(rpm));
	memcpy(argv + ARRAY_SIZE(rpm), names, n * sizeof(*names));
	return package_verify(argv, READ_TIMEOUT_S, &damaged, &ignored) == 0 && !damaged;
}

/* Whether rpm can read the database and others have installed something since. A transaction that brought nothing which
 * ours asks for is theirs, or ours, cut off while it brought what that needs: where files of it are missing or too
 * short, it does not stay. What cannot be told is no reason to keep a database that may be torn. */
static bool has_moved_on(void)
{
	struct err ignored = ERR_INIT;
	_cleanup_free_ char *listing = NULL, *note = NULL;
	_cleanup_free_ char **others = NULL;

	if (read_listing(&listing, &ignored) < 0 ||
	    fs_read(PATH_RPM_KEPT "/" COMPLETE, NOTE_MAX, &note, NULL, &ignored) < 0)
		return false;
	others = package_note_others(note, listing);
	return others && others[0] && are_whole(others);
}

/* With the lock. */
static int put_back(enum package_db_found *ret, struct err *e)
{
	*ret = PACKAGE_DB_WHOLE;
	if (!fs_exists(PATH_RPM_KEPT "/" COMPLETE))
		return 0;
	*ret = has_moved_on() ? PACKAGE_DB_MOVED_ON : PACKAGE_DB_PUT_BACK;
	if (*ret == PACKAGE_DB_PUT_BACK &&
	    (mirror(PATH_RPM_KEPT, PATH_RPM, e) < 0 || for_each_name(remove_stranger, e) < 0))
		return -1;
	return for_each_name(remove_part, e) < 0 ? -1 : drop(e);
}

int package_db_put_back(enum package_db_found *ret, void (*on_wait)(void *data), void *data,
			struct err *e)
{
	_cleanup_fd_ int lock = -1;

	*ret = PACKAGE_DB_WHOLE;
	if (!fs_exists(PATH_RPM_KEPT "/" COMPLETE))
		return 0;
	lock = lock_transactions(on_wait, data, e);
	return lock < 0 ? -1 : put_back(ret, e);
}

/* With the lock: nobody's transaction comes between the note and the copy. */
static int copy(const char *const *argv, struct err *e)
{
	_cleanup_free_ char *listing = NULL, *note = NULL;

	if (fs_mkdirs(PATH_RPM_KEPT, 0700, e) < 0 || drop(e) < 0 || read_listing(&listing, e) < 0)
		return -1;
	note = package_note_text(argv, listing);
	if (!note)
		return err_set(e, &ERR_FORMAT,
			       "rpm -qa does not tell of each package its transaction");
	if (mirror(PATH_RPM, PATH_RPM_KEPT, e) < 0)
		return -1;
	return fs_write_atomic(PATH_RPM_KEPT "/" COMPLETE, 0600, note, strlen(note), e);
}

int package_db_keep(const char *const *argv, void (*on_wait)(void *data), void *data, struct err *e)
{
	_cleanup_fd_ int lock = -1;
	enum package_db_found found;

	if (!fs_exists(PATH_RPM))
		return err_errno(e, ENOENT, "keeping a copy of %s", PATH_RPM);
	lock = lock_transactions(on_wait, data, e);
	if (lock < 0)
		return -1;
	if (put_back(&found, e) < 0 || copy(argv, e) < 0)
		return err_wrap(e, "keeping a copy of " PATH_RPM);
	return 0;
}

/* All file systems: packages may write anywhere. What fails is told only of those that most of it lies on. */
int package_db_settle(struct err *e)
{
	static const char *const places[] = { "/usr", "/etc", PATH_RPM };

	sync();
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (fs_sync_fs(places[i], e) < 0)
			return -1;
	return drop(e);
}
