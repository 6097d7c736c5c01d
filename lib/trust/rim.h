/* Reference integrity manifests: the values that NVIDIA says firmware and driver must measure as.
 * SWID tags with TCG's extension, signed as trust/xmlsig.h says, one file each for the GPU's driver,
 * the GPU's VBIOS and the NVSwitch's BIOS.
 *
 * rim_judge() finds out everything that the file and a time can tell, each claim by itself, and never
 * mixes them: an expired manifest whose signature holds says exactly that. */
#ifndef GN8V_TRUST_RIM_H
#define GN8V_TRUST_RIM_H

#include "trust/verdict.h"
#include "trust/x509.h"

#define RIM_BYTES_MAX	     (1024 * 1024)
#define RIM_VALUES	     64
#define RIM_ALTERNATIVES_MAX 4
#define RIM_VALUE_SIZE	     48
#define RIM_ID_SIZE	     96
#define RIM_VERSION_SIZE     32

enum rim_kind { RIM_GPU_DRIVER, RIM_GPU_VBIOS, RIM_SWITCH_BIOS };

/* What a manifest is asked for by: strings that a signed report gave. */
struct rim_subject {
	enum rim_kind kind;
	const char *version;			      /* of the driver, VBIOS or BIOS */
	const char *project, *project_sku, *chip_sku; /* RIM_GPU_VBIOS only */
};

/* The name under which NVIDIA's service has the manifest, for URLs and file names. ERR_FORMAT if a
 * part has anything but what such a part can have. */
int rim_id(const struct rim_subject *subject, char ret[RIM_ID_SIZE], struct err *e);

/* "545.00" exactly, "96.00.5E.00.01" in either case. */
bool rim_version_matches(enum rim_kind kind, const char *manifest, const char *reported);

struct rim_value {
	bool active; /* inactive ones say nothing */
	uint8_t alternatives_n;
	uint8_t alternatives[RIM_ALTERNATIVES_MAX][RIM_VALUE_SIZE];
};

struct rim_content {
	char tag_id[2 * RIM_VALUE_SIZE + 1];
	char version[RIM_VERSION_SIZE];	   /* colloquialVersion */
	char platform_manufacturer_id[16]; /* IANA number; claim "oemid" */
	struct rim_value
		values[RIM_VALUES]; /* at index i: for the report's measurement block i + 1 */
};

/* Whether an index is active in both, which would leave open what it must be; the first such index. */
bool rim_conflict(const struct rim_content *a, const struct rim_content *b,
		  unsigned int *ret_index);

enum rim_stage {
	RIM_PARSE,     /* it is XML of the allowed kind */
	RIM_STRUCTURE, /* it has exactly the elements and attributes of such a manifest */
	RIM_PROFILE,   /* its signature is of the one allowed kind */
	RIM_CHAIN,     /* 4 certificates that X509_verify_cert accepts under the pinned root */
	RIM_CHAIN_TIME,
	RIM_SIGNATURE, /* nothing was changed since certificate 0 signed it */
	RIM_STAGES,
};

struct rim_finding {
	enum check_result result;
	char note[256]; /* why it failed; a warning when it passed */
};

struct rim {
	struct rim_finding findings[RIM_STAGES];
	struct rim_content content; /* if RIM_STRUCTURE passed; true only if all passed */
	struct x509_chain
		*chain;	  /* for OCSP; NULL unless RIM_PROFILE passed and they are certificates */
	time_t not_after; /* the earliest end of validity in the chain */
	bool expired;	  /* RIM_CHAIN_TIME failed, and only because that end has passed */
};

const char *rim_stage_name(enum rim_stage stage); /* "rim_parse", ... */

/* root is the pinned root's SHA-256. A bad manifest is a finding; -1 only if the crypto library fails. */
int rim_judge(enum rim_kind kind, const void *data, size_t len,
	      const uint8_t root[DIGEST_SHA256_SIZE], time_t at, struct rim **ret, struct err *e);

/* Whether every stage passed. */
bool rim_passed(const struct rim *rim);

void rim_free(struct rim *rim);
DEFINE_CLEANUP(struct rim *, rim_free)

#endif
