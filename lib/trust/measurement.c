#include "trust/measurement.h"

static bool matches(const struct rim_value *golden, const struct spdm_value *runtime)
{
	for (size_t i = 0; runtime->present && i < golden->alternatives_n; i++)
		if (memcmp(golden->alternatives[i], runtime->bytes, SPDM_VALUE_SIZE) == 0)
			return true;
	return false;
}

void measurement_compare(const struct rim_content *golden, const char *source,
			 const struct spdm_report *report, bool skip_nvdec0,
			 struct measurement_result *r)
{
	_Static_assert(RIM_VALUE_SIZE == SPDM_VALUE_SIZE && RIM_VALUES == SPDM_BLOCKS_MAX, "");

	for (unsigned int i = 0; i < RIM_VALUES; i++) {
		const struct rim_value *value = &golden->values[i];
		const struct spdm_value *runtime = &report->values[i];

		if (!value->active)
			continue;
		if (skip_nvdec0 && i == MEASUREMENT_NVDEC0) {
			r->skipped = true;
			r->skipped_differs = !matches(value, runtime);
			continue;
		}
		r->compared++;
		if (!matches(value, runtime) && r->bad_n < MEASUREMENT_MAX)
			r->bad[r->bad_n++] = (struct measurement){
				.index = i,
				.source = source,
				.golden = value,
				.runtime = runtime->present ? runtime->bytes : NULL,
			};
	}
}
