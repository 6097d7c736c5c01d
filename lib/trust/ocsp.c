#include "trust/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509_vfy.h>

#include "core/clock.h"
#include "core/str.h"

DEFINE_CLEANUP(OCSP_REQUEST *, OCSP_REQUEST_free)
DEFINE_CLEANUP(OCSP_RESPONSE *, OCSP_RESPONSE_free)
DEFINE_CLEANUP(OCSP_BASICRESP *, OCSP_BASICRESP_free)
DEFINE_CLEANUP(OCSP_CERTID *, OCSP_CERTID_free)
DEFINE_CLEANUP(ASN1_OCTET_STRING *, ASN1_OCTET_STRING_free)
DEFINE_CLEANUP(X509_EXTENSION *, X509_EXTENSION_free)
DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)

static void free_stack(STACK_OF(X509) * *stack)
{
	sk_X509_free(*stack);
}

const char *ocsp_kind_name(enum ocsp_kind kind)
{
	static const char *const names[] = {
		[OCSP_IS_GARBLED] = "garbled",
		[OCSP_IS_REFUSED] = "refused",
		[OCSP_IS_UNAUTHENTIC] = "unauthentic",
		[OCSP_IS_STRANGE] = "strange",
		[OCSP_IS_OTHER_CERT] = "other-cert",
		[OCSP_IS_OTHER_NONCE] = "other-nonce",
		[OCSP_IS_UNTIMELY] = "untimely",
		[OCSP_IS_UNKNOWN] = "unknown",
		[OCSP_IS_REVOKED] = "revoked",
		[OCSP_IS_HELD] = "held",
		[OCSP_IS_GOOD] = "good",
	};

	return names[kind];
}

enum check_result ocsp_check_result(enum ocsp_kind kind)
{
	if (kind <= OCSP_IS_UNAUTHENTIC)
		return CHECK_UNKNOWN;
	return kind >= OCSP_IS_HELD ? CHECK_PASSED : CHECK_FAILED;
}

/* --- the question ------------------------------------------------------------------------------- */

static OCSP_CERTID *certificate_id(const struct ocsp_question *q)
{
	const EVP_MD *md = q->hash == OCSP_HASH_SHA384 ? EVP_sha384() : EVP_sha1();

	return OCSP_cert_to_id(md, x509_cert(q->chain, q->index),
			       x509_cert(q->chain, q->index + 1));
}

/* RFC 8954: the extension's value is an OCTET STRING of its own. */
static void nonce_value(const uint8_t *nonce, uint8_t dst[2 + OCSP_NONCE_SIZE])
{
	dst[0] = V_ASN1_OCTET_STRING;
	dst[1] = OCSP_NONCE_SIZE;
	memcpy(dst + 2, nonce, OCSP_NONCE_SIZE);
}

static bool add_nonce(OCSP_REQUEST *request, const uint8_t *nonce)
{
	_cleanup_(ASN1_OCTET_STRING_free_p) ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	_cleanup_(X509_EXTENSION_free_p) X509_EXTENSION *ext = NULL;
	uint8_t der[2 + OCSP_NONCE_SIZE];

	nonce_value(nonce, der);
	if (!value || ASN1_OCTET_STRING_set(value, der, sizeof(der)) != 1)
		return false;
	ext = X509_EXTENSION_create_by_NID(NULL, NID_id_pkix_OCSP_Nonce, 1, value);
	return ext && OCSP_REQUEST_add_ext(request, ext, -1) == 1;
}

int ocsp_request(const struct ocsp_question *q, uint8_t **ret, size_t *ret_len, struct err *e)
{
	_cleanup_(OCSP_REQUEST_free_p) OCSP_REQUEST *request = OCSP_REQUEST_new();
	_cleanup_(OCSP_CERTID_free_p) OCSP_CERTID *id = NULL;
	_cleanup_free_ uint8_t *der = NULL;
	unsigned char *p;
	int len;

	if (q->index + 1 >= x509_count(q->chain))
		return err_set(e, &ERR_INTERNAL, "the root has no issuer that could be asked");
	id = certificate_id(q);
	if (!request || !id || !OCSP_request_add0_id(request, id)) {
		ERR_clear_error();
		return err_set(e, &ERR_INTERNAL, "cannot make an OCSP request");
	}
	id = NULL;
	len = !q->nonce || add_nonce(request, q->nonce) ? i2d_OCSP_REQUEST(request, NULL) : -1;
	if (len <= 0) {
		ERR_clear_error();
		return err_set(e, &ERR_INTERNAL, "cannot encode an OCSP request");
	}
	p = der = xmalloc((size_t)len);
	i2d_OCSP_REQUEST(request, &p);
	*ret = TAKE_PTR(der);
	*ret_len = (size_t)len;
	return 0;
}

/* --- the answer --------------------------------------------------------------------------------- */

