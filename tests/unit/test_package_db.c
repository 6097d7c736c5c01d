#include "package_db.h"

#include <fcntl.h>

#include "core/str.h"
#include "fixture.h"
#include "paths.h"
#include "suite.h"
#include "sys/run.h"

#define PACKAGES PATH_RPM "/Packages"
#define COMPLETE PATH_RPM_KEPT "/.complete"

static struct err e;
static enum { NOT_SYNCED, SYNCED_WITHOUT_COPY, SYNCED_WITH_COPY } synced;

/* In the place of the C library's. */
void sync(void)
{
	synced = fs_exists(COMPLETE) ? SYNCED_WITH_COPY : SYNCED_WITHOUT_COPY;
}

static void put(const char *path, const char *text)
{
	fixture_put(path, text);
}

/* Says what lies in /listing; without it, it cannot read. Of files, what lies in /damage. */
#define RPM                                                                                                            \
	"#!/bin/sh\n"                                                                                                  \
	"root=${0%/usr/bin/rpm}\n"                                                                                     \
	"echo \"$*\" >> $root/asked\n"                                                                                 \
	"case $1 in\n"                                                                                                 \
	"-qa) echo 'warning: something' >&2; cat $root/listing ;;\n"                                                    \
	"-V) ! cat $root/damage 2> /dev/null ;;\n"                                                                      \
	"esac\n"

#define OLD "1600000000 glibc glibc-2.32-1.al8.x86_64\n(none) old old-1-1.noarch\n1600000000 bash bash-4.4.20-4.al8.x86_64\n"
#define ASK ARGV("/usr/bin/yum", "install", "-y", "gcc", "kernel-devel-5.10.134-18.al8")

static void make_machine(void)
{
	struct err ignored = ERR_INIT;

	fixture_root_make();
	e = (struct err)ERR_INIT;
	put(PACKAGES, "before");
	put("/listing", OLD);
	ck_assert_int_eq(fs_write_atomic(PROG_RPM, 0755, RPM, strlen(RPM), &ignored), 0);
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
	ck_assert_msg(package_db_keep(ASK, nobody_waits, NULL, &e) == 0, "%s", e.msg);
	ck_assert(fs_exists(COMPLETE));
}

static void check_put_back(enum package_db_found want)
{
	enum package_db_found found;

	ck_assert_msg(package_db_put_back(&found, nobody_waits, NULL, &e) == 0, "%s", e.msg);
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

/* --- what others installed ------------------------------------------------------------------ */

/* A copy, then a database that has this besides. */
static void check_after(const char *installed, enum package_db_found want)
{
	_cleanup_free_ char *listing = xasprintf(OLD "%s", installed);

	put("/listing", OLD);
	put(PACKAGES, "before");
	keep();
	put("/listing", listing);
	put(PACKAGES, "after");
	check_put_back(want);
	check_has(PACKAGES, want == PACKAGE_DB_PUT_BACK ? "before" : "after");
}

START_TEST(what_ours_brought_is_forgotten)
{
	check_after("1700000000 gcc gcc-10.2.1-3.8.al8.x86_64\n", PACKAGE_DB_PUT_BACK);
	check_after("1700000000 cpp cpp-10.2.1-3.8.al8.x86_64\n1700000000 gcc gcc-10.2.1-3.8.al8.x86_64\n", PACKAGE_DB_PUT_BACK);
	check_after("1700000000 kernel-devel kernel-devel-5.10.134-18.al8.x86_64\n", PACKAGE_DB_PUT_BACK);
}
END_TEST

START_TEST(a_machine_may_have_no_packages_yet)
{
	put("/listing", "");
	keep();
	put("/listing", "1700000000 gcc gcc-10.2.1-3.8.al8.x86_64\n");
	check_put_back(PACKAGE_DB_PUT_BACK);
	put("/listing", "");
	keep();
	put("/listing", "1700000000 tar tar-1.30-9.al8.x86_64\n");
	check_put_back(PACKAGE_DB_MOVED_ON);
}
END_TEST

/* The clock may be years behind, or ahead: none of these ids means a time. */
START_TEST(what_others_installed_is_left_to_them_whatever_the_clock_says)
{
	static const char *const ids[] = { "5", "1600000001", "1700000000", "4000000000" };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		_cleanup_free_ char *theirs = xasprintf("%s tar tar-1.30-9.al8.x86_64\n", ids[i]);
		_cleanup_free_ char *both = xasprintf("%s1700000009 gcc gcc-10.2.1-3.8.al8.x86_64\n", theirs);

		check_after(theirs, PACKAGE_DB_MOVED_ON);
		check_after(both, PACKAGE_DB_MOVED_ON);
	}
}
END_TEST

