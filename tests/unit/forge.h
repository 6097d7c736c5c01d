/* Throw-away chains and reports in the real format, signed by keys made on the spot. A test takes
 * the good one and spoils what it is about. */
#ifndef GN8V_TESTS_FORGE_H
#define GN8V_TESTS_FORGE_H

#include <check.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/str.h"
#include "trust/spdm.h"
#include "trust/x509.h"

#define FORGE_FROM  1602892800	 /* 2020-10-17T00:00:00Z */
#define FORGE_NOW   1795305600	 /* 2026-11-22T00:00:00Z */
#define FORGE_UNTIL 253402300799 /* 9999-12-31T23:59:59Z */
#define FORGE_FWID  0xf1	 /* each byte of the firmware id */
#define FORGE_PDI   0x2921ce551e4eeda3

/* --- chains ------------------------------------------------------------------------------------ */

struct forge_cert {
	const char *cn;
	const char *serial_name; /* attribute serialNumber of the subject; NULL for none */
	const char *curve;	 /* NULL: P-384 */
	const EVP_MD *md;	 /* NULL: SHA-384 */
	const char *key_usage;	 /* of the leaf; NULL: digitalSignature */
	time_t from, until;	 /* 0: FORGE_FROM, FORGE_UNTIL */
	const uint8_t *fwid_ext; /* DER of extension 2.23.133.5.4.1; NULL for none */
	size_t fwid_ext_n;
	size_t fwid_ext_times; /* how often; 0 means once */
	bool not_ca;	       /* of one that issues: no basicConstraints */
};

struct forge_chain {
	size_t n;
	EVP_PKEY *keys[X509_COUNT_MAX];
	X509 *certs[X509_COUNT_MAX]; /* leaf first */
};

static inline void forge_chain_done(struct forge_chain *c)
{
	for (size_t i = 0; i < c->n; i++) {
		X509_free(c->certs[i]);
		EVP_PKEY_free(c->keys[i]);
	}
}

static inline void forge_name(X509 *x, const struct forge_cert *spec)
{
	X509_NAME *name = X509_get_subject_name(x);

	if (spec->serial_name)
		X509_NAME_add_entry_by_txt(name, "serialNumber", MBSTRING_ASC,
					   (const uint8_t *)spec->serial_name, -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const uint8_t *)"Forge", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)spec->cn, -1, -1, 0);
}

static inline void forge_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ck_assert_ptr_nonnull(extension);
	X509_add_ext(x, extension, -1);
	X509_EXTENSION_free(extension);
}

static inline void forge_fwid_extension(X509 *x, const struct forge_cert *spec)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("2.23.133.5.4.1", 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;

	ASN1_OCTET_STRING_set(octets, spec->fwid_ext, (int)spec->fwid_ext_n);
	extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, octets);
	for (size_t i = 0; i == 0 || i < spec->fwid_ext_times; i++)
		X509_add_ext(x, extension, -1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(oid);
}

/* Certificate i, signed by i + 1 or, at the top, by itself. */
static inline void forge_issue(struct forge_chain *c, size_t i, const struct forge_cert *spec)
{
	size_t by = i + 1 < c->n ? i + 1 : i;
	X509 *x = c->certs[i] = X509_new();
	bool ca = i > 0 && !spec->not_ca;

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set_int64(X509_get_serialNumber(x), (int64_t)(4711 + i));
	ASN1_TIME_set(X509_getm_notBefore(x), spec->from ? spec->from : FORGE_FROM);
	ASN1_TIME_set(X509_getm_notAfter(x), spec->until ? spec->until : FORGE_UNTIL);
	X509_set_pubkey(x, c->keys[i]);
	forge_name(x, spec);
	X509_set_issuer_name(x, X509_get_subject_name(c->certs[by]));
	if (ca)
		forge_extension(x, c->certs[by], NID_basic_constraints, "critical,CA:TRUE");
	forge_extension(x, c->certs[by], NID_key_usage,
			spec->key_usage ? spec->key_usage
			: ca		? "critical,keyCertSign,cRLSign"
					: "critical,digitalSignature");
	forge_extension(x, c->certs[by], NID_subject_key_identifier, "hash");
	if (by != i)
		forge_extension(x, c->certs[by], NID_authority_key_identifier, "keyid:always");
	if (spec->fwid_ext)
		forge_fwid_extension(x, spec);
	ck_assert_int_gt(X509_sign(x, c->keys[by], spec->md ? spec->md : EVP_sha384()), 0);
}

