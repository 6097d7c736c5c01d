#include "package_db.h"

#include <fcntl.h>

#include "core/str.h"
#include "fixture.h"
#include "paths.h"
#include "suite.h"

#define PACKAGES PATH_RPM "/Packages"
#define COMPLETE PATH_RPM_KEPT "/.complete"

static struct err e;

static void put(const char *path, const char *text)
{
	fixture_put(path, text);
}

static void make_machine(void)
{
	fixture_root_make();
	e = (struct err)ERR_INIT;
	put(PACKAGES, "before");
}

static void check_has(const char *path, const char *text)
{
	_cleanup_free_ char *now = NULL;

	ck_assert_msg(fs_read(path, 1 << 20, &now, NULL, &e) == 0, "%s", e.msg);
	ck_assert_msg(str_eq(now, text), "%s has \"%s\"", path, now);
}

static void nobody_waits(void *data)
{
	(void)data;
	ck_abort_msg("nobody is in a transaction");
}

static void keep(void)
{
	ck_assert_msg(package_db_keep(nobody_waits, NULL, &e) == 0, "%s", e.msg);
	ck_assert(fs_exists(COMPLETE));
}

static void check_put_back(enum package_db_found want)
{
	enum package_db_found found;

	ck_assert_msg(package_db_put_back(&found, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(found, want);
	ck_assert(!fs_exists(COMPLETE));
}

/* --- the copy ------------------------------------------------------------------------------- */

START_TEST(a_transaction_that_was_cut_off_never_happened)
{
	keep();
	put(PACKAGES, "torn");
	put(PACKAGES "-wal", "of a transaction");
	put(PATH_RPM "/__db.001", "of a transaction");
	check_put_back(PACKAGE_DB_PUT_BACK);
	check_has(PACKAGES, "before");
	ck_assert(!fs_exists(PACKAGES "-wal") && !fs_exists(PATH_RPM "/__db.001"));
	ck_assert(fs_exists(PATH_RPM "/.rpm.lock"));
	check_put_back(PACKAGE_DB_WHOLE);
}
END_TEST

/* People move what they think broken into a folder beside it. */
START_TEST(what_is_no_file_of_the_database_is_the_owners)
{
	_cleanup_free_ char *link = fs_host_path(PATH_RPM "/link");

	put(PATH_RPM "/backup/__db.001", "the owner's");
	ck_assert_int_eq(symlink("backup", link), 0);
	keep();
	put(PACKAGES, "torn");
	put(PATH_RPM "/later/Packages", "the owner's");
	check_put_back(PACKAGE_DB_PUT_BACK);
	check_has(PACKAGES, "before");
	check_has(PATH_RPM "/link/__db.001", "the owner's");
	check_has(PATH_RPM "/later/Packages", "the owner's");
}
END_TEST

SUITE_AROUND("package_db", make_machine, fixture_root_drop, a_transaction_that_was_cut_off_never_happened,
	     what_is_no_file_of_the_database_is_the_owners)
