#include "artefact.h"

#include "core/clock.h"
#include "codes.h"
#include "core/str.h"
#include "fixture.h"
#include "machine.h"
#include "paths.h"
#include "rpmname.h"
#include "suite.h"

/* SHA-256 of "hello". */
#define HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static struct machine m;
static struct artefact a;
static struct worker w;

static void init(enum artefact_kind kind)
{
	artefact_init(&a, kind, &m.c, &m.f);
	w = (struct worker){ .config = &m.c, .end_us = clock_monotonic_us() + 10000000, .fd = -1 };
}

static void done(void)
{
	artefact_done(&a);
	machine_done(&m);
}

static void check(enum shape shape, enum artefact_kind kind, const char *url, const char *file)
{
	_cleanup_free_ char *path = xasprintf("/var/cache/gn8v/%s", file);

	machine_restarted(&m, shape, "{}");
	init(kind);
	ck_assert_uint_eq(a.urls.n, 1);
	ck_assert_str_eq(a.urls.v[0], url);
	ck_assert_ptr_null(a.urls.v[1]);
	ck_assert_str_eq(a.file, file);
	ck_assert_str_eq(a.path, path);
	done();
}

START_TEST(urls_and_names_are_the_procedures)
{
	check(SHAPE_SINGLE, ARTEFACT_DRIVER, "https://cn.download.nvidia.cn/tesla/550.144.03/NVIDIA-Linux-x86_64-550.144.03.run",
	      "NVIDIA-Linux-x86_64-550.144.03.run");
	check(SHAPE_MULTI, ARTEFACT_DRIVER, "https://cn.download.nvidia.cn/tesla/570.148.08/NVIDIA-Linux-x86_64-570.148.08.run",
	      "NVIDIA-Linux-x86_64-570.148.08.run");
	check(SHAPE_SINGLE, ARTEFACT_CUDA,
	      "https://developer.download.nvidia.com/compute/cuda/12.4.1/local_installers/cuda_12.4.1_550.54.15_linux.run",
	      "cuda_12.4.1_550.54.15_linux.run");
	check(SHAPE_MULTI, ARTEFACT_CUDA,
	      "https://developer.download.nvidia.com/compute/cuda/12.8.1/local_installers/cuda_12.8.1_570.124.06_linux.run",
	      "cuda_12.8.1_570.124.06_linux.run");
	check(SHAPE_MULTI, ARTEFACT_FABRICMANAGER,
	      "https://developer.download.nvidia.cn/compute/cuda/repos/rhel8/x86_64/nvidia-fabric-manager-570.148.08-1.x86_64.rpm",
	      "nvidia-fabric-manager-570.148.08-1.x86_64.rpm");
	check(SHAPE_MULTI, ARTEFACT_NSCQ,
	      "https://developer.download.nvidia.cn/compute/cuda/repos/rhel8/x86_64/libnvidia-nscq-570-570.148.08-1.x86_64.rpm",
	      "libnvidia-nscq-570-570.148.08-1.x86_64.rpm");
}
END_TEST

START_TEST(known_files_have_their_digest_and_size_and_rpms_their_name)
{
	machine_restarted(&m, SHAPE_MULTI, "{}");
	init(ARTEFACT_DRIVER);
	ck_assert_str_eq(a.sha256, "6499c4e609c682be9af3690056024c451273f5adff42a757ce6f1c4521b84fdf");
	ck_assert_uint_eq(a.size, 375680910);
	ck_assert_ptr_null(a.package);
	done();
	machine_restarted(&m, SHAPE_MULTI, "{}");
	init(ARTEFACT_FABRICMANAGER);
	ck_assert_str_eq(a.package, "nvidia-fabric-manager");
	ck_assert_ptr_null(a.sha256);
	done();
	machine_restarted(&m, SHAPE_MULTI, "{}");
	init(ARTEFACT_NSCQ);
	ck_assert_str_eq(a.package, "libnvidia-nscq-570");
	done();
}
END_TEST

