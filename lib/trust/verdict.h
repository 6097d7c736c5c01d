/* A verdict is data, not an error: accepted, rejected or unknown, with a result for each check of
 * each device. It is the same type whoever judged.
 *
 * The rule: any check that failed makes it rejected; else any that is unknown makes it unknown;
 * else it is accepted. What was never judged does not pass: a device without checks is unknown. */
#ifndef GN8V_TRUST_VERDICT_H
#define GN8V_TRUST_VERDICT_H

#include "core/json.h"

enum verdict { VERDICT_UNKNOWN, VERDICT_REJECTED, VERDICT_ACCEPTED };
enum check_result { CHECK_NOT_RUN, CHECK_PASSED, CHECK_FAILED, CHECK_UNKNOWN, CHECK_SKIPPED };
enum device_type { DEVICE_GPU, DEVICE_NVSWITCH };

/* Why a check is unknown for want of something from others: it decides who may be asked instead. The
 * later, the graver. */
enum check_cause {
	CAUSE_NONE,
	CAUSE_NO_ANSWER,   /* nobody answered, or only that it should be tried later */
	CAUSE_RIM_MISSING, /* the source has no manifest of that name */
	CAUSE_BAD_ANSWER,  /* what came is no answer, or of nobody who may answer */
};

#define VERDICT_CHECKS_MAX  32
#define VERDICT_DEVICES_MAX 16

struct check {
	char name[32]; /* parse, chain, chain_time, arch, report_signature, nonce, fwid, ... */
	enum check_result result;
	enum check_cause cause; /* of CHECK_UNKNOWN only */
	char expected[256], found[256];
	char note[400]; /* why, and who can mend it */
};

struct device_verdict {
	enum device_type type;
	unsigned int index;
	char id[64]; /* UUID */
	enum verdict verdict;
	struct check checks[VERDICT_CHECKS_MAX];
	size_t checks_n;
	struct json_object *claims; /* under NVIDIA's names; owned; NULL when there are none */
};

/* Zeroed it is empty, of NVIDIA's roots and unknown. Large: for the heap. */
struct appraisal {
	enum verdict verdict;
	char decided_by[32]; /* who judged */
	bool custom_anchors; /* judged under other roots than NVIDIA's */
	struct device_verdict devices[VERDICT_DEVICES_MAX];
	size_t devices_n;
	struct check checks[VERDICT_CHECKS_MAX]; /* of the machine as a whole: count, topology */
	size_t checks_n;
};

const char *verdict_name(enum verdict v);
const char *check_result_name(enum check_result r);
const char *check_cause_name(enum check_cause c); /* "no-answer", ...; NULL for CAUSE_NONE */
const char *device_type_name(enum device_type t);

/* The device of that type and index, added if it is new; NULL when there are too many. */
struct device_verdict *appraisal_device(struct appraisal *a, enum device_type type,
					unsigned int index);

/* Sets a check. A worse result is never replaced by a better one (failed, unknown, then the rest), and
 * not-run only stands where nothing else was said. */
void check_set(struct check *checks, size_t *n, const char *name, enum check_result result);
struct check *check_find(struct check *checks, size_t n, const char *name); /* or NULL */

/* Fills in the verdicts from the checks by the rule. */
void appraisal_conclude(struct appraisal *a);

/* {"schema": 1, "verdict", "decided_by", "trust_anchors": "nvidia" | "custom", "devices": [{"type",
 * "index", "id", "verdict", "checks": [...], "claims": {...}}], "checks": [...]}; the caller owns it. */
struct json_object *appraisal_to_json(const struct appraisal *a);

/* Releases what it holds, not itself. */
void appraisal_done(struct appraisal *a);

static inline void appraisal_free(struct appraisal *a)
{
	appraisal_done(a);
	free(a);
}
DEFINE_CLEANUP(struct appraisal *, appraisal_free)

#endif