START_TEST(names_that_begin_alike_are_not_taken_for_ours)
{
	check_after("1700000000 kernel kernel-5.10.134-18.al8.x86_64\n", PACKAGE_DB_MOVED_ON);
	check_after("1700000000 gcc-c++ gcc-c++-10.2.1-3.8.al8.x86_64\n", PACKAGE_DB_MOVED_ON);
	check_after("1700000000 kernel-devel kernel-devel-5.10.134-19.al8.x86_64\n", PACKAGE_DB_MOVED_ON);
}
END_TEST

/* Of what it needs, nothing else is in the database yet. */
START_TEST(ours_that_was_cut_off_among_what_it_needs_is_told_by_its_files)
{
	static const char *const damages[] = { "S........    /usr/bin/cpp\n", "missing     /usr/bin/cpp\n",
					       "package cpp-10.2.1-3.8.al8.x86_64 is not installed\n" };
	_cleanup_free_ char *asked = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		put("/damage", damages[i]);
		check_after("1700000000 cpp cpp-10.2.1-3.8.al8.x86_64\n", PACKAGE_DB_PUT_BACK);
	}
	ck_assert_int_eq(fs_read("/asked", 1 << 20, &asked, NULL, &e), 0);
	ck_assert_has(asked, "-V --nodeps --noscripts --nofiledigest cpp-10.2.1-3.8.al8.x86_64\n");
	put("/damage", "S.5......  c /etc/cpp.conf\n.M.....T.    /usr/bin/cpp\n");
	check_after("1700000000 cpp cpp-10.2.1-3.8.al8.x86_64\n", PACKAGE_DB_MOVED_ON);
}
END_TEST

START_TEST(keys_of_repositories_are_nobodys_packages)
{
	check_after("1700000000 gpg-pubkey gpg-pubkey-d42d0685-62589a51.(none)\n", PACKAGE_DB_PUT_BACK);
}
END_TEST

START_TEST(a_file_that_rpm_was_given_is_known_by_its_name)
{
	keep();
	ck_assert_int_eq(package_db_keep(ARGV("/usr/bin/rpm", "-ivh", "/var/cache/gn8v/fm-570.148.08-1.x86_64.rpm"),
					 nobody_waits, NULL, &e), 0);
	put("/listing", OLD "1700000000 fm fm-570.148.08-1.x86_64\n");
	check_put_back(PACKAGE_DB_PUT_BACK);
}
END_TEST

START_TEST(a_database_that_rpm_cannot_read_is_put_back)
{
	keep();
	put("/listing", "not what was asked for\n");
	check_put_back(PACKAGE_DB_PUT_BACK);
	put("/listing", OLD);
	keep();
	ck_assert_int_eq(fs_unlink("/listing", &e), 0);
	put(PACKAGES, "torn");
	check_put_back(PACKAGE_DB_PUT_BACK);
	check_has(PACKAGES, "before");
	ck_assert_int_eq(package_db_keep(ASK, nobody_waits, NULL, &e), -1);
	ck_assert(!fs_exists(COMPLETE));
}
END_TEST

/* The empty one is of versions that noted nothing. */
START_TEST(a_note_that_is_none_leaves_no_torn_database)
{
	static const char *const notes[] = {
		"", "\n", "asked", "asked gcc", "asked gcc\n", "asked gcc\nknown", "known 1\nasked gcc\n", "asked gcc\nknowns\n",
		"asked gcc\nknown 1600000000 (none)", "asked gcc\nknown 1600000000 (none)\nmore\n", "\177ELF\001\002",
	};

	for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
		keep();
		put(COMPLETE, notes[i]);
		put("/listing", OLD "1700000000 tar tar-1.30-9.al8.x86_64\n");
		check_put_back(PACKAGE_DB_PUT_BACK);
		put("/listing", OLD);
	}
}
END_TEST

START_TEST(a_note_that_is_too_long_leaves_no_torn_database)
{
	_cleanup_free_ char *long_note = xcalloc(1, 2 << 20);

	keep();
	memset(long_note, ' ', (2 << 20) - 1);
	put(COMPLETE, long_note);
	check_put_back(PACKAGE_DB_PUT_BACK);
}
END_TEST

/* Cut off while the copy was put back; then others came. */
START_TEST(nothing_is_left_beside_a_database_that_has_moved_on)
{
	keep();
	put("/listing", OLD "1700000000 tar tar-1.30-9.al8.x86_64\n");
	put(PACKAGES ".gn8v", "half");
	check_put_back(PACKAGE_DB_MOVED_ON);
	ck_assert(!fs_exists(PACKAGES ".gn8v"));
}
END_TEST

/* It may have brought kernels to /boot, and anything to /opt and /var. */
START_TEST(all_that_a_transaction_wrote_is_on_the_disk_before_the_copy_goes)
{
	put("/usr/one", "");
	put("/etc/one", "");
	keep();
	ck_assert_msg(package_db_settle(&e) == 0, "%s", e.msg);
	ck_assert_int_eq(synced, SYNCED_WITH_COPY);
	ck_assert(!fs_exists(COMPLETE));
}
END_TEST

