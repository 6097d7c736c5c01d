#include "core/fs.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "core/str.h"
#include "fixture.h"
#include "suite.h"

#define TREE "/usr/local/tree"

static struct err e = ERR_INIT;

static void put_link(const char *target, const char *path)
{
	_cleanup_free_ char *host = fs_host_path(path);

	ck_assert_int_eq(symlink(target, host), 0);
}

static void check_gone(void)
{
	ck_assert_msg(fs_remove_tree(TREE, &e) == 0, "%s", e.msg);
	ck_assert(!fs_exists(TREE));
	ck_assert(fs_exists("/usr/local"));
}

static void check_fails(const char *words)
{
	ck_assert_int_eq(fs_remove_tree(TREE, &e), -1);
	ck_assert_has(e.msg, words);
}

START_TEST(a_folder_goes_with_all_that_is_in_it)
{
	fixture_put("/usr/local/beside/x", "");
	fixture_put(TREE "/a", "");
	fixture_put(TREE "/.hidden/..b/c d/e", "");
	fixture_put(TREE "/bin/nvcc", "");
	ck_assert_int_eq(fs_mkdirs(TREE "/empty/too", 0700, &e), 0);
	check_gone();
	ck_assert(fs_exists("/usr/local/beside/x"));
}
END_TEST

START_TEST(links_in_it_are_removed_and_not_followed)
{
	_cleanup_free_ char *outside = fs_host_path("/home/data");

	fixture_put("/home/data/mine", "");
	fixture_put(TREE "/a", "");
	put_link(outside, TREE "/absolute");
	put_link("../../../home/data", TREE "/relative");
	put_link("../../../home/data/mine", TREE "/file");
	put_link(".", TREE "/self");
	put_link("..", TREE "/up");
	put_link("nowhere", TREE "/dangling");
	check_gone();
	ck_assert(fs_exists("/home/data/mine"));
}
END_TEST

START_TEST(a_link_in_its_place_is_not_followed)
{
	fixture_put("/home/data/mine", "");
	fixture_put("/usr/local/x", "");
	put_link("/home/data", TREE);
	check_fails(TREE);
	put_link("../../home/data", "/usr/local/other");
	ck_assert_int_eq(fs_remove_tree("/usr/local/other", &e), -1);
	ck_assert(fs_exists("/home/data/mine"));
}
END_TEST

START_TEST(what_is_missing_is_gone_and_a_file_is_no_folder)
{
	ck_assert_int_eq(fs_remove_tree("/no/such/folder", &e), 0);
	ck_assert_int_eq(fs_mkdirs("/usr/local", 0755, &e), 0);
	check_gone();
	fixture_put(TREE, "a file");
	check_fails(TREE);
	ck_assert(fs_exists(TREE));
}
END_TEST

START_TEST(a_folder_of_the_root_is_refused)
{
	fixture_put("/usr/local/x", "");
	ck_assert_int_eq(fs_remove_tree("/usr", &e), -1);
	ck_assert_int_eq(fs_remove_tree("/", &e), -1);
	ck_assert_int_eq(fs_remove_tree("/usr/local/", &e), -1);
	ck_assert_int_eq(fs_remove_tree("usr", &e), -1);
	ck_assert(fs_exists("/usr/local/x"));
}
END_TEST

/* A mount is seen below a root that was set after it. False where no namespace can be had. */
static bool mount_at(const char *path)
{
	_cleanup_free_ char *host = fs_host_path(path);

	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("none", host, "tmpfs", 0, NULL) == 0 &&
	       fs_set_root(fixture_root, &e) == 0;
}

START_TEST(what_is_mounted_in_it_is_not_touched)
{
	fixture_put(TREE "/data/below", "");
	if (!mount_at(TREE "/data")) {
		printf("skipped: nothing can be mounted here\n");
		return;
	}
	fixture_put(TREE "/data/mine", "");
	check_fails("/data");
	ck_assert(fs_exists(TREE "/data/mine"));
	/* The fixture's own folder can be removed only without it. */
	_cleanup_free_ char *host = fs_host_path(TREE "/data");
	ck_assert_int_eq(umount2(host, MNT_DETACH), 0);
}
END_TEST

START_TEST(a_mount_point_is_not_removed)
{
	_cleanup_free_ char *host = fs_host_path(TREE);

	fixture_put(TREE "/below", "");
	if (!mount_at(TREE)) {
		printf("skipped: nothing can be mounted here\n");
		return;
	}
	fixture_put(TREE "/mine", "");
	check_fails(TREE);
	ck_assert(fs_exists(TREE "/mine"));
	ck_assert_int_eq(umount2(host, MNT_DETACH), 0);
}
END_TEST

START_TEST(a_tree_without_an_end_is_given_up)
{
	_cleanup_strbuf_ struct strbuf path = { 0 };

	strbuf_begin(&path);
	strbuf_printf(&path, TREE);
	for (int i = 0; i < 80; i++)
		strbuf_printf(&path, "/d");
	ck_assert_int_eq(fs_mkdirs(path.s, 0755, &e), 0);
	check_fails("folders deep");
	ck_assert_ptr_eq(e.kind, &ERR_TOO_LARGE);
}
END_TEST

START_TEST(a_removal_that_was_cut_off_is_repeated)
{
	int status;
	pid_t pid;

	for (int i = 0; i < 3000; i++) {
		_cleanup_free_ char *path = xasprintf("%s/usr/local/tree/%d", fixture_root, i % 50), *file = NULL;

		ck_assert_int_eq(fs_mkdirs(path + strlen(fixture_root), 0755, &e), 0);
		file = xasprintf("%s/%d", path, i);
		fclose(fopen(file, "we"));
	}
	pid = fork();
	if (pid == 0)
		_exit(fs_remove_tree(TREE, NULL) < 0);
	while (fs_exists(TREE "/0/0") && fs_exists(TREE "/49/2999") && waitpid(pid, &status, WNOHANG) == 0)
		;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	check_gone();
}
END_TEST

SUITE_AROUND("fs_tree", fixture_root_make, fixture_root_drop, a_folder_goes_with_all_that_is_in_it,
	     links_in_it_are_removed_and_not_followed, a_link_in_its_place_is_not_followed,
	     what_is_missing_is_gone_and_a_file_is_no_folder, a_folder_of_the_root_is_refused,
	     what_is_mounted_in_it_is_not_touched, a_mount_point_is_not_removed, a_tree_without_an_end_is_given_up,
	     a_removal_that_was_cut_off_is_repeated)