START_TEST(fabric_manager_and_nscq_follow_a_newer_driver_that_is_kept)
{
	machine_installed(&m, SHAPE_MULTI, "{}");
	str_copy(m.f.software.module, FACTS_VERSION_SIZE, "580.65.06");
	str_copy(m.f.software.userspace, FACTS_VERSION_SIZE, "580.65.06");
	init(ARTEFACT_FABRICMANAGER);
	ck_assert_str_eq(a.file, "nvidia-fabricmanager-580.65.06-1.x86_64.rpm");
	ck_assert_str_eq(a.package, "nvidia-fabricmanager");
	artefact_done(&a);
	init(ARTEFACT_NSCQ);
	ck_assert_str_eq(a.file, "libnvidia-nscq-580.65.06-1.x86_64.rpm");
	ck_assert_str_eq(a.package, "libnvidia-nscq");
	artefact_done(&a);
	init(ARTEFACT_DRIVER);
	ck_assert_str_eq(a.file, "NVIDIA-Linux-x86_64-580.65.06.run");
	done();
}
END_TEST

START_TEST(the_configured_digest_does_not_vouch_for_a_newer_driver_that_is_kept)
{
	struct err e = ERR_INIT;

	machine_restarted(&m, SHAPE_SINGLE,
			  "{\"driver\": {\"sha256\": \"" HELLO "\", \"urls\": [\"https://a/NVIDIA-Linux-x86_64-550.144.03.run\"]}}");
	str_copy(m.f.software.userspace, FACTS_VERSION_SIZE, "580.65.06");
	init(ARTEFACT_DRIVER);
	ck_assert_str_eq(a.version, "580.65.06");
	ck_assert_ptr_null(a.sha256);
	ck_assert_int_eq(artefact_judgeable(&a, &e), -1);
	ck_assert_has(e.hint, "\"driver\": {\"version\": \"580.65.06\", \"sha256\"");
	done();
	/* Nor does a digest that is known for the file that a URL without a version leads to. */
	machine_restarted(&m, SHAPE_SINGLE,
			  "{\"driver\": {\"urls\": [\"https://a/NVIDIA-Linux-x86_64-550.144.03.run\"]}}");
	str_copy(m.f.software.userspace, FACTS_VERSION_SIZE, "580.65.06");
	init(ARTEFACT_DRIVER);
	ck_assert_ptr_null(a.sha256);
	done();
	/* A later version that is known is fetched again for the new kernel. */
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	str_copy(m.f.software.userspace, FACTS_VERSION_SIZE, "570.148.08");
	init(ARTEFACT_DRIVER);
	ck_assert_str_eq(a.file, "NVIDIA-Linux-x86_64-570.148.08.run");
	ck_assert_int_eq(artefact_judgeable(&a, &e), 0);
	done();
}
END_TEST

START_TEST(a_configured_digest_wins_over_the_known_one)
{
	machine_restarted(&m, SHAPE_SINGLE, "{\"driver\": {\"sha256\": \"" HELLO "\"}}");
	init(ARTEFACT_DRIVER);
	ck_assert_str_eq(a.sha256, HELLO);
	/* A file of other bytes may have another size. */
	ck_assert_uint_eq(a.size, 0);
	done();
}
END_TEST

START_TEST(the_name_of_the_file_is_the_last_part_of_the_first_url)
{
	machine_restarted(&m, SHAPE_SINGLE,
			  "{\"driver\": {\"urls\": [\"https://a/x/{version}.run?token=a/b#c\", \"https://b/y\"]}, "
			  "\"fetch\": {\"dir\": \"/data\"}}");
	init(ARTEFACT_DRIVER);
	ck_assert_str_eq(a.file, "550.144.03.run");
	ck_assert_str_eq(a.path, "/data/550.144.03.run");
	ck_assert_str_eq(a.urls.v[1], "https://b/y");
	ck_assert_ptr_null(a.sha256);
	done();
}
END_TEST