/* Always false, so that a finding ends the judgement in one line. */
static bool say(struct ocsp_answer *a, enum ocsp_kind kind, const char *fmt, ...) PRINTF(3, 4);
static bool say(struct ocsp_answer *a, enum ocsp_kind kind, const char *fmt, ...)
{
	va_list ap;

	a->kind = kind;
	va_start(ap, fmt);
	vsnprintf(a->note, sizeof(a->note), fmt, ap);
	va_end(ap);
	return false;
}

/* The status comes first: an answer without success has nothing else in it. */
static bool open_answer(const void *data, size_t len, OCSP_BASICRESP **ret, struct ocsp_answer *a)
{
	_cleanup_(OCSP_RESPONSE_free_p) OCSP_RESPONSE *response = NULL;
	const unsigned char *p = data;
	int status;

	if (len > OCSP_ANSWER_MAX)
		return say(a, OCSP_IS_GARBLED, "%zu bytes; the limit is %d", len, OCSP_ANSWER_MAX);
	response = d2i_OCSP_RESPONSE(NULL, &p, (long)len);
	if (!response || p != (const unsigned char *)data + len)
		return say(a, OCSP_IS_GARBLED, "%zu bytes that are no OCSP answer", len);
	status = OCSP_response_status(response);
	if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
		a->retry = status == OCSP_RESPONSE_STATUS_TRYLATER ||
			   status == OCSP_RESPONSE_STATUS_INTERNALERROR;
		a->other_hash = status == OCSP_RESPONSE_STATUS_MALFORMEDREQUEST ||
				status == OCSP_RESPONSE_STATUS_UNAUTHORIZED;
		return say(a, OCSP_IS_REFUSED, "the responder answers %s (%d)",
			   OCSP_response_status_str(status), status);
	}
	*ret = OCSP_response_get1_basic(response);
	return *ret ||
	       say(a, OCSP_IS_GARBLED, "a successful answer without a basic response in it");
}

static bool is_strong(const OCSP_BASICRESP *basic)
{
	const ASN1_OBJECT *algorithm;
	int digest, key;

	X509_ALGOR_get0(&algorithm, NULL, NULL, OCSP_resp_get0_tbs_sigalg(basic));
	return OBJ_find_sigid_algs(OBJ_obj2nid(algorithm), &digest, &key) == 1 &&
	       (digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512);
}

/* Issuers may sign themselves; the root comes from the store. 0 or -1; *ret_ok is the finding. */
static int verify_signer(const struct ocsp_question *q, const struct ocsp_rules *rules,
			 OCSP_BASICRESP *basic, struct ocsp_answer *a, bool *ret_ok, struct err *e)
{
	_cleanup_(X509_STORE_free_p) X509_STORE *store = NULL;
	_cleanup_(free_stack) STACK_OF(X509) *issuers = sk_X509_new_null();
	const char *why;

	if (x509_store(q->chain, rules->root, rules->at, &store, e) < 0)
		return -1;
	for (size_t i = q->index + 1; i < x509_count(q->chain); i++)
		if (!issuers || sk_X509_push(issuers, x509_cert(q->chain, i)) <= 0)
			return err_set(e, &ERR_INTERNAL,
				       "cannot hold the issuers of a certificate");
	/* 112 bits: no SHA-1 or MD5 in the responder's own chain. */
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store), 2);
	ERR_clear_error();
	*ret_ok = OCSP_basic_verify(basic, issuers, store, 0) == 1;
	if (!*ret_ok) {
		why = ERR_reason_error_string(ERR_peek_last_error());
		say(a, OCSP_IS_UNAUTHENTIC, "not signed by one who may answer for the issuer: %s",
		    why ? why : "no reason given");
	}
	return 0;
}

/* RFC 5280 4.2: what is critical and not understood must not be passed over. */
static bool extensions_known(OCSP_BASICRESP *basic, OCSP_SINGLERESP *single, struct ocsp_answer *a)
{
	for (int i = 0; i < OCSP_BASICRESP_get_ext_count(basic); i++) {
		X509_EXTENSION *ext = OCSP_BASICRESP_get_ext(basic, i);

		if (X509_EXTENSION_get_critical(ext) &&
		    OBJ_obj2nid(X509_EXTENSION_get_object(ext)) != NID_id_pkix_OCSP_Nonce)
			return say(a, OCSP_IS_STRANGE,
				   "the answer has an unknown critical extension");
	}
	for (int i = 0; i < OCSP_SINGLERESP_get_ext_count(single); i++)
		if (X509_EXTENSION_get_critical(OCSP_SINGLERESP_get_ext(single, i)))
			return say(a, OCSP_IS_STRANGE,
				   "the answer has an unknown critical extension");
	return true;
}

/* The one answer about our certificate. */
static bool find_single(const struct ocsp_question *q, OCSP_BASICRESP *basic, OCSP_SINGLERESP **ret,
			struct ocsp_answer *a)
{
	_cleanup_(OCSP_CERTID_free_p) OCSP_CERTID *id = certificate_id(q);
	int at = id ? OCSP_resp_find(basic, id, -1) : -1;

