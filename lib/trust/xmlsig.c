#include "trust/xmlsig.h"

#include <libxml/c14n.h>

#include "core/str.h"
#include "trust/digest.h"

#define DS	  "http://www.w3.org/2000/09/xmldsig#"
#define ENVELOPED DS "enveloped-signature"
#define C14N_1_1  "http://www.w3.org/2006/12/xml-c14n11"
#define ECDSA	  "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
#define SHA384	  "http://www.w3.org/2001/04/xmldsig-more#sha384"

struct xmlsig {
	xmlOutputBuffer *signed_info;		  /* its canonical form */
	uint8_t digest[DIGEST_SHA384_SIZE];	  /* of the document, as we found it */
	uint8_t digest_value[DIGEST_SHA384_SIZE]; /* as the signature says it must be */
	uint8_t value[DIGEST_SIGNATURE_SIZE];
	uint8_t *der[XMLSIG_CERTS_MAX]; /* owned */
	struct cur certs[XMLSIG_CERTS_MAX];
	size_t certs_n;
};

void xmlsig_free(struct xmlsig *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->certs_n; i++)
		free(s->der[i]);
	if (s->signed_info)
		xmlOutputBufferClose(s->signed_info);
	free(s);
}

static inline void output_close(xmlOutputBuffer **b)
{
	if (*b)
		xmlOutputBufferClose(*b);
}

/* --- base64: RFC 4648, strictly, but for the blanks that XML text may have anywhere --------------- */

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* Decodes at most max bytes; false if there are more or the text is no base64. Bits that padding leaves
 * over must be zero, so that one value has one spelling. */
static bool base64(const char *text, uint8_t *dst, size_t max, size_t *ret_len)
{
	uint32_t bits = 0;
	unsigned int have = 0, pad = 0;
	size_t digits = 0, len = 0;

	for (; *text; text++) {
		int d = base64_digit(*text);

		if (strchr(" \t\r\n", *text))
			continue;
		if (*text == '=') {
			pad++;
			continue;
		}
		if (d < 0 || pad > 0)
			return false;
		digits++;
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (len == max)
			return false;
		dst[len++] = (uint8_t)(bits >> have);
	}
	if ((digits + pad) % 4 != 0 || pad > 2 || (bits & ((1U << have) - 1)) != 0)
		return false;
	*ret_len = len;
	return true;
}

static int base64_exactly(const xmlNode *element, uint8_t *dst, size_t size, struct err *e)
{
	const char *text = xmldoc_text(element);
	size_t len;

	if (!text || !base64(text, dst, size, &len) || len != size)
		return err_set(e, &ERR_FORMAT, "%s is not base64 of exactly %zu bytes",
			       (const char *)element->name, size);
	return 0;
}

/* --- the profile -------------------------------------------------------------------------------- */

/* An element of the signature: its name and, if it has one, its only attribute. */
struct part {
	const char *name;
	const char *attr, *value;
	bool holds; /* it holds elements or text that are looked at by themselves; else it is empty */
};

/* The children of `parent` must be exactly these, with nothing but blanks between them. */
static int parts(const xmlNode *parent, const struct part *part, size_t n, xmlNode **ret,
		 struct err *e)
{
	xmlNode *child = xmldoc_first(parent);

	for (size_t i = 0; i < n; i++, child = xmldoc_next(child)) {
		const struct xmldoc_attr attr = { .name = part[i].attr, .value = part[i].value };

		if (!xmldoc_is(child, DS, part[i].name))
			return err_set(e, &ERR_FORMAT, "%s: child %zu is %s, expected %s",
				       (const char *)parent->name, i + 1,
				       child ? (const char *)child->name : "missing", part[i].name);
		if (xmldoc_attrs(child, &attr, part[i].attr ? 1 : 0, NULL, e) < 0)
			return -1;
		if (child->nsDef || (!part[i].holds && child->children))
			return err_set(e, &ERR_FORMAT,
				       "%s has content or a namespace declaration of its own",
				       part[i].name);
		ret[i] = child;
	}
	if (child || !xmldoc_only_elements(parent))
		return err_set(e, &ERR_FORMAT, "%s has more in it than the profile allows: %s",
			       (const char *)parent->name,
			       child ? (const char *)child->name : "text");
	return 0;
}

