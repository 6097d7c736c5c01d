/* Throw-away OCSP responders and their answers. */
#ifndef GN8V_TESTS_FORGE_OCSP_H
#define GN8V_TESTS_FORGE_OCSP_H

#include <openssl/ocsp.h>

#include "forge.h"
#include "trust/ocsp.h"

struct forge_responder {
	EVP_PKEY *key;
	X509 *cert;
};

/* How a responder's certificate is made; all zero is a good one. */
struct forge_responder_spec {
	const char *usage; /* extended key usage; NULL: OCSPSigning; "": none */
	const EVP_MD *md;  /* NULL: SHA-384 */
	time_t from, until;
};

/* Issued by certificate `by` of the chain. */
static inline void forge_responder(struct forge_responder *r, const struct forge_chain *c,
				   size_t by, const struct forge_responder_spec *spec)
{
	const char *usage = spec->usage ? spec->usage : "OCSPSigning";
	X509 *x = r->cert = X509_new();

	r->key = EVP_EC_gen("P-384");
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set_int64(X509_get_serialNumber(x), 999);
	ASN1_TIME_set(X509_getm_notBefore(x), spec->from ? spec->from : FORGE_FROM);
	ASN1_TIME_set(X509_getm_notAfter(x), spec->until ? spec->until : FORGE_UNTIL);
	X509_set_pubkey(x, r->key);
	forge_name(x, &(struct forge_cert){ .cn = "Forged Responder" });
	X509_set_issuer_name(x, X509_get_subject_name(c->certs[by]));
	forge_extension(x, c->certs[by], NID_key_usage, "critical,digitalSignature");
	if (*usage)
		forge_extension(x, c->certs[by], NID_ext_key_usage, usage);
	forge_extension(x, c->certs[by], NID_subject_key_identifier, "hash");
	forge_extension(x, c->certs[by], NID_authority_key_identifier, "keyid:always");
	ck_assert_int_gt(X509_sign(x, c->keys[by], spec->md ? spec->md : EVP_sha384()), 0);
}

static inline void forge_responder_done(struct forge_responder *r)
{
	X509_free(r->cert);
	EVP_PKEY_free(r->key);
}

/* An answer; all zero but chain, signer and key is "good", of now, without nonce. */
struct forge_answer {
	const struct forge_chain *chain;
	size_t index; /* the certificate that it is about */
	enum ocsp_hash hash;
	X509 *signer;
	EVP_PKEY *key;
	const EVP_MD *md;	  /* NULL: SHA-384 */
	int status, reason;	  /* V_OCSP_CERTSTATUS_*, OCSP_REVOKED_STATUS_* */
	time_t from, until;	  /* 0: an hour before and a day after FORGE_NOW */
	bool endless;		  /* no nextUpdate */
	const uint8_t *nonce;	  /* NULL: none */
	int nonce_n, nonce_times; /* 0: 32 bytes, once */
	int times;		  /* how often it speaks of the certificate; 0: once */
	bool critical;		  /* with a critical extension nobody knows */
	bool no_cert;		  /* the signer's certificate is left out */
};

static inline void forge_statuses(OCSP_BASICRESP *basic, const struct forge_answer *a)
{
	const EVP_MD *md = a->hash == OCSP_HASH_SHA384 ? EVP_sha384() : EVP_sha1();
	OCSP_CERTID *id =
		OCSP_cert_to_id(md, a->chain->certs[a->index], a->chain->certs[a->index + 1]);
	ASN1_TIME *from = ASN1_TIME_adj(NULL, a->from ? a->from : FORGE_NOW - 3600, 0, 0);
	ASN1_TIME *until =
		a->endless ? NULL
			   : ASN1_TIME_adj(NULL, a->until ? a->until : FORGE_NOW + 86400, 0, 0);
	ASN1_TIME *revoked = ASN1_TIME_adj(NULL, FORGE_NOW - 7200, 0, 0);

	/* OpenSSL makes GeneralizedTime of them, which OCSP demands. */
	ASN1_TIME_to_generalizedtime(from, (ASN1_GENERALIZEDTIME **)&from);
	if (until)
		ASN1_TIME_to_generalizedtime(until, (ASN1_GENERALIZEDTIME **)&until);
	ASN1_TIME_to_generalizedtime(revoked, (ASN1_GENERALIZEDTIME **)&revoked);
	for (int i = 0; i == 0 || i < a->times; i++)
		ck_assert_ptr_nonnull(OCSP_basic_add1_status(
			basic, id, a->status, a->reason,
			a->status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL, from, until));
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	ASN1_TIME_free(revoked);
	OCSP_CERTID_free(id);
}

static inline void forge_nonces(OCSP_BASICRESP *basic, const struct forge_answer *a)
{
	for (int i = 0; a->nonce && (i == 0 || i < a->nonce_times); i++) {
		int n = a->nonce_n ? a->nonce_n : OCSP_NONCE_SIZE;
		uint8_t der[256] = { V_ASN1_OCTET_STRING, (uint8_t)n };
		ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
		X509_EXTENSION *ext;

		memcpy(der + 2, a->nonce, (size_t)n);
		ASN1_OCTET_STRING_set(value, der, n + 2);
		ext = X509_EXTENSION_create_by_NID(NULL, NID_id_pkix_OCSP_Nonce, 0, value);
		OCSP_BASICRESP_add_ext(basic, ext, -1);
		X509_EXTENSION_free(ext);
		ASN1_OCTET_STRING_free(value);
	}
}

static inline void forge_critical(OCSP_BASICRESP *basic)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	ASN1_OCTET_STRING_set(value, (const uint8_t *)"\x05\x00", 2);
	ext = X509_EXTENSION_create_by_NID(NULL, NID_id_pkix_OCSP_archiveCutoff, 1, value);
	OCSP_BASICRESP_add_ext(basic, ext, -1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
}

/* The bytes of an answer. Caller frees. */
static inline uint8_t *forge_answer_der(OCSP_RESPONSE *response, size_t *ret_n)
{
	unsigned char *der = NULL;
	int n = i2d_OCSP_RESPONSE(response, &der);
	uint8_t *bytes;

	ck_assert_int_gt(n, 0);
	bytes = xmalloc((size_t)n);
	memcpy(bytes, der, (size_t)n);
	*ret_n = (size_t)n;
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	return bytes;
}

static inline uint8_t *forge_answer(const struct forge_answer *a, size_t *ret_n)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_RESPONSE *response;

	forge_statuses(basic, a);
	forge_nonces(basic, a);
	if (a->critical)
		forge_critical(basic);
	ck_assert_int_eq(OCSP_basic_sign(basic, a->signer, a->key, a->md ? a->md : EVP_sha384(),
					 NULL, a->no_cert ? OCSP_NOCERTS : 0),
			 1);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	OCSP_BASICRESP_free(basic);
	return forge_answer_der(response, ret_n);
}

/* An answer that says only that there is none. */
static inline uint8_t *forge_refusal(int status, size_t *ret_n)
{
	return forge_answer_der(OCSP_response_create(status, NULL), ret_n);
}

#endif
