#include "forge_ocsp.h"
#include "forge_rim.h"
#include "suite.h"

static const uint8_t nonce[OCSP_NONCE_SIZE] = "0123456789abcdef0123456789abcde";
static struct forge_chain chain;
static struct x509_chain *parsed;
static uint8_t root[DIGEST_SHA256_SIZE];
static struct forge_responder responder; /* delegated by certificate 1 */
static struct forge_answer good;	 /* about certificate 0 */
static struct ocsp_question question;
static struct ocsp_rules rules;

static struct x509_chain *parse_chain(const struct forge_chain *c)
{
	_cleanup_free_ char *pem = forge_pem(c);
	struct x509_chain *x = NULL;
	struct err e = ERR_INIT;

	ck_assert_msg(x509_chain_parse(pem, strlen(pem), c->n, &x, &e) == 0, "%s", e.msg);
	return x;
}

static void start(void)
{
	forge_rim_chain(&chain, RIM_GPU_DRIVER);
	forge_root_digest(&chain, root);
	parsed = parse_chain(&chain);
	forge_responder(&responder, &chain, 1, &(struct forge_responder_spec){ .md = NULL });
	good = (struct forge_answer){
		.chain = &chain, .signer = responder.cert, .key = responder.key, .nonce = nonce
	};
	question = (struct ocsp_question){ .chain = parsed, .nonce = nonce };
	rules = (struct ocsp_rules){ .root = root, .at = FORGE_NOW };
}

static void stop(void)
{
	forge_responder_done(&responder);
	x509_chain_free(parsed);
	forge_chain_done(&chain);
}

static struct ocsp_answer judge_bytes(const uint8_t *bytes, size_t n)
{
	struct ocsp_answer a;
	struct err e = ERR_INIT;

	ck_assert_msg(ocsp_judge(&question, &rules, bytes, n, &a, &e) == 0, "%s", e.msg);
	return a;
}

static struct ocsp_answer judge(const struct forge_answer *spec)
{
	size_t n;
	_cleanup_free_ uint8_t *bytes = forge_answer(spec, &n);

	return judge_bytes(bytes, n);
}

#define ck_assert_kind(answer, expected)                                   \
	ck_assert_msg((answer).kind == (expected), "%s instead of %s: %s", \
		      ocsp_kind_name((answer).kind), ocsp_kind_name(expected), (answer).note)

/* What an answer by that responder is. */
static void by_responder(size_t by, struct forge_responder_spec spec, enum ocsp_kind kind)
{
	struct forge_responder r;
	struct forge_answer a = good;
	struct ocsp_answer found;

	forge_responder(&r, &chain, by, &spec);
	a.signer = r.cert;
	a.key = r.key;
	found = judge(&a);
	ck_assert_kind(found, kind);
	forge_responder_done(&r);
}

static void by_signer(const struct forge_chain *c, size_t i, enum ocsp_kind kind)
{
	struct forge_answer a = good;
	struct ocsp_answer found;

	a.signer = c->certs[i];
	a.key = c->keys[i];
	found = judge(&a);
	ck_assert_kind(found, kind);
}

/* --- the question ------------------------------------------------------------------------------- */

static OCSP_REQUEST *asked(void)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	const unsigned char *p;
	OCSP_REQUEST *request;
	struct err e = ERR_INIT;
	size_t n;

	ck_assert_msg(ocsp_request(&question, &bytes, &n, &e) == 0, "%s", e.msg);
	p = bytes;
	request = d2i_OCSP_REQUEST(NULL, &p, (long)n);
	ck_assert_ptr_nonnull(request);
	ck_assert_ptr_eq(p, bytes + n);
	return request;
}

START_TEST(a_question_names_one_certificate_by_sha384)
{
	OCSP_REQUEST *request = asked();
	OCSP_CERTID *want = OCSP_cert_to_id(EVP_sha384(), chain.certs[0], chain.certs[1]);

	ck_assert_int_eq(OCSP_request_onereq_count(request), 1);
	ck_assert_int_eq(
		OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)), want), 0);
	OCSP_CERTID_free(want);
	OCSP_REQUEST_free(request);
}
END_TEST

