#include "forge_machine.h"
#include "suite.h"

static struct forge_machine *m;
static struct appraisal *r;

static void stop(void)
{
	if (r)
		appraisal_free(r);
	r = NULL;
	if (m)
		forge_machine_free(m);
	m = NULL;
}

static void judge(void)
{
	if (r)
		appraisal_free(r);
	r = forge_appraise(m);
}

/* Everything that is not as in an accepted machine, as "gpu 0 nonce failed; ...", with reasons. */
static char *differences(bool with_notes)
{
	struct strbuf b = { 0 };

	strbuf_begin(&b);
	for (size_t i = 0; i <= r->devices_n; i++) {
		const struct device_verdict *d = i < r->devices_n ? &r->devices[i] : NULL;
		const struct check *c = d ? d->checks : r->checks;

		for (size_t k = 0; k < (d ? d->checks_n : r->checks_n); k++)
			if (c[k].result != CHECK_PASSED) {
				strbuf_printf(&b, "%s", b.len ? "; " : "");
				if (d)
					strbuf_printf(&b, "%s %u ", device_type_name(d->type),
						      d->index);
				strbuf_printf(&b, "%s %s", c[k].name,
					      check_result_name(c[k].result));
				if (with_notes)
					strbuf_printf(&b, " (%s)", c[k].note);
			}
	}
	return b.s;
}

static void expect(enum verdict verdict, const char *what)
{
	_cleanup_free_ char *brief = differences(false);
	_cleanup_free_ char *full = differences(true);

	ck_assert_msg(str_eq(brief, what), "expected \"%s\", found: %s", what, full);
	ck_assert_str_eq(verdict_name(r->verdict), verdict_name(verdict));
}

static const struct check *check_of(size_t device, const char *name)
{
	struct check *c = check_find(r->devices[device].checks, r->devices[device].checks_n, name);

	ck_assert_ptr_nonnull(c);
	return c;
}

static void expect_note(size_t device, const char *name, const char *part)
{
	const struct check *c = check_of(device, name);

	ck_assert_msg(strstr(c->note, part) != NULL, "\"%s\" is not in \"%s\"", part, c->note);
}

/* One GPU, with that change of its report. */
#define WITH_GPU(...)                    \
	do {                             \
		struct forge_unit *gpu;  \
                                         \
		m = forge_machine(1, 0); \
		gpu = &m->units[0];      \
		__VA_ARGS__;             \
		forge_unit_report(m, 0); \
		judge();                 \
	} while (0)

/* --- accepted ----------------------------------------------------------------------------------- */

START_TEST(a_single_gpu_is_accepted)
{
	m = forge_machine(1, 0);
	judge();
	expect(VERDICT_ACCEPTED, "");
	ck_assert_uint_eq(r->devices[0].checks_n, 22);
	ck_assert_str_eq(r->decided_by, "native");
	ck_assert(r->custom_anchors);
	ck_assert_uint_eq(r->checks_n, 1);
	/* BROM, ICA, identity; signer, L3, CA of both manifests. */
	ck_assert_uint_eq(m->questions, 6);
}
END_TEST

START_TEST(eight_gpus_and_four_switches_are_accepted)
{
	m = forge_machine(8, 4);
	judge();
	expect(VERDICT_ACCEPTED, "");
	ck_assert_uint_eq(r->devices_n, 12);
	ck_assert_uint_eq(r->devices[11].checks_n, 20);
	ck_assert_uint_eq(r->checks_n, 2);
	/* 12 BROM, 2 ICA, 1 identity; 3 of the GPU's manifests, 3 of the switch's. */
	ck_assert_uint_eq(m->questions, 21);
}
END_TEST

START_TEST(shape_auto_runs_topology_only_with_both_kinds)
{
	m = forge_machine(8, 4);
	m->rules.shape = APPRAISE_AUTO;
	judge();
	expect(VERDICT_ACCEPTED, "");
	ck_assert_uint_eq(r->checks_n, 2);
	m->n = 8;
	judge();
	expect(VERDICT_ACCEPTED, "");
	ck_assert_uint_eq(r->checks_n, 0);
}
END_TEST

START_TEST(what_the_driver_says_is_compared)
{
	m = forge_machine(1, 0);
	strcpy(m->devices[0].driver_version, "590.12");
	strcpy(m->devices[0].vbios_version, "96.00.a5.00.01");
	m->rules.facts.cc_feature = 1;
	m->rules.facts.multi_gpu_mode = 0;
	judge();
	expect(VERDICT_ACCEPTED, "");
	strcpy(m->devices[0].driver_version, "590.13");
	judge();
	expect(VERDICT_REJECTED, "gpu 0 driver_version failed");
	ck_assert_str_eq(check_of(0, "driver_version")->expected, "590.13");
	m->devices[0].driver_version[0] = m->devices[0].vbios_version[0] = '\0';
	judge();
	expect(VERDICT_ACCEPTED, "");
	m->devices[0].asked = true;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 driver_version failed; gpu 0 vbios_version failed");
	expect_note(0, "vbios_version", "the driver was asked and says no version");
	ck_assert_str_eq(check_of(0, "driver_version")->found, "590.12");
	strcpy(m->devices[0].driver_version, "590.12");
	strcpy(m->devices[0].vbios_version, "96.00.A5.00.02");
	judge();
	expect(VERDICT_REJECTED, "gpu 0 vbios_version failed");
}
END_TEST