static int read_reference(struct xmlsig *s, const xmlNode *reference, struct err *e)
{
	static const struct part of_reference[] = {
		{"Transforms",	NULL,	      NULL,   true },
		{ "DigestMethod", "Algorithm", SHA384, false},
		{ "DigestValue",	 NULL,	       NULL,   true },
	};
	static const struct part of_transforms[] = {
		{"Transform",  "Algorithm", ENVELOPED, false},
		{ "Transform", "Algorithm", C14N_1_1,  false},
	};
	xmlNode *in_reference[ARRAY_SIZE(of_reference)], *in_transforms[ARRAY_SIZE(of_transforms)];

	if (parts(reference, of_reference, ARRAY_SIZE(of_reference), in_reference, e) < 0 ||
	    parts(in_reference[0], of_transforms, ARRAY_SIZE(of_transforms), in_transforms, e) < 0)
		return -1;
	return base64_exactly(in_reference[2], s->digest_value, sizeof(s->digest_value), e);
}

static int read_cert(struct xmlsig *s, const xmlNode *element, struct err *e)
{
	const char *text = xmldoc_text(element);
	size_t max = text ? strlen(text) : 0, len = 0;
	_cleanup_free_ uint8_t *der = xmalloc(max + 1);

	if (!xmldoc_is(element, DS, "X509Certificate") || element->nsDef || element->properties)
		return err_set(e, &ERR_FORMAT,
			       "X509Data has a child that is no plain X509Certificate: %s",
			       (const char *)element->name);
	if (s->certs_n == XMLSIG_CERTS_MAX)
		return err_set(e, &ERR_FORMAT, "X509Data has more than %d certificates",
			       XMLSIG_CERTS_MAX);
	if (!text || !base64(text, der, max, &len) || len == 0)
		return err_set(e, &ERR_FORMAT, "X509Certificate %zu is not base64", s->certs_n);
	s->certs[s->certs_n] = cur_of(der, len);
	s->der[s->certs_n++] = TAKE_PTR(der);
	return 0;
}

static int read_key_info(struct xmlsig *s, const xmlNode *key_info, struct err *e)
{
	static const struct part of_key_info = { "X509Data", NULL, NULL, true };
	xmlNode *data;

	if (parts(key_info, &of_key_info, 1, &data, e) < 0)
		return -1;
	for (const xmlNode *n = xmldoc_first(data); n; n = xmldoc_next(n))
		if (read_cert(s, n, e) < 0)
			return -1;
	if (s->certs_n == 0 || !xmldoc_only_elements(data))
		return err_set(e, &ERR_FORMAT, "X509Data has no certificate, or text beside them");
	return 0;
}

/* Reads the whole Signature by the profile; *ret_info is its SignedInfo. */
static int read_signature(struct xmlsig *s, const xmlNode *signature, xmlNode **ret_info,
			  struct err *e)
{
	static const struct part of_signature[] = {
		{"SignedInfo",	NULL, NULL, true},
		{ "SignatureValue", NULL, NULL, true},
		{ "KeyInfo",	     NULL, NULL, true},
	};
	static const struct part of_info[] = {
		{"CanonicalizationMethod", "Algorithm", C14N_1_1, false},
		{ "SignatureMethod",	     "Algorithm", ECDSA,	 false},
		{ "Reference",	       "URI",	      "",	  true },
	};
	xmlNode *in_signature[ARRAY_SIZE(of_signature)], *in_info[ARRAY_SIZE(of_info)];

	if (xmldoc_attrs(signature, NULL, 0, NULL, e) < 0 ||
	    parts(signature, of_signature, ARRAY_SIZE(of_signature), in_signature, e) < 0 ||
	    parts(in_signature[0], of_info, ARRAY_SIZE(of_info), in_info, e) < 0 ||
	    read_reference(s, in_info[2], e) < 0 ||
	    base64_exactly(in_signature[1], s->value, sizeof(s->value), e) < 0 ||
	    read_key_info(s, in_signature[2], e) < 0)
		return -1;
	*ret_info = in_signature[0];
	return 0;
}