START_TEST(or_by_sha1)
{
	OCSP_CERTID *want = OCSP_cert_to_id(EVP_sha1(), chain.certs[2], chain.certs[3]);
	OCSP_REQUEST *request;

	question.hash = OCSP_HASH_SHA1;
	question.index = 2;
	request = asked();
	ck_assert_int_eq(
		OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)), want), 0);
	OCSP_CERTID_free(want);
	OCSP_REQUEST_free(request);
}
END_TEST

START_TEST(its_nonce_is_critical)
{
	OCSP_REQUEST *request = asked();
	X509_EXTENSION *ext = OCSP_REQUEST_get_ext(request, 0);
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(ext);

	ck_assert_int_eq(OCSP_REQUEST_get_ext_count(request), 1);
	ck_assert_int_eq(OBJ_obj2nid(X509_EXTENSION_get_object(ext)), NID_id_pkix_OCSP_Nonce);
	ck_assert_int_eq(X509_EXTENSION_get_critical(ext), 1);
	ck_assert_int_eq(ASN1_STRING_length(value), 34);
	ck_assert_mem_eq(ASN1_STRING_get0_data(value), "\x04\x20", 2);
	ck_assert_mem_eq(ASN1_STRING_get0_data(value) + 2, nonce, sizeof(nonce));
	OCSP_REQUEST_free(request);
}
END_TEST

START_TEST(or_there_is_none)
{
	OCSP_REQUEST *request;

	question.nonce = NULL;
	request = asked();
	ck_assert_int_eq(OCSP_REQUEST_get_ext_count(request), 0);
	OCSP_REQUEST_free(request);
}
END_TEST

START_TEST(nobody_is_asked_about_the_root)
{
	struct err e = ERR_INIT;
	struct ocsp_answer a;
	uint8_t *bytes = NULL;
	size_t n;

	question.index = 3;
	ck_assert_int_eq(ocsp_request(&question, &bytes, &n, &e), -1);
	ck_assert_ptr_null(bytes);
	ck_assert_int_eq(ocsp_judge(&question, &rules, "", 0, &a, &e), -1);
}
END_TEST

/* --- who answers -------------------------------------------------------------------------------- */

START_TEST(a_delegated_responder_may_answer)
{
	struct ocsp_answer a = judge(&good);

	ck_assert_kind(a, OCSP_IS_GOOD);
	ck_assert(a.nonce_matched);
	ck_assert_str_eq(a.note, "");
	ck_assert_int_eq(a.this_update, FORGE_NOW - 3600);
	ck_assert_int_eq(a.valid_until, FORGE_NOW + 86400);
	ck_assert_int_eq(a.reason, -1);
}
END_TEST

START_TEST(every_issuer_may_answer_for_what_it_issued)
{
	struct forge_responder by_root;

	by_signer(&chain, 1, OCSP_IS_GOOD);
	good.index = question.index = 1;
	by_signer(&chain, 2, OCSP_IS_GOOD);
	good.index = question.index = 2;
	by_signer(&chain, 3, OCSP_IS_GOOD);
	forge_responder(&by_root, &chain, 3, &(struct forge_responder_spec){ .md = NULL });
	by_responder(3, (struct forge_responder_spec){ .md = NULL }, OCSP_IS_GOOD);
	forge_responder_done(&by_root);
}
END_TEST

START_TEST(nobody_else_in_the_chain_may)
{
	by_signer(&chain, 0, OCSP_IS_UNAUTHENTIC);
	by_signer(&chain, 2, OCSP_IS_UNAUTHENTIC);
	by_signer(&chain, 3, OCSP_IS_UNAUTHENTIC);
}
END_TEST