START_TEST(no_devices_are_no_verdict)
{
	m = forge_machine(1, 0);
	m->n = 0;
	m->rules.shape = APPRAISE_AUTO;
	judge();
	expect(VERDICT_UNKNOWN, "");
	m->rules.shape = APPRAISE_SINGLE;
	judge();
	expect(VERDICT_REJECTED, "count failed");
	m->n = 1;
}
END_TEST

/* --- report and chain --------------------------------------------------------------------------- */

#define RIM_STAGES_NOT_RUN(device)                                                \
	device " rim_fetch not-run; " device " rim_parse not-run; " device        \
	       " rim_structure not-run; " device " rim_profile not-run; " device  \
	       " rim_signature not-run; " device " rim_chain not-run; " device    \
	       " rim_chain_time not-run; " device " rim_version not-run; " device \
	       " index_conflict not-run; " device " measurements not-run"

START_TEST(a_garbled_report_is_rejected_and_ends_what_needs_it)
{
	m = forge_machine(1, 0);
	m->devices[0].report_len--;
	judge();
	expect(VERDICT_REJECTED,
	       "gpu 0 parse failed; gpu 0 report_signature not-run; gpu 0 nonce not-run; "
	       "gpu 0 fwid not-run; gpu 0 opaque not-run; gpu 0 driver_version not-run; "
	       "gpu 0 vbios_version not-run; gpu 0 ocsp not-run; " RIM_STAGES_NOT_RUN(
		       "gpu 0") "; gpu 0 mode not-run");
}
END_TEST

START_TEST(a_report_that_was_not_to_be_had_is_unknown)
{
	m = forge_machine(1, 0);
	m->devices[0].report = NULL;
	judge();
	ck_assert_int_eq(r->verdict, VERDICT_UNKNOWN);
	ck_assert_int_eq(check_of(0, "parse")->result, CHECK_UNKNOWN);
	m->devices[0].chain = NULL;
	judge();
	ck_assert_int_eq(r->verdict, VERDICT_UNKNOWN);
	ck_assert_int_eq(check_of(0, "chain")->result, CHECK_UNKNOWN);
}
END_TEST

START_TEST(a_garbled_chain_is_rejected)
{
	m = forge_machine(1, 0);
	m->devices[0].chain_len /= 2;
	judge();
	ck_assert_int_eq(r->verdict, VERDICT_REJECTED);
	ck_assert_int_eq(check_of(0, "chain")->result, CHECK_FAILED);
	ck_assert_int_eq(check_of(0, "parse")->result, CHECK_PASSED);
	ck_assert_int_eq(check_of(0, "report_signature")->result, CHECK_NOT_RUN);
}
END_TEST

START_TEST(a_changed_report_fails_its_signature)
{
	m = forge_machine(1, 0);
	m->units[0].report.v[37 + 8 + 55 * 50 + 7] ^= 1;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 report_signature failed");
}
END_TEST

START_TEST(another_gpus_chain_fails_the_signature)
{
	m = forge_machine(8, 4);
	m->devices[3].chain = m->units[4].pem;
	m->devices[3].chain_len = strlen(m->units[4].pem);
	judge();
	expect(VERDICT_REJECTED, "gpu 3 report_signature failed; topology failed");
}
END_TEST

START_TEST(another_root_fails_the_chain_and_leaves_nobody_to_ask)
{
	m = forge_machine(1, 0);
	m->rules.device_root[0] ^= 1;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 chain failed; gpu 0 ocsp not-run");
	ck_assert_uint_eq(m->questions, 3);
}
END_TEST

START_TEST(a_chain_of_another_time_fails_its_time)
{
	m = forge_machine(1, 0);
	m->rules.ocsp = false;
	m->rules.at = FORGE_FROM - 1;
	judge();
	expect(VERDICT_REJECTED,
	       "gpu 0 chain_time failed; gpu 0 ocsp skipped; gpu 0 rim_chain_time failed");
	expect_note(0, "chain_time", "is the clock right");
}
END_TEST

START_TEST(another_architecture_is_refused_plainly)
{
	m = forge_machine(1, 0);
	strcpy(m->devices[0].arch, "BLACKWELL");
	judge();
	expect(VERDICT_REJECTED,
	       "gpu 0 arch failed; gpu 0 ocsp not-run; " RIM_STAGES_NOT_RUN("gpu 0"));
	expect_note(0, "arch", "only HOPPER GPUs (GH100) and LS10 NVSwitches");
}
END_TEST

START_TEST(a_switch_is_no_gpu)
{
	m = forge_machine(8, 4);
	m->devices[0].chain = m->units[8].pem;
	m->devices[0].chain_len = strlen(m->units[8].pem);
	judge();
	ck_assert_int_eq(check_of(0, "arch")->result, CHECK_FAILED);
	ck_assert_int_eq(r->verdict, VERDICT_REJECTED);
}
END_TEST

