#include "forge_rim.h"
#include "suite.h"
#include "trust/xmlsig.h"

static struct forge_chain chain;

static void start(void)
{
	forge_rim_chain(&chain, RIM_GPU_VBIOS);
}

static void stop(void)
{
	forge_chain_done(&chain);
}

/* 0 if the text's signature is of the profile and verifies with that key. */
static int verify_with(const char *text, EVP_PKEY *key, struct err *e)
{
	_cleanup_(xmlFreeDoc_p) xmlDoc *doc = NULL;
	_cleanup_(xmlsig_free_p) struct xmlsig *sig = NULL;

	if (xmldoc_load(text, strlen(text), RIM_BYTES_MAX, &doc, e) < 0 ||
	    xmlsig_detach(doc, &sig, e) < 0)
		return -1;
	return xmlsig_verify(sig, key, e);
}

static int verify(const char *text, struct err *e)
{
	return verify_with(text, chain.keys[0], e);
}

static char *forge_good(void)
{
	struct forge_rim spec = { .kind = RIM_GPU_VBIOS, .chain = &chain };

	return forge_rim(&spec);
}

static void refused(const char *text, const struct err_kind *kind, const char *words)
{
	struct err e = ERR_INIT;

	ck_assert_msg(verify(text, &e) == -1, "accepted, instead of \"%s\"", words);
	ck_assert_msg(strstr(e.msg, words) && e.kind == kind, "%s: %s", e.kind->code, e.msg);
}

/* Edited after signing. */
static void edit_refused(const char *from, const char *to, const struct err_kind *kind,
			 const char *words)
{
	_cleanup_free_ char *text = forge_edited(forge_good(), from, to);

	refused(text, kind, words);
}

/* Signed by the right key after SignedInfo was edited: only the profile speaks against it. */
static void info_refused(const char *from, const char *to, const char *words)
{
	struct forge_rim spec = {
		.kind = RIM_GPU_VBIOS, .chain = &chain, .info = {from, to}
	};
	_cleanup_free_ char *text = forge_rim(&spec);

	refused(text, &ERR_FORMAT, words);
}

/* The signature element of a text. Caller frees. */
static char *signature_of(const char *text)
{
	const char *begin = strstr(text, "<ds:Signature "), *end = strstr(text, "</ds:Signature>");

	return xstrndup(begin, (size_t)(end - begin) + strlen("</ds:Signature>"));
}

START_TEST(a_good_signature_verifies)
{
	_cleanup_free_ char *text = forge_good();
	struct err e = ERR_INIT;

	ck_assert_msg(verify(text, &e) == 0, "%s", e.msg);
}
END_TEST

