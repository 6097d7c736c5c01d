/* Parsing of chains, and what their certificates say. The judging is in x509_verify.c. */
#include "trust/x509.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "core/str.h"

#define DER_MAX 8192

static const char BEGIN[] = "-----BEGIN CERTIFICATE-----";
static const char END[] = "-----END CERTIFICATE-----";

struct certificate {
	X509 *x;
	char common_name[X509_NAME_SIZE];
	char subject_serial[X509_NAME_SIZE];
	time_t not_before, not_after;
};

struct x509_chain {
	size_t n;
	struct certificate v[X509_COUNT_MAX];
	uint8_t root_digest[DIGEST_SHA256_SIZE];
};

/* The one value of that kind in a name as printable ASCII; "" for none, several, or an odd one. */
static void read_name(const X509_NAME *name, int nid, char dst[X509_NAME_SIZE])
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1);
	unsigned char *utf8 = NULL;
	int len = -1;

	dst[0] = '\0';
	if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0)
		return;
	len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len > 0 && len < X509_NAME_SIZE && !memchr(utf8, '\0', (size_t)len)) {
		memcpy(dst, utf8, (size_t)len);
		dst[len] = '\0';
		str_sanitise(dst);
	}
	OPENSSL_free(utf8);
}

static bool read_time(const ASN1_TIME *t, time_t *ret)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*ret = timegm(&tm);
	return true;
}

/* Whether encoding the certificate again gives the bytes it was read from: DER has one spelling,
 * and a digest of a certificate must mean one certificate. */
static bool is_der(X509 *x, const uint8_t *bytes, size_t n)
{
	unsigned char *again = NULL;
	int len = i2d_X509(x, &again);
	bool same = len >= 0 && (size_t)len == n && memcmp(again, bytes, n) == 0;

	OPENSSL_free(again);
	return same;
}

static bool read_certificate(const uint8_t *der, size_t n, struct certificate *ret)
{
	const unsigned char *p = der;

	ret->x = d2i_X509(NULL, &p, (long)n);
	if (!ret->x || p != der + n || !is_der(ret->x, der, n) ||
	    !read_time(X509_get0_notBefore(ret->x), &ret->not_before) ||
	    !read_time(X509_get0_notAfter(ret->x), &ret->not_after))
		return false;
	read_name(X509_get_subject_name(ret->x), NID_commonName, ret->common_name);
	read_name(X509_get_subject_name(ret->x), NID_serialNumber, ret->subject_serial);
	return true;
}

static int add_certificate(struct x509_chain *c, const uint8_t *der, size_t n, struct err *e)
{
	size_t i = c->n++; /* counted first: the destructor must see a half-read one */
	bool ok = n <= DER_MAX && read_certificate(der, n, &c->v[i]);

	ERR_clear_error();
	if (!ok)
		return err_set(e, &ERR_FORMAT,
			       "certificate %zu of the chain is not one X.509 "
			       "certificate in DER",
			       i);
	return 0;
}

static int close_chain(struct x509_chain **c, const uint8_t *root, size_t root_len,
		       struct x509_chain **ret, struct err *e)
{
	if (!digest_sha256(root, root_len, (*c)->root_digest))
		return err_set(e, &ERR_INTERNAL, "SHA-256 is not available");
	*ret = TAKE_PTR(*c);
	return 0;
}

int x509_chain_from_der(const struct cur *ders, size_t n, size_t count, struct x509_chain **ret,
			struct err *e)
{
	_cleanup_(x509_chain_free_p) struct x509_chain *c = xcalloc(1, sizeof(*c));

	if (n != count || n == 0 || n > X509_COUNT_MAX)
		return err_set(e, &ERR_FORMAT, "the chain has %zu certificates, not %zu", n, count);
	for (size_t i = 0; i < n; i++)
		if (add_certificate(c, ders[i].p, cur_left(&ders[i]), e) < 0)
			return -1;
	return close_chain(&c, ders[n - 1].p, ders[n - 1].n, ret, e);
}

static bool is_base64(uint8_t ch)
{
	return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') ||
	       ch == '+' || ch == '/';
}

/* Base64 with line ends in it. The number of bytes, or 0 for anything that is not that. */
static size_t decode_base64(const uint8_t *text, size_t n, uint8_t *dst, size_t dst_size)
{
	_cleanup_free_ uint8_t *packed = xmalloc(n + 1);
	size_t len = 0, padding = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n' || text[i] == '\r')
			continue;
		if (text[i] == '=' ? ++padding > 2 : padding > 0 || !is_base64(text[i]))
			return 0;
		packed[len++] = text[i];
	}
	if (len == 0 || len % 4 != 0 || len / 4 * 3 > dst_size)
		return 0;
	if (EVP_DecodeBlock(dst, packed, (int)len) != (int)(len / 4 * 3))
		return 0;
	return len / 4 * 3 - padding;
}