START_TEST(another_nonce_is_rejected_and_none_is_no_verdict)
{
	m = forge_machine(1, 0);
	m->devices[0].nonce[31] ^= 1;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 nonce failed");
	m->devices[0].has_nonce = false;
	judge();
	expect(VERDICT_UNKNOWN, "gpu 0 nonce not-run");
}
END_TEST

START_TEST(another_firmware_id_is_rejected_and_none_passes_with_a_note)
{
	WITH_GPU(gpu->fwid = 0x11);
	expect(VERDICT_REJECTED, "gpu 0 fwid failed");
	m->units[0].fwid = FORGE_NO;
	forge_unit_report(m, 0);
	judge();
	expect(VERDICT_ACCEPTED, "");
	expect_note(0, "fwid", "no firmware id");
}
END_TEST

START_TEST(a_switch_must_report_its_certificates_pdi)
{
	m = forge_machine(8, 4);
	m->units[9].pdi++;
	forge_unit_report(m, 9);
	judge();
	expect(VERDICT_REJECTED, "nvswitch 1 opaque failed; topology failed");
}
END_TEST

/* --- mode --------------------------------------------------------------------------------------- */

START_TEST(a_single_gpu_must_not_be_in_protected_pcie_mode)
{
	WITH_GPU(gpu->ppcie = OPAQUE_ENABLED, gpu->feature = OPAQUE_FEATURE_PPCIE);
	expect(VERDICT_REJECTED, "gpu 0 mode failed");
	m->units[0].ppcie = OPAQUE_DISABLED;
	forge_unit_report(m, 0);
	judge();
	expect(VERDICT_REJECTED, "gpu 0 mode failed");
	m->units[0].feature = OPAQUE_FEATURE_MPT;
	forge_unit_report(m, 0);
	judge();
	expect(VERDICT_REJECTED, "gpu 0 mode failed");
}
END_TEST

START_TEST(old_firmware_may_leave_its_mode_unsaid_on_a_single_gpu_only)
{
	WITH_GPU(gpu->ppcie = FORGE_NO, gpu->feature = FORGE_NO);
	expect(VERDICT_ACCEPTED, "");
	expect_note(0, "mode", "does not say");
	stop();
	m = forge_machine(8, 4);
	m->units[5].ppcie = FORGE_NO;
	forge_unit_report(m, 5);
	judge();
	expect(VERDICT_REJECTED, "gpu 5 mode failed");
}
END_TEST

START_TEST(every_gpu_of_eight_must_be_in_protected_pcie_mode)
{
	m = forge_machine(8, 4);
	m->units[2].ppcie = OPAQUE_DISABLED;
	m->units[2].feature = OPAQUE_FEATURE_SPT;
	forge_unit_report(m, 2);
	judge();
	expect(VERDICT_REJECTED, "gpu 2 mode failed");
	m->n = 8;
	m->rules.shape = APPRAISE_AUTO;
	judge();
	expect(VERDICT_REJECTED, "gpu 2 mode failed");
}
END_TEST

START_TEST(the_driver_must_say_the_same_mode)
{
	m = forge_machine(1, 0);
	m->rules.facts.cc_feature = 0;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 mode failed");
	m->rules.facts.cc_feature = 1;
	m->rules.facts.multi_gpu_mode = 1;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 mode failed");
	m->rules.facts.multi_gpu_mode = 0;
	m->rules.facts.devtools = 1;
	judge();
	expect(VERDICT_ACCEPTED, "");
	expect_note(0, "mode", "DEVTOOLS MODE IS ON");
	ck_assert_str_eq(json_str(r->devices[0].claims, "dbgstat", ""), "enabled");
}
END_TEST

START_TEST(the_environment_must_be_a_confidential_one)
{
	m = forge_machine(1, 0);
	m->rules.facts.environment = 2;
	judge();
	expect(VERDICT_ACCEPTED, "");
	m->rules.facts.environment = 1;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 mode failed");
	expect_note(0, "mode", "a simulation");
	m->rules.facts.environment = 0;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 mode failed");
	expect_note(0, "mode", "no confidential environment");
	m->rules.facts.environment = 3;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 mode failed");
	m->rules.facts.environment = -1;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 mode failed");
}
END_TEST

/* Nobody documents what it is on those; a simulation it must not be. */
START_TEST(the_environment_of_eight_gpus_is_no_simulation)
{
	m = forge_machine(8, 4);
	m->rules.facts.environment = 0;
	judge();
	expect(VERDICT_ACCEPTED, "");
	m->rules.facts.environment = 1;
	judge();
	ck_assert_int_eq(r->verdict, VERDICT_REJECTED);
	expect_note(7, "mode", "a simulation");
}
END_TEST

START_TEST(a_switch_must_not_report_that_protected_pcie_is_off)
{
	m = forge_machine(8, 4);
	m->units[9].ppcie = OPAQUE_ENABLED;
	forge_unit_report(m, 9);
	judge();
	expect(VERDICT_ACCEPTED, "");
	m->units[9].ppcie = OPAQUE_DISABLED;
	forge_unit_report(m, 9);
	judge();
	expect(VERDICT_REJECTED, "nvswitch 1 mode failed");
}
END_TEST

