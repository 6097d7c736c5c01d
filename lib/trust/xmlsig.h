/* The one kind of XML signature that NVIDIA's reference manifests carry, and nothing else of
 * XML-DSig: enveloped in the document element as its last child, over the whole document,
 *
 *	Signature			http://www.w3.org/2000/09/xmldsig#
 *	  SignedInfo
 *	    CanonicalizationMethod	C14N 1.1
 *	    SignatureMethod		ECDSA, SHA-384
 *	    Reference URI=""
 *	      Transforms		enveloped signature, C14N 1.1
 *	      DigestMethod		SHA-384
 *	      DigestValue		48 bytes
 *	  SignatureValue		96 bytes: r||s
 *	  KeyInfo/X509Data		X509Certificate...
 *
 * No other algorithm, transform, child or attribute is accepted: the enveloped transform removes the
 * whole Signature, so whatever else stood in it would be unsigned. The key is the caller's to choose,
 * from a certificate chain that it judged: nothing here takes one from KeyInfo by itself. */
#ifndef GN8V_TRUST_XMLSIG_H
#define GN8V_TRUST_XMLSIG_H

#include <openssl/types.h>

#include "trust/cur.h"
#include "trust/xmldoc.h"

#define XMLSIG_CERTS_MAX 5

struct xmlsig;

/* Takes the signature out of the document. What stays in the tree is what the signature signs, and
 * values must be read from there only. Without exactly one such signature: ERR_FORMAT, and the document
 * is as it was. */
int xmlsig_detach(xmlDoc *doc, struct xmlsig **ret, struct err *e);
void xmlsig_free(struct xmlsig *s);
DEFINE_CLEANUP(struct xmlsig *, xmlsig_free)

/* The certificates of KeyInfo as DER, in their order, borrowed. Between 1 and XMLSIG_CERTS_MAX. */
size_t xmlsig_certs(const struct xmlsig *s, const struct cur **ret);

/* Whether the document is what was signed, by that key (on P-384): else ERR_UNTRUSTED says which of the
 * two does not hold. */
int xmlsig_verify(const struct xmlsig *s, EVP_PKEY *key, struct err *e);

#endif
