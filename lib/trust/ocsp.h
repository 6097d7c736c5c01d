/* Whether a certificate was revoked: the question to ask, and what an answer is worth (RFC 6960).
 *
 * An answer counts only if its signer is the certificate's issuer, or was issued by it for signing OCSP
 * answers, and if it is about this certificate, carries this question's nonce and is of now. Where those
 * rules are OpenSSL's (OCSP_basic_verify), they run at the caller's time under the caller's root; times
 * are judged here, because OpenSSL would ask the clock. Whether the signer itself was revoked is not
 * asked: nobody could answer. */
#ifndef GN8V_TRUST_OCSP_H
#define GN8V_TRUST_OCSP_H

#include "trust/verdict.h"
#include "trust/x509.h"

#define OCSP_NONCE_SIZE 32
#define OCSP_ANSWER_MAX 65536
#define OCSP_SKEW_S	300
#define OCSP_AGE_MAX_S	(7 * 86400) /* of an answer that names no end */

/* How the question names the certificate. NVIDIA's tools use either; a service that cannot do the first
 * says malformedRequest or unauthorized. */
enum ocsp_hash { OCSP_HASH_SHA384, OCSP_HASH_SHA1 };

struct ocsp_question {
	const struct x509_chain *chain;
	size_t index; /* which certificate of it; not the root */
	enum ocsp_hash hash;
	const uint8_t
		*nonce; /* OCSP_NONCE_SIZE fresh random bytes; NULL: none is sent or expected */
};

/* The question as the service takes it; the caller frees *ret. */
int ocsp_request(const struct ocsp_question *q, uint8_t **ret, size_t *ret_len, struct err *e);

enum ocsp_kind {
	/* Nobody who may answer did. */
	OCSP_IS_GARBLED,     /* not an OCSP answer */
	OCSP_IS_REFUSED,     /* a status other than successful; such an answer has no signature */
	OCSP_IS_UNAUTHENTIC, /* not signed by one who may answer, or with a weak digest */
	/* An authentic answer that must not be relied on. */
	OCSP_IS_STRANGE,     /* it has a critical extension that is unknown here */
	OCSP_IS_OTHER_CERT,  /* to a question about another certificate */
	OCSP_IS_OTHER_NONCE, /* to another question, or replayed */
	OCSP_IS_UNTIMELY,    /* no longer valid, or not yet */
	/* An answer. */
	OCSP_IS_UNKNOWN, /* the responder does not know the certificate */
	OCSP_IS_REVOKED,
	OCSP_IS_HELD, /* revoked with reason certificateHold, which the rules allow */
	OCSP_IS_GOOD,
};

struct ocsp_rules {
	const uint8_t *root; /* SHA-256 of the pinned root */
	time_t at;
	bool of_rim;	 /* the chain is a manifest's */
	bool allow_hold; /* the owner's option; it is for manifests only, whatever it says */
};

struct ocsp_answer {
	enum ocsp_kind kind;
	bool nonce_matched; /* a nonce was expected and came back */
	bool retry;	    /* refused with tryLater or internalError: may pass by itself */
	bool other_hash; /* refused with malformedRequest or unauthorized: SHA-1 is worth a try */
	int reason;	 /* of a revocation (CRLReason), or -1 */
	time_t this_update, valid_until; /* of an answer: until when it may be kept; else 0 */
	char note[256];			 /* in words; "" for good */
};

/* Judges the bytes that came back. A bad answer is a result; -1 if the crypto library fails, or if the
 * chain does not end at the root: then there is nobody who could answer. */
int ocsp_judge(const struct ocsp_question *q, const struct ocsp_rules *rules, const void *data,
	       size_t len, struct ocsp_answer *ret, struct err *e);

const char *ocsp_kind_name(enum ocsp_kind kind);

/* What it means for the check: good and held pass; no authentic answer is unknown; all else fails. */
enum check_result ocsp_check_result(enum ocsp_kind kind);

#endif