	if (at < 0)
		return say(a, OCSP_IS_OTHER_CERT, "the answer is not about this certificate");
	if (OCSP_resp_find(basic, id, at) >= 0)
		return say(a, OCSP_IS_OTHER_CERT, "the answer speaks of this certificate twice");
	*ret = OCSP_resp_get0(basic, at);
	return true;
}

static bool nonce_echoed(const struct ocsp_question *q, OCSP_BASICRESP *basic,
			 struct ocsp_answer *a)
{
	int at = OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1);
	uint8_t want[2 + OCSP_NONCE_SIZE];
	const ASN1_OCTET_STRING *value;

	if (!q->nonce)
		return true;
	if (at < 0)
		return say(a, OCSP_IS_OTHER_NONCE,
			   "the answer has no nonce (a caching mirror cannot have one: "
			   "then nonces must be switched off)");
	nonce_value(q->nonce, want);
	value = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(basic, at));
	a->nonce_matched = ASN1_STRING_length(value) == (int)sizeof(want) &&
			   memcmp(ASN1_STRING_get0_data(value), want, sizeof(want)) == 0 &&
			   OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, at) < 0;
	return a->nonce_matched ||
	       say(a, OCSP_IS_OTHER_NONCE, "the answer has another nonce than the question");
}

static bool read_time(const ASN1_GENERALIZEDTIME *t, time_t *ret)
{
	struct tm tm;

	if (!t || ASN1_GENERALIZEDTIME_check(t) != 1 || ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*ret = timegm(&tm);
	return true;
}

static bool is_timely(const ASN1_GENERALIZEDTIME *this_update,
		      const ASN1_GENERALIZEDTIME *next_update, time_t at, struct ocsp_answer *a)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE], now[CLOCK_TEXT_SIZE];
	time_t begin, end;

	if (!read_time(this_update, &begin) || (next_update && !read_time(next_update, &end)))
		return say(a, OCSP_IS_UNTIMELY, "the answer's times cannot be read");
	if (!next_update)
		end = begin + OCSP_AGE_MAX_S;
	clock_format(begin, from);
	clock_format(end, to);
	clock_format(at, now);
	if (end < begin || begin > at + OCSP_SKEW_S || end < at - OCSP_SKEW_S)
		return say(a, OCSP_IS_UNTIMELY,
			   "the answer is of %s and good until %s%s, not at %s", from, to,
			   next_update ? "" : " at most (it names no end)", now);
	a->this_update = begin;
	a->valid_until = end;
	return true;
}

static void read_status(const struct ocsp_rules *rules, OCSP_SINGLERESP *single,
			struct ocsp_answer *a)
{
	ASN1_GENERALIZEDTIME *revoked_at = NULL, *this_update = NULL, *next_update = NULL;
	int reason = -1;
	int status =
		OCSP_single_get0_status(single, &reason, &revoked_at, &this_update, &next_update);

	if (!is_timely(this_update, next_update, rules->at, a))
		return;
	if (status == V_OCSP_CERTSTATUS_GOOD) {
		a->kind = OCSP_IS_GOOD;
	} else if (status == V_OCSP_CERTSTATUS_REVOKED) {
		bool held = reason == OCSP_REVOKED_STATUS_CERTIFICATEHOLD && rules->of_rim &&
			    rules->allow_hold;

		a->reason = reason;
		say(a, held ? OCSP_IS_HELD : OCSP_IS_REVOKED, "revoked: %s",
		    reason < 0 ? "no reason given" : OCSP_crl_reason_str(reason));
	} else {
		say(a, OCSP_IS_UNKNOWN, "the responder does not know the certificate");
	}
}

int ocsp_judge(const struct ocsp_question *q, const struct ocsp_rules *rules, const void *data,
	       size_t len, struct ocsp_answer *ret, struct err *e)
{
	_cleanup_(OCSP_BASICRESP_free_p) OCSP_BASICRESP *basic = NULL;
	struct ocsp_answer a = { .reason = -1 };
	OCSP_SINGLERESP *single;
	bool signer_ok = false;
	int rc = 0;

	if (q->index + 1 >= x509_count(q->chain))
		return err_set(e, &ERR_INTERNAL, "the root has no issuer that could answer");
	if (open_answer(data, len, &basic, &a)) {
		if (!is_strong(basic))
			say(&a, OCSP_IS_UNAUTHENTIC, "the answer is signed with a weak digest");
		else
			rc = verify_signer(q, rules, basic, &a, &signer_ok, e);
	}
	if (signer_ok && find_single(q, basic, &single, &a) &&
	    extensions_known(basic, single, &a) && nonce_echoed(q, basic, &a))
		read_status(rules, single, &a);
	ERR_clear_error();
	if (rc == 0)
		*ret = a;
	return rc;
}
