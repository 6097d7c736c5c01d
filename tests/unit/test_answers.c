/* The simulated RIM service and OCSP responder, asked as an appraisal of the simulated devices asks. */
#include <openssl/pem.h>
#include <sys/wait.h>

#include "devices.h"
#include "evidence/evidence.h"
#include "suite.h"
#include "trust/appraise.h"
#include "trust/x509.h"

#define ANSWER_MAX (1024 * 1024)

/* Runs twin-answer; what it printed and how it ended. */
static int ask(const char *what, const char *id, const void *input, size_t input_n, char **ret,
	       size_t *ret_n)
{
	_cleanup_free_ char *build = devices_build();
	_cleanup_free_ char *in = xasprintf("%s/question", devices_dir);
	_cleanup_free_ char *command =
		xasprintf("%s/../twin-answer %s %s %s < %s", build, what, devices_dir, id, in);
	_cleanup_fclose_ FILE *question = fopen(in, "we");
	FILE *out;

	ck_assert_uint_eq(fwrite(input, 1, input_n, question), input_n);
	ck_assert_int_eq(fflush(question), 0);
	out = popen(command, "re");
	ck_assert_ptr_nonnull(out);
	*ret = xmalloc(ANSWER_MAX);
	*ret_n = fread(*ret, 1, ANSWER_MAX, out);
	return WEXITSTATUS(pclose(out));
}

static void root_digest(const char *part, uint8_t ret[DIGEST_SHA256_SIZE])
{
	_cleanup_free_ char *path = xasprintf("%s/state/devices/%s", devices_dir, part);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	X509 *x = PEM_read_X509(file, NULL, NULL, NULL);

	ck_assert_ptr_nonnull(x);
	ck_assert_int_eq(X509_digest(x, EVP_sha256(), ret, NULL), 1);
	X509_free(x);
}

static void give_rims(struct appraise *a)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < appraise_rims(a); i++) {
		_cleanup_free_ char *xml = NULL;
		size_t n;
		int rc = ask("rim", appraise_rim_id(a, i), "", 0, &xml, &n);

		if (rc == 0)
			ck_assert_int_eq(appraise_give_rim(a, i, xml, n, &e), 0);
		else
			appraise_miss_rim(a, i, rc == 4 ? CAUSE_RIM_MISSING : CAUSE_NO_ANSWER,
					  "not to be had");
	}
}

static void give_answers(struct appraise *a)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < appraise_questions(a); i++) {
		_cleanup_free_ char *answer = NULL;
		struct appraise_question q;
		size_t n;

		appraise_question(a, i, &q);
		ck_assert_int_eq(ask("ocsp", "", q.request, q.request_len, &answer, &n), 0);
		ck_assert_int_eq(appraise_give_ocsp(a, i, answer, n, NULL, &e), 0);
	}
}

/* Everything that this machine has, appraised with what the two services say now. */
static void appraise_all(bool allow_hold, struct appraisal *ret)
{
	struct evidence ev = EVIDENCE_INIT;
	struct appraise_rules rules;
	struct appraise *a;
	struct err e = ERR_INIT;

	ck_assert_msg(evidence_from_gpus(&ev, &e) == 0, "%s", e.msg);
	if (ev.n > 1)
		ck_assert_msg(evidence_from_switches(&ev, &e) == 0, "%s", e.msg);
	appraise_rules_init(&rules);
	rules.shape = ev.n > 1 ? APPRAISE_MULTI : APPRAISE_SINGLE;
	rules.at = time(NULL);
	rules.allow_hold = allow_hold;
	memset(rules.seed, 0x5e, sizeof(rules.seed));
	root_digest("root.pem", rules.device_root);
	root_digest("rim-root.pem", rules.rim_root);
	evidence_facts(&ev, &rules.facts);
	ck_assert_msg(appraise_new(ev.v, ev.n, &rules, &a, &e) == 0, "%s", e.msg);
	give_rims(a);
	give_answers(a);
	appraise_judge(a, ret);
	appraise_free(a);
	evidence_done(&ev);
}

/* The distinct checks that did not pass, "ocsp failed; measurements failed", or "". */
static char *troubles(const struct appraisal *r)
{
	struct strbuf b = { 0 };

	strbuf_begin(&b);
	for (size_t i = 0; i <= r->devices_n; i++) {
		const struct check *c = i < r->devices_n ? r->devices[i].checks : r->checks;
		size_t n = i < r->devices_n ? r->devices[i].checks_n : r->checks_n;

		for (size_t k = 0; k < n; k++) {
			_cleanup_free_ char *words =
				xasprintf("%s %s", c[k].name, check_result_name(c[k].result));

			if (c[k].result != CHECK_PASSED && !strstr(b.s, words))
				strbuf_printf(&b, "%s%s", b.len ? "; " : "", words);
		}
	}
	return b.s;
}