START_TEST(what_nothing_vouches_for_is_not_judgeable)
{
	struct err e = ERR_INIT;

	machine_restarted(&m, SHAPE_SINGLE, "{\"driver\": {\"version\": \"999.9\"}}");
	init(ARTEFACT_DRIVER);
	ck_assert_int_eq(artefact_judgeable(&a, &e), -1);
	ck_assert_str_eq(e.kind->code, "digest-unknown");
	ck_assert_has(e.msg, "NVIDIA-Linux-x86_64-999.9.run");
	artefact_done(&a);
	init(ARTEFACT_FABRICMANAGER);
	ck_assert_int_eq(artefact_judgeable(&a, &e), 0);
	artefact_done(&a);
	init(ARTEFACT_CUDA);
	ck_assert_int_eq(artefact_judgeable(&a, &e), 0);
	done();
}
END_TEST

START_TEST(a_file_of_the_pinned_digest_is_kept_and_another_thrown_away)
{
	struct err e = ERR_INIT;

	machine_restarted(&m, SHAPE_SINGLE, "{\"driver\": {\"sha256\": \"" HELLO "\"}}");
	init(ARTEFACT_DRIVER);
	fixture_put(a.path, "hello");
	ck_assert_int_eq(artefact_check(&w, &a, &e), 0);
	ck_assert(fs_exists(a.path));
	fixture_put(a.path, "hellO");
	ck_assert_int_eq(artefact_check(&w, &a, &e), -1);
	ck_assert_str_eq(e.kind->code, "digest-mismatch");
	ck_assert_has(e.msg, HELLO);
	ck_assert(!fs_exists(a.path));
	ck_assert_int_eq(artefact_check(&w, &a, &e), -1);
	done();
}
END_TEST

START_TEST(the_case_of_a_configured_digest_does_not_matter)
{
	struct err e = ERR_INIT;

	machine_restarted(&m, SHAPE_SINGLE,
			  "{\"driver\": {\"sha256\": \"2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824\"}}");
	init(ARTEFACT_DRIVER);
	fixture_put(a.path, "hello");
	ck_assert_msg(artefact_check(&w, &a, &e) == 0, "%s", e.msg);
	done();
}
END_TEST

START_TEST(a_download_is_removed_after_use_unless_it_is_to_be_kept)
{
	struct err e = ERR_INIT;

	machine_restarted(&m, SHAPE_SINGLE, "{\"cache\": {\"keep\": true}}");
	init(ARTEFACT_DRIVER);
	fixture_put(a.path, "hello");
	ck_assert_int_eq(artefact_forget(&w, &a, &e), 0);
	ck_assert(fs_exists(a.path));
	done();
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	init(ARTEFACT_DRIVER);
	ck_assert_int_eq(artefact_forget(&w, &a, &e), 0);
	ck_assert(!fs_exists(a.path));
	ck_assert_int_eq(artefact_forget(&w, &a, &e), 0);
	done();
}
END_TEST

#define RHEL8 "https://developer.download.nvidia.cn/compute/cuda/repos/rhel8/x86_64/"

START_TEST(a_release_that_is_not_known_is_asked_for_by_each_that_it_may_be)
{
	machine_restarted(&m, SHAPE_MULTI, "{\"driver\": {\"version\": \"580.167.08\"}}");
	init(ARTEFACT_FABRICMANAGER);
	ck_assert_uint_eq(a.urls.n, 2);
	ck_assert_str_eq(a.urls.v[0], RHEL8 "nvidia-fabricmanager-580.167.08-1.x86_64.rpm");
	ck_assert_str_eq(a.urls.v[1], RHEL8 "nvidia-fabricmanager-580.167.08-1.el8.x86_64.rpm");
	ck_assert_ptr_null(a.urls.v[2]);
	done();
	/* A mirror's URL is as it is written. */
	machine_restarted(&m, SHAPE_MULTI,
			  "{\"driver\": {\"version\": \"580.167.08\"}, \"nscq\": {\"package\": \"nscq\", "
			  "\"urls\": [\"https://m/{branch}/x.rpm\", \"https://m/{package}-{release}.rpm\"]}}");
	init(ARTEFACT_NSCQ);
	ck_assert_uint_eq(a.urls.n, 3);
	ck_assert_str_eq(a.urls.v[0], "https://m/580/x.rpm");
	ck_assert_str_eq(a.urls.v[1], "https://m/nscq-1.rpm");
	ck_assert_str_eq(a.urls.v[2], "https://m/nscq-1.el8.rpm");
	ck_assert_str_eq(a.package, "nscq");
	done();
}
END_TEST

