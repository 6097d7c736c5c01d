/* Of the machine itself, as root: what another user may do is judged by the kernel. */
#include "cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/str.h"
#include "fixture.h"
#include "suite.h"

#define USER "nobody"

static char top[64], dir[80], partial[96];
static struct cache c;

static void start(void)
{
	strcpy(top, "/tmp/gn8v-cache-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chmod(top, 0711), 0);
	snprintf(dir, sizeof(dir), "%s/d", top);
	snprintf(partial, sizeof(partial), "%s/partial", dir);
}

static void stop(void)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", top);

	ck_assert_int_eq(system(command), 0);
}

static void open_for(const char *user)
{
	struct err e = ERR_INIT;

	ck_assert_msg(cache_open(&c, dir, user, &e) == 0, "%s", e.msg);
}

static char *at(const char *folder, const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static int make(const char *folder, const char *name, const char *text)
{
	_cleanup_free_ char *path = at(folder, name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

/* Writes as that user, as a download does. */
static int make_as_user(const char *name, const char *text)
{
	struct err e = ERR_INIT;
	int fd;

	ck_assert_msg(cache_enter(&c, &e) == 0, "%s", e.msg);
	fd = make(partial, name, text);
	cache_leave(&c);
	ck_assert_int_eq(geteuid(), 0);
	return fd;
}

static bool is(const char *folder, const char *name, const char *text)
{
	_cleanup_free_ char *path = at(folder, name);

	return fs_equals(path, text);
}

static void check_refused(const char *name)
{
	struct err e = ERR_INIT;
	_cleanup_free_ char *taken = at(dir, name);

	ck_assert_int_eq(cache_take(&c, name, &e), -1);
	ck_assert(!fs_exists(taken));
}

START_TEST(what_is_fetched_belongs_to_the_user_and_what_is_taken_to_root_alone)
{
	struct err e = ERR_INIT;
	_cleanup_free_ char *path = at(dir, "a.run");
	struct stat st;

	if (geteuid() != 0)
		return;
	open_for(USER);
	ck_assert(c.given);
	ck_assert_int_eq(stat(partial, &st), 0);
	ck_assert_uint_eq(st.st_uid, c.uid);
	ck_assert_uint_ne(st.st_uid, 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	close(make_as_user("a.run", "bytes"));
	ck_assert_msg(cache_take(&c, "a.run", &e) == 0, "%s", e.msg);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert(is(dir, "a.run", "bytes"));
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_uint_eq(st.st_mode & 022, 0);
	cache_done(&c);
}
END_TEST

START_TEST(a_link_in_the_users_folder_leads_no_further_than_the_user)
{
	_cleanup_free_ char *link = at(partial, "a.run.part"), *secret = at(top, "secret");
	struct err e = ERR_INIT;

	if (geteuid() != 0)
		return;
	open_for(USER);
	close(make(top, "secret", "root's"));
	ck_assert_int_eq(chmod(secret, 0600), 0);
	ck_assert_int_eq(symlink(secret, link), 0);
	ck_assert_int_eq(cache_enter(&c, &e), 0);
	ck_assert_int_eq(open(link, O_RDWR | O_CLOEXEC), -1);
	ck_assert_int_eq(open(link, O_RDONLY | O_CLOEXEC), -1);
	cache_leave(&c);
	ck_assert(is(top, "secret", "root's"));
	cache_done(&c);
}
END_TEST

START_TEST(who_has_the_file_open_cannot_change_what_was_taken)
{
	struct err e = ERR_INIT;
	int held;

	if (geteuid() != 0)
		return;
	open_for(USER);
	held = make_as_user("a.run", "good");
	ck_assert_msg(cache_take(&c, "a.run", &e) == 0, "%s", e.msg);
	ck_assert_int_eq(pwrite(held, "evil", 4, 0), 4);
	close(held);
	ck_assert(is(dir, "a.run", "good"));
	cache_done(&c);
}
END_TEST

START_TEST(what_is_no_plain_file_is_not_taken)
{
	_cleanup_free_ char *link = at(partial, "link"), *pipe = at(partial, "pipe"), *folder = at(partial, "folder"),
			    *twice = at(partial, "twice"), *other = at(top, "other");

	open_for(USER);
	close(make(top, "other", "other"));
	ck_assert_int_eq(symlink(other, link), 0);
	ck_assert_int_eq(mkfifo(pipe, 0666), 0);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(linkat(AT_FDCWD, other, AT_FDCWD, twice, 0), 0);
	check_refused("link");
	check_refused("pipe");
	check_refused("folder");
	check_refused("twice");
	check_refused("none");
	ck_assert(is(top, "other", "other"));
	cache_done(&c);
}
END_TEST

START_TEST(without_that_user_it_is_ours)
{
	struct err e = ERR_INIT;
	struct stat st;

	open_for("no-such-user-here");
	ck_assert(!c.given);
	ck_assert_int_eq(stat(partial, &st), 0);
	ck_assert_uint_eq(st.st_uid, geteuid());
	close(make(partial, "a.run", "bytes"));
	ck_assert_msg(cache_take(&c, "a.run", &e) == 0, "%s", e.msg);
	ck_assert(is(dir, "a.run", "bytes"));
	cache_done(&c);
}
END_TEST

START_TEST(a_folder_that_the_user_cannot_reach_is_ours_and_keeps_its_bytes)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	for (int again = 0; again < 2; again++) {
		open_for(USER);
		ck_assert(!c.given);
		if (!again)
			close(make(partial, "a.run.part", "half"));
		cache_done(&c);
	}
	ck_assert(is(partial, "a.run.part", "half"));
}
END_TEST

START_TEST(what_another_owner_left_is_not_gone_on_with)
{
	if (geteuid() != 0)
		return;
	open_for(USER);
	close(make_as_user("a.run.part", "half"));
	cache_done(&c);
	open_for(USER);
	ck_assert(is(partial, "a.run.part", "half"));
	cache_done(&c);
	open_for("no-such-user-here");
	ck_assert(!is(partial, "a.run.part", "half"));
	close(make(partial, "a.run.part", "half"));
	cache_done(&c);
	open_for(USER);
	ck_assert(!is(partial, "a.run.part", "half"));
	cache_done(&c);
}
END_TEST

START_TEST(a_link_in_the_place_of_the_folder_is_not_followed)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(mkdir(dir, 0711), 0);
	ck_assert_int_eq(symlink(top, partial), 0);
	ck_assert_int_eq(cache_open(&c, dir, USER, &e), -1);
	ck_assert_has(e.msg, partial);
	cache_done(&c);
}
END_TEST

SUITE_AROUND("cache", start, stop, what_is_fetched_belongs_to_the_user_and_what_is_taken_to_root_alone,
	     a_link_in_the_users_folder_leads_no_further_than_the_user, who_has_the_file_open_cannot_change_what_was_taken,
	     what_is_no_plain_file_is_not_taken, without_that_user_it_is_ours,
	     a_folder_that_the_user_cannot_reach_is_ours_and_keeps_its_bytes, what_another_owner_left_is_not_gone_on_with,
	     a_link_in_the_place_of_the_folder_is_not_followed)
