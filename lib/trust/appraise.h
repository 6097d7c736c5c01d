/* Appraisal: evidence, references, revocation answers and a time in, a verdict with reasons out.
 *
 * Pure: no I/O, no clock, no random numbers. What it wants to know from the network it asks its
 * caller for, each RIM and each certificate once, however many devices share it:
 *
 *	struct appraise_rules rules;
 *	appraise_rules_init(&rules);			NVIDIA's roots, everything on
 *	rules.at = now; rules.seed = random bytes; ...
 *	appraise_new(devices, n, &rules, &a, e);
 *	for (i = 0; i < appraise_rims(a); i++)		fetch appraise_rim_id(a, i), then
 *		appraise_give_rim() or appraise_miss_rim()
 *	for (i = 0; i < appraise_questions(a); i++)	post what appraise_question() says, then
 *		appraise_give_ocsp() or appraise_miss_ocsp()
 *	appraise_judge(a, &appraisal);
 *
 * The two loops may run side by side. Numbers are stable: the list of RIMs is complete after
 * appraise_new(), the list of questions grows at its end, by a RIM that was given (of its
 * certificates) and by an answer that calls for the same question in another form. */
#ifndef GN8V_TRUST_APPRAISE_H
#define GN8V_TRUST_APPRAISE_H

#include "trust/spdm.h"
#include "trust/verdict.h"
#include "trust/x509.h"

/* What one device handed out, and what else is known of it. Bytes are borrowed. */
struct appraise_device {
	enum device_type type;
	unsigned int index;
	char id[64];	       /* UUID, or "" for saved evidence without one */
	char arch[16];	       /* "HOPPER", "LS10", ...; "" when nobody said */
	const uint8_t *report; /* SPDM request and response */
	size_t report_len;
	const char *chain; /* PEM, leaf first */
	size_t chain_len;
	bool has_nonce;
	uint8_t nonce[SPDM_NONCE_SIZE]; /* that was asked with */
	bool asked;			/* NVML was: a version that it did not say is no version */
	char driver_version[80];	/* as NVML says; "" when not known */
	char vbios_version[32];		/* as NVML says; "" when not known */
};
/* A report or chain that is NULL was not to be had: unknown. One that is there and bad: failed. */

/* What a machine has: one GPU, or eight GPUs and four NVSwitches. AUTO says nothing about the count
 * of GPUs alone or of NVSwitches alone, and is MULTI where both kinds are there. */
enum appraise_shape { APPRAISE_AUTO, APPRAISE_SINGLE, APPRAISE_MULTI };

#define APPRAISE_NOT_KNOWN (-1000)
#define APPRAISE_SEED_SIZE 32

/* What the driver says of the machine; APPRAISE_NOT_KNOWN for saved evidence. */
struct appraise_facts {
	int cc_feature;			      /* NVML: 0, 1 */
	int multi_gpu_mode;		      /* NVML: 0 none, 1 protected PCIe, 2 NVLE */
	int devtools;			      /* NVML: 0, 1 */
	int environment;		      /* NVML: 0 unavailable, 1 simulation, 2 production */
	int switch_mode[VERDICT_DEVICES_MAX]; /* NSCQ's pcie_mode by switch index; 3 is locked */
};

struct appraise_rules {
	enum appraise_shape shape;
	uint8_t device_root[DIGEST_SHA256_SIZE]; /* of the root certificate's DER */
	uint8_t rim_root[DIGEST_SHA256_SIZE];
	time_t at;
	bool ocsp;	 /* false: not asked, and said so: skipped */
	bool ocsp_nonce; /* false: for mirrors that cache; then times alone make an answer fresh */
	bool allow_hold; /* a RIM's certificate on hold passes with a note */
	bool allow_expired_rim; /* a RIM whose signers' time is over is taken, and said so: skipped */
	uint8_t seed
		[APPRAISE_SEED_SIZE]; /* fresh random bytes: every question's nonce comes of them */
	struct appraise_facts facts;
};

/* NVIDIA's roots, OCSP with nonces, no hold, shape AUTO, no facts, no time and no seed. */
void appraise_rules_init(struct appraise_rules *rules);

struct appraise;

/* Parses and verifies what the devices handed out; bad evidence is a finding. The devices' bytes
 * must outlive *ret. -1 for more than VERDICT_DEVICES_MAX devices, or if the crypto library
 * fails. */
int appraise_new(const struct appraise_device *devices, size_t n,
		 const struct appraise_rules *rules, struct appraise **ret, struct err *e);
void appraise_free(struct appraise *a);
DEFINE_CLEANUP(struct appraise *, appraise_free)

/* The reference manifests that are wanted, by the service's id ("NV_GPU_DRIVER_GH100_545.00"). */
size_t appraise_rims(const struct appraise *a);
const char *appraise_rim_id(const struct appraise *a, size_t i); /* borrowed */

/* The manifest itself (XML). The bytes are not kept. -1 only if the crypto library fails. */
int appraise_give_rim(struct appraise *a, size_t i, const void *bytes, size_t len, struct err *e);

/* It was not to be had. */
void appraise_miss_rim(struct appraise *a, size_t i, enum check_cause cause, const char *why);

/* The OCSP questions. Bytes and text are borrowed until appraise_free(). */
struct appraise_question {
	const char *certificate; /* its name, for people */
	const uint8_t *request;	 /* to be posted as application/ocsp-request */
	size_t request_len;
};
size_t appraise_questions(const struct appraise *a);
void appraise_question(const struct appraise *a, size_t i, struct appraise_question *ret);

/* What came back. *ret_retry: the responder asks to come back later, and another answer to the same
 * question may then be given; one that settles the matter is not replaced any more. ret_retry may
 * be NULL. -1 only if the crypto library fails. */
int appraise_give_ocsp(struct appraise *a, size_t i, const void *bytes, size_t len, bool *ret_retry,
		       struct err *e);
void appraise_miss_ocsp(struct appraise *a, size_t i, enum check_cause cause, const char *why);

/* Judges with what was given so far; what was not given is unknown. Every check that can be run is
 * run, also after another failed. The result is to be released with appraisal_done().
 *
 * Checks of a device: parse chain chain_time arch report_signature nonce fwid opaque driver_version
 * vbios_version ocsp rim_fetch rim_parse rim_structure rim_profile rim_signature rim_chain
 * rim_chain_time rim_version index_conflict measurements mode; an NVSwitch has no driver_version
 * and no index_conflict. Of the machine: count, topology. */
void appraise_judge(const struct appraise *a, struct appraisal *ret);

#endif