/* A chain from n descriptions, leaf first. Keys that are there already are kept. */
static inline void forge_chain_make(struct forge_chain *c, const struct forge_cert *specs, size_t n)
{
	c->n = n;
	for (size_t i = 0; i < n; i++)
		if (!c->keys[i])
			c->keys[i] = EVP_EC_gen(specs[i].curve ? specs[i].curve : "P-384");
	for (size_t i = n; i-- > 0;)
		forge_issue(c, i, &specs[i]);
}

/* SEQUENCE { 1, public key, SEQUENCE { sha384, fwid } } around that key. The number of bytes. */
static inline size_t forge_fwid_der(EVP_PKEY *key, uint8_t fwid, uint8_t dst[512])
{
	static const uint8_t id[] = { 0x30, 0x3d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
				      0x65, 0x03, 0x04, 0x02, 0x02, 0x04, 0x30 };
	uint8_t *p = dst + 6;
	int key_n = i2d_PUBKEY(key, &p);
	size_t body = 3 + (size_t)key_n + sizeof(id) + DIGEST_SHA384_SIZE;

	memcpy(dst, (uint8_t[]){ 0x30, 0x81, (uint8_t)body, 0x02, 0x01, 0x01 }, 6);
	memcpy(p, id, sizeof(id));
	memset(p + sizeof(id), fwid, DIGEST_SHA384_SIZE);
	return 3 + body;
}

#define FORGE_DEVICE_SPECS(chip, engine, pdi)                                                   \
	{                                                                                       \
		{ .cn = chip " A01 " engine " FMC LF", .serial_name = "72CA27239F0E96F6535F" }, \
			{ .cn = chip " A01 " engine " BROM", .serial_name = pdi },              \
			{ .cn = "Forged " chip " Provisioner ICA 1" },                          \
			{ .cn = "Forged Identity" }, { .cn = "Forged Device Identity CA" },     \
	}

/* The descriptions of a good device chain, for a test to spoil. The firmware id's DER lies in
 * `der`; keys[1] is made here, since the leaf names it. */
static inline void forge_device_specs(struct forge_chain *c, enum device_type type,
				      struct forge_cert specs[X509_DEVICE_COUNT], uint8_t der[512])
{
	static const struct forge_cert gpu[] =
		FORGE_DEVICE_SPECS("GH100", "GSP", "412921CE551E4EEDA3");
	static const struct forge_cert nvswitch[] =
		FORGE_DEVICE_SPECS("LS_10", "FSP", "50666E93E19DEC7D2D");

	memcpy(specs, type == DEVICE_GPU ? gpu : nvswitch, sizeof(gpu));
	*c = (struct forge_chain){ .n = 0 };
	c->keys[1] = EVP_EC_gen("P-384");
	specs[0].fwid_ext = der;
	specs[0].fwid_ext_n = forge_fwid_der(c->keys[1], FORGE_FWID, der);
}

static inline void forge_device_chain(struct forge_chain *c, enum device_type type)
{
	struct forge_cert specs[X509_DEVICE_COUNT];
	uint8_t der[512];

	forge_device_specs(c, type, specs, der);
	forge_chain_make(c, specs, X509_DEVICE_COUNT);
}

/* The whole as PEM text, terminated. Caller frees. */
static inline char *forge_pem(const struct forge_chain *c)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long n;

	for (size_t i = 0; i < c->n; i++)
		PEM_write_bio_X509(bio, c->certs[i]);
	n = BIO_get_mem_data(bio, &data);
	text = xstrndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