START_TEST(a_switch_must_be_locked)
{
	m = forge_machine(8, 4);
	for (size_t i = 0; i < 4; i++)
		m->rules.facts.switch_mode[i] = 3;
	judge();
	expect(VERDICT_ACCEPTED, "");
	m->rules.facts.switch_mode[2] = 2;
	judge();
	expect(VERDICT_REJECTED, "nvswitch 2 mode failed");
	m->rules.facts.switch_mode[2] = -1;
	judge();
	expect(VERDICT_REJECTED, "nvswitch 2 mode failed");
}
END_TEST

/* --- measurements ------------------------------------------------------------------------------- */

START_TEST(a_wrong_measurement_is_rejected_with_its_values)
{
	m = forge_machine(1, 0);
	forge_unit_mismeasure(m, 0, 25);
	judge();
	expect(VERDICT_REJECTED, "gpu 0 measurements failed");
	expect_note(0, "measurements",
		    "index 25 (driver) golden dadadadadada, runtime dbdadadadada");
	ck_assert_msg(str_starts(check_of(0, "measurements")->found, "index 25: dbdada"), "%s",
		      check_of(0, "measurements")->found);
	ck_assert_uint_eq(
		json_count(json_get(r->devices[0].claims, "x-nvidia-mismatch-measurement-records")),
		1);
}
END_TEST

START_TEST(index_9_is_rejected_with_its_hint)
{
	m = forge_machine(1, 0);
	forge_unit_mismeasure(m, 0, 9);
	judge();
	expect(VERDICT_REJECTED, "gpu 0 measurements failed");
	expect_note(0, "measurements", "a cold restart of the host, or a newer VBIOS, has been known to mend index 9");
	expect_note(0, "measurements", "index 9 (VBIOS)");
}
END_TEST

START_TEST(what_no_manifest_names_is_not_compared)
{
	m = forge_machine(1, 0);
	forge_unit_mismeasure(m, 0, 15);
	judge();
	expect(VERDICT_ACCEPTED, "");
}
END_TEST

START_TEST(index_35_counts_only_when_nvdec0_is_on)
{
	m = forge_machine(1, 0);
	forge_unit_mismeasure(m, 0, 35);
	judge();
	expect(VERDICT_ACCEPTED, "");
	expect_note(0, "measurements", "index 35 differs");
	m->units[0].nvdec0 = OPAQUE_ENABLED;
	forge_unit_report(m, 0);
	judge();
	expect(VERDICT_ACCEPTED, "");
	forge_unit_mismeasure(m, 0, 35);
	judge();
	expect(VERDICT_REJECTED, "gpu 0 measurements failed");
	m->units[0].nvdec0 = 0x12;
	forge_unit_report(m, 0);
	judge();
	expect(VERDICT_REJECTED, "gpu 0 measurements failed");
	expect_note(0, "measurements", "NVDEC0");
	m->units[0].nvdec0 = FORGE_NO;
	forge_unit_report(m, 0);
	judge();
	expect(VERDICT_REJECTED, "gpu 0 measurements failed");
}
END_TEST

START_TEST(a_switch_compares_index_30_and_skips_nothing)
{
	m = forge_machine(8, 4);
	forge_unit_mismeasure(m, 11, 30);
	judge();
	expect(VERDICT_REJECTED, "nvswitch 3 measurements failed");
	expect_note(11, "measurements", "(BIOS)");
}
END_TEST

START_TEST(an_index_in_both_manifests_is_a_conflict)
{
	m = forge_machine(1, 0);
	/* The first that is not active there: 7, which is the driver's. */
	m->rims[RIM_GPU_VBIOS].body = (struct forge_edit){ "active=\"False\" alternatives=\"1\"",
							   "active=\"True\" alternatives=\"1\"" };
	judge();
	expect(VERDICT_REJECTED, "gpu 0 index_conflict failed; gpu 0 measurements failed");
	expect_note(0, "index_conflict", "index 7 is active in both");
}
END_TEST

/* --- manifests ---------------------------------------------------------------------------------- */

#define NO_RIM                                                                                 \
	"gpu 0 rim_parse not-run; gpu 0 rim_structure not-run; gpu 0 rim_profile not-run; "    \
	"gpu 0 rim_signature not-run; gpu 0 rim_chain not-run; gpu 0 rim_chain_time not-run; " \
	"gpu 0 rim_version not-run; gpu 0 index_conflict not-run; gpu 0 measurements not-run"

START_TEST(a_missing_manifest_is_unknown_and_named)
{
	m = forge_machine(1, 0);
	m->rim_missing[RIM_GPU_VBIOS] = true;
	judge();
	expect(VERDICT_UNKNOWN, "gpu 0 ocsp not-run; gpu 0 rim_fetch unknown; " NO_RIM);
	ck_assert_str_eq(check_of(0, "rim_fetch")->expected,
			 "VBIOS: NV_GPU_VBIOS_G520_0200_885_9600A50001");
	ck_assert_str_eq(check_of(0, "rim_fetch")->found, "VBIOS: 404");
	ck_assert_int_eq(check_of(0, "rim_fetch")->cause, CAUSE_RIM_MISSING);
	expect_note(
		0, "rim_fetch",
		"VBIOS: named after version 96.00.A5.00.01 and board G520 in the report of gpu 0");
	m->rim_missing[RIM_GPU_VBIOS] = false;
	m->rim_unreachable[RIM_GPU_DRIVER] = true;
	judge();
	expect(VERDICT_UNKNOWN, "gpu 0 ocsp not-run; gpu 0 rim_fetch unknown; " NO_RIM);
	ck_assert_str_eq(check_of(0, "rim_fetch")->found, "driver: timed out");
	ck_assert_int_eq(check_of(0, "rim_fetch")->cause, CAUSE_NO_ANSWER);
	expect_note(0, "rim_fetch", "driver: named after version 590.12 in the report of gpu 0");
}
END_TEST

