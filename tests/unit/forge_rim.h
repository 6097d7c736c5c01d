/* Throw-away manifests, signed by keys made on the spot. The file is written the way NVIDIA's are
 * (attributes in no order, empty-element tags); what is signed is written a second time as its canonical
 * form, by hand and not by the code that is tested. A test edits one string before or after signing. */
#ifndef GN8V_TESTS_FORGE_RIM_H
#define GN8V_TESTS_FORGE_RIM_H

#include "forge.h"
#include "trust/rim.h"

#define FORGE_SWID   "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
#define FORGE_SHA384 "http://www.w3.org/2001/04/xmlenc#sha384"
#define FORGE_TCG \
	"https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/"
#define FORGE_DS  "http://www.w3.org/2000/09/xmldsig#"
#define FORGE_C14 "http://www.w3.org/2006/12/xml-c14n11"
#define FORGE_TAG \
	"8aa5c875798aecff29b7e3ca2e564ccbda4d47c37276f44f927ffc2ca17d84b1ec3198c69854bbe1556270c1feb493cd"

struct forge_edit {
	const char *from, *to; /* the first occurrence; NULL: nothing */
};

struct forge_rim {
	enum rim_kind kind;
	const char *version;	      /* NULL: one that such a manifest could have */
	const uint8_t *values;	      /* one for each index; NULL: what forge_report() measures */
	struct forge_edit body, info; /* made before signing: in what is signed, in SignedInfo */
	const struct forge_chain *chain;
	EVP_PKEY *key;	/* NULL: the chain's leaf's */
	size_t certs_n; /* 0: the whole chain */
};

/* A good chain of a manifest. `family` stands in the issuers' names. */
#define FORGE_RIM_SPECS(family)                                                                   \
	{                                                                                         \
		{ .cn = "Forged L4 Signer" }, { .cn = "Forged Value L3 " family " 001" },         \
			{ .cn = "Forged Value " family " CA" }, { .cn = "Forged CoRIM Root CA" }, \
	}

static inline void forge_rim_chain(struct forge_chain *c, enum rim_kind kind)
{
	static const struct forge_cert gpu[] = FORGE_RIM_SPECS("GH100");
	static const struct forge_cert nvswitch[] = FORGE_RIM_SPECS("LS10");

	*c = (struct forge_chain){ .n = 0 };
	forge_chain_make(c, kind == RIM_SWITCH_BIOS ? nvswitch : gpu, X509_RIM_COUNT);
}