/* --- canonical forms ---------------------------------------------------------------------------- */

/* Whether a node is below `user`. Attributes and namespaces go with the element they stand on: a
 * namespace node has no parent of its own. */
static int in_subtree(void *user, xmlNode *node, xmlNode *parent)
{
	bool of_element = node->type == XML_ATTRIBUTE_NODE || node->type == XML_NAMESPACE_DECL;

	for (const xmlNode *n = of_element ? parent : node; n; n = n->parent)
		if (n == user)
			return 1;
	return 0;
}

/* C14N 1.1 without comments, of the subtree or, when that is NULL, of the document. */
static int canonical(xmlDoc *doc, xmlNode *subtree, xmlOutputBuffer **ret, struct err *e)
{
	_cleanup_(output_close) xmlOutputBuffer *out = xmlAllocOutputBuffer(NULL);

	if (!out || xmlC14NExecute(doc, subtree ? in_subtree : NULL, subtree, XML_C14N_1_1, NULL, 0,
				   out) < 0)
		return err_set(e, &ERR_FORMAT, "it has no canonical form");
	*ret = TAKE_PTR(out);
	return 0;
}

static int digest_document(struct xmlsig *s, xmlDoc *doc, struct err *e)
{
	_cleanup_(output_close) xmlOutputBuffer *out = NULL;

	if (canonical(doc, NULL, &out, e) < 0)
		return -1;
	if (!digest_sha384(xmlOutputBufferGetContent(out), xmlOutputBufferGetSize(out), s->digest))
		return err_set(e, &ERR_INTERNAL, "SHA-384 failed");
	return 0;
}

/* The enveloped signature: the only one, and the last child of the document element. */
static int find_signature(xmlDoc *doc, xmlNode **ret, struct err *e)
{
	xmlNode *found = NULL;
	size_t n = 0;

	for (xmlNode *child = xmldoc_first(xmlDocGetRootElement(doc)); child;
	     child = xmldoc_next(child))
		if (xmldoc_is(child, DS, "Signature")) {
			found = child;
			n++;
		}
	if (n != 1)
		return err_set(e, &ERR_FORMAT,
			       "the document element has %zu signatures, expected 1", n);
	if (xmldoc_next(found))
		return err_set(e, &ERR_FORMAT,
			       "the signature is not the last child of the document element");
	*ret = found;
	return 0;
}

int xmlsig_detach(xmlDoc *doc, struct xmlsig **ret, struct err *e)
{
	_cleanup_(xmlsig_free_p) struct xmlsig *s = xcalloc(1, sizeof(*s));
	xmlNode *signature = NULL, *info = NULL;

	if (find_signature(doc, &signature, e) < 0 || read_signature(s, signature, &info, e) < 0 ||
	    canonical(doc, info, &s->signed_info, e) < 0)
		return err_wrap(e, "XML signature");
	/* This is the enveloped-signature transform. The text on both sides stays. */
	xmlUnlinkNode(signature);
	xmlFreeNode(signature);
	if (digest_document(s, doc, e) < 0)
		return err_wrap(e, "XML signature");
	*ret = TAKE_PTR(s);
	return 0;
}

size_t xmlsig_certs(const struct xmlsig *s, const struct cur **ret)
{
	*ret = s->certs;
	return s->certs_n;
}

int xmlsig_verify(const struct xmlsig *s, EVP_PKEY *key, struct err *e)
{
	if (memcmp(s->digest, s->digest_value, sizeof(s->digest)) != 0)
		return err_set(e, &ERR_UNTRUSTED,
			       "the document was changed after it was signed (digest differs)");
	if (!digest_verify(key, xmlOutputBufferGetContent(s->signed_info),
			   xmlOutputBufferGetSize(s->signed_info), s->value))
		return err_set(e, &ERR_UNTRUSTED,
			       "the signature does not verify with the signer's key");
	return 0;
}