START_TEST(each_device_names_its_own_report_and_the_gravest_cause)
{
	struct appraise *a;
	struct err e = ERR_INIT;

	m = forge_machine(8, 4);
	ck_assert_int_eq(appraise_new(m->devices, m->n, &m->rules, &a, &e), 0);
	for (size_t i = 0; i < appraise_rims(a); i++)
		appraise_miss_rim(a, i, i == 0 ? CAUSE_BAD_ANSWER : CAUSE_RIM_MISSING, "why");
	r = xcalloc(1, sizeof(*r));
	appraise_judge(a, r);
	appraise_free(a);
	expect_note(3, "rim_fetch", "in the report of gpu 3");
	ck_assert_int_eq(check_of(3, "rim_fetch")->cause, CAUSE_BAD_ANSWER);
	ck_assert_int_eq(check_of(11, "rim_fetch")->cause, CAUSE_RIM_MISSING);
	expect_note(11, "rim_fetch", "version 96.10.73.00.01 in the report of nvswitch 3");
}
END_TEST

START_TEST(a_mismatch_counts_also_when_the_other_manifest_is_missing)
{
	m = forge_machine(1, 0);
	m->rim_missing[RIM_GPU_VBIOS] = true;
	forge_unit_mismeasure(m, 0, 25);
	judge();
	ck_assert_int_eq(r->verdict, VERDICT_REJECTED);
	ck_assert_int_eq(check_of(0, "measurements")->result, CHECK_FAILED);
}
END_TEST

START_TEST(a_manifest_of_another_version_is_rejected)
{
	m = forge_machine(1, 0);
	m->rims[RIM_GPU_DRIVER].version = "590.13";
	judge();
	expect(VERDICT_REJECTED, "gpu 0 rim_version failed");
	ck_assert_str_eq(check_of(0, "rim_version")->expected, "driver: 590.12");
	ck_assert_str_eq(check_of(0, "rim_version")->found, "driver: 590.13");
}
END_TEST

START_TEST(a_manifest_signed_by_another_is_not_compared_with)
{
	m = forge_machine(1, 0);
	m->rims[RIM_GPU_DRIVER].key = m->units[0].chain.keys[0];
	judge();
	expect(VERDICT_REJECTED, "gpu 0 rim_signature failed; gpu 0 index_conflict not-run; "
				 "gpu 0 measurements not-run");
	expect_note(0, "rim_signature", "driver: ");
}
END_TEST

START_TEST(a_manifest_under_another_root_is_not_compared_with)
{
	m = forge_machine(1, 0);
	m->rules.rim_root[0] ^= 1;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 ocsp not-run; gpu 0 rim_chain failed; "
				 "gpu 0 index_conflict not-run; gpu 0 measurements not-run");
}
END_TEST

START_TEST(an_expired_signer_of_a_manifest_is_named)
{
	struct forge_cert specs[] = FORGE_RIM_SPECS("GH100");
	struct forge_chain *c;

	m = forge_machine(1, 0);
	m->rules.ocsp = false;
	c = &m->rim_chains[DEVICE_GPU];
	specs[0].until = FORGE_NOW - 1;
	X509_free(c->certs[0]);
	forge_issue(c, 0, &specs[0]);
	judge();
	expect(VERDICT_REJECTED, "gpu 0 ocsp skipped; gpu 0 rim_chain_time failed");
	expect_note(0, "rim_chain_time",
		    "driver: certificate 0 \"Forged L4 Signer\" is valid from");
	expect_note(0, "rim_chain_time", "VBIOS: certificate 0 \"Forged L4 Signer\"");
	m->rules.allow_expired_rim = true;
	judge();
	expect(VERDICT_ACCEPTED, "gpu 0 ocsp skipped; gpu 0 rim_chain_time skipped");
	expect_note(0, "rim_chain_time", "VBIOS: taken by an option though certificate 0");
	ck_assert_str_eq(
		json_str(json_get(r->devices[0].claims, "x-nvidia-gpu-driver-rim-cert-chain"),
			 "x-nvidia-cert-status", ""),
		"expired");
}
END_TEST

START_TEST(one_expired_signer_of_two_shows_as_skipped)
{
	struct forge_cert specs[] = FORGE_RIM_SPECS("GH100");
	struct forge_chain expired = { .n = 0 };

	m = forge_machine(1, 0);
	m->rules.ocsp = false;
	m->rules.allow_expired_rim = true;
	forge_share(&expired, &m->rim_chains[DEVICE_GPU], 1);
	expired.keys[0] = EVP_EC_gen("P-384");
	specs[0].until = FORGE_NOW - 1;
	forge_issue(&expired, 0, &specs[0]);
	m->rims[RIM_GPU_VBIOS].chain = &expired;
	judge();
	expect(VERDICT_ACCEPTED, "gpu 0 ocsp skipped; gpu 0 rim_chain_time skipped");
	forge_chain_done(&expired);
}
END_TEST

