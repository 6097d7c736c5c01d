/* The inside of an appraisal, shared by its own files alone:
 *
 *	appraise.c		what is wanted, and what was given
 *	appraise_device.c	the checks that a device's own bytes can tell
 *	appraise_rim.c		the checks of its manifests, and the comparison with them
 *	appraise_verdict.c	both together, with the checks of the machine and the claims
 */
#ifndef GN8V_TRUST_APPRAISE_INSIDE_H
#define GN8V_TRUST_APPRAISE_INSIDE_H

#include "trust/appraise.h"
#include "trust/measurement.h"
#include "trust/ocsp.h"
#include "trust/opaque.h"
#include "trust/rim.h"

#define APPRAISE_NONE	       ((size_t)-1)
#define APPRAISE_ASKED	       3 /* certificates of a chain that are asked about */
#define APPRAISE_RIMS_EACH     2 /* of a GPU; an NVSwitch has one */
#define APPRAISE_RIMS_MAX      (2 * VERDICT_DEVICES_MAX)
#define APPRAISE_QUESTIONS_MAX (2 * APPRAISE_ASKED * (VERDICT_DEVICES_MAX + APPRAISE_RIMS_MAX))

/* One question, and what came of it. */
struct question {
	struct ocsp_question q; /* the chain is borrowed of a subject or a wanted manifest */
	bool of_rim;
	uint8_t nonce[OCSP_NONCE_SIZE];
	char name[96];
	uint8_t *request;
	size_t request_len;
	bool answered;
	struct ocsp_answer answer;
	enum check_cause cause; /* not answered */
	char why[160];
	size_t second; /* the same question with the other hash, or APPRAISE_NONE */
};

/* A chain, and the questions about it: by number, in the order of its certificates. */
struct asked {
	bool any;
	size_t questions[APPRAISE_ASKED];
};

/* A manifest that is wanted. */
struct wanted {
	enum rim_kind kind;
	char id[RIM_ID_SIZE];
	bool given;
	enum check_cause cause; /* not given */
	char why[200];
	struct rim *rim; /* given */
	struct asked asked;
};

/* A device, and what its own bytes told. */
struct subject {
	struct appraise_device device;
	bool parsed, signed_by_leaf, opaque_ok, fwid_ok, pdi_ok, key_ok, arch_ok;
	struct spdm_report report;
	struct opaque opaque;
	struct x509_chain *chain;
	struct x509_result verified; /* with a chain */
	uint8_t fwid[DIGEST_SHA384_SIZE], key[DIGEST_SHA256_SIZE];
	uint64_t pdi;
	/* Why not. */
	struct err parse_err, chain_err, opaque_err, fwid_err, pdi_err, arch_err;
	size_t rims[APPRAISE_RIMS_EACH]; /* wanted manifests: driver and VBIOS, or BIOS; or NONE */
	struct asked asked;
};

struct appraise {
	struct appraise_rules rules;
	enum appraise_shape shape; /* AUTO resolved as far as it can be */
	size_t subjects_n, wanted_n, questions_n;
	struct subject *subjects;
	struct wanted wanted[APPRAISE_RIMS_MAX];
	struct question *questions[APPRAISE_QUESTIONS_MAX];
};

/* Something of its own to be judged: a device's report, or one of its manifests. */
struct part {
	const char *word; /* "driver", "VBIOS", "BIOS"; "" for the device itself */
	struct check checks[VERDICT_CHECKS_MAX];
	size_t checks_n;
	bool revoked;	    /* one of its certificates, or on hold */
	const char *reason; /* of that */
	char warning[160];  /* of a certificate on hold that passed */
};

/* Sets a check of the part, with its note. */
struct check *appraise_say(struct part *p, const char *name, enum check_result result,
			   const char *fmt, ...) PRINTF(4, 5);

/* passed, or failed because of why. */
struct check *appraise_find(struct part *p, const char *name, bool passed, const char *why);

/* What a check compared. */
void appraise_expect(struct check *c, const char *expected, const char *found);

/* All checks that the device's own bytes can tell; "ocsp" is about its own chain. */
void appraise_device_judge(const struct appraise *a, const struct subject *s, struct part *p);

/* The checks of wanted manifest i; with NONE it could not even be named, and nothing is run. */
void appraise_rim_judge(const struct appraise *a, const struct subject *s, size_t i,
			struct part *p);

/* "index_conflict" and "measurements", into the device's part. */
void appraise_rim_compare(const struct appraise *a, const struct subject *s, struct part *p,
			  struct measurement_result *ret);

/* "ocsp" of a chain of which was asked. */
void appraise_ocsp_judge(const struct appraise *a, const struct asked *asked, struct part *p);

#endif