START_TEST(a_responder_of_another_issuer_may_not)
{
	by_responder(2, (struct forge_responder_spec){ .md = NULL }, OCSP_IS_UNAUTHENTIC);
	by_responder(3, (struct forge_responder_spec){ .md = NULL }, OCSP_IS_UNAUTHENTIC);
}
END_TEST

START_TEST(a_responder_without_its_usage_may_not)
{
	by_responder(1, (struct forge_responder_spec){ .usage = "" }, OCSP_IS_UNAUTHENTIC);
	by_responder(1, (struct forge_responder_spec){ .usage = "clientAuth" },
		     OCSP_IS_UNAUTHENTIC);
}
END_TEST

START_TEST(a_responder_must_be_valid_then)
{
	by_responder(1, (struct forge_responder_spec){ .until = FORGE_NOW - 1 },
		     OCSP_IS_UNAUTHENTIC);
	by_responder(1, (struct forge_responder_spec){ .from = FORGE_NOW + 1 },
		     OCSP_IS_UNAUTHENTIC);
	by_responder(1, (struct forge_responder_spec){ .from = FORGE_NOW, .until = FORGE_NOW + 60 },
		     OCSP_IS_GOOD);
}
END_TEST

START_TEST(a_responder_under_another_root_may_not)
{
	struct forge_chain other;
	struct forge_responder r;

	forge_rim_chain(&other, RIM_GPU_DRIVER); /* the same names */
	by_signer(&other, 1, OCSP_IS_UNAUTHENTIC);
	forge_responder(&r, &other, 1, &(struct forge_responder_spec){ .md = NULL });
	good.signer = r.cert;
	good.key = r.key;
	ck_assert_kind(judge(&good), OCSP_IS_UNAUTHENTIC);
	forge_responder_done(&r);
	forge_chain_done(&other);
}
END_TEST

START_TEST(an_answer_signed_by_another_key_is_nobodys)
{
	EVP_PKEY *key = EVP_EC_gen("P-384"), *own = responder.key;
	size_t n;
	_cleanup_free_ uint8_t *bytes = NULL;
	X509 *forged = X509_dup(responder.cert);

	X509_set_pubkey(forged, key); /* its signature no longer fits */
	good.signer = forged;
	good.key = key;
	ck_assert_kind(judge(&good), OCSP_IS_UNAUTHENTIC);
	good.signer = responder.cert;
	good.key = own;
	bytes = forge_answer(&good, &n);
	bytes[n / 3] ^= 1;
	ck_assert_int_ne(judge_bytes(bytes, n).kind, OCSP_IS_GOOD);
	X509_free(forged);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_signer_that_is_nowhere_to_be_found_is_nobody)
{
	good.no_cert = true;
	ck_assert_kind(judge(&good), OCSP_IS_UNAUTHENTIC);
}
END_TEST

START_TEST(weak_digests_are_refused)
{
	good.md = EVP_sha1();
	ck_assert_kind(judge(&good), OCSP_IS_UNAUTHENTIC);
	by_responder(1, (struct forge_responder_spec){ .md = EVP_sha1() }, OCSP_IS_UNAUTHENTIC);
	good.md = EVP_sha256();
	ck_assert_kind(judge(&good), OCSP_IS_GOOD);
}
END_TEST

