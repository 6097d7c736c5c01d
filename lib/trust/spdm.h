/* A device's signed report: an SPDM 1.1 GET_MEASUREMENTS request and its MEASUREMENTS response, one
 * after the other, as NVML and NSCQ hand them out.
 *
 * Parsing is strict: every version, code, count and size is the documented one and nothing is left
 * over anywhere. It tells nothing about truth: use no field before the signature was verified with
 * the leaf of a chain that was itself verified. */
#ifndef GN8V_TRUST_SPDM_H
#define GN8V_TRUST_SPDM_H

#include "core/err.h"
#include "trust/cur.h"
#include "trust/digest.h"

#define SPDM_REPORT_MAX 8192
#define SPDM_BLOCKS_MAX 64
#define SPDM_NONCE_SIZE 32
#define SPDM_VALUE_SIZE DIGEST_SHA384_SIZE

struct spdm_value {
	bool present;
	uint8_t bytes[SPDM_VALUE_SIZE];
};

struct spdm_report {
	const uint8_t *bytes; /* the whole report; borrowed */
	size_t size;
	uint8_t nonce[SPDM_NONCE_SIZE];		   /* the caller's: from the request */
	uint8_t responder_nonce[SPDM_NONCE_SIZE];  /* the device's own random; checked by nobody */
	size_t values_n;			   /* how many of them are present */
	struct spdm_value values[SPDM_BLOCKS_MAX]; /* by RIM index, which is the SPDM index - 1 */
	struct cur opaque;			   /* for opaque_parse; borrowed */
	uint8_t signature[DIGEST_SIGNATURE_SIZE];
};

/* The bytes are borrowed and must outlive *ret. */
int spdm_parse(const void *bytes, size_t n, struct spdm_report *ret, struct err *e);

/* Whether the key signed the report: all of it but the signature itself. */
bool spdm_signed_by(const struct spdm_report *r, EVP_PKEY *key);

bool spdm_nonce_is(const struct spdm_report *r, const uint8_t nonce[SPDM_NONCE_SIZE]);

#endif