static inline void forge_root_digest(const struct forge_chain *c, uint8_t ret[DIGEST_SHA256_SIZE])
{
	unsigned int n = 0;

	ck_assert_int_eq(X509_digest(c->certs[c->n - 1], EVP_sha256(), ret, &n), 1);
}

/* A chain for one test: begin, spoil specs or der, finish; end frees. */
struct forge_made {
	struct forge_chain forged;
	struct forge_cert specs[X509_DEVICE_COUNT];
	uint8_t der[512]; /* of the leaf's extension with the firmware id */
	uint8_t root[DIGEST_SHA256_SIZE];
	char *pem;
	struct x509_chain *chain;
	struct x509_result result;
	struct err e;
};

static inline void forge_begin(struct forge_made *m, enum device_type type)
{
	*m = (struct forge_made){ .e = ERR_INIT };
	forge_device_specs(&m->forged, type, m->specs, m->der);
}

/* The forged certificates as they are now, parsed. */
static inline void forge_parse(struct forge_made *m)
{
	x509_chain_free(m->chain);
	free(m->pem);
	m->chain = NULL;
	m->pem = forge_pem(&m->forged);
	ck_assert_msg(x509_chain_parse(m->pem, strlen(m->pem), m->forged.n, &m->chain, &m->e) == 0,
		      "%s", m->e.msg);
}

static inline void forge_finish(struct forge_made *m)
{
	forge_chain_make(&m->forged, m->specs, X509_DEVICE_COUNT);
	forge_root_digest(&m->forged, m->root);
	forge_parse(m);
}

static inline void forge_end(struct forge_made *m)
{
	x509_chain_free(m->chain);
	free(m->pem);
	forge_chain_done(&m->forged);
}

/* --- reports ------------------------------------------------------------------------------------ */

struct forge_bytes {
	uint8_t v[SPDM_REPORT_MAX + 256];
	size_t n;
};

static inline void forge_add(struct forge_bytes *b, const void *bytes, size_t n)
{
	ck_assert_uint_le(b->n + n, sizeof(b->v));
	memcpy(b->v + b->n, bytes, n);
	b->n += n;
}

static inline void forge_number(struct forge_bytes *b, uint32_t value, size_t n)
{
	for (size_t i = 0; i < n; i++, value >>= 8)
		forge_add(b, &(uint8_t){ (uint8_t)value }, 1);
}

static inline void forge_fill(struct forge_bytes *b, uint8_t byte, size_t n)
{
	for (size_t i = 0; i < n; i++)
		forge_add(b, &byte, 1);
}

/* A field of the opaque data. */
static inline void forge_field(struct forge_bytes *b, uint16_t id, const void *value, size_t n)
{
	forge_number(b, id, 2);
	forge_number(b, (uint32_t)n, 2);
	forge_add(b, value, n);
}

#define forge_text_field(b, id, text) forge_field(b, id, text, sizeof(text))

/* A GPU's links in the order of their bytes in a report: two switches, and links not used. */
static inline void forge_links(uint8_t links[144])
{
	static const uint8_t one[8] = { 0x2d, 0x7d, 0xec, 0x9d, 0xe1, 0x93, 0x6e, 0x66 };
	static const uint8_t two[8] = { 0x77, 0xe9, 0x11, 0xd8, 0x43, 0xb7, 0x53, 0x3a };

	memset(links, 0, 144);
	memcpy(links, one, 8);
	memcpy(links + 8, two, 8);
	memcpy(links + 16, one, 8);
}

