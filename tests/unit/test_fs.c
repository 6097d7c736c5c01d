#include "core/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/mman.h>

#include "core/str.h"
#include "fixture.h"
#include "suite.h"

/* The path as the host sees it. Caller frees. */
static char *on_host(const char *path)
{
	return xasprintf("%s%s", fixture_root, path);
}

static void put_link(const char *target, const char *path)
{
	_cleanup_free_ char *host = on_host(path);

	ck_assert_int_eq(symlink(target, host), 0);
}

static void check_text(const char *path, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	struct err e = ERR_INIT;
	size_t len;

	ck_assert_msg(fs_read(path, 4096, &text, &len, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(text, expected);
	ck_assert_uint_eq(len, strlen(expected));
}

static size_t count_names(const char *dir)
{
	struct fs_names names;
	struct err e = ERR_INIT;
	size_t n;

	ck_assert_int_eq(fs_list(dir, &names, &e), 0);
	n = names.n;
	fs_names_done(&names);
	return n;
}

/* --- the root ------------------------------------------------------------------------------- */

START_TEST(paths_are_looked_up_below_the_root)
{
	_cleanup_free_ char *host = on_host("/etc/x"), *path = fs_host_path("/etc/x");

	ck_assert(fs_has_root());
	ck_assert_str_eq(path, host);
	fixture_put("/etc/x", "hello");
	ck_assert_int_eq(access(host, F_OK), 0);
	ck_assert(fs_exists("/etc/x"));
	ck_assert(!fs_exists("/etc/passwd"));
}
END_TEST

START_TEST(symbolic_links_stay_inside_the_root)
{
	fixture_put("/usr/lib/x", "inside");
	put_link("/usr/lib/x", "/absolute");
	put_link("usr/lib/x", "/relative");
	put_link("../../../../../../usr/lib/x", "/climbing");
	put_link("/usr/lib", "/folder");
	put_link("/etc/passwd", "/out");
	put_link("loop", "/loop");
	check_text("/absolute", "inside");
	check_text("/relative", "inside");
	check_text("/climbing", "inside");
	check_text("/folder/x", "inside");
	check_text("/../../../usr/lib/x", "inside");
	check_text("/folder/../lib/x", "inside");
	ck_assert(!fs_exists("/out"));
	ck_assert(!fs_exists("/../../../etc/passwd"));
	ck_assert(!fs_exists("/loop"));
}
END_TEST

START_TEST(writing_through_a_linked_folder_stays_inside_too)
{
	_cleanup_free_ char *host = NULL;
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_mkdirs("/real", 0755, &e), 0);
	put_link("/real", "/alias");
	put_link("/nowhere", "/dangling");
	fixture_put("/alias/x", "text");
	check_text("/real/x", "text");
	host = on_host("/real/x");
	ck_assert_int_eq(access(host, F_OK), 0);
	ck_assert_int_eq(fs_write_atomic("/dangling/x", 0644, "x", 1, &e), -1);
	ck_assert_int_ne(access("/real", F_OK), 0);
}
END_TEST

START_TEST(a_link_in_the_place_of_a_file_is_replaced_and_not_followed)
{
	struct stat st;
	_cleanup_free_ char *host = on_host("/file");

	fixture_put("/precious", "precious");
	put_link("/precious", "/file");
	fixture_put("/file", "new");
	check_text("/precious", "precious");
	ck_assert_int_eq(lstat(host, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(a_root_that_is_not_there_is_named)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_set_root("/no/such/dir", &e), -1);
	ck_assert_has(e.msg, "/no/such/dir");
	ck_assert_int_eq(fs_set_root("", &e), 0);
	ck_assert_int_eq(fs_set_root("/", &e), 0);
}
END_TEST

/* --- reading -------------------------------------------------------------------------------- */

START_TEST(a_file_is_read_whole_or_not_at_all)
{
	_cleanup_free_ char *text = NULL;
	char *untouched = NULL;
	struct err e = ERR_INIT;
	size_t len;

	fixture_put("/x", "12345");
	ck_assert_int_eq(fs_read("/x", 4, &untouched, &len, &e), -1);
	ck_assert_str_eq(e.kind->code, "too-large");
	ck_assert_has(e.msg, "/x is larger than 4 bytes");
	ck_assert_ptr_null(untouched);
	ck_assert_int_eq(fs_read("/x", 5, &text, &len, &e), 0);
	ck_assert_uint_eq(len, 5);
}
END_TEST

START_TEST(nul_bytes_are_read_and_a_large_file_too)
{
	_cleanup_free_ char *big = xcalloc(1, 100000), *text = NULL;
	struct err e = ERR_INIT;
	size_t len;

	memset(big, 'x', 99999);
	big[5] = '\0';
	ck_assert_int_eq(fs_write_atomic("/big", 0644, big, 100000, &e), 0);
	ck_assert_int_eq(fs_read("/big", 100000, &text, &len, &e), 0);
	ck_assert_uint_eq(len, 100000);
	ck_assert_mem_eq(text, big, 100000);
}
END_TEST

START_TEST(a_missing_file_is_an_error_or_nothing_as_asked)
{
	char *text = (char *)1;
	struct err e = ERR_INIT;
	size_t len = 7;

	ck_assert_int_eq(fs_read_optional("/no", 10, &text, &len, &e), 0);
	ck_assert_ptr_null(text);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(fs_read_optional("/no/such/dir/x", 10, &text, NULL, &e), 0);
	ck_assert_int_eq(fs_read("/no", 10, &text, &len, &e), -1);
	ck_assert_str_eq(e.kind->code, "io");
	ck_assert_has(e.msg, "/no");
	ck_assert_int_eq(fs_mkdirs("/dir", 0755, &e), 0);
	ck_assert_int_eq(fs_read_optional("/dir", 10, &text, NULL, &e), -1);
}
END_TEST

START_TEST(the_first_line_is_read_without_its_end)
{
	char line[8];

	fixture_put("/two", "one\ntwo\n");
	fixture_put("/empty", "");
	fixture_put("/long", "12345678\n");
	ck_assert(fs_read_line("/two", line, sizeof(line)));
	ck_assert_str_eq(line, "one");
	ck_assert(fs_read_line("/empty", line, sizeof(line)));
	ck_assert_str_eq(line, "");
	ck_assert(!fs_read_line("/long", line, sizeof(line)));
	ck_assert(!fs_read_line("/no", line, sizeof(line)));
}
END_TEST

/* --- writing -------------------------------------------------------------------------------- */

START_TEST(an_atomic_write_makes_folders_sets_the_mode_and_leaves_nothing_else)
{
	struct err e = ERR_INIT;
	struct stat st;

	umask(077);
	ck_assert_int_eq(fs_write_atomic("/a/b/c/x", 0640, "text", 4, &e), 0);
	ck_assert_int_eq(fs_write_atomic("/a/b/c/x", 0640, "other", 5, &e), 0);
	check_text("/a/b/c/x", "other");
	ck_assert_int_eq(fs_stat("/a/b/c/x", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_uint_eq(count_names("/a/b/c"), 1);
}
END_TEST

START_TEST(a_reader_of_the_old_file_keeps_the_old_bytes)
{
	char text[8] = "";
	_cleanup_fd_ int fd = -1;

	fixture_put("/x", "old");
	fd = fs_open("/x", O_RDONLY, 0);
	fixture_put("/x", "new");
	ck_assert_int_eq(read(fd, text, sizeof(text)), 3);
	ck_assert_str_eq(text, "old");
}
END_TEST

START_TEST(what_a_power_cut_left_does_not_disturb)
{
	fixture_put("/d/.x.tmp", "half of something longer than the new text");
	fixture_put("/d/x", "new");
	check_text("/d/x", "new");
	ck_assert_uint_eq(count_names("/d"), 1);
}
END_TEST

START_TEST(a_write_that_does_not_fit_leaves_the_old_file_and_no_other)
{
	struct rlimit limit = { .rlim_cur = 1000, .rlim_max = RLIM_INFINITY }, before;
	_cleanup_free_ char *big = xcalloc(1, 5000);
	struct err e = ERR_INIT;

	fixture_put("/d/x", "old");
	getrlimit(RLIMIT_FSIZE, &before);
	limit.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(fs_write_atomic("/d/x", 0644, big, 5000, &e), -1);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_has(e.msg, "/d/x");
	check_text("/d/x", "old");
	ck_assert_uint_eq(count_names("/d"), 1);
}
END_TEST

START_TEST(a_full_disk_has_its_own_code)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(err_errno(&e, ENOSPC, "writing %s", "/x"), -1);
	ck_assert_str_eq(e.kind->code, "disk-full");
	ck_assert_int_eq(err_errno(&e, EDQUOT, "writing %s", "/x"), -1);
	ck_assert_str_eq(e.kind->code, "disk-full");
}
END_TEST

START_TEST(a_file_in_the_place_of_a_folder_is_named)
{
	struct err e = ERR_INIT;

	fixture_put("/file", "x");
	ck_assert_int_eq(fs_write_atomic("/file/x", 0644, "x", 1, &e), -1);
	ck_assert_has(e.msg, "/file/x");
	ck_assert_int_eq(fs_write_atomic("relative", 0644, "x", 1, &e), -1);
	ck_assert_int_eq(fs_mkdirs("/file/sub/deep", 0755, &e), -1);
}
END_TEST

START_TEST(ensure_writes_only_what_differs)
{
	struct err e = ERR_INIT;
	bool changed = false;
	ino_t before;

	ck_assert_int_eq(fs_ensure("/x", 0644, "text", &changed, &e), 0);
	ck_assert(changed);
	before = fixture_inode("/x");
	ck_assert_int_eq(fs_ensure("/x", 0644, "text", &changed, &e), 0);
	ck_assert(!changed);
	ck_assert_uint_eq(fixture_inode("/x"), before);
	ck_assert_int_eq(fs_ensure("/x", 0644, "text2", &changed, &e), 0);
	ck_assert(changed);
	ck_assert_uint_ne(fixture_inode("/x"), before);
	ck_assert_int_eq(fs_ensure("/x", 0644, "t", NULL, &e), 0);
	check_text("/x", "t");
}
END_TEST

START_TEST(equality_is_of_all_bytes)
{
	struct err e = ERR_INIT;

	fixture_put("/x", "text");
	ck_assert(fs_equals("/x", "text"));
	ck_assert(!fs_equals("/x", "tex"));
	ck_assert(!fs_equals("/x", "text\n"));
	ck_assert(!fs_equals("/x", ""));
	ck_assert(!fs_equals("/no", ""));
	ck_assert_int_eq(fs_write_atomic("/x", 0644, "te\0t", 4, &e), 0);
	ck_assert(!fs_equals("/x", "te"));
}
END_TEST

START_TEST(a_volatile_write_replaces_too)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_write_volatile("/run/x", 0644, "one", &e), 0);
	ck_assert_int_eq(fs_write_volatile("/run/x", 0644, "two", &e), 0);
	check_text("/run/x", "two");
	ck_assert_uint_eq(count_names("/run"), 1);
}
END_TEST

/* --- folders -------------------------------------------------------------------------------- */

START_TEST(removing_and_renaming_do_what_they_say)
{
	struct err e = ERR_INIT;

	fixture_put("/d/x", "x");
	fixture_put("/d/y", "y");
	ck_assert_int_eq(fs_rename("/d/x", "/d/y", &e), 0);
	check_text("/d/y", "x");
	ck_assert_int_eq(fs_rename("/d/x", "/d/z", &e), -1);
	ck_assert_has(e.msg, "/d/x");
	ck_assert_int_eq(fs_unlink("/d/y", &e), 0);
	ck_assert_int_eq(fs_unlink("/d/y", &e), 0);
	ck_assert_int_eq(fs_unlink("/no/such/y", &e), 0);
	ck_assert_int_eq(fs_unlink("/d", &e), -1);
	fixture_put("/d/1", "x");
	fixture_put("/d/.2", "x");
	ck_assert_int_eq(fs_remove_files("/d", &e), 0);
	ck_assert_uint_eq(count_names("/d"), 0);
	ck_assert(fs_exists("/d"));
	ck_assert_int_eq(fs_remove_files("/no", &e), 0);
}
END_TEST

START_TEST(names_are_sorted_and_a_missing_folder_is_empty)
{
	struct fs_names names;
	struct err e = ERR_INIT;

	fixture_put("/d/b", "");
	fixture_put("/d/a", "");
	fixture_put("/d/.c", "");
	ck_assert_int_eq(fs_list("/d", &names, &e), 0);
	ck_assert_uint_eq(names.n, 3);
	ck_assert_str_eq(names.v[0], ".c");
	ck_assert_str_eq(names.v[1], "a");
	ck_assert_str_eq(names.v[2], "b");
	fs_names_done(&names);
	ck_assert_uint_eq(names.n, 0);
	ck_assert_uint_eq(count_names("/no"), 0);
	ck_assert_int_eq(fs_list("/d/a", &names, &e), -1);
	ck_assert_has(e.msg, "/d/a");
}
END_TEST

START_TEST(times_and_free_space_are_those_of_the_place)
{
	struct statvfs here, there;
	struct timespec t;

	fixture_put("/x", "");
	ck_assert(fs_mtime("/x", &t));
	ck_assert_int_gt(t.tv_sec, 1600000000);
	ck_assert(!fs_mtime("/no", &t));
	ck_assert_int_eq(fs_statvfs("/", &here), 0);
	ck_assert_int_eq(fs_statvfs("/no/such/place/yet", &there), 0);
	ck_assert_uint_eq(here.f_blocks, there.f_blocks);
}
END_TEST

START_TEST(syncing_names_what_is_not_there)
{
	struct err e = ERR_INIT;

	fixture_put("/d/x", "");
	ck_assert_int_eq(fs_sync_fs("/d", &e), 0);
	ck_assert_int_eq(fs_sync_fs("/no", &e), -1);
	ck_assert_has(e.msg, "/no");
}
END_TEST

/* --- copying -------------------------------------------------------------------------------- */

static void check_copy(int from, const char *expected)
{
	_cleanup_fd_ int to = fs_open("/copy", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	ck_assert_int_ge(to, 0);
	ck_assert_msg(fs_copy_bytes(from, to) == 0, "%s", strerror(errno));
	check_text("/copy", expected);
}

START_TEST(what_is_left_of_a_file_is_copied)
{
	_cleanup_fd_ int from = -1;

	fixture_put("/x", "0123456789");
	from = fs_open("/x", O_RDONLY, 0);
	ck_assert_int_eq(lseek(from, 4, SEEK_SET), 4);
	check_copy(from, "456789");
}
END_TEST

/* copy_file_range(2) refuses a pipe (EINVAL), and files of two file systems (EXDEV). */
START_TEST(copying_falls_back_to_reading_and_writing)
{
	_cleanup_fd_ int memory = memfd_create("other file system", MFD_CLOEXEC);
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(write(fds[1], "through a pipe", 14), 14);
	close(fds[1]);
	ck_assert_int_eq(copy_file_range(fds[0], NULL, memory, NULL, 1, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	check_copy(fds[0], "through a pipe");
	close(fds[0]);
	ck_assert_int_eq(write(memory, "from memory", 11), 11);
	ck_assert_int_eq(lseek(memory, 0, SEEK_SET), 0);
	check_copy(memory, "from memory");
}
END_TEST

START_TEST(copying_more_than_fits_says_why)
{
	struct rlimit limit = { .rlim_cur = 1000, .rlim_max = RLIM_INFINITY }, before;
	_cleanup_free_ char *big = xcalloc(1, 5000);
	_cleanup_fd_ int from = -1, to = fs_open("/copy", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_write_atomic("/big", 0644, big, 5000, &e), 0);
	from = fs_open("/big", O_RDONLY, 0);
	getrlimit(RLIMIT_FSIZE, &before);
	limit.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(fs_copy_bytes(from, to), -1);
	ck_assert_int_eq(errno, EFBIG);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_eq(fs_copy_bytes(-1, to), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

SUITE_AROUND("fs", fixture_root_make, fixture_root_drop, paths_are_looked_up_below_the_root,
	     symbolic_links_stay_inside_the_root, writing_through_a_linked_folder_stays_inside_too,
	     a_link_in_the_place_of_a_file_is_replaced_and_not_followed, a_root_that_is_not_there_is_named,
	     a_file_is_read_whole_or_not_at_all, nul_bytes_are_read_and_a_large_file_too,
	     a_missing_file_is_an_error_or_nothing_as_asked, the_first_line_is_read_without_its_end,
	     an_atomic_write_makes_folders_sets_the_mode_and_leaves_nothing_else,
	     a_reader_of_the_old_file_keeps_the_old_bytes, what_a_power_cut_left_does_not_disturb,
	     a_write_that_does_not_fit_leaves_the_old_file_and_no_other, a_full_disk_has_its_own_code,
	     a_file_in_the_place_of_a_folder_is_named, ensure_writes_only_what_differs, equality_is_of_all_bytes,
	     a_volatile_write_replaces_too, removing_and_renaming_do_what_they_say,
	     names_are_sorted_and_a_missing_folder_is_empty, times_and_free_space_are_those_of_the_place,
	     syncing_names_what_is_not_there, what_is_left_of_a_file_is_copied,
	     copying_falls_back_to_reading_and_writing, copying_more_than_fits_says_why)