START_TEST(packages_are_named_by_the_drivers_branch_or_by_the_configuration)
{
	static const struct {
		const char *driver, *fabricmanager, *nscq, *last_release;
	} rows[] = {
		{ "570.148.08", "nvidia-fabric-manager", "libnvidia-nscq-570", "1" },
		{ "550", "nvidia-fabric-manager", "libnvidia-nscq-550", "1" },
		{ "579.99.99", "nvidia-fabric-manager", "libnvidia-nscq-579", "1" },
		{ "580.65.06", "nvidia-fabricmanager", "libnvidia-nscq", "1.el8" },
		{ "1000.1", "nvidia-fabricmanager", "libnvidia-nscq", "1.el8" },
	};

	machine_restarted(&m, SHAPE_MULTI, "{\"fabricmanager\": {\"package\": \"fm\"}}");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config none = { .fabricmanager_package = (char[]){ "" }, .nscq_package = (char[]){ "" } };
		_cleanup_free_ char *fm = rpmname_package(RPMNAME_FABRICMANAGER, &none, rows[i].driver);
		_cleanup_free_ char *nscq = rpmname_package(RPMNAME_NSCQ, &none, rows[i].driver);
		_cleanup_free_ char *own = rpmname_package(RPMNAME_FABRICMANAGER, &m.c, rows[i].driver);
		const char *const *r = rpmname_releases(rows[i].driver);

		ck_assert_str_eq(fm, rows[i].fabricmanager);
		ck_assert_str_eq(nscq, rows[i].nscq);
		ck_assert_str_eq(own, "fm");
		ck_assert_str_eq(r[0], "1");
		while (r[1])
			r++;
		ck_assert_str_eq(*r, rows[i].last_release);
	}
	machine_done(&m);
}
END_TEST

START_TEST(what_is_installed_is_looked_for_by_all_its_names)
{
	static const char *const nscq[] = { "mine", "libnvidia-nscq", "libnvidia-nscq-580", "libnvidia-nscq-570" };
	char *names[RPMNAME_MAX];
	size_t n;

	machine_restarted(&m, SHAPE_MULTI, "{\"nscq\": {\"package\": \"mine\"}}");
	n = rpmname_all(RPMNAME_NSCQ, &m.c, "580.65.06", "570.148.08", names);
	ck_assert_uint_eq(n, ARRAY_SIZE(nscq));
	for (size_t i = 0; i < n; i++) {
		ck_assert_str_eq(names[i], nscq[i]);
		free(names[i]);
	}
	n = rpmname_all(RPMNAME_FABRICMANAGER, &m.c, "570.148.08", "", names);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(names[0], "nvidia-fabric-manager");
	ck_assert_str_eq(names[1], "nvidia-fabricmanager");
	free(names[0]);
	free(names[1]);
	machine_done(&m);
}
END_TEST

/* --- what rpm and rpmkeys say ------------------------------------------------------------------- */

#define PINNED "\"fabricmanager\": {\"sha256\": \"" HELLO "\"}"
#define ASKED "nvidia-fabric-manager-570.148.08-1.x86_64"

/* rpm -qp, in its place: prints this, and more on its standard error, and ends with the status. */
static void rpm_says(const char *out, const char *words, int status)
{
	_cleanup_free_ char *text = xasprintf("#!/bin/sh\nprintf '%%s' '%s'\nprintf '%%s' '%s' >&2\nexit %d\n", out, words,
					      status);
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_write_atomic(PROG_RPM, 0755, text, strlen(text), &e), 0);
}