static inline void forge_gpu_opaque(struct forge_bytes *b)
{
	uint8_t fwid[48], counts[256] = { 0 }, links[144];

	memset(fwid, FORGE_FWID, sizeof(fwid));
	counts[4] = 1;
	forge_links(links);
	forge_field(b, 6, "\x00\xa5\x00\x96\x01\x00\x00\x00", 8);
	forge_field(b, 14, "\x37\x04\x00\x00", 4);
	forge_field(b, 15, "885\0\0\0\0\0\0", 9);
	forge_field(b, 16, "0\0\0\0\0", 5);
	forge_text_field(b, 17, "G520");
	forge_text_field(b, 18, "0200");
	forge_field(b, 19, "\0\0", 2);
	forge_text_field(b, 3, "590.12");
	forge_field(b, 4, "\x80\x01\0\0\0\0\0\0", 8);
	forge_field(b, 12, counts, sizeof(counts));
	forge_field(b, 13, "\0\xc0\x01\0", 4);
	forge_field(b, 11, "\x55", 1);
	forge_field(b, 20, fwid, sizeof(fwid));
	forge_field(b, 21, "\xaa", 1);
	forge_field(b, 22, links, sizeof(links));
	forge_field(b, 34, "\x01\0", 2);
	forge_field(b, 36, "\x02\0", 2);
}

static inline void forge_switch_opaque(struct forge_bytes *b)
{
	uint8_t counts[108] = { 1 }, gpus[128];

	memset(gpus, 0xff, sizeof(gpus));
	for (uint8_t i = 0; i < 8; i++)
		memset(gpus + 8 * i, 0x10 + i, 8);
	gpus[96] = 7;
	forge_field(b, 6, "96.10.73.00.01", 14);
	forge_field(b, 22, "\x66\x6e\x93\xe1\x9d\xec\x7d\x2d", 8);
	forge_field(b, 12, counts, sizeof(counts));
	forge_field(b, 26, gpus, sizeof(gpus));
	forge_field(b, 23, "\xec\0", 2);
	forge_field(b, 24, "\x02\0", 2);
	forge_field(b, 25, "\x01\0", 2);
}

struct forge_report {
	size_t blocks;			  /* 0: as many as the kind of device has */
	const uint8_t *nonce;		  /* NULL: 32 times 0x4e */
	const struct forge_bytes *opaque; /* NULL: a good one */
};

static inline void forge_record(struct forge_bytes *b, size_t blocks)
{
	forge_number(b, (uint32_t)blocks, 1);
	forge_number(b, (uint32_t)blocks * 55, 3);
	for (size_t i = 1; i <= blocks; i++) {
		forge_number(b, (uint32_t)i, 1);
		forge_add(b, (uint8_t[]){ 1, 51, 0, 1, 48, 0 }, 6);
		forge_fill(b, (uint8_t)(0xc0 + i), 48);
	}
}

/* Signs all but the last 96 bytes, as a device does, and puts the signature there. */
static inline void forge_sign(struct forge_bytes *b, EVP_PKEY *key)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[128];
	const uint8_t *p = der;
	size_t n = sizeof(der);
	ECDSA_SIG *sig;

	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key), 1);
	ck_assert_int_eq(EVP_DigestSign(ctx, der, &n, b->v, b->n - 96), 1);
	sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
	ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(sig), b->v + b->n - 96, 48), 48);
	ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(sig), b->v + b->n - 48, 48), 48);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

static inline void forge_report(struct forge_bytes *b, enum device_type type, EVP_PKEY *leaf,
				const struct forge_report *spec)
{
	struct forge_bytes opaque = { .n = 0 };

	if (spec->opaque)
		opaque = *spec->opaque;
	else if (type == DEVICE_GPU)
		forge_gpu_opaque(&opaque);
	else
		forge_switch_opaque(&opaque);
	b->n = 0;
	forge_add(b, (uint8_t[]){ 0x11, 0xe0, 0x01, 0xff }, 4);
	if (spec->nonce)
		forge_add(b, spec->nonce, 32);
	else
		forge_fill(b, 0x4e, 32);
	forge_add(b, (uint8_t[]){ 0, 0x11, 0x60, 0, 0 }, 5);
	forge_record(b, spec->blocks ? spec->blocks : type == DEVICE_GPU ? 64 : 31);
	forge_fill(b, 0x52, 32);
	forge_number(b, (uint32_t)opaque.n, 2);
	forge_add(b, opaque.v, opaque.n);
	forge_fill(b, 0, 96);
	forge_sign(b, leaf);
}

#endif