/* `text` with one string replaced, which must be there. Frees the text, returns the caller's own. */
static inline char *forge_edited(char *text, const char *from, const char *to)
{
	_cleanup_free_ char *old = text;
	char *at;

	if (!from)
		return TAKE_PTR(old);
	at = strstr(text, from);
	ck_assert_msg(at != NULL, "\"%s\" is not there to be edited", from);
	return xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* --- the content -------------------------------------------------------------------------------- */

static inline bool forge_rim_active(enum rim_kind kind, unsigned int index)
{
	if (kind == RIM_SWITCH_BIOS)
		return index <= 30;
	if (kind == RIM_GPU_VBIOS)
		return index <= 12 && index != 7;
	return index == 7 || (index >= 21 && index <= 40);
}

/* The last of them is what forge_report() measures at that index. */
static inline unsigned int forge_rim_alternatives(enum rim_kind kind, unsigned int index)
{
	return kind != RIM_GPU_DRIVER ? 1 : index == 22 ? 2 : index == 30 ? 4 : 1;
}

static inline void forge_rim_pattern(struct strbuf *b, enum rim_kind kind, unsigned int index)
{
	unsigned int n = forge_rim_alternatives(kind, index);

	for (unsigned int k = 0; k < n; k++) {
		unsigned int byte = !forge_rim_active(kind, index) ? 0
				    : k + 1 == n		   ? 0xc0 + index + 1
								   : k + 1;

		strbuf_printf(b, " ns2:Hash%u=\"", k);
		for (size_t i = 0; i < RIM_VALUE_SIZE; i++)
			strbuf_printf(b, "%02x", byte & 0xff);
		strbuf_printf(b, "\"");
	}
}

static inline void forge_rim_hashes(struct strbuf *b, const struct forge_rim *spec,
				    unsigned int index)
{
	char hex[2 * RIM_VALUE_SIZE + 1];

	if (!spec->values) {
		forge_rim_pattern(b, spec->kind, index);
		return;
	}
	str_hex(hex, spec->values + (size_t)RIM_VALUE_SIZE * index, RIM_VALUE_SIZE);
	strbuf_printf(b, " ns2:Hash0=\"%s\"", hex);
}

static inline void forge_rim_resource(struct strbuf *b, const struct forge_rim *spec,
				      unsigned int i, bool canonical)
{
	const char *active = forge_rim_active(spec->kind, i) ? "True" : "False";
	unsigned int n = spec->values ? 1 : forge_rim_alternatives(spec->kind, i);

	if (canonical) {
		strbuf_printf(
			b,
			"\n        <ns0:Resource active=\"%s\" alternatives=\"%u\" index=\"%u\""
			" name=\"Measurement_%u\" size=\"48\" type=\"Measurement\"",
			active, n, i, i);
		forge_rim_hashes(b, spec, i);
		strbuf_printf(b, "></ns0:Resource>");
	} else {
		strbuf_printf(
			b,
			"\n        <ns0:Resource type=\"Measurement\" index=\"%u\" active=\"%s\""
			" alternatives=\"%u\"",
			i, active, n);
		forge_rim_hashes(b, spec, i);
		strbuf_printf(b, " name=\"Measurement_%u\" size='48' />", i);
	}
}

static const char forge_rim_head[] =
	"<SoftwareIdentity xmlns=\"" FORGE_SWID "\" xmlns:ns0=\"" FORGE_SWID
	"\" xmlns:ns2=\"" FORGE_SHA384
	"\" corpus=\"false\" name=\"%1$s\" patch=\"false\" supplemental=\"false\" tagId=\"" FORGE_TAG
	"\" version=\"1.0\" tagVersion=\"0\">\n"
	"    <ns0:Entity name=\"NVIDIA Corporation\" role=\"softwareCreator tagCreator\"/>\n"
	"    <ns0:Meta xmlns:ns1=\"" FORGE_TCG "\" colloquialVersion=\"%2$s\" edition=\"%3$s\""
	" product=\"%1$s\" revision=\"r1\" PayloadType=\"direct\" ns1:BindingSpec=\"RIMIM\""
	" ns1:BindingSpecVersion=\"1.01\" ns1:PlatformManufacturerId=\"5703\""
	" ns1:PlatformManufacturerStr=\"NVIDIA Corporation\" ns1:PlatformModel=\"%1$s\""
	" ns1:FirmwareManufacturer=\"NVIDIA Corporation\" ns1:FirmwareManufacturerId=\"5703\"/>\n"
	"    <ns0:Payload xmlns:SHA384=\"" FORGE_SHA384 "\">";

static const char forge_rim_canonical_head[] =
	"<SoftwareIdentity xmlns=\"" FORGE_SWID "\" xmlns:ns0=\"" FORGE_SWID
	"\" xmlns:ns2=\"" FORGE_SHA384
	"\" corpus=\"false\" name=\"%1$s\" patch=\"false\" supplemental=\"false\" tagId=\"" FORGE_TAG
	"\" tagVersion=\"0\" version=\"1.0\">\n"
	"    <ns0:Entity name=\"NVIDIA Corporation\" role=\"softwareCreator tagCreator\"></ns0:Entity>\n"
	"    <ns0:Meta xmlns:ns1=\"" FORGE_TCG
	"\" PayloadType=\"direct\" colloquialVersion=\"%2$s\""
	" edition=\"%3$s\" product=\"%1$s\" revision=\"r1\" ns1:BindingSpec=\"RIMIM\""
	" ns1:BindingSpecVersion=\"1.01\" ns1:FirmwareManufacturer=\"NVIDIA Corporation\""
	" ns1:FirmwareManufacturerId=\"5703\" ns1:PlatformManufacturerId=\"5703\""
	" ns1:PlatformManufacturerStr=\"NVIDIA Corporation\" ns1:PlatformModel=\"%1$s\"></ns0:Meta>\n"
	"    <ns0:Payload xmlns:SHA384=\"" FORGE_SHA384 "\">";

/* The document without its signature and without its end tag. */
static inline char *forge_rim_body(const struct forge_rim *spec, bool canonical)
{
	static const char *const versions[] = { "590.12", "96.00.A5.00.01", "96.10.73.00.01" };
	bool of_switch = spec->kind == RIM_SWITCH_BIOS;
	struct strbuf b = { 0 };

	strbuf_printf(&b, canonical ? forge_rim_canonical_head : forge_rim_head,
		      of_switch ? "LS10" : "GH100",
		      spec->version ? spec->version : versions[spec->kind],
		      of_switch ? "SWITCH" : "GPU");
	for (unsigned int i = 0; i < RIM_VALUES; i++)
		forge_rim_resource(&b, spec, i, canonical);
	strbuf_printf(&b, "\n    </ns0:Payload>\n");
	return forge_edited(b.s, spec->body.from, spec->body.to);
}

/* --- the signature ------------------------------------------------------------------------------ */

static inline char *forge_base64(const uint8_t *bytes, size_t n)
{
	char *text = xmalloc(n / 3 * 4 + 8);

	EVP_EncodeBlock((uint8_t *)text, bytes, (int)n);
	return text;
}

/* SignedInfo over the document that begins with `body`. */
static inline char *forge_rim_info(const struct forge_rim *spec, const char *body, bool canonical)
{
	static const char namespaces[] =
		" xmlns=\"" FORGE_SWID "\" xmlns:ds=\"" FORGE_DS "\" xmlns:ns0=\"" FORGE_SWID
		"\" xmlns:ns2=\"" FORGE_SHA384 "\"";
	_cleanup_free_ char *whole = xasprintf("%s</SoftwareIdentity>", body);
	uint8_t digest[DIGEST_SHA384_SIZE];
	_cleanup_free_ char *digest_text = NULL;
	char *info;

	ck_assert(digest_sha384(whole, strlen(whole), digest));
	digest_text = forge_base64(digest, sizeof(digest));
	info = xasprintf(
		"<ds:SignedInfo%1$s><ds:CanonicalizationMethod Algorithm=\"" FORGE_C14 "\"%2$s"
		"<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
		"\"%3$s<ds:Reference URI=\"\"><ds:Transforms><ds:Transform Algorithm=\"" FORGE_DS
		"enveloped-signature\"%4$s<ds:Transform Algorithm=\"" FORGE_C14
		"\"%4$s</ds:Transforms>"
		"<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#sha384\"%5$s"
		"<ds:DigestValue>%6$s</ds:DigestValue></ds:Reference></ds:SignedInfo>",
		canonical ? namespaces : "", canonical ? "></ds:CanonicalizationMethod>" : "/>",
		canonical ? "></ds:SignatureMethod>" : "/>", canonical ? "></ds:Transform>" : "/>",
		canonical ? "></ds:DigestMethod>" : "/>", digest_text);
	return forge_edited(info, spec->info.from, spec->info.to);
}

/* r||s in base64. */
static inline char *forge_rim_value(EVP_PKEY *key, const char *info)
{
	struct forge_bytes *b = xcalloc(1, sizeof(*b));
	char *text;

	forge_add(b, info, strlen(info));
	forge_fill(b, 0, 96);
	forge_sign(b, key);
	text = forge_base64(b->v + b->n - 96, 96);
	free(b);
	return text;
}

static inline void forge_rim_certs(struct strbuf *b, const struct forge_rim *spec)
{
	size_t n = spec->certs_n ? spec->certs_n : spec->chain->n;

	for (size_t i = 0; i < n; i++) {
		unsigned char *der = NULL;
		int len = i2d_X509(spec->chain->certs[i], &der);
		_cleanup_free_ char *text = forge_base64(der, (size_t)len);

		/* Broken in lines, as NVIDIA's are. */
		strbuf_printf(b, "<ds:X509Certificate>%.64s\n%s\n</ds:X509Certificate>", text,
			      text + 64);
		OPENSSL_free(der);
	}
}

/* The whole file, terminated. Caller frees. */
static inline char *forge_rim(const struct forge_rim *spec)
{
	_cleanup_free_ char *body = forge_rim_body(spec, false);
	_cleanup_free_ char *signed_body = forge_rim_body(spec, true);
	_cleanup_free_ char *info = forge_rim_info(spec, signed_body, false);
	_cleanup_free_ char *signed_info = forge_rim_info(spec, signed_body, true);
	_cleanup_free_ char *value =
		forge_rim_value(spec->key ? spec->key : spec->chain->keys[0], signed_info);
	struct strbuf b = { 0 };

	strbuf_printf(&b,
		      "%s<ds:Signature xmlns:ds=\"" FORGE_DS "\">%s<ds:SignatureValue>%.76s\n%s\n"
		      "</ds:SignatureValue><ds:KeyInfo><ds:X509Data>",
		      body, info, value, value + 76);
	forge_rim_certs(&b, spec);
	strbuf_printf(&b, "</ds:X509Data></ds:KeyInfo></ds:Signature></SoftwareIdentity>\n");
	return b.s;
}

#endif
