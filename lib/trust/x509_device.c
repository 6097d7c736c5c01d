/* What a device's chain says of the device: kind, PDI, firmware id. */
#include <openssl/err.h>
#include <openssl/x509.h>

#include "core/str.h"
#include "trust/x509.h"

#define FWID_OID   "2.23.133.5.4.1"
#define PDI_DIGITS 16

enum der { DER_INTEGER = 0x02, DER_OCTETS = 0x04, DER_OID = 0x06, DER_SEQUENCE = 0x30 };

static const uint8_t oid_sha384[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 };

/* What marks each kind of device in its certificates. */
static const struct {
	const char *what, *name_prefix, *serial_prefix;
} marks[] = {
	/* clang-format off */
	[DEVICE_GPU]	  = { "GPU of architecture GH100", "GH100 ", "41" },
	[DEVICE_NVSWITCH] = { "NVSwitch of architecture LS10", "LS_10 ", "50" },
	/* clang-format on */
};

int x509_device_check(const struct x509_chain *c, enum device_type type, struct err *e)
{
	for (size_t i = 0; i < 2; i++)
		if (i >= x509_count(c) ||
		    !str_starts(x509_common_name(c, i), marks[type].name_prefix))
			return err_set(e, &ERR_UNTRUSTED,
				       "not a %s: certificate %zu is of \"%s\", which does not "
				       "begin with \"%s\"",
				       marks[type].what, i,
				       i < x509_count(c) ? x509_common_name(c, i) : "",
				       marks[type].name_prefix);
	return 0;
}

int x509_device_pdi(const struct x509_chain *c, enum device_type type, uint64_t *ret, struct err *e)
{
	const char *serial = x509_count(c) > 1 ? x509_subject_serial(c, 1) : "";
	const char *prefix = marks[type].serial_prefix;

	if (!str_starts(serial, prefix) || !str_is_hex(serial + strlen(prefix), PDI_DIGITS))
		return err_set(e, &ERR_UNTRUSTED,
			       "certificate 1 has serialNumber \"%s\", not \"%s\" and 16 "
			       "hexadecimal digits",
			       serial, prefix);
	*ret = strtoull(serial + strlen(prefix), NULL, 16);
	return 0;
}

/* Contents of the next element if it has that tag, else a failed cursor. Definite lengths in their
 * shortest form only, below 64 KiB. */
static struct cur der_next(struct cur *c, enum der tag)
{
	bool is_tag = cur_u8(c) == (uint8_t)tag;
	size_t n = cur_u8(c), least = 0;

	if (n == 0x81) {
		n = cur_u8(c);
		least = 0x80;
	} else if (n == 0x82) {
		n = (size_t)cur_u8(c) << 8;
		n |= cur_u8(c);
		least = 0x100;
	} else if (n >= 0x80) {
		c->failed = true;
	}
	if (!is_tag || n < least)
		c->failed = true;
	return cur_sub(c, n);
}

static bool der_is(struct cur *c, enum der tag, const uint8_t *bytes, size_t n)
{
	struct cur body = der_next(c, tag);

	return cur_left(&body) == n && memcmp(body.p, bytes, n) == 0;
}

/* The bytes of the next element, header included; a failed cursor if it is not a sequence. */
static struct cur der_whole_sequence(struct cur *c)
{
	struct cur whole = { .p = c->p };

	der_next(c, DER_SEQUENCE);
	whole.failed = !cur_ok(c);
	whole.n = whole.failed ? 0 : (size_t)(c->p - whole.p);
	return whole;
}

/* SEQUENCE { INTEGER 1, SubjectPublicKeyInfo, SEQUENCE { OID sha384, OCTET STRING (48) } } */
static bool read_fwid(struct cur c, struct cur *ret_key, uint8_t ret[DIGEST_SHA384_SIZE])
{
	struct cur body = der_next(&c, DER_SEQUENCE);
	bool version_1 = der_is(&body, DER_INTEGER, (const uint8_t *)"\1", 1);
	struct cur key = der_whole_sequence(&body);
	struct cur id = der_next(&body, DER_SEQUENCE);
	bool sha384 = der_is(&id, DER_OID, oid_sha384, sizeof(oid_sha384));
	struct cur octets = der_next(&id, DER_OCTETS);

	if (!version_1 || !sha384 || !cur_done(&c) || !cur_done(&body) || !cur_done(&id) ||
	    cur_left(&octets) != DIGEST_SHA384_SIZE)
		return false;
	*ret_key = key;
	memcpy(ret, octets.p, DIGEST_SHA384_SIZE);
	return true;
}

static bool key_equals(X509 *x, struct cur key)
{
	unsigned char *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
	bool same =
		len > 0 && cur_left(&key) == (size_t)len && memcmp(key.p, spki, (size_t)len) == 0;

	OPENSSL_free(spki);
	return same;
}

/* The one extension with that OID; NULL for none or several. */
static X509_EXTENSION *only_extension(X509 *x, const char *oid)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	int at = object ? X509_get_ext_by_OBJ(x, object, -1) : -1;
	bool again = at >= 0 && X509_get_ext_by_OBJ(x, object, at) >= 0;

	ASN1_OBJECT_free(object);
	return at < 0 || again ? NULL : X509_get_ext(x, at);
}

int x509_device_fwid(const struct x509_chain *c, uint8_t ret[DIGEST_SHA384_SIZE], struct err *e)
{
	X509_EXTENSION *extension = only_extension(x509_cert(c, 0), FWID_OID);
	ASN1_OCTET_STRING *value = extension ? X509_EXTENSION_get_data(extension) : NULL;
	uint8_t fwid[DIGEST_SHA384_SIZE];
	struct cur key;

	ERR_clear_error();
	if (!value)
		return err_set(e, &ERR_UNTRUSTED,
			       "certificate 0 does not have one extension %s "
			       "with a firmware id",
			       FWID_OID);
	if (!read_fwid(cur_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)),
		       &key, fwid))
		return err_set(e, &ERR_FORMAT,
			       "extension %s of certificate 0 is not in the "
			       "documented form",
			       FWID_OID);
	if (x509_count(c) < 2 || !key_equals(x509_cert(c, 1), key))
		return err_set(e, &ERR_UNTRUSTED,
			       "the key in extension %s of certificate 0 is not "
			       "the key of certificate 1",
			       FWID_OID);
	memcpy(ret, fwid, sizeof(fwid));
	return 0;
}