START_TEST(without_the_pinned_root_nobody_can_answer)
{
	struct ocsp_answer a = { .reason = 77 };
	struct err e = ERR_INIT;
	size_t n;
	_cleanup_free_ uint8_t *bytes = forge_answer(&good, &n);

	root[31] ^= 1;
	ck_assert_int_eq(ocsp_judge(&question, &rules, bytes, n, &a, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_UNTRUSTED);
	ck_assert_int_eq(a.reason, 77);
}
END_TEST

/* --- what it answers ---------------------------------------------------------------------------- */

START_TEST(it_must_be_about_this_certificate)
{
	struct forge_chain other = chain;
	struct forge_cert specs[] = FORGE_RIM_SPECS("GH100");

	/* The same issuer's next certificate. */
	forge_issue(&other, 0, &specs[0]);
	ASN1_INTEGER_set(X509_get_serialNumber(other.certs[0]), 12);
	good.chain = &other;
	ck_assert_kind(judge(&good), OCSP_IS_OTHER_CERT);
	X509_free(other.certs[0]);
}
END_TEST

START_TEST(it_must_name_it_as_the_question_did)
{
	good.hash = OCSP_HASH_SHA1;
	ck_assert_kind(judge(&good), OCSP_IS_OTHER_CERT);
	question.hash = OCSP_HASH_SHA1;
	ck_assert_kind(judge(&good), OCSP_IS_GOOD);
}
END_TEST

START_TEST(it_must_name_it_once)
{
	good.times = 2;
	ck_assert_kind(judge(&good), OCSP_IS_OTHER_CERT);
}
END_TEST

START_TEST(it_must_carry_the_questions_nonce)
{
	uint8_t other[OCSP_NONCE_SIZE] = { 1 };
	struct ocsp_answer a;

	good.nonce = other;
	a = judge(&good);
	ck_assert_kind(a, OCSP_IS_OTHER_NONCE);
	ck_assert(!a.nonce_matched);
	good.nonce = NULL;
	ck_assert_kind(judge(&good), OCSP_IS_OTHER_NONCE);
	good.nonce = nonce;
	good.nonce_n = OCSP_NONCE_SIZE - 1;
	ck_assert_kind(judge(&good), OCSP_IS_OTHER_NONCE);
	good.nonce_n = 0;
	good.nonce_times = 2;
	ck_assert_kind(judge(&good), OCSP_IS_OTHER_NONCE);
}
END_TEST

START_TEST(without_a_nonce_times_alone_count)
{
	uint8_t other[OCSP_NONCE_SIZE] = { 1 };

	question.nonce = NULL;
	good.nonce = NULL;
	ck_assert_kind(judge(&good), OCSP_IS_GOOD);
	ck_assert(!judge(&good).nonce_matched);
	good.nonce = other;
	ck_assert_kind(judge(&good), OCSP_IS_GOOD);
	good.until = FORGE_NOW - 301;
	ck_assert_kind(judge(&good), OCSP_IS_UNTIMELY);
}
END_TEST

START_TEST(it_must_be_of_now_give_or_take_the_skew)
{
	good.until = FORGE_NOW - 300;
	ck_assert_kind(judge(&good), OCSP_IS_GOOD);
	good.until = FORGE_NOW - 301;
	ck_assert_kind(judge(&good), OCSP_IS_UNTIMELY);
	good.until = 0;
	good.from = FORGE_NOW + 300;
	ck_assert_kind(judge(&good), OCSP_IS_GOOD);
	good.from = FORGE_NOW + 301;
	ck_assert_kind(judge(&good), OCSP_IS_UNTIMELY);
	good.from = FORGE_NOW + 200;
	good.until = FORGE_NOW + 100;
	ck_assert_kind(judge(&good), OCSP_IS_UNTIMELY);
}
END_TEST

START_TEST(an_answer_that_names_no_end_ages)
{
	good.endless = true;
	ck_assert_int_eq(judge(&good).valid_until, FORGE_NOW - 3600 + OCSP_AGE_MAX_S);
	good.from = FORGE_NOW - OCSP_AGE_MAX_S - 300;
	ck_assert_kind(judge(&good), OCSP_IS_GOOD);
	good.from--;
	ck_assert_kind(judge(&good), OCSP_IS_UNTIMELY);
}
END_TEST

START_TEST(the_time_is_the_callers)
{
	rules.at = FORGE_NOW + 10 * 86400;
	ck_assert_kind(judge(&good), OCSP_IS_UNTIMELY);
	good.from = rules.at - 60;
	good.until = rules.at + 60;
	ck_assert_kind(judge(&good), OCSP_IS_GOOD);
}
END_TEST

START_TEST(unknown_critical_extensions_are_not_passed_over)
{
	good.critical = true;
	ck_assert_kind(judge(&good), OCSP_IS_STRANGE);
}
END_TEST

START_TEST(revoked_is_said_with_its_reason)
{
	struct ocsp_answer a;

	good.status = V_OCSP_CERTSTATUS_REVOKED;
	good.reason = OCSP_REVOKED_STATUS_KEYCOMPROMISE;
	a = judge(&good);
	ck_assert_kind(a, OCSP_IS_REVOKED);
	ck_assert_int_eq(a.reason, 1);
	ck_assert_str_eq(a.note, "revoked: keyCompromise");
	good.reason = OCSP_REVOKED_STATUS_NOSTATUS;
	a = judge(&good);
	ck_assert_kind(a, OCSP_IS_REVOKED);
	ck_assert_int_eq(a.reason, -1);
}
END_TEST

START_TEST(hold_is_allowed_for_manifests_and_by_option_only)
{
	good.status = V_OCSP_CERTSTATUS_REVOKED;
	good.reason = OCSP_REVOKED_STATUS_CERTIFICATEHOLD;
	ck_assert_kind(judge(&good), OCSP_IS_REVOKED);
	rules.of_rim = true;
	ck_assert_kind(judge(&good), OCSP_IS_REVOKED);
	rules.of_rim = false;
	rules.allow_hold = true;
	ck_assert_kind(judge(&good), OCSP_IS_REVOKED);
	rules.of_rim = true;
	ck_assert_kind(judge(&good), OCSP_IS_HELD);
	ck_assert_str_eq(judge(&good).note, "revoked: certificateHold");
	good.reason = OCSP_REVOKED_STATUS_SUPERSEDED;
	ck_assert_kind(judge(&good), OCSP_IS_REVOKED);
}
END_TEST

START_TEST(unknown_is_no_good)
{
	good.status = V_OCSP_CERTSTATUS_UNKNOWN;
	ck_assert_kind(judge(&good), OCSP_IS_UNKNOWN);
}
END_TEST

/* --- no answer ---------------------------------------------------------------------------------- */

START_TEST(refusals_say_what_to_do)
{
	static const struct {
		int status;
		bool retry, other_hash;
	} refusals[] = {
		{OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, false, true },
		{ OCSP_RESPONSE_STATUS_INTERNALERROR,   true,  false},
		{ OCSP_RESPONSE_STATUS_TRYLATER,	 true,  false},
		{ OCSP_RESPONSE_STATUS_SIGREQUIRED,	    false, false},
		{ OCSP_RESPONSE_STATUS_UNAUTHORIZED,    false, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		size_t n;
		_cleanup_free_ uint8_t *bytes = forge_refusal(refusals[i].status, &n);
		struct ocsp_answer a = judge_bytes(bytes, n);

		ck_assert_kind(a, OCSP_IS_REFUSED);
		ck_assert(a.retry == refusals[i].retry && a.other_hash == refusals[i].other_hash);
		ck_assert_ptr_nonnull(strstr(a.note, OCSP_response_status_str(refusals[i].status)));
	}
}
END_TEST

START_TEST(success_without_an_answer_is_garbled)
{
	size_t n;
	_cleanup_free_ uint8_t *bytes = forge_refusal(OCSP_RESPONSE_STATUS_SUCCESSFUL, &n);

	ck_assert_kind(judge_bytes(bytes, n), OCSP_IS_GARBLED);
}
END_TEST

START_TEST(garbage_is_no_answer)
{
	_cleanup_free_ uint8_t *big = xcalloc(1, OCSP_ANSWER_MAX + 1);
	static const char html[] = "<html><body>502 Bad Gateway</body></html>";

	ck_assert_kind(judge_bytes((const uint8_t *)"", 0), OCSP_IS_GARBLED);
	ck_assert_kind(judge_bytes((const uint8_t *)html, sizeof(html) - 1), OCSP_IS_GARBLED);
	ck_assert_kind(judge_bytes(big, OCSP_ANSWER_MAX + 1), OCSP_IS_GARBLED);
}
END_TEST

START_TEST(no_answer_can_be_cut_short_or_lengthened)
{
	size_t n;
	_cleanup_free_ uint8_t *bytes = forge_answer(&good, &n);
	_cleanup_free_ uint8_t *longer = xcalloc(1, n + 1);

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ uint8_t *cut = xmalloc(i + 1);

		memcpy(cut, bytes, i);
		ck_assert_kind(judge_bytes(cut, i), OCSP_IS_GARBLED);
	}
	memcpy(longer, bytes, n);
	ck_assert_kind(judge_bytes(longer, n + 1), OCSP_IS_GARBLED);
}
END_TEST

START_TEST(no_byte_of_an_answer_can_be_changed)
{
	size_t n, step = str_eq(getenv("LONG"), "1") ? 1 : 16;
	_cleanup_free_ uint8_t *bytes = forge_answer(&good, &n);

	for (size_t i = 0; i < n; i += step) {
		struct ocsp_answer a;

		bytes[i] ^= 1;
		a = judge_bytes(bytes, n);
		ck_assert_msg(ocsp_check_result(a.kind) != CHECK_PASSED, "byte %zu may be changed",
			      i);
		bytes[i] ^= 1;
	}
}
END_TEST

START_TEST(kinds_mean_what_the_rules_say)
{
	static const enum check_result want[] = {
		[OCSP_IS_GARBLED] = CHECK_UNKNOWN,     [OCSP_IS_REFUSED] = CHECK_UNKNOWN,
		[OCSP_IS_UNAUTHENTIC] = CHECK_UNKNOWN, [OCSP_IS_STRANGE] = CHECK_FAILED,
		[OCSP_IS_OTHER_CERT] = CHECK_FAILED,   [OCSP_IS_OTHER_NONCE] = CHECK_FAILED,
		[OCSP_IS_UNTIMELY] = CHECK_FAILED,     [OCSP_IS_UNKNOWN] = CHECK_FAILED,
		[OCSP_IS_REVOKED] = CHECK_FAILED,      [OCSP_IS_HELD] = CHECK_PASSED,
		[OCSP_IS_GOOD] = CHECK_PASSED,
	};

	for (enum ocsp_kind k = 0; k < ARRAY_SIZE(want); k++)
		ck_assert_int_eq(ocsp_check_result(k), want[k]);
}
END_TEST

SUITE_AROUND("ocsp", start, stop, a_question_names_one_certificate_by_sha384, or_by_sha1,
	     its_nonce_is_critical, or_there_is_none, nobody_is_asked_about_the_root,
	     a_delegated_responder_may_answer, every_issuer_may_answer_for_what_it_issued,
	     nobody_else_in_the_chain_may, a_responder_of_another_issuer_may_not,
	     a_responder_without_its_usage_may_not, a_responder_must_be_valid_then,
	     a_responder_under_another_root_may_not, an_answer_signed_by_another_key_is_nobodys,
	     a_signer_that_is_nowhere_to_be_found_is_nobody, weak_digests_are_refused,
	     without_the_pinned_root_nobody_can_answer, it_must_be_about_this_certificate,
	     it_must_name_it_as_the_question_did, it_must_name_it_once,
	     it_must_carry_the_questions_nonce, without_a_nonce_times_alone_count,
	     it_must_be_of_now_give_or_take_the_skew, an_answer_that_names_no_end_ages,
	     the_time_is_the_callers, unknown_critical_extensions_are_not_passed_over,
	     revoked_is_said_with_its_reason, hold_is_allowed_for_manifests_and_by_option_only,
	     unknown_is_no_good, refusals_say_what_to_do, success_without_an_answer_is_garbled,
	     garbage_is_no_answer, no_answer_can_be_cut_short_or_lengthened,
	     no_byte_of_an_answer_can_be_changed, kinds_mean_what_the_rules_say)
