/* fs_private_dir on the machine itself: below a root directory nothing is judged. */
#include "core/fs.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "config.h"
#include "fixture.h"
#include "suite.h"

static char dir[64], inside[80];

static void make_dir(void)
{
	strcpy(dir, "/tmp/gn8v-private-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(inside, sizeof(inside), "%s/x", dir);
}

static void drop_dir(void)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", dir);

	ck_assert_int_eq(system(command), 0);
}

static bool private(const char *path)
{
	struct err e = ERR_INIT;
	bool yes = fs_private_dir(path, &e) == 0;

	ck_assert(yes || strstr(e.msg, "others than root"));
	return yes;
}

START_TEST(folders_of_the_system_are_private_and_tmp_is_not)
{
	ck_assert(private("/usr/lib"));
	ck_assert(private("/usr/lib/no-such-folder/x"));
	ck_assert(!private("/tmp"));
	ck_assert(!private("/tmp/"));
	ck_assert(!private("/usr/../tmp"));
}
END_TEST

START_TEST(a_folder_of_another_user_is_not_private)
{
	if (geteuid() == 0)
		ck_assert_int_eq(chown(dir, 65534, 65534), 0);
	ck_assert(!private(dir));
	ck_assert(!private(inside));
	ck_assert_int_eq(mkdir(inside, 0700), 0);
	ck_assert(!private(inside));
}
END_TEST

START_TEST(a_folder_that_others_may_write_is_not_private)
{
	if (geteuid() != 0)
		return;
	ck_assert(private(dir));
	ck_assert_int_eq(mkdir(inside, 0700), 0);
	ck_assert_int_eq(chmod(dir, 0770), 0);
	ck_assert(!private(dir));
	ck_assert(!private(inside));
	ck_assert_int_eq(chmod(dir, 01777), 0);
	ck_assert(!private(dir));
	ck_assert(private(inside));
}
END_TEST

START_TEST(a_link_is_judged_with_the_folder_it_leads_to)
{
	ck_assert_int_eq(symlink("/tmp", inside), 0);
	ck_assert(!private(inside));
	ck_assert_int_eq(unlink(inside), 0);
	ck_assert_int_eq(symlink("/usr", inside), 0);
	ck_assert_int_eq(private(inside), geteuid() == 0);
	if (geteuid() == 0)
		ck_assert_int_eq(lchown(inside, 65534, 65534), 0);
	ck_assert(!private(inside));
}
END_TEST

START_TEST(a_configuration_that_fetches_into_tmp_is_refused)
{
	_cleanup_free_ char *path = xasprintf("%s/config.json", dir);
	_cleanup_fclose_ FILE *file = fopen(path, "we");
	struct config c;
	struct err e = ERR_INIT;

	fputs("{\"fetch\": {\"dir\": \"/tmp\"}}", file);
	fflush(file);
	ck_assert_int_eq(config_load(&c, path, &e), -1);
	ck_assert_str_eq(e.kind->code, "config-invalid");
	ck_assert_has(e.msg, geteuid() == 0 ? "fetch.dir: /tmp: others than root" : "others than root");
	config_done(&c);
}
END_TEST

SUITE_AROUND("private", make_dir, drop_dir, folders_of_the_system_are_private_and_tmp_is_not,
	     a_folder_of_another_user_is_not_private, a_folder_that_others_may_write_is_not_private,
	     a_link_is_judged_with_the_folder_it_leads_to, a_configuration_that_fetches_into_tmp_is_refused)
