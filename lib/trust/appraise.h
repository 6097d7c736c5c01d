/* Appraisal: evidence, references, revocation answers and a time in, a verdict with reasons out. */
#ifndef GN8V_TRUST_APPRAISE_H
#define GN8V_TRUST_APPRAISE_H

#include "trust/spdm.h"
#include "trust/verdict.h"

/* What one device handed out, and what else is known of it. Bytes are borrowed. */
struct appraise_device {
	enum device_type type;
	unsigned int index;
	char id[64];			      /* UUID, or "" for saved evidence without one */
	char arch[16];			      /* "HOPPER", "LS10", ...; "" when nobody said */
	const uint8_t *report;		      /* SPDM request and response */
	size_t report_len;
	const char *chain; /* PEM, leaf first */
	size_t chain_len;
	bool has_nonce;
	uint8_t nonce[SPDM_NONCE_SIZE]; /* that was asked with */
	char driver_version[80];	/* as NVML says; "" when not known */
	char vbios_version[32];		/* as NVML says; "" when not known */
};

#endif