START_TEST(an_option_for_expired_signers_excuses_nothing_else)
{
	struct forge_cert specs[] = FORGE_RIM_SPECS("GH100");
	struct forge_chain *c;

	m = forge_machine(1, 0);
	m->rules.ocsp = false;
	m->rules.allow_expired_rim = true;
	m->rules.at = FORGE_NOW - 60 * 365 * 86400L; /* before all of them: the clock is wrong */
	judge();
	ck_assert_int_eq(check_of(0, "rim_chain_time")->result, CHECK_FAILED);
	ck_assert_int_eq(check_of(0, "chain_time")->result, CHECK_FAILED);
	m->rules.at = FORGE_NOW;
	c = &m->rim_chains[DEVICE_GPU];
	specs[0].until = FORGE_NOW - 1;
	X509_free(c->certs[0]);
	forge_issue(c, 0, &specs[0]);
	m->rims[RIM_GPU_DRIVER].key = m->units[0].chain.keys[0];
	judge();
	expect(VERDICT_REJECTED,
	       "gpu 0 ocsp skipped; gpu 0 rim_signature failed; gpu 0 rim_chain_time skipped; "
	       "gpu 0 index_conflict not-run; gpu 0 measurements not-run");
}
END_TEST

START_TEST(a_garbled_manifest_is_rejected)
{
	struct appraise *a;
	struct err e = ERR_INIT;

	m = forge_machine(1, 0);
	ck_assert_int_eq(appraise_new(m->devices, m->n, &m->rules, &a, &e), 0);
	ck_assert_int_eq(appraise_give_rim(a, 0, "<x", 2, &e), 0);
	ck_assert_int_eq(appraise_give_rim(a, 0, "<x", 2, &e), -1);
	r = xcalloc(1, sizeof(*r));
	appraise_judge(a, r);
	appraise_free(a);
	ck_assert_int_eq(r->verdict, VERDICT_REJECTED);
	ck_assert_int_eq(check_of(0, "rim_parse")->result, CHECK_FAILED);
	expect_note(0, "rim_parse", "driver: ");
}
END_TEST

/* --- revocation --------------------------------------------------------------------------------- */

START_TEST(a_revoked_device_certificate_is_rejected_even_on_hold)
{
	m = forge_machine(8, 4);
	m->about = "Forged LS_10 Provisioner ICA 1";
	m->answer.status = V_OCSP_CERTSTATUS_REVOKED;
	m->answer.reason = OCSP_REVOKED_STATUS_KEYCOMPROMISE;
	judge();
	expect(VERDICT_REJECTED, "nvswitch 0 ocsp failed; nvswitch 1 ocsp failed; "
				 "nvswitch 2 ocsp failed; nvswitch 3 ocsp failed");
	expect_note(8, "ocsp",
		    "certificate \"Forged LS_10 Provisioner ICA 1\": revoked: keyCompromise");
	m->answer.reason = OCSP_REVOKED_STATUS_CERTIFICATEHOLD;
	m->rules.allow_hold = true;
	judge();
	ck_assert_int_eq(r->verdict, VERDICT_REJECTED);
}
END_TEST

START_TEST(a_manifests_certificate_on_hold_passes_by_option_alone)
{
	m = forge_machine(1, 0);
	m->about = "Forged L4 Signer";
	m->answer.status = V_OCSP_CERTSTATUS_REVOKED;
	m->answer.reason = OCSP_REVOKED_STATUS_CERTIFICATEHOLD;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 ocsp failed");
	ck_assert_str_eq(
		json_str(json_get(r->devices[0].claims, "x-nvidia-gpu-driver-rim-cert-chain"),
			 "x-nvidia-cert-status", ""),
		"revoked");
	m->rules.allow_hold = true;
	judge();
	expect(VERDICT_ACCEPTED, "");
	expect_note(0, "ocsp", "certificateHold");
	ck_assert_ptr_nonnull(
		strstr(json_str(r->devices[0].claims, "x-nvidia-attestation-warning", ""),
		       "Forged L4 Signer"));
}
END_TEST

START_TEST(no_authentic_answer_is_unknown)
{
	struct forge_chain other;

	m = forge_machine(1, 0);
	m->about = "Forged Identity";
	m->refusal = OCSP_RESPONSE_STATUS_TRYLATER;
	judge();
	expect(VERDICT_UNKNOWN, "gpu 0 ocsp unknown");
	expect_note(0, "ocsp", "trylater");
	ck_assert_int_eq(check_of(0, "ocsp")->cause, CAUSE_NO_ANSWER);
	m->refusal = OCSP_RESPONSE_STATUS_UNAUTHORIZED;
	judge();
	expect(VERDICT_UNKNOWN, "gpu 0 ocsp unknown");
	ck_assert_int_eq(check_of(0, "ocsp")->cause, CAUSE_BAD_ANSWER);
	m->refusal = 0;
	m->silent = true;
	judge();
	expect(VERDICT_UNKNOWN, "gpu 0 ocsp unknown");
	expect_note(0, "ocsp", "connection refused");
	ck_assert_int_eq(check_of(0, "ocsp")->cause, CAUSE_NO_ANSWER);
	m->silent = false;
	forge_device_chain(&other, DEVICE_GPU);
	m->answer.signer = other.certs[4];
	m->answer.key = other.keys[4];
	judge();
	expect(VERDICT_UNKNOWN, "gpu 0 ocsp unknown");
	ck_assert_int_eq(check_of(0, "ocsp")->cause, CAUSE_BAD_ANSWER);
	forge_chain_done(&other);
}
END_TEST

