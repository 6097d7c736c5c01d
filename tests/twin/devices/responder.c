/* The OCSP responder: which certificates it answers for is in responder.h.
 *
 * Plays NVIDIA's OCSP service, ocsp.ndis.nvidia.com (version not known).
 * Source: docs.nvidia.com/attestation, OCSP Service (API Documentation, OCSP Responses: good for a device's number that was never
 * given out, unknown for a manifest's); RFC 6960 for form, nonce, delegates and malformed requests; nv-local-gpu-verifier 2.5.0
 * (PyPI), which asks with SHA-384 and a nonce.
 * Simplified: one certificate for each request; answers are of this moment, for a day; every delegate is a fresh one.
 */
#include "responder.h"

#include <time.h>

#include "../../unit/forge_ocsp.h"
#include "issue.h"
#include "twin.h"

#define HOUR 3600
#define DAY  86400

DEFINE_CLEANUP(OCSP_REQUEST *, OCSP_REQUEST_free)
DEFINE_CLEANUP(OCSP_BASICRESP *, OCSP_BASICRESP_free)
DEFINE_CLEANUP(OCSP_CERTID *, OCSP_CERTID_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(ASN1_GENERALIZEDTIME *, ASN1_GENERALIZEDTIME_free)

/* --- who issued what ---------------------------------------------------------------------------- */

static const char *const issuers[] = {
	"root",	      "identity",   "ica-gpu",	     "ica-switch",    "rim-root",
	"rim-gpu-ca", "rim-gpu-l3", "rim-switch-ca", "rim-switch-l3",
};

/* Certificates by file and place in it; n: so many files, numbered from 0. */
static const struct {
	const char *issuer, *file;
	size_t place, n;
} issued[] = {
	{"root",		  "identity",      0, 0},
	{ "identity",      "ica-gpu",	 0, 0},
	{ "identity",      "ica-switch",    0, 0},
	{ "ica-gpu",	     "gpu",	    1, 8},
	{ "ica-switch",	"switch",	  1, 4},
	{ "rim-root",      "rim-gpu-ca",    0, 0},
	{ "rim-root",      "rim-switch-ca", 0, 0},
	{ "rim-gpu-ca",	"rim-gpu-l3",    0, 0},
	{ "rim-gpu-l3",	"rim-gpu-l4",    0, 0},
	{ "rim-switch-ca", "rim-switch-l3", 0, 0},
	{ "rim-switch-l3", "rim-switch-l4", 0, 0},
};

/* One question, and what is known of it. */
struct question {
	OCSP_REQUEST *request;
	OCSP_CERTID *id;
	const char *issuer_name;
	struct forge_chain issuer; /* certs[0] and keys[0] alone */
	char name[32];		   /* of the certificate: its file; "" for a number not given out */
	bool of_rim;
};

static const EVP_MD *digest_of(OCSP_CERTID *id)
{
	ASN1_OBJECT *algorithm;

	OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, id);
	switch (OBJ_obj2nid(algorithm)) {
	case NID_sha384: return EVP_sha384();
	case NID_sha1: return EVP_sha1();
	default: return NULL;
	}
}

static bool is_issuer(struct question *q, const char *name)
{
	const EVP_MD *md = digest_of(q->id);
	X509 *x = md ? issue_read_certificate(name, 0) : NULL;
	_cleanup_(OCSP_CERTID_free_p) OCSP_CERTID *mine = NULL;

	if (!x)
		return false;
	mine = OCSP_cert_to_id(md, NULL, x);
	if (OCSP_id_issuer_cmp(mine, q->id) != 0) {
		X509_free(x);
		return false;
	}
	q->issuer_name = name;
	q->of_rim = str_starts(name, "rim-");
	q->issuer = (struct forge_chain){ .n = 1 };
	q->issuer.certs[0] = x;
	q->issuer.keys[0] = issue_read_key(name);
	ck_assert_ptr_nonnull(q->issuer.keys[0]);
	return true;
}

static bool find_issuer(struct question *q)
{
	for (size_t i = 0; i < ARRAY_SIZE(issuers); i++)
		if (is_issuer(q, issuers[i]))
			return true;
	return false;
}

/* Whether the question is about that certificate of file FILE, or FILEk; then that is its name. */
static bool is_subject(struct question *q, size_t i, size_t k)
{
	_cleanup_free_ char *file =
		issued[i].n ? xasprintf("%s%zu", issued[i].file, k) : xstrdup(issued[i].file);
	_cleanup_(X509_free_p) X509 *x = issue_read_certificate(file, issued[i].place);
	ASN1_INTEGER *number;

	OCSP_id_get0_info(NULL, NULL, NULL, &number, q->id);
	return x && ASN1_INTEGER_cmp(X509_get0_serialNumber(x), number) == 0 &&
	       str_copy(q->name, sizeof(q->name), file);
}

static void find_subject(struct question *q)
{
	for (size_t i = 0; i < ARRAY_SIZE(issued); i++) {
		if (!str_eq(issued[i].issuer, q->issuer_name))
			continue;
		for (size_t k = 0; k == 0 || k < issued[i].n; k++)
			if (is_subject(q, i, k))
				return;
	}
}

