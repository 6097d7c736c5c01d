#include "codes.h"
#include "core/str.h"
#include "fixture.h"
#include "machine.h"
#include "paths.h"
#include "suite.h"

#define KERNEL "5.10.134-18.al8.x86_64"

static struct machine m;
static struct facts_software s;
static struct err e;

/* Says of each name what lies in /answers/NAME, or that it is not installed; or else does what /instead says. */
#define RPM                                                                                                            \
	"#!/bin/sh\n"                                                                                                  \
	"root=${0%/usr/bin/rpm}\n"                                                                                     \
	"[ ! -e $root/words ] || cat $root/words >&2\n"                                                                \
	"[ ! -e $root/instead ] || . $root/instead\n"                                                                  \
	"missing=0\n"                                                                                                  \
	"shift 3\n"                                                                                                    \
	"for name; do\n"                                                                                               \
	"	[ \"$name\" != \"$(cat $root/silent 2> /dev/null)\" ] || continue\n"                                    \
	"	cat $root/answers/$name 2> /dev/null && continue\n"                                                     \
	"	echo \"package $name is not installed\"\n"                                                              \
	"	missing=$((missing + 1))\n"                                                                             \
	"done\n"                                                                                                       \
	"exit $missing\n"

static void answers(const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("/answers/%s", name);

	fixture_put(path, text);
}

static void start(void)
{
	struct err ignored = ERR_INIT;

	fixture_root_make();
	machine_restarted(&m, SHAPE_MULTI, "{\"driver\": {\"version\": \"580.65.06\"}}");
	s = (struct facts_software){ 0 };
	e = (struct err)ERR_INIT;
	ck_assert_int_eq(fs_write_atomic(PROG_RPM, 0755, RPM, strlen(RPM), &ignored), 0);
	answers("openssl3", "openssl3 3.0.7-5.1.al8.x86_64\nopenssl3 3.0.7-5.1.al8.i686\n");
	answers("kernel-devel-" KERNEL, "kernel-devel " KERNEL "\n");
	answers("python3.11", "python3.11 3.11.13-1.al8.x86_64\n");
}

static void stop(void)
{
	machine_done(&m);
	fixture_root_drop();
}

static void read_well(void)
{
	ck_assert_msg(facts_read_packages(&s, &m.c, &m.f.machine, &e) == 0, "%s", e.msg);
}

static void check_unknown(const char *words)
{
	ck_assert_int_eq(facts_read_packages(&s, &m.c, &m.f.machine, &e), -1);
	ck_assert_str_eq(e.kind->code, "rpm-database");
	ck_assert_has(e.msg, words);
	ck_assert_has(err_hint_text(&e), "rpm --rebuilddb");
}

START_TEST(what_rpm_says_is_missing_is_missing)
{
	static const char *const missing[] = { "gcc", "make", "elfutils-libelf-devel", "python3.11-devel", "python3.11-pip" };

	read_well();
	ck_assert_uint_eq(s.missing_n, ARRAY_SIZE(missing));
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		ck_assert_str_eq(s.missing[i], missing[i]);
	ck_assert_str_eq(s.fabricmanager.version, "");
	ck_assert_str_eq(s.nscq.version, "");
}
END_TEST