START_TEST(an_authentic_answer_of_another_time_or_question_is_rejected)
{
	static const uint8_t nonce[OCSP_NONCE_SIZE] = "another";

	m = forge_machine(1, 0);
	m->about = "GH100 A01 GSP BROM";
	m->answer.until = FORGE_NOW - 400;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 ocsp failed");
	m->answer.until = 0;
	m->answer.nonce = nonce;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 ocsp failed");
	ck_assert_str_eq(check_of(0, "ocsp")->found, "other-nonce");
	m->rules.ocsp_nonce = false;
	judge();
	expect(VERDICT_ACCEPTED, "");
	m->answer.status = V_OCSP_CERTSTATUS_UNKNOWN;
	judge();
	expect(VERDICT_REJECTED, "gpu 0 ocsp failed");
}
END_TEST

START_TEST(a_responder_of_sha1_is_asked_a_second_time)
{
	m = forge_machine(1, 0);
	m->sha1_only = true;
	judge();
	expect(VERDICT_ACCEPTED, "");
	ck_assert_uint_eq(m->questions, 12);
}
END_TEST

START_TEST(switched_off_ocsp_is_skipped_and_accepted)
{
	m = forge_machine(1, 0);
	m->rules.ocsp = false;
	judge();
	expect(VERDICT_ACCEPTED, "gpu 0 ocsp skipped");
	ck_assert_uint_eq(m->questions, 0);
	expect_note(0, "ocsp", "option");
}
END_TEST

START_TEST(a_later_answer_replaces_none_but_not_a_revocation)
{
	struct appraise *a;
	struct err e = ERR_INIT;
	bool retry = false;
	size_t n;
	uint8_t *bytes;

	m = forge_machine(1, 0);
	ck_assert_int_eq(appraise_new(m->devices, m->n, &m->rules, &a, &e), 0);
	forge_give_rims(m, a);
	forge_give_answers(m, a);
	bytes = forge_refusal(OCSP_RESPONSE_STATUS_TRYLATER, &n);
	ck_assert_int_eq(appraise_give_ocsp(a, 0, bytes, n, &retry, &e), 0);
	ck_assert(retry);
	free(bytes);
	r = xcalloc(1, sizeof(*r));
	appraise_judge(a, r);
	ck_assert_int_eq(r->verdict, VERDICT_ACCEPTED);
	appraise_free(a);
}
END_TEST

/* --- topology ----------------------------------------------------------------------------------- */

static const char *topology_note(void)
{
	const struct check *c = check_find(r->checks, r->checks_n, "topology");

	return c ? c->note : "";
}

START_TEST(a_hidden_gpu_fails_the_count)
{
	struct appraise_device last;

	m = forge_machine(8, 4);
	last = m->devices[11];
	memmove(&m->devices[7], &m->devices[8], 3 * sizeof(last));
	m->devices[10] = last;
	m->n = 11;
	judge();
	expect(VERDICT_REJECTED, "count failed; topology failed");
	m->n = 12;
}
END_TEST

START_TEST(one_gpu_too_many_fails_the_count_of_a_single_one)
{
	m = forge_machine(2, 0);
	judge();
	expect(VERDICT_REJECTED, "count failed");
}
END_TEST

/* One device shown in the place of another: NVIDIA's tool accepts that. */
static void twice(size_t which, size_t in_place_of)
{
	unsigned int index;

	m = forge_machine(8, 4);
	index = m->devices[in_place_of].index;
	m->devices[in_place_of] = m->devices[which];
	m->devices[in_place_of].index = index;
	judge();
	expect(VERDICT_REJECTED, "topology failed");
	ck_assert_msg(strstr(topology_note(), "are the same device") != NULL, "%s",
		      topology_note());
}

START_TEST(a_switch_shown_twice_fails_topology)
{
	twice(8, 10);
}
END_TEST

START_TEST(a_gpu_shown_twice_fails_topology)
{
	twice(0, 7);
}
END_TEST

START_TEST(a_gpu_of_another_machine_fails_topology)
{
	m = forge_machine(8, 4);
	for (size_t i = 0; i < 4; i++)
		m->units[6].links[i] += 0x100;
	forge_unit_report(m, 6);
	judge();
	expect(VERDICT_REJECTED, "topology failed");
	ck_assert_msg(strstr(topology_note(), "gpu 6 does not name nvswitch 0"), "%s",
		      topology_note());
}
END_TEST

