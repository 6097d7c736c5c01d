/* Measurements: what a report says was measured, against what reference manifests say it must be. */
#ifndef GN8V_TRUST_MEASUREMENT_H
#define GN8V_TRUST_MEASUREMENT_H

#include "trust/rim.h"
#include "trust/spdm.h"

#define MEASUREMENT_NVDEC0 \
	35 /* index of the decoder's firmware, which is not loaded when it is off */
#define MEASUREMENT_MAX (2 * RIM_VALUES)

/* One that differs. */
struct measurement {
	unsigned int index;
	const char *source;		/* the manifest's word: "driver", "VBIOS", "BIOS" */
	const struct rim_value *golden; /* borrowed */
	const uint8_t *runtime;		/* borrowed; NULL: the report has none at that index */
};

struct measurement_result {
	size_t compared;
	size_t bad_n;
	struct measurement bad[MEASUREMENT_MAX];
	bool skipped;	      /* NVDEC0's, as the rule says */
	bool skipped_differs; /* it would not have matched */
};

/* Compares each active value of a manifest and adds to *r, zeroed by the caller before the first. Values
 * of the report that no manifest names are of no interest. skip_nvdec0: a GPU whose NVDEC0 is off. */
void measurement_compare(const struct rim_content *golden, const char *source,
			 const struct spdm_report *report, bool skip_nvdec0,
			 struct measurement_result *r);

#endif
