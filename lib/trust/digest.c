#include "trust/digest.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#define HALF (DIGEST_SIGNATURE_SIZE / 2)

DEFINE_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

static void openssl_free(void *p)
{
	OPENSSL_free(*(void **)p);
}

static bool digest(const EVP_MD *md, const void *data, size_t len, uint8_t *ret, size_t size)
{
	unsigned int n = 0;

	if (EVP_Digest(data, len, ret, &n, md, NULL) == 1 && n == size)
		return true;
	ERR_clear_error();
	memset(ret, 0, size);
	return false;
}

bool digest_sha256(const void *data, size_t len, uint8_t ret[DIGEST_SHA256_SIZE])
{
	return digest(EVP_sha256(), data, len, ret, DIGEST_SHA256_SIZE);
}

bool digest_sha384(const void *data, size_t len, uint8_t ret[DIGEST_SHA384_SIZE])
{
	return digest(EVP_sha384(), data, len, ret, DIGEST_SHA384_SIZE);
}

bool digest_key_is_p384(const EVP_PKEY *key)
{
	char group[32];
	int spelled_out = 1;
	bool is = key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
		  EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
		  strcmp(group, "secp384r1") == 0 &&
		  /* Parameters that merely equal the named curve's are not the named curve. */
		  EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
					 &spelled_out) == 1 &&
		  spelled_out == 0;

	ERR_clear_error();
	return is;
}

/* r||s as the DER that OpenSSL verifies. The length, or -1. */
static int signature_to_der(const uint8_t signature[DIGEST_SIGNATURE_SIZE], uint8_t **ret)
{
	_cleanup_(ECDSA_SIG_free_p) ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, HALF, NULL);
	BIGNUM *s = BN_bin2bn(signature + HALF, HALF, NULL);

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return -1;
	}
	return i2d_ECDSA_SIG(sig, ret);
}

bool digest_verify(EVP_PKEY *key, const void *data, size_t len,
		   const uint8_t signature[DIGEST_SIGNATURE_SIZE])
{
	_cleanup_(EVP_MD_CTX_free_p) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	_cleanup_(openssl_free) uint8_t *der = NULL;
	int der_len;
	bool ok;

	if (!digest_key_is_p384(key))
		return false;
	der_len = signature_to_der(signature, &der);
	ok = ctx && der_len > 0 && EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, der, (size_t)der_len, data, len) == 1;
	ERR_clear_error();
	return ok;
}