START_TEST(a_neighbour_that_was_not_attested_fails_topology)
{
	m = forge_machine(8, 4);
	m->units[1].links[17] = 0x1234;
	forge_unit_report(m, 1);
	judge();
	expect(VERDICT_REJECTED, "topology failed");
	ck_assert_msg(strstr(topology_note(), "gpu 1 names a nvswitch that was not attested"), "%s",
		      topology_note());
	m->units[1].links[17] = 0;
	m->units[8].links[3] = 0x1234;
	forge_unit_report(m, 1);
	forge_unit_report(m, 8);
	judge();
	expect(VERDICT_REJECTED, "topology failed");
}
END_TEST

START_TEST(without_every_report_topology_is_not_run)
{
	m = forge_machine(8, 4);
	m->devices[9].report = NULL;
	judge();
	ck_assert_int_eq(r->verdict, VERDICT_UNKNOWN);
	ck_assert_int_eq(r->checks[1].result, CHECK_NOT_RUN);
	ck_assert_int_eq(r->checks[0].result, CHECK_PASSED);
}
END_TEST

/* --- the object --------------------------------------------------------------------------------- */

START_TEST(json_has_the_documented_form)
{
	_cleanup_json_ struct json_object *o = NULL;
	struct json_object *device;

	m = forge_machine(1, 0);
	judge();
	o = appraisal_to_json(r);
	ck_assert_int_eq(json_int(o, "schema", 0), 1);
	ck_assert_str_eq(json_str(o, "verdict", ""), "accepted");
	ck_assert_str_eq(json_str(o, "trust_anchors", ""), "custom");
	device = json_item(json_get(o, "devices"), 0);
	ck_assert_str_eq(json_str(device, "type", ""), "gpu");
	ck_assert_uint_eq(json_count(json_get(device, "checks")), 22);
	ck_assert_str_eq(json_str(json_get(device, "claims"), "measres", ""), "success");
	ck_assert_str_eq(json_str(json_item(json_get(o, "checks"), 0), "name", ""), "count");
}
END_TEST

START_TEST(too_many_devices_are_an_error)
{
	struct appraise *a;
	struct err e = ERR_INIT;

	m = forge_machine(1, 0);
	ck_assert_int_eq(appraise_new(m->devices, VERDICT_DEVICES_MAX + 1, &m->rules, &a, &e), -1);
}
END_TEST

SUITE_AROUND("appraise", NULL, stop, a_single_gpu_is_accepted,
	     eight_gpus_and_four_switches_are_accepted,
	     shape_auto_runs_topology_only_with_both_kinds, what_the_driver_says_is_compared,
	     no_devices_are_no_verdict, a_garbled_report_is_rejected_and_ends_what_needs_it,
	     a_report_that_was_not_to_be_had_is_unknown, a_garbled_chain_is_rejected,
	     a_changed_report_fails_its_signature, another_gpus_chain_fails_the_signature,
	     another_root_fails_the_chain_and_leaves_nobody_to_ask,
	     a_chain_of_another_time_fails_its_time, another_architecture_is_refused_plainly,
	     a_switch_is_no_gpu, another_nonce_is_rejected_and_none_is_no_verdict,
	     another_firmware_id_is_rejected_and_none_passes_with_a_note,
	     a_switch_must_report_its_certificates_pdi,
	     a_single_gpu_must_not_be_in_protected_pcie_mode,
	     old_firmware_may_leave_its_mode_unsaid_on_a_single_gpu_only,
	     every_gpu_of_eight_must_be_in_protected_pcie_mode, the_driver_must_say_the_same_mode,
	     a_switch_must_be_locked, the_environment_must_be_a_confidential_one,
	     the_environment_of_eight_gpus_is_no_simulation,
	     a_switch_must_not_report_that_protected_pcie_is_off,
	     a_wrong_measurement_is_rejected_with_its_values, index_9_is_rejected_with_its_hint,
	     what_no_manifest_names_is_not_compared, index_35_counts_only_when_nvdec0_is_on,
	     a_switch_compares_index_30_and_skips_nothing, an_index_in_both_manifests_is_a_conflict,
	     a_missing_manifest_is_unknown_and_named,
	     each_device_names_its_own_report_and_the_gravest_cause,
	     a_mismatch_counts_also_when_the_other_manifest_is_missing,
	     a_manifest_of_another_version_is_rejected,
	     a_manifest_signed_by_another_is_not_compared_with,
	     a_manifest_under_another_root_is_not_compared_with,
	     an_expired_signer_of_a_manifest_is_named, one_expired_signer_of_two_shows_as_skipped,
	     an_option_for_expired_signers_excuses_nothing_else, a_garbled_manifest_is_rejected,
	     a_revoked_device_certificate_is_rejected_even_on_hold,
	     a_manifests_certificate_on_hold_passes_by_option_alone, no_authentic_answer_is_unknown,
	     an_authentic_answer_of_another_time_or_question_is_rejected,
	     a_responder_of_sha1_is_asked_a_second_time, switched_off_ocsp_is_skipped_and_accepted,
	     a_later_answer_replaces_none_but_not_a_revocation, a_hidden_gpu_fails_the_count,
	     one_gpu_too_many_fails_the_count_of_a_single_one, a_switch_shown_twice_fails_topology,
	     a_gpu_shown_twice_fails_topology, a_gpu_of_another_machine_fails_topology,
	     a_neighbour_that_was_not_attested_fails_topology,
	     without_every_report_topology_is_not_run, json_has_the_documented_form,
	     too_many_devices_are_an_error)