START_TEST(only_the_callers_key_counts)
{
	_cleanup_free_ char *text = forge_good();
	EVP_PKEY *other = EVP_EC_gen("P-384"), *small = EVP_EC_gen("P-256");
	struct err e = ERR_INIT;

	ck_assert_int_eq(verify_with(text, other, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_UNTRUSTED);
	ck_assert_int_eq(verify_with(text, small, &e), -1);
	ck_assert_int_eq(verify_with(text, NULL, &e), -1);
	EVP_PKEY_free(other);
	EVP_PKEY_free(small);
}
END_TEST

START_TEST(the_signature_is_taken_out_of_the_tree)
{
	_cleanup_free_ char *text = forge_good();
	_cleanup_(xmlFreeDoc_p) xmlDoc *doc = NULL;
	_cleanup_(xmlsig_free_p) struct xmlsig *sig = NULL;
	struct err e = ERR_INIT;
	const struct cur *certs;

	ck_assert_int_eq(xmldoc_load(text, strlen(text), RIM_BYTES_MAX, &doc, &e), 0);
	ck_assert_int_eq(xmlsig_detach(doc, &sig, &e), 0);
	for (xmlNode *n = xmldoc_first(xmlDocGetRootElement(doc)); n; n = xmldoc_next(n))
		ck_assert(!xmldoc_is(n, FORGE_DS, "Signature"));
	ck_assert_uint_eq(xmlsig_certs(sig, &certs), 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(i2d_X509(chain.certs[i], NULL), (int)certs[i].n);
}
END_TEST

START_TEST(a_refused_document_keeps_its_signature)
{
	_cleanup_free_ char *text =
		forge_edited(forge_good(), "</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>");
	_cleanup_(xmlFreeDoc_p) xmlDoc *doc = NULL;
	struct xmlsig *sig = NULL;
	struct err e = ERR_INIT;

	ck_assert_int_eq(xmldoc_load(text, strlen(text), RIM_BYTES_MAX, &doc, &e), 0);
	ck_assert_int_eq(xmlsig_detach(doc, &sig, &e), -1);
	ck_assert_ptr_null(sig);
	ck_assert(xmldoc_is(xmlGetLastChild(xmlDocGetRootElement(doc)), FORGE_DS, "Signature"));
}
END_TEST

START_TEST(a_changed_value_breaks_the_digest)
{
	edit_refused("96.00.A5.00.01", "96.00.A5.00.02", &ERR_UNTRUSTED,
		     "changed after it was signed");
	edit_refused("active=\"False\"", "active=\"True\"", &ERR_UNTRUSTED,
		     "changed after it was signed");
	edit_refused("\n    </ns0:Payload>", "\n     </ns0:Payload>", &ERR_UNTRUSTED, "changed");
	edit_refused("<ds:Signature ", "\n<ds:Signature ", &ERR_UNTRUSTED, "changed");
}
END_TEST

START_TEST(another_spelling_of_the_same_document_is_the_same)
{
	static const char *const edits[][2] = {
		{"NVIDIA Corporation",		"NVIDIA&#x20;Corporation"	  },
		{ "corpus=\"false\" name=\"GH100\"", "name = 'GH100'\n\tcorpus='false'"},
		{ "\n    <ns0:Entity",	       "\r\n    <ns0:Entity"	     },
		{ " />",			     "></ns0:Resource>"		    },
		{ "</SoftwareIdentity>\n",	   "</SoftwareIdentity >\n\n"	      },
	};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		_cleanup_free_ char *text = forge_edited(forge_good(), edits[i][0], edits[i][1]);

		ck_assert_msg(verify(text, &e) == 0, "edit %zu: %s", i, e.msg);
	}
}
END_TEST

START_TEST(prefixes_are_part_of_what_is_signed)
{
	edit_refused(" xmlns:ns0=", " xmlns:ns8=\"" FORGE_SWID "\" xmlns:ns0=", &ERR_UNTRUSTED,
		     "changed");
	/* In Signature itself they are in scope in SignedInfo. */
	edit_refused("<ds:Signature ", "<ds:Signature xmlns:x=\"" FORGE_DS "\" ", &ERR_UNTRUSTED,
		     "signer's key");
	edit_refused("<ds:SignedInfo>", "<ds:SignedInfo xmlns:x=\"" FORGE_DS "\">", &ERR_FORMAT,
		     "namespace");
	edit_refused("<ds:KeyInfo>", "<ds:KeyInfo xmlns:x=\"" FORGE_DS "\">", &ERR_FORMAT,
		     "namespace");
}
END_TEST

START_TEST(another_signatures_prefix_is_another_signature)
{
	_cleanup_free_ char *text = forge_good();
	char *p = text;

	memcpy(strstr(text, "xmlns:ds"), "xmlns:sd", 8);
	while ((p = strstr(p, "ds:")))
		memcpy(p, "sd:", 3);
	refused(text, &ERR_UNTRUSTED, "signer's key");
}
END_TEST

START_TEST(exactly_one_signature_as_last_child)
{
	_cleanup_free_ char *text = forge_good(), *signature = signature_of(text);
	_cleanup_free_ char *twice = xasprintf("%s%s", signature, signature);
	_cleanup_free_ char *first = xasprintf("%s\n    <ns0:Entity ", signature);
	_cleanup_free_ char *inside = xasprintf("%s</ns0:Payload>", signature);
	_cleanup_free_ char *two = forge_edited(xstrdup(text), signature, twice);
	_cleanup_free_ char *none = forge_edited(xstrdup(text), signature, "");
	_cleanup_free_ char *moved = forge_edited(xstrdup(none), "\n    <ns0:Entity ", first);
	_cleanup_free_ char *nested = forge_edited(xstrdup(none), "</ns0:Payload>", inside);
	_cleanup_free_ char *followed = forge_edited(xstrdup(text), "</SoftwareIdentity>",
						     "<ns0:Link/></SoftwareIdentity>");

	refused(two, &ERR_FORMAT, "2 signatures");
	refused(none, &ERR_FORMAT, "0 signatures");
	refused(moved, &ERR_FORMAT, "not the last child");
	refused(nested, &ERR_FORMAT, "0 signatures");
	refused(followed, &ERR_FORMAT, "not the last child");
}
END_TEST

START_TEST(a_signed_document_cannot_be_wrapped_in_another)
{
	_cleanup_free_ char *text = forge_good(), *signature = signature_of(text);
	_cleanup_free_ char *genuine = forge_edited(xstrdup(text), signature, "");
	_cleanup_free_ char *object =
		xasprintf("<ds:Object>%s</ds:Object></ds:Signature>", genuine);
	_cleanup_free_ char *holding = forge_edited(xstrdup(signature), "</ds:Signature>", object);
	_cleanup_free_ char *wrapped = xasprintf("<SoftwareIdentity xmlns=\"" FORGE_SWID "\">%s"
						 "</SoftwareIdentity>",
						 holding);
	_cleanup_free_ char *around = xasprintf("<SoftwareIdentity xmlns=\"" FORGE_SWID "\">%s%s"
						"</SoftwareIdentity>",
						genuine, signature);

	refused(wrapped, &ERR_FORMAT, "Object");
	refused(around, &ERR_UNTRUSTED, "changed");
}
END_TEST

START_TEST(a_signature_is_of_one_document)
{
	struct forge_rim spec = { .kind = RIM_GPU_VBIOS,
				  .chain = &chain,
				  .version = "96.00.A5.00.02" };
	_cleanup_free_ char *text = forge_good(), *other = forge_rim(&spec);
	_cleanup_free_ char *mine = signature_of(text), *theirs = signature_of(other);
	_cleanup_free_ char *mixed = forge_edited(xstrdup(text), mine, theirs);

	refused(mixed, &ERR_UNTRUSTED, "changed");
}
END_TEST

START_TEST(keys_come_as_certificates_only)
{
	static const char key[] = "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue/></ds:KeyValue>";

	edit_refused("<ds:KeyInfo>", key, &ERR_FORMAT, "KeyValue, expected X509Data");
	edit_refused("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName>x</ds:KeyName>", &ERR_FORMAT,
		     "KeyName");
	edit_refused("<ds:KeyInfo>", "<ds:KeyInfo><ds:RetrievalMethod URI=\"\"/>", &ERR_FORMAT,
		     "Retrieval");
	edit_refused("</ds:KeyInfo>", "<ds:KeyValue/></ds:KeyInfo>", &ERR_FORMAT, "KeyValue");
	edit_refused("</ds:KeyInfo>", "<ds:X509Data/></ds:KeyInfo>", &ERR_FORMAT, "X509Data");
	edit_refused("<ds:X509Data>", "<ds:X509Data><ds:X509CRL>AA==</ds:X509CRL>", &ERR_FORMAT,
		     "X509CRL");
	edit_refused("<ds:X509Data>", "<ds:X509Data>x", &ERR_FORMAT, "text");
	edit_refused("<ds:X509Data>", "<ds:X509Data><ds:X509Certificate/>", &ERR_FORMAT,
		     "not base64");
	edit_refused("<ds:X509Certificate>", "<ds:X509Certificate Id=\"x\">", &ERR_FORMAT,
		     "X509Certificate");
	edit_refused("<ds:X509Data>",
		     "<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate>"
		     "<ds:X509Certificate>AAAA</ds:X509Certificate>",
		     &ERR_FORMAT, "more than 5");
}
END_TEST

START_TEST(a_signature_without_certificates_is_refused)
{
	_cleanup_free_ char *text = forge_good();
	const char *begin = strstr(text, "<ds:X509Certificate>"),
		   *end = strstr(text, "</ds:X509Data>");
	_cleanup_free_ char *certs = xstrndup(begin, (size_t)(end - begin));
	_cleanup_free_ char *without = forge_edited(xstrdup(text), certs, "");

	refused(without, &ERR_FORMAT, "no certificate");
}
END_TEST

START_TEST(no_other_algorithm_is_accepted)
{
	info_refused("ecdsa-sha384", "ecdsa-sha256", "Algorithm");
	info_refused("ecdsa-sha384", "rsa-sha384", "Algorithm");
	info_refused("ecdsa-sha384", "hmac-sha384", "Algorithm");
	info_refused("more#sha384", "more#sha224", "Algorithm");
	info_refused(
		"CanonicalizationMethod Algorithm=\"" FORGE_C14 "\"",
		"CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"",
		"Algorithm");
	info_refused("CanonicalizationMethod Algorithm=\"" FORGE_C14 "\"",
		     "CanonicalizationMethod Algorithm=\"" FORGE_C14 "#WithComments\"",
		     "Algorithm");
}
END_TEST

START_TEST(no_other_reference_is_accepted)
{
	info_refused(" URI=\"\"", " URI=\"#x\"", "URI");
	info_refused(" URI=\"\"", "", "no attribute URI");
	info_refused(" URI=\"\"", " Type=\"x\" URI=\"\"", "unexpected attribute Type");
	info_refused("<ds:SignedInfo", "<ds:SignedInfo Id=\"x\"", "unexpected attribute Id");
	info_refused("</ds:Reference>", "</ds:Reference><ds:Reference></ds:Reference>",
		     "Reference");
	info_refused("<ds:DigestValue>", "<ds:DigestValue>AAAA", "exactly 48 bytes");
	info_refused("<ds:Transforms>", "<ds:Transforms>x", "text");
}
END_TEST

START_TEST(no_other_transforms_are_accepted)
{
	info_refused("enveloped-signature", "base64", "Algorithm");
	info_refused("</ds:Transforms>",
		     "<ds:Transform Algorithm=\"" FORGE_C14 "\"></ds:Transform></ds:Transforms>",
		     "Transform");
	info_refused(
		"<ds:Transforms>",
		"<ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\">"
		"<ds:XPath>1</ds:XPath></ds:Transform>",
		"Algorithm");
}
END_TEST

START_TEST(the_value_is_exactly_96_bytes_of_strict_base64)
{
	static const char tag[] = "<ds:SignatureValue>";

	edit_refused(tag, "<ds:SignatureValue>AAAA", &ERR_FORMAT, "exactly 96 bytes");
	edit_refused(tag, "<ds:SignatureValue>=", &ERR_FORMAT, "exactly 96 bytes");
	edit_refused(tag, "<ds:SignatureValue>A", &ERR_FORMAT, "exactly 96 bytes");
	edit_refused(tag, "<ds:SignatureValue>-", &ERR_FORMAT, "exactly 96 bytes");
	edit_refused("</ds:SignatureValue>", "====</ds:SignatureValue>", &ERR_FORMAT,
		     "exactly 96 bytes");
	edit_refused("</ds:SignatureValue>", "<ds:X/></ds:SignatureValue>", &ERR_FORMAT,
		     "exactly 96 bytes");
	edit_refused(tag, "<ds:SignatureValue Id=\"x\">", &ERR_FORMAT, "unexpected attribute");
}
END_TEST

/* All zeros, and r = s = n would be "valid" to a verifier that does not look. */
START_TEST(a_trivial_value_does_not_verify)
{
	_cleanup_free_ char *text = forge_good();
	char *begin = strstr(text, "<ds:SignatureValue>") + strlen("<ds:SignatureValue>");

	for (char *p = begin; *p != '<'; p++)
		if (*p != '\n')
			*p = 'A';
	refused(text, &ERR_UNTRUSTED, "signer's key");
}
END_TEST

START_TEST(what_canonical_form_would_hide_is_refused)
{
	edit_refused("<ds:DigestValue>", "<ds:DigestValue><!-- x -->", &ERR_FORMAT, "comment");
	edit_refused("<ds:SignatureValue>", "<ds:SignatureValue><![CDATA[AA]]>", &ERR_FORMAT,
		     "CDATA");
	edit_refused("<ds:SignedInfo>", "<ds:SignedInfo><?x?>", &ERR_FORMAT,
		     "processing instruction");
	edit_refused("<ds:SignatureValue>", "<ds:SignatureValue>&x;", &ERR_FORMAT, "");
}
END_TEST

SUITE_AROUND("xmlsig", start, stop, a_good_signature_verifies, only_the_callers_key_counts,
	     the_signature_is_taken_out_of_the_tree, a_refused_document_keeps_its_signature,
	     a_changed_value_breaks_the_digest, another_spelling_of_the_same_document_is_the_same,
	     prefixes_are_part_of_what_is_signed, another_signatures_prefix_is_another_signature,
	     exactly_one_signature_as_last_child, a_signed_document_cannot_be_wrapped_in_another,
	     a_signature_is_of_one_document, keys_come_as_certificates_only,
	     a_signature_without_certificates_is_refused, no_other_algorithm_is_accepted,
	     no_other_reference_is_accepted, no_other_transforms_are_accepted,
	     the_value_is_exactly_96_bytes_of_strict_base64, a_trivial_value_does_not_verify,
	     what_canonical_form_would_hide_is_refused)
