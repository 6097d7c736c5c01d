/* What NVIDIA's verifiers printed, on simulated devices and services: tests/fixtures/real/verifier, see INDEX.md there. */
#include "nvtool.h"

#include "core/str.h"
#include "fixture.h"
#include "suite.h"

static struct appraisal a;

static enum verdict judge(const char *output, int status, enum shape shape)
{
	memset(&a, 0xff, sizeof(a));
	nvtool_judge(output, status, shape, &a);
	return a.verdict;
}

static const struct {
	const char *name;
	int status;
	enum verdict verdict;
	enum device_type type;
	unsigned int index;
	const char *check, *words; /* of the check that decides */
} recorded[] = {
	{ "cc_admin-2.5.0-good", 0, VERDICT_ACCEPTED, DEVICE_GPU, 0, NULL, NULL },
	{ "cc_admin-2.5.0-rim-revoked", 1, VERDICT_REJECTED, DEVICE_GPU, 0, "driver_rim_ocsp", "REASON : key_compromise" },
	{ "cc_admin-2.5.0-rim-changed", 1, VERDICT_REJECTED, DEVICE_GPU, 0, "driver_rim_signature", "RIM signature" },
	{ "cc_admin-2.5.0-rim-expired", 1, VERDICT_REJECTED, DEVICE_GPU, 0, "driver_rim_chain_time", "expired on 2024-01-01" },
	{ "cc_admin-2.5.0-measurements", 1, VERDICT_REJECTED, DEVICE_GPU, 0, "measurements", "not matching" },
	{ "cc_admin-2.5.0-clock-behind", 1, VERDICT_REJECTED, DEVICE_GPU, 0, "chain", "validation failed" },
	{ "cc_admin-2.5.0-clock-ahead", 1, VERDICT_UNKNOWN, DEVICE_GPU, 0, "ocsp", "certificate has expired" },
	{ "cc_admin-2.5.0-no-answer", 1, VERDICT_UNKNOWN, DEVICE_GPU, 0, "ocsp", "Remote end closed connection" },
	{ "cc_admin-2.5.0-ocsp-503", 1, VERDICT_UNKNOWN, DEVICE_GPU, 0, "ocsp", "HTTP Error 503" },
	{ "cc_admin-2.5.0-ocsp-garbled", 1, VERDICT_UNKNOWN, DEVICE_GPU, 0, "ocsp", "error parsing asn1 value" },
	{ "cc_admin-2.5.0-ocsp-unknown", 1, VERDICT_UNKNOWN, DEVICE_GPU, 0, "ocsp", "certificate status is UNKNOWN" },
	{ "cc_admin-2.5.0-rim-404", 1, VERDICT_UNKNOWN, DEVICE_GPU, 0, "driver_rim_fetch", "NV_GPU_DRIVER_GH100_550.144.03" },
	{ "cc_admin-2.5.0-no-nvml", 1, VERDICT_UNKNOWN, DEVICE_GPU, 0, NULL, NULL },
	{ "ppcie-1.5.0-good", 0, VERDICT_ACCEPTED, DEVICE_GPU, 0, NULL, NULL },
	{ "ppcie-1.5.0-revoked-gpu3", 0, VERDICT_REJECTED, DEVICE_GPU, 3, "ocsp", "IS REVOKED FOR REASON" },
	{ "ppcie-1.5.0-switch-rim-404", 0, VERDICT_UNKNOWN, DEVICE_NVSWITCH, 0, "vbios_rim_fetch", "NV_SWITCH_BIOS_5612" },
	{ "ppcie-1.5.0-ocsp-503", 0, VERDICT_UNKNOWN, DEVICE_GPU, 0, "ocsp", "HTTP Error 503" },
	{ "ppcie-1.5.0-no-nvml", 0, VERDICT_UNKNOWN, DEVICE_GPU, 0, NULL, NULL },
};

START_TEST(the_real_programs_are_understood)
{
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		_cleanup_free_ char *file = xasprintf("../../fixtures/real/verifier/%s.txt", recorded[i].name);
		_cleanup_free_ char *text = fixture_text(file);
		enum shape shape = str_starts(recorded[i].name, "ppcie") ? SHAPE_MULTI : SHAPE_SINGLE;
		enum verdict verdict = judge(text, recorded[i].status, shape);
		struct device_verdict *d = appraisal_device(&a, recorded[i].type, recorded[i].index);
		struct check *c = recorded[i].check ? check_find(d->checks, d->checks_n, recorded[i].check) : NULL;

		ck_assert_msg(verdict == recorded[i].verdict, "%s: %s", recorded[i].name, verdict_name(verdict));
		if (!recorded[i].check)
			continue;
		ck_assert_msg(c != NULL, "%s: no %s", recorded[i].name, recorded[i].check);
		ck_assert_int_eq(c->result, verdict == VERDICT_REJECTED ? CHECK_FAILED : CHECK_UNKNOWN);
		ck_assert_has(c->note, recorded[i].words);
	}
}
END_TEST

START_TEST(what_was_recorded_elsewhere_is_unknown)
{
	static const char *const names[] = { "cc_admin-2.5.0-no-nvml", "cc_admin-2.5.0-test-no-gpu-no-network",
					     "ppcie-1.5.0-no-nvml" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *file = xasprintf("verifier/%s.txt", names[i]);
		_cleanup_free_ char *text = fixture_shared(file);
		bool eight = str_starts(names[i], "ppcie");

		if (text)
			ck_assert_int_eq(judge(text, !eight, eight ? SHAPE_MULTI : SHAPE_SINGLE), VERDICT_UNKNOWN);
	}
}
END_TEST

SUITE("nvtool_real", the_real_programs_are_understood, what_was_recorded_elsewhere_is_unknown)