/* The file is there, and judged: code of the error, or NULL; whether it is still there. */
static void check_identity(const char *code, const char *words, bool kept)
{
	struct err e = ERR_INIT;

	fixture_put(a.path, "hello");
	if (!code) {
		ck_assert_msg(artefact_check(&w, &a, &e) == 0, "%s", e.msg);
	} else {
		ck_assert_int_eq(artefact_check(&w, &a, &e), -1);
		ck_assert_str_eq(e.kind->code, code);
		ck_assert_has(e.msg, words);
	}
	ck_assert_int_eq(fs_exists(a.path), kept);
}

START_TEST(a_package_must_be_the_one_that_was_asked_for)
{
	machine_restarted(&m, SHAPE_MULTI, "{" PINNED "}");
	init(ARTEFACT_FABRICMANAGER);
	rpm_says(ASKED, "warning: x: Header V4 RSA/SHA512 Signature, key ID d42d0685: NOKEY\n", 0);
	check_identity(NULL, "", true);
	rpm_says("nvidia-fabric-manager-570.133.20-1.x86_64", "", 0);
	check_identity("rpm-wrong-version", "contains package nvidia-fabric-manager-570.133.20-1.x86_64, and " ASKED " was asked for",
		       false);
	rpm_says("nvidia-fabric-manager-570.148.08-1.el8.x86_64", "", 0);
	check_identity("rpm-wrong-version", "1.el8", false);
	rpm_says("nvidia-fabric-manager-570.148.08-1.aarch64", "", 0);
	check_identity("rpm-wrong-version", "aarch64", false);
	rpm_says("nvidia-fabricmanager-570.148.08-1.x86_64", "", 0);
	check_identity("rpm-wrong-version", "nvidia-fabricmanager", false);
	done();
	machine_restarted(&m, SHAPE_MULTI, "{\"driver\": {\"version\": \"580.65.06\"}, " PINNED "}");
	init(ARTEFACT_FABRICMANAGER);
	rpm_says("nvidia-fabricmanager-580.65.06-1.el8.x86_64", "", 0);
	check_identity(NULL, "", true);
	rpm_says("nvidia-fabricmanager-580.65.06-1.x86_64", "", 0);
	check_identity(NULL, "", true);
	rpm_says("nvidia-fabricmanager-580.65.06-1.el9.x86_64", "", 0);
	check_identity("rpm-wrong-version", "el9", false);
	done();
}
END_TEST

START_TEST(an_rpm_that_fails_is_no_word_against_the_file)
{
	machine_restarted(&m, SHAPE_MULTI, "{" PINNED "}");
	init(ARTEFACT_FABRICMANAGER);
	rpm_says("", "error: x.rpm: not an rpm package (or package manifest)\n", 1);
	check_identity("rpm-corrupt", "not an rpm package", false);
	rpm_says("", "error: cannot open Packages database in /var/lib/rpm\n", 1);
	check_identity("rpm-database", "cannot open Packages database", true);
	rpm_says("", "rpm: error while loading shared libraries: librpm.so.8: cannot open shared object file\n", 127);
	check_identity("child-failed", "its name and version cannot be told", true);
	rpm_says("", "", 0);
	check_identity("child-failed", "said nothing", true);
	done();
}
END_TEST

SUITE_AROUND("artefact", fixture_root_make, fixture_root_drop, urls_and_names_are_the_procedures,
	     known_files_have_their_digest_and_size_and_rpms_their_name,
	     fabric_manager_and_nscq_follow_a_newer_driver_that_is_kept,
	     the_configured_digest_does_not_vouch_for_a_newer_driver_that_is_kept, a_configured_digest_wins_over_the_known_one,
	     the_name_of_the_file_is_the_last_part_of_the_first_url, what_nothing_vouches_for_is_not_judgeable,
	     a_file_of_the_pinned_digest_is_kept_and_another_thrown_away,
	     the_case_of_a_configured_digest_does_not_matter,
	     a_download_is_removed_after_use_unless_it_is_to_be_kept,
	     a_release_that_is_not_known_is_asked_for_by_each_that_it_may_be,
	     packages_are_named_by_the_drivers_branch_or_by_the_configuration, what_is_installed_is_looked_for_by_all_its_names,
	     a_package_must_be_the_one_that_was_asked_for, an_rpm_that_fails_is_no_word_against_the_file)
