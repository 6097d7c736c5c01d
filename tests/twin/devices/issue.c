#include "issue.h"

#include <openssl/rand.h>

#include "twin.h"

static FILE *open_file(const char *name, const char *end, const char *mode)
{
	_cleanup_free_ char *part = xasprintf("devices/%s.%s", name, end);
	_cleanup_free_ char *path = twin_state(part);

	return fopen(path, mode);
}

void issue_write_key(const char *name, EVP_PKEY *key)
{
	_cleanup_fclose_ FILE *file = open_file(name, "key", "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
}

void issue_write_certificate(const char *name, X509 *certificate)
{
	_cleanup_fclose_ FILE *file = open_file(name, "pem", "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(PEM_write_X509(file, certificate), 1);
}

EVP_PKEY *issue_read_key(const char *name)
{
	_cleanup_fclose_ FILE *file = open_file(name, "key", "re");

	return file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
}

X509 *issue_read_certificate(const char *name, size_t i)
{
	_cleanup_fclose_ FILE *file = open_file(name, "pem", "re");
	X509 *x = NULL;

	for (size_t k = 0; file && k <= i; k++) {
		X509_free(x);
		x = PEM_read_X509(file, NULL, NULL, NULL);
	}
	return x;
}

void issue_random(char *dst, size_t bytes)
{
	uint8_t random[32];

	ck_assert_int_eq(RAND_bytes(random, (int)bytes), 1);
	random[0] = (uint8_t)((random[0] & 0x7f) | 0x40);
	str_hex(dst, random, bytes);
	for (char *s = dst; *s; s++)
		*s = (char)(*s >= 'a' ? *s - 'a' + 'A' : *s);
}

/* forge.h numbers certificates by their place in the chain. Below one issuer the numbers must differ,
 * or revocation could not tell them apart. */
static void renumber(struct forge_chain *c, size_t i, const char *hex)
{
	size_t by = i + 1 < c->n ? i + 1 : i;
	BIGNUM *number = NULL;

	ck_assert_int_gt(BN_hex2bn(&number, hex), 0);
	ck_assert_ptr_nonnull(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(c->certs[i])));
	BN_free(number);
	ck_assert_int_gt(X509_sign(c->certs[i], c->keys[by], EVP_sha384()), 0);
}

void issue(struct forge_chain *c, size_t i, const struct forge_cert *spec, const char *number)
{
	char hex[41];

	if (!c->keys[i])
		c->keys[i] = EVP_EC_gen("P-384");
	forge_issue(c, i, spec);
	issue_random(hex, 20);
	renumber(c, i, number ? number : hex);
}
