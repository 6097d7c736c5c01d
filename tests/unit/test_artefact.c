#include "artefact.h"

#include "core/clock.h"
#include "codes.h"
#include "core/str.h"
#include "fixture.h"
#include "machine.h"
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
	ck_assert_str_eq(a.file, "nvidia-fabric-manager-580.65.06-1.x86_64.rpm");
	artefact_done(&a);
	init(ARTEFACT_NSCQ);
	ck_assert_str_eq(a.file, "libnvidia-nscq-580-580.65.06-1.x86_64.rpm");
	ck_assert_str_eq(a.package, "libnvidia-nscq-580");
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

START_TEST(the_nscq_package_is_named_by_the_drivers_branch)
{
	static const char *const names[][2] = { { "570.148.08", "libnvidia-nscq-570" },
						{ "580.65", "libnvidia-nscq-580" },
						{ "570", "libnvidia-nscq-570" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *name = artefact_nscq_package(names[i][0]);

		ck_assert_str_eq(name, names[i][1]);
	}
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
	     the_nscq_package_is_named_by_the_drivers_branch)