/* --- the answer --------------------------------------------------------------------------------- */

struct status {
	int status, reason; /* V_OCSP_CERTSTATUS_*, OCSP_REVOKED_STATUS_* */
};

/* Whether devices.json says so of the device whose certificate that is. */
static bool device_revoked(const char *name)
{
	_cleanup_json_ struct json_object *devices = twin_devices();
	bool gpu = str_starts(name, "gpu");
	size_t i;

	if (!gpu && !str_starts(name, "switch"))
		return false;
	i = (size_t)atoi(name + strlen(gpu ? "gpu" : "switch"));
	return str_eq(
		json_str(json_item(json_get(devices, gpu ? "gpus" : "switches"), i), "cert", ""),
		"revoked");
}

static struct status status_of(const struct question *q)
{
	if (twin_fault_on("ocsp-unknown", q->name))
		return (struct status){ V_OCSP_CERTSTATUS_UNKNOWN, -1 };
	if (q->of_rim && twin_fault_on("ocsp-hold", q->name))
		return (struct status){ V_OCSP_CERTSTATUS_REVOKED,
					OCSP_REVOKED_STATUS_CERTIFICATEHOLD };
	if (twin_fault_on("ocsp-revoked", q->name) || device_revoked(q->name))
		return (struct status){ V_OCSP_CERTSTATUS_REVOKED,
					OCSP_REVOKED_STATUS_KEYCOMPROMISE };
	if (q->of_rim && !q->name[0])
		return (struct status){ V_OCSP_CERTSTATUS_UNKNOWN, -1 };
	return (struct status){ V_OCSP_CERTSTATUS_GOOD, -1 };
}

/* About the certificate that was asked for, or another of the same issuer. */
static OCSP_CERTID *about(const struct question *q)
{
	OCSP_CERTID *id = OCSP_CERTID_dup(q->id);
	ASN1_INTEGER *number;

	OCSP_id_get0_info(NULL, NULL, NULL, &number, id);
	if (twin_fault_on("ocsp-wrong-cert", q->name))
		ck_assert_int_eq(ASN1_INTEGER_set_int64(number, 1), 1);
	return id;
}

static void add_status(OCSP_BASICRESP *basic, const struct question *q)
{
	bool stale = twin_fault_on("ocsp-stale", q->name);
	time_t from = time(NULL) - (stale ? 30 * DAY : HOUR);
	_cleanup_(ASN1_GENERALIZEDTIME_free_p) ASN1_GENERALIZEDTIME *begin =
		ASN1_GENERALIZEDTIME_set(NULL, from);
	_cleanup_(ASN1_GENERALIZEDTIME_free_p) ASN1_GENERALIZEDTIME *end =
		ASN1_GENERALIZEDTIME_set(NULL, from + DAY);
	_cleanup_(ASN1_GENERALIZEDTIME_free_p) ASN1_GENERALIZEDTIME *revoked =
		ASN1_GENERALIZEDTIME_set(NULL, from - DAY);
	_cleanup_(OCSP_CERTID_free_p) OCSP_CERTID *id = about(q);
	struct status s = status_of(q);

	ck_assert_ptr_nonnull(OCSP_basic_add1_status(
		basic, id, s.status, s.reason,
		s.status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL, begin, end));
}

static void sign(OCSP_BASICRESP *basic, const struct question *q)
{
	struct forge_responder_spec spec = { .usage = NULL };
	struct forge_responder delegate;

	if (twin_fault_on("ocsp-other-signer", q->name))
		spec.usage = ""; /* under the same issuer, but not to answer with */
	forge_responder(&delegate, &q->issuer, 0, &spec);
	ck_assert_int_eq(OCSP_basic_sign(basic, delegate.cert, delegate.key, EVP_sha384(), NULL, 0),
			 1);
	forge_responder_done(&delegate);
}

static uint8_t *answer(const struct question *q, size_t *ret_n)
{
	_cleanup_(OCSP_BASICRESP_free_p) OCSP_BASICRESP *basic = OCSP_BASICRESP_new();

	add_status(basic, q);
	if (!twin_fault_on("ocsp-no-nonce", q->name))
		ck_assert_int_gt(OCSP_copy_nonce(basic, q->request), 0);
	sign(basic, q);
	return forge_answer_der(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic),
				ret_n);
}

/* With exactly one question in it, as a responder may demand. */
uint8_t *responder_answer(const uint8_t *request, size_t n, size_t *ret_n)
{
	const unsigned char *p = request;
	_cleanup_(OCSP_REQUEST_free_p) OCSP_REQUEST *parsed = d2i_OCSP_REQUEST(NULL, &p, (long)n);
	struct question q = { .request = parsed };
	uint8_t *der;

	if (!parsed || p != request + n || OCSP_request_onereq_count(parsed) != 1)
		return forge_refusal(OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, ret_n);
	q.id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(parsed, 0));
	if (!find_issuer(&q))
		return forge_refusal(OCSP_RESPONSE_STATUS_UNAUTHORIZED, ret_n);
	find_subject(&q);
	der = answer(&q, ret_n);
	forge_chain_done(&q.issuer);
	return der;
}