static bool skip_word(struct cur *c, const char *word)
{
	size_t len = strlen(word);

	return cur_left(c) >= len && memcmp(c->p, word, len) == 0 && cur_bytes(c, len);
}

/* Line ends; NULs too where the text may have been a C string. */
static void skip_blank(struct cur *c, bool nuls)
{
	while (cur_left(c) > 0 && (*c->p == '\n' || *c->p == '\r' || (nuls && *c->p == '\0')))
		cur_bytes(c, 1);
}

/* One certificate in its armour as DER. The number of bytes, or 0. */
static size_t read_armour(struct cur *c, uint8_t *dst, size_t dst_size)
{
	const uint8_t *end;
	size_t body_len;

	skip_blank(c, false);
	if (!skip_word(c, BEGIN))
		return 0;
	end = memmem(c->p, c->n, END, strlen(END));
	if (!end)
		return 0;
	body_len = (size_t)(end - c->p);
	body_len = decode_base64(cur_bytes(c, body_len), body_len, dst, dst_size);
	skip_word(c, END);
	return body_len;
}

int x509_chain_parse(const void *pem, size_t len, size_t count, struct x509_chain **ret,
		     struct err *e)
{
	_cleanup_(x509_chain_free_p) struct x509_chain *c = xcalloc(1, sizeof(*c));
	_cleanup_free_ uint8_t *der = xmalloc(DER_MAX);
	struct cur text = cur_of(pem, len);
	size_t der_len = 0;

	if (len > X509_PEM_MAX)
		return err_set(e, &ERR_TOO_LARGE, "the certificate chain is larger than %d bytes",
			       X509_PEM_MAX);
	if (count == 0 || count > X509_COUNT_MAX)
		return err_set(e, &ERR_INTERNAL, "a chain of %zu certificates was asked for",
			       count);
	for (size_t i = 0; i < count; i++) {
		der_len = read_armour(&text, der, DER_MAX);
		if (der_len == 0)
			return err_set(e, &ERR_FORMAT,
				       "the chain is not PEM text of exactly %zu "
				       "certificates: number %zu cannot be read",
				       count, i);
		if (add_certificate(c, der, der_len, e) < 0)
			return -1;
	}
	skip_blank(&text, true);
	if (!cur_done(&text))
		return err_set(e, &ERR_FORMAT, "the chain has %zu bytes after its %zu certificates",
			       cur_left(&text), count);
	return close_chain(&c, der, der_len, ret, e);
}

void x509_chain_free(struct x509_chain *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		X509_free(c->v[i].x);
	free(c);
}

const uint8_t *x509_root_digest(const struct x509_chain *c)
{
	return c->root_digest;
}

size_t x509_count(const struct x509_chain *c)
{
	return c->n;
}

X509 *x509_cert(const struct x509_chain *c, size_t i)
{
	return c->v[i].x;
}

EVP_PKEY *x509_key(const struct x509_chain *c, size_t i)
{
	EVP_PKEY *key = X509_get0_pubkey(c->v[i].x);

	ERR_clear_error();
	return key;
}

const char *x509_common_name(const struct x509_chain *c, size_t i)
{
	return c->v[i].common_name;
}

const char *x509_subject_serial(const struct x509_chain *c, size_t i)
{
	return c->v[i].subject_serial;
}

time_t x509_not_before(const struct x509_chain *c, size_t i)
{
	return c->v[i].not_before;
}

time_t x509_not_after(const struct x509_chain *c, size_t i)
{
	return c->v[i].not_after;
}

char *x509_serial_decimal(const struct x509_chain *c, size_t i)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(c->v[i].x), NULL);
	char *decimal = number ? BN_bn2dec(number) : NULL;
	char *copy = xstrdup(decimal ? decimal : "");

	OPENSSL_free(decimal);
	BN_free(number);
	return copy;
}

int x509_key_digest(const struct x509_chain *c, size_t i, uint8_t ret[DIGEST_SHA256_SIZE],
		    struct err *e)
{
	unsigned char *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->v[i].x), &spki);
	bool ok = len > 0 && digest_sha256(spki, (size_t)len, ret);

	OPENSSL_free(spki);
	ERR_clear_error();
	return ok ? 0
		  : err_set(e, &ERR_INTERNAL, "the key of certificate %zu cannot be encoded", i);
}