START_TEST(fabric_manager_and_nscq_are_found_by_their_names_of_now_and_of_before)
{
	answers("nvidia-fabricmanager", "nvidia-fabricmanager 580.65.06-1.el8.x86_64\n");
	answers("libnvidia-nscq", "libnvidia-nscq 580.65.06-1.x86_64\n");
	read_well();
	ck_assert_str_eq(s.fabricmanager.version, "580.65.06");
	ck_assert_str_eq(s.fabricmanager.package, "nvidia-fabricmanager");
	ck_assert_str_eq(s.nscq.version, "580.65.06");
	s = (struct facts_software){ 0 };
	fixture_put(PATH_LIB64 "/libnvidia-nscq.so.2", "");
	fixture_put(PATH_LIB64 "/libnvidia-nscq.so.2.0", "");
	fixture_put(PATH_LIB64 "/libnvidia-nscq.so.570.148.08", "");
	ck_assert_int_eq(fs_unlink("/answers/nvidia-fabricmanager", &e), 0);
	ck_assert_int_eq(fs_unlink("/answers/libnvidia-nscq", &e), 0);
	answers("nvidia-fabric-manager", "nvidia-fabric-manager 570.148.08-1.x86_64\n");
	answers("libnvidia-nscq-570", "libnvidia-nscq-570 570.148.08-1.x86_64\n");
	read_well();
	ck_assert_str_eq(s.fabricmanager.version, "570.148.08");
	ck_assert_str_eq(s.fabricmanager.package, "nvidia-fabric-manager");
	ck_assert_str_eq(s.nscq.version, "570.148.08");
	ck_assert_str_eq(s.nscq.package, "libnvidia-nscq-570");
}
END_TEST

START_TEST(a_version_or_an_architecture_may_be_asked_for)
{
	machine_done(&m);
	machine_restarted(&m, SHAPE_SINGLE, "{\"packages\": [\"gcc-10.2.1\", \"make.x86_64\", \"tar-1.30-9.al8\"]}");
	answers("gcc-10.2.1", "gcc 10.2.1-3.8.al8.x86_64\n");
	answers("make.x86_64", "make 4.2.1-11.al8.x86_64\n");
	answers("tar-1.30-9.al8", "tar 1.30-9.al8.x86_64\n");
	read_well();
	ck_assert_uint_eq(s.missing_n, 2);
}
END_TEST

START_TEST(silence_is_no_answer)
{
	fixture_put("/instead", "exit 0\n");
	check_unknown("did not say whether openssl3 is installed");
	fixture_put("/instead", "exit 3\n");
	check_unknown("exit status 3");
	fixture_put("/instead", "exit 127\n");
	check_unknown("exit status 127");
	fixture_put("/instead", "kill -SEGV $$\n");
	check_unknown("signal 11");
}
END_TEST

START_TEST(every_name_needs_its_answer)
{
	fixture_put("/silent", "python3.11-devel");
	check_unknown("did not say whether python3.11-devel is installed");
	fixture_put("/silent", "libnvidia-nscq");
	check_unknown("libnvidia-nscq");
}
END_TEST

/* Some versions say of each name that it is not installed, once they could not open the database. */
START_TEST(trouble_with_the_database_is_no_answer)
{
	static const char *const files[] = { "db5-runrecovery.txt", "db5-busy.txt" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *name = xasprintf("../../fixtures/real/rpm/%s", files[i]);
		_cleanup_free_ char *words = fixture_text(name);

		fixture_put("/words", words);
		check_unknown("error: ");
		fixture_put("/instead", "exit 1\n");
		check_unknown("error: ");
		ck_assert_int_eq(fs_unlink("/instead", &e), 0);
	}
}
END_TEST

START_TEST(preflight_tells_it_before_anything_is_fetched)
{
	struct probe_result r = { 0 };

	fixture_put("/instead", "exit 0\n");
	check_unknown("rpm -q");
	m.f.known &= ~(unsigned int)FACTS_SOFTWARE;
	m.f.err[3] = e;
	steps[STEP_PREFLIGHT].probe(&m.c, &m.f, &r);
	ck_assert_int_eq(r.probe, PROBE_BLOCKED);
	ck_assert_str_eq(r.err.kind->code, "rpm-database");
}
END_TEST

SUITE_AROUND("facts_packages", start, stop, what_rpm_says_is_missing_is_missing,
	     fabric_manager_and_nscq_are_found_by_their_names_of_now_and_of_before,
	     a_version_or_an_architecture_may_be_asked_for, silence_is_no_answer, every_name_needs_its_answer,
	     trouble_with_the_database_is_no_answer, preflight_tells_it_before_anything_is_fetched)