/* Under that fault, JSON as in state/faults, the verdict has these troubles and no other. */
static void finds(const char *fault, bool allow_hold, enum verdict verdict, const char *expected)
{
	_cleanup_(appraisal_free_p) struct appraisal *r = xcalloc(1, sizeof(*r));
	_cleanup_free_ char *found = NULL;

	devices_fault(fault);
	appraise_all(allow_hold, r);
	found = troubles(r);
	ck_assert_msg(str_eq(found, expected), "%s: expected \"%s\", found \"%s\"", fault, expected,
		      found);
	ck_assert_str_eq(verdict_name(r->verdict), verdict_name(verdict));
}

START_TEST(a_machine_of_either_shape_is_accepted)
{
	finds("{}", false, VERDICT_ACCEPTED, "");
	devices_drop();
	devices_make("multi");
	finds("{}", false, VERDICT_ACCEPTED, "");
}
END_TEST

START_TEST(a_manifest_with_another_value_is_signed_and_its_devices_do_not_match)
{
	finds("{\"rim-wrong-measurement\": \"\"}", false, VERDICT_REJECTED, "measurements failed");
	finds("{\"rim-wrong-measurement\": {\"file\": \"VBIOS\"}}", false, VERDICT_REJECTED,
	      "measurements failed");
	finds("{\"rim-wrong-measurement\": \"BIOS_5612\"}", false, VERDICT_ACCEPTED, "");
	finds("{\"rim-wrong-measurement\": false}", false, VERDICT_ACCEPTED, "");
}
END_TEST

START_TEST(a_manifest_of_an_expired_signer_fails_at_the_time_alone)
{
	finds("{\"rim-expired-signer\": true}", false, VERDICT_REJECTED, "rim_chain_time failed");
}
END_TEST

START_TEST(a_certificate_that_is_revoked_or_unknown_fails)
{
	finds("{\"ocsp-revoked\": \"gpu0\"}", false, VERDICT_REJECTED, "ocsp failed");
	finds("{\"ocsp-revoked\": \"rim-gpu-l4\"}", false, VERDICT_REJECTED, "ocsp failed");
	finds("{\"ocsp-unknown\": \"identity\"}", false, VERDICT_REJECTED, "ocsp failed");
	finds("{\"ocsp-revoked\": \"gpu1\"}", false, VERDICT_ACCEPTED, "");
}
END_TEST

START_TEST(a_device_that_devices_json_calls_revoked_is)
{
	devices_sh("sed -i 's/\"cert\": \"good\"/\"cert\": \"revoked\"/' $D/state/devices.json");
	finds("{}", false, VERDICT_REJECTED, "ocsp failed");
}
END_TEST

START_TEST(a_hold_is_of_manifests_only)
{
	finds("{\"ocsp-hold\": \"\"}", false, VERDICT_REJECTED, "ocsp failed");
	finds("{\"ocsp-hold\": \"\"}", true, VERDICT_ACCEPTED, "");
	finds("{\"ocsp-hold\": \"gpu0\"}", false, VERDICT_ACCEPTED, "");
}
END_TEST

START_TEST(an_answer_that_is_not_to_be_relied_on_fails)
{
	finds("{\"ocsp-stale\": \"\"}", false, VERDICT_REJECTED, "ocsp failed");
	finds("{\"ocsp-no-nonce\": \"\"}", false, VERDICT_REJECTED, "ocsp failed");
	finds("{\"ocsp-wrong-cert\": \"\"}", false, VERDICT_REJECTED, "ocsp failed");
}
END_TEST

START_TEST(an_answer_by_one_who_may_not_give_it_is_none)
{
	finds("{\"ocsp-other-signer\": \"ica-gpu\"}", false, VERDICT_UNKNOWN, "ocsp unknown");
}
END_TEST

START_TEST(there_is_no_manifest_of_a_version_that_the_machine_has_not)
{
	static const char *const ids[] = { "NV_GPU_DRIVER_GH100_1.2.3", "..", "../pdi", "x" };
	_cleanup_(appraisal_free_p) struct appraisal *r = xcalloc(1, sizeof(*r));
	_cleanup_free_ char *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		_cleanup_free_ char *text = NULL;
		size_t n;

		ck_assert_int_eq(ask("rim", ids[i], "", 0, &text, &n), 4);
		ck_assert_uint_eq(n, 0);
	}
	devices_sh("rm $D/state/devices/rims/*VBIOS*");
	appraise_all(false, r);
	ck_assert_int_eq(r->verdict, VERDICT_UNKNOWN);
	found = troubles(r);
	ck_assert_has(found, "rim_fetch unknown");
	ck_assert(!strstr(found, "failed"));
}
END_TEST

SUITE_AROUND("answers", devices_make_single, devices_drop, a_machine_of_either_shape_is_accepted,
	     a_manifest_with_another_value_is_signed_and_its_devices_do_not_match,
	     a_manifest_of_an_expired_signer_fails_at_the_time_alone,
	     a_certificate_that_is_revoked_or_unknown_fails,
	     a_device_that_devices_json_calls_revoked_is, a_hold_is_of_manifests_only,
	     an_answer_that_is_not_to_be_relied_on_fails,
	     an_answer_by_one_who_may_not_give_it_is_none,
	     there_is_no_manifest_of_a_version_that_the_machine_has_not)
