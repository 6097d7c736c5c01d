#include "pypackage.h"

#include "core/str.h"
#include "fixture.h"
#include "suite.h"

static bool same(const char *a, const char *b)
{
	return pypackage_same(a, strlen(a), b, strlen(b));
}

START_TEST(names_are_one_however_they_are_spelled)
{
	static const char *const one[] = { "nv_local_gpu_verifier", "nv-local-gpu-verifier", "NV.Local--gpu_.verifier" };

	for (size_t i = 0; i < ARRAY_SIZE(one); i++)
		for (size_t k = 0; k < ARRAY_SIZE(one); k++)
			ck_assert(same(one[i], one[k]));
	ck_assert(!same("nv-local-gpu-verifier", "nv-local-gpu-verifiers"));
	ck_assert(!same("nv-local-gpu-verifier", "nvlocal-gpu-verifier"));
	ck_assert(!same("nv-local-gpu-verifier", "nv-local-gpu-verifier-"));
	ck_assert(!same("a", ""));
	ck_assert(same("", ""));
}
END_TEST

START_TEST(an_installed_package_is_found_in_either_spelling)
{
	static const char file[] = "nv_local_gpu_verifier-2.5.0.post6914366.dist-info";

	ck_assert(pypackage_is_dist_info(file, "nv_local_gpu_verifier==2.5.0.post6914366"));
	ck_assert(pypackage_is_dist_info(file, "nv-local-gpu-verifier==2.5.0.post6914366"));
	ck_assert(pypackage_is_dist_info(file, "NV.local.gpu-verifier[extra]==2.5.0.post6914366"));
	ck_assert(pypackage_is_dist_info("PyJWT-2.7.0.dist-info", "pyjwt==2.7.0"));
	ck_assert(!pypackage_is_dist_info(file, "nv-local-gpu-verifier==2.5.0"));
	ck_assert(!pypackage_is_dist_info(file, "nv-local-gpu-verifier"));
	ck_assert(!pypackage_is_dist_info(file, "local-gpu-verifier==2.5.0.post6914366"));
	ck_assert(!pypackage_is_dist_info("nv_local_gpu_verifier-2.5.0.post6914366", "nv-local-gpu-verifier==2.5.0.post6914366"));
	ck_assert(!pypackage_is_dist_info("x.dist-info", "x==1"));
	ck_assert(!pypackage_is_dist_info(".dist-info", "x==1"));
	ck_assert(!pypackage_is_dist_info("", "x==1"));
}
END_TEST

START_TEST(a_verifier_that_names_no_device_is_refused)
{
	static const char *const bad[] = { "nv-ppcie-verifier==3.0.0", "nv_ppcie_verifier==3.0.0.post1", "NV.PPCIE.verifier==10",
					   "nv-ppcie-verifier[x]==3.0", "nv-ppcie-verifier==1!1.5.0" };
	static const char *const fine[] = { "nv_ppcie_verifier==1.5.0.post6914366", "nv-ppcie-verifier==2.9",
					    "nv-local-gpu-verifier==3.0.0", "x-nv-ppcie-verifier==3.0.0" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(pypackage_fault(bad[i]) && strstr(pypackage_fault(bad[i]), "version 3"), "%s", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		ck_assert_msg(!pypackage_fault(fine[i]), "%s", fine[i]);
}
END_TEST

/* "FILE SHA256\n" of each. Caller frees. */
static char *digests_of(const char *text)
{
	_cleanup_json_ struct json_object *report = NULL, *list = NULL;
	struct strbuf out = { 0 };
	struct err e = ERR_INIT;

	ck_assert_msg(json_parse(text, strlen(text), "report", &report, &e) == 0, "%s", e.msg);
	list = pypackage_digests(report);
	strbuf_begin(&out);
	for (size_t i = 0; i < json_count(list); i++)
		strbuf_printf(&out, "%s %s\n", json_str(json_item(list, i), "file", "-"),
			      json_str(json_item(list, i), "sha256", "-"));
	return out.s;
}

static void check_report(const char *name, const char *expected)
{
	_cleanup_free_ char *text = fixture_text(name);
	_cleanup_free_ char *found = digests_of(text);

	ck_assert_str_eq(found, expected);
}

START_TEST(reports_of_old_and_new_pip_give_digests)
{
	check_report("../../fixtures/real/verifier/pip-report-22.3.1.json",
		     "nvidia-ml-py==12.535.133 91d808d3f246d30bead2a0a2540b74b9e9fc584a9c3f1f55abfc2940c4e44fd2\n"
		     "timeout-decorator==0.5.0 6a2f2f58db1c5b24a2cc79de6345760377ad8bdc13813f5265f6c3e63d16b3d7\n");
	check_report("../../fixtures/real/verifier/pip-report-26.3.json",
		     "nv-attestation-sdk==2.5.0 3bcd1900afb581e93594bd74e127e86d6d9ab075881816e2c4b5b97533c04ff7\n"
		     "PyJWT==2.7.0 ba2b425b15ad5ef12f200dc67dd56af4e26de2331f965c5439994dad075876e1\n");
}
END_TEST

START_TEST(reports_that_were_recorded_elsewhere_have_a_digest_for_each)
{
	static const char *const names[] = { "verifier/pip-report-22.3.1.json", "verifier/pip-report-26.3-trimmed.json" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *text = fixture_shared(names[i]), *found = text ? digests_of(text) : NULL;
		size_t lines = 0;

		for (const char *p = found; p && *p; p++)
			lines += *p == '\n';
		if (text)
			ck_assert_uint_eq(lines, i == 0 ? 2 : 5);
	}
}
END_TEST

/* make check-real: the report of a pip that was run here, of which every package has to be there. */
START_TEST(a_report_that_was_made_here_has_a_digest_for_each)
{
	const char *path = getenv("REAL_PIP_REPORT");
	_cleanup_json_ struct json_object *report = NULL, *list = NULL;
	struct err e = ERR_INIT;

	if (!path)
		return;
	ck_assert_msg(json_read(path, 64 << 20, &report, &e) == 0, "%s", e.msg);
	list = pypackage_digests(report);
	ck_assert_str_eq(json_str(report, "pip_version", ""), "22.3.1");
	ck_assert_uint_gt(json_count(list), 20);
	ck_assert_uint_eq(json_count(list), json_count(json_get(report, "install")));
}
END_TEST

START_TEST(what_is_no_sha256_is_left_out)
{
	static const char *const archives[] = { "{}", "{\"hash\": \"md5=00\"}", "{\"hash\": \"sha256=00\"}", "{\"hash\": 1}",
						"{\"hash\": \"sha512=00\", \"hashes\": {}}", "1", "null" };

	for (size_t i = 0; i < ARRAY_SIZE(archives); i++) {
		_cleanup_free_ char *text = xasprintf("{\"install\": [{\"download_info\": {\"archive_info\": %s}}, 1, {}]}", archives[i]);
		_cleanup_free_ char *found = digests_of(text);

		ck_assert_str_eq(found, "");
	}
}
END_TEST

SUITE("pypackage", names_are_one_however_they_are_spelled, an_installed_package_is_found_in_either_spelling,
      a_verifier_that_names_no_device_is_refused, reports_of_old_and_new_pip_give_digests,
      reports_that_were_recorded_elsewhere_have_a_digest_for_each, a_report_that_was_made_here_has_a_digest_for_each, what_is_no_sha256_is_left_out)