/* Their transaction, which ends while we wait; with this in the database. */
struct theirs {
	int fd;
	const char *listing;
};

static void they_end(void *data)
{
	struct theirs *t = data;

	ck_assert(fs_exists(COMPLETE));
	put("/listing", t->listing);
	put(PACKAGES, "after");
	close(t->fd);
	t->fd = -1;
}

static void check_after_theirs(const char *listing, enum package_db_found want)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct theirs t = { .listing = listing };
	enum package_db_found found;

	put("/listing", OLD);
	put(PACKAGES, "before");
	keep();
	t.fd = fs_open(PATH_RPM "/.rpm.lock", O_RDWR, 0);
	ck_assert_int_eq(fcntl(t.fd, F_OFD_SETLK, &all), 0);
	ck_assert_msg(package_db_put_back(&found, they_end, &t, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(t.fd, -1);
	ck_assert_int_eq(found, want);
	check_has(PACKAGES, want == PACKAGE_DB_PUT_BACK ? "before" : "after");
}

/* It may bring something, or fail over the torn database, or be a key that is imported. */
START_TEST(whoever_is_in_a_transaction_is_waited_for_and_then_it_is_judged)
{
	check_after_theirs(OLD "1700000000 tar tar-1.30-9.al8.x86_64\n", PACKAGE_DB_MOVED_ON);
	check_after_theirs(OLD, PACKAGE_DB_PUT_BACK);
	check_after_theirs(OLD "1700000000 gpg-pubkey gpg-pubkey-1-2\n", PACKAGE_DB_PUT_BACK);
}
END_TEST

/* A query that did not end has said nothing of the database: nobody is sent to rebuild it. */
START_TEST(a_query_that_did_not_end_names_who_is_in_a_transaction)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_free_ char *lock = fs_host_path(PATH_RPM "/.rpm.lock"), *link = fs_host_path("/proc/4711/fd/5");
	int fd;

	err_set(&e, &ERR_TIMEOUT, "rpm -q: not finished after 120 s, stopped");
	ck_assert_int_eq(package_db_unanswered(&e), -1);
	ck_assert_str_eq(e.kind->code, "timeout");
	ck_assert_int_eq(e.kind->class, ERR_CLASS_RETRY);
	ck_assert_has(err_hint_text(&e), "ps -e | grep");
	ck_assert_msg(!strstr(err_hint_text(&e), "rebuilddb"), "%s", err_hint_text(&e));

	fixture_put(PATH_RPM "/.rpm.lock", "");
	fixture_put("/proc/4711/fd/0", "");
	fixture_put("/proc/4711/comm", "yum\n");
	fixture_put("/proc/4711/cgroup", "0::/system.slice/cloud-final.service\n");
	ck_assert_int_eq(symlink(PATH_RPM "/.rpm.lock", link), 0);
	err_set(&e, &ERR_TIMEOUT, "rpm -q: not finished");
	ck_assert_int_eq(package_db_unanswered(&e), -1);
	ck_assert_str_eq(e.kind->code, "timeout"); /* it is open, and nobody holds it */

	fd = open(lock, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(fcntl(fd, F_SETLK, &all), 0); /* as rpm does */
	err_set(&e, &ERR_TIMEOUT, "rpm -q: not finished after 120 s, stopped");
	ck_assert_int_eq(package_db_unanswered(&e), -1);
	ck_assert_str_eq(e.kind->code, "rpm-busy");
	ck_assert_int_eq(e.kind->class, ERR_CLASS_RETRY);
	ck_assert_has(e.msg, "rpm -q: not finished after 120 s, stopped");
	ck_assert_has(e.msg, "4711 yum (cloud-final.service)");
	ck_assert_msg(!strstr(err_hint_text(&e), "rebuilddb"), "%s", err_hint_text(&e));
	close(fd);
}
END_TEST

SUITE_AROUND("package_db", make_machine, fixture_root_drop, a_query_that_did_not_end_names_who_is_in_a_transaction,
	     a_transaction_that_was_cut_off_never_happened,
	     what_is_no_file_of_the_database_is_the_owners, what_ours_brought_is_forgotten,
	     a_machine_may_have_no_packages_yet,
	     what_others_installed_is_left_to_them_whatever_the_clock_says, names_that_begin_alike_are_not_taken_for_ours,
	     ours_that_was_cut_off_among_what_it_needs_is_told_by_its_files, keys_of_repositories_are_nobodys_packages,
	     a_file_that_rpm_was_given_is_known_by_its_name, a_database_that_rpm_cannot_read_is_put_back,
	     a_note_that_is_none_leaves_no_torn_database, a_note_that_is_too_long_leaves_no_torn_database,
	     all_that_a_transaction_wrote_is_on_the_disk_before_the_copy_goes,
	     nothing_is_left_beside_a_database_that_has_moved_on, whoever_is_in_a_transaction_is_waited_for_and_then_it_is_judged)
