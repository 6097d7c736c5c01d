#include "nvtool.h"

#include "core/str.h"
#include "fixture.h"
#include "suite.h"

static struct appraisal a;
static char *single, *multi;

static void read_samples(void)
{
	single = fixture_text("cc_admin.txt");
	multi = fixture_text("ppcie.txt");
}

static void free_samples(void)
{
	free(TAKE_PTR(single));
	free(TAKE_PTR(multi));
}

static enum verdict judge(const char *output, int status, enum shape shape)
{
	memset(&a, 0xff, sizeof(a));
	nvtool_judge(output, status, shape, &a);
	return a.verdict;
}

static enum verdict judge_sample(const char *output)
{
	return judge(output, 0, strstr(output, "PPCIE") ? SHAPE_MULTI : SHAPE_SINGLE);
}

/* The n-th place (from 1) at which `old` stands gets `new` in its stead. Caller frees. */
static char *change_nth(const char *text, const char *old, const char *new, size_t n)
{
	const char *at = text - 1;

	for (; n > 0; n--) {
		at = strstr(at + 1, old);
		ck_assert_msg(at != NULL, "\"%s\" is not in the sample that often", old);
	}
	return xasprintf("%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
}

static size_t count_of(const char *text, const char *part)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, part)); p++)
		n++;
	return n;
}

static enum check_result device_check(enum device_type type, unsigned int index, const char *name)
{
	struct device_verdict *d = appraisal_device(&a, type, index);
	struct check *c = check_find(d->checks, d->checks_n, name);

	ck_assert_msg(c != NULL, "no check %s of %s %u", name, device_type_name(type), index);
	return c->result;
}

static enum check_result whole_check(const char *name)
{
	struct check *c = check_find(a.checks, a.checks_n, name);

	ck_assert_msg(c != NULL, "no check %s", name);
	return c->result;
}

/* --- the guide's samples -------------------------------------------------------------------- */

START_TEST(the_guides_sample_of_one_gpu_is_accepted)
{
	ck_assert_int_eq(judge(single, 0, SHAPE_SINGLE), VERDICT_ACCEPTED);
	ck_assert_uint_eq(a.devices_n, 1);
	ck_assert_str_eq(a.devices[0].id, "GPU-e1e94012-8c7b-f9a2-d712-fc5b014f364c");
	ck_assert_str_eq(a.decided_by, "nvidia");
}
END_TEST

START_TEST(the_guides_sample_of_8_gpus_is_accepted)
{
	ck_assert_int_eq(judge(multi, 0, SHAPE_MULTI), VERDICT_ACCEPTED);
	ck_assert_uint_eq(a.devices_n, 12);
	ck_assert_str_eq(a.devices[7].id, "GPU-4d8767db-a4ed-4ec1-d863-6c7635366dd1");
	for (size_t i = 0; i < a.devices_n; i++)
		ck_assert_int_eq(a.devices[i].verdict, VERDICT_ACCEPTED);
}
END_TEST

START_TEST(tabs_and_line_ends_of_another_kind_change_nothing)
{
	const char *const samples[] = { single, multi };

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		struct strbuf text = { 0 };

		for (const char *p = samples[i]; *p; p++) {
			if (strncmp(p, "        ", 8) == 0) {
				strbuf_add(&text, "\t", 1);
				p += 7;
			} else if (*p == '\n') {
				strbuf_add(&text, "\r\n", 2);
			} else {
				strbuf_add(&text, p, 1);
			}
		}
		ck_assert_int_eq(judge_sample(text.s), VERDICT_ACCEPTED);
		strbuf_done(&text);
	}
}
END_TEST

START_TEST(one_shapes_output_does_not_do_for_the_other)
{
	ck_assert_int_eq(judge(single, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
	ck_assert_int_eq(judge(multi, 0, SHAPE_SINGLE), VERDICT_UNKNOWN);
	ck_assert_int_eq(whole_check("count"), CHECK_UNKNOWN);
}
END_TEST

/* --- what is not said did not happen -------------------------------------------------------- */

/* Lines that say what was checked, or of whom. */
static bool line_is_required(const char *line)
{
	static const char *const words[] = {
		"Verifying GPU: ", "Verifying Switch : ", "verified successfully.", "GPU Attestation is Successful.",
		"certificate chain validation successful.", "request message is matching",
		"Attestation report signature verification successful.", "golden measurements.", "SUCCESS |",
		"firmware ID in the device certificate chain is matching", "revocation status verification successful.",
		"RIM Schema validation passed.", "RIM certificate chain verification successful.",
		"RIM signature verification successful.", "Authenticating Driver RIM", "Authenticating VBIOS RIM",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

static size_t drop_each_line(const char *sample)
{
	size_t required = 0;

	for (const char *line = sample; *line;) {
		size_t n = strcspn(line, "\n") + 1;
		_cleanup_free_ char *text = xasprintf("%.*s%s", (int)(line - sample), sample, line + n);
		_cleanup_free_ char *words = xstrndup(line, n - 1);
		enum verdict v = judge_sample(text);

		ck_assert_msg(v != VERDICT_REJECTED, "rejected without \"%s\"", words);
		if (line_is_required(words)) {
			ck_assert_msg(v == VERDICT_UNKNOWN, "accepted without \"%s\"", words);
			required++;
		} else {
			ck_assert_msg(v == VERDICT_ACCEPTED, "\"%s\" should not matter", words);
		}
		line += n;
	}
	return required;
}

START_TEST(no_required_line_may_be_missing_and_no_other_matters)
{
	/* A GPU: itself, 6 checks of its own, 5 lines for each RIM, verified; a switch: 5 and one RIM. */
	ck_assert_uint_eq(drop_each_line(single), 18 + 1);
	ck_assert_uint_eq(drop_each_line(multi), 8 * 18 + 4 * 12 + 1 + 5);
}
END_TEST

START_TEST(output_that_was_cut_off_is_never_accepted)
{
	const char *const ends[] = { strstr(single, "GPU Attestation is Successful.") + 30,
				     strstr(multi, "Topology checks   | SUCCESS") + 26 };
	const char *const samples[] = { single, multi };

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		for (size_t n = 0; samples[i] + n < ends[i]; n += 13) {
			_cleanup_free_ char *text = xstrndup(samples[i], n);
			enum shape shape = i ? SHAPE_MULTI : SHAPE_SINGLE;

			ck_assert_msg(judge(text, 0, shape) == VERDICT_UNKNOWN, "%zu bytes are enough", n);
		}
}
END_TEST

START_TEST(nothing_and_junk_are_unknown)
{
	static char junk[4 << 20];
	uint32_t x = 1;

	for (enum shape shape = SHAPE_SINGLE; shape <= SHAPE_MULTI; shape++) {
		ck_assert_int_eq(judge("", 0, shape), VERDICT_UNKNOWN);
		ck_assert_int_eq(judge("\n\n\n", 0, shape), VERDICT_UNKNOWN);
		ck_assert_int_eq(judge("GPU Attestation is Successful.\n", 0, shape), VERDICT_UNKNOWN);
		ck_assert_uint_gt(a.devices_n, 0);
	}
	for (size_t i = 0; i < sizeof(junk) - 1; i++) {
		x = x * 1664525 + 1013904223;
		junk[i] = (char)(x >> 24 ? x >> 24 : 1);
	}
	ck_assert_int_eq(judge(junk, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
}
END_TEST

START_TEST(a_sample_behind_megabytes_of_noise_is_still_read)
{
	struct strbuf text = { 0 };

	for (int i = 0; i < 20000; i++)
		strbuf_printf(&text, "noise %d | GPU Attestation | Verifying nothing: with 8 blanks | \n", i);
	strbuf_printf(&text, "%s", single);
	ck_assert_int_eq(judge(text.s, 0, SHAPE_SINGLE), VERDICT_ACCEPTED);
	strbuf_done(&text);
}
END_TEST

START_TEST(an_exit_status_other_than_zero_is_not_accepted)
{
	ck_assert_int_eq(judge(single, 1, SHAPE_SINGLE), VERDICT_UNKNOWN);
	ck_assert_int_eq(judge(multi, 1, SHAPE_MULTI), VERDICT_UNKNOWN);
	ck_assert_int_eq(judge(multi, -1, SHAPE_MULTI), VERDICT_UNKNOWN);
}
END_TEST

/* --- what was refuted ----------------------------------------------------------------------- */

static const struct {
	const char *old, *new, *check;
} refutations[] = {
	{ "The runtime measurements are matching with the golden measurements.",
	  "The runtime measurements are not matching with the", "measurements" },
	{ "The certificate chain revocation status verification successful.",
	  "THE GH100 A01 GSP BROM IS REVOKED FOR REASON : key_compromise", "ocsp" },
	{ "Attestation report signature verification successful.", "Attestation report signature verification failed.",
	  "report_signature" },
	{ "request message is matching with the generated nonce.",
	  "request message is not matching with the generated nonce.", "nonce" },
	{ "RIM Schema validation passed.", "Schema validation of driver RIM failed.", "driver_rim_structure" },
	{ "vbios RIM signature verification successful.", "RIM signature verification failed.", "vbios_rim_signature" },
	{ "vbios RIM certificate chain verification successful.", "vbios RIM cert chain verification failed",
	  "vbios_rim_chain" },
	{ "vbios RIM certificate chain verification successful.",
	  "VBIOS RIM certificate expired on 2024-01-01T00:00:00.\nvbios RIM cert chain verification failed",
	  "vbios_rim_chain_time" },
	{ "RIM Schema validation passed.",
	  "RIM Schema validation passed.\nThe driver version in the RIM file is not matching with the installed driver version.",
	  "driver_rim_version" },
	{ "Comparing measurements (runtime vs golden)", "The driver and vbios RIM have measurement at the same index : 7",
	  "index_conflict" },
	{ "report certificate chain validation successful.", "report certificate chain validation failed.", "chain" },
};

START_TEST(every_refuted_check_of_every_device_rejects)
{
	for (size_t i = 0; i < ARRAY_SIZE(refutations); i++) {
		size_t n = count_of(multi, refutations[i].old);
		_cleanup_free_ char *one = change_nth(single, refutations[i].old, refutations[i].new, 1);

		ck_assert_int_eq(judge(one, 0, SHAPE_SINGLE), VERDICT_REJECTED);
		ck_assert_int_eq(device_check(DEVICE_GPU, 0, refutations[i].check), CHECK_FAILED);
		ck_assert_uint_ge(n, 12);
		for (size_t k = 1; k <= n; k++) {
			_cleanup_free_ char *text =
				change_nth(multi, refutations[i].old, refutations[i].new, k);

			ck_assert_msg(judge(text, 0, SHAPE_MULTI) == VERDICT_REJECTED, "%s, place %zu of %zu",
				      refutations[i].check, k, n);
		}
	}
}
END_TEST

START_TEST(a_firmware_id_that_does_not_match_rejects)
{
	_cleanup_free_ char *text = change_nth(single, "certificate chain is matching", "certificate chain is not matching", 1);

	ck_assert_int_eq(judge(text, 0, SHAPE_SINGLE), VERDICT_REJECTED);
	ck_assert_int_eq(device_check(DEVICE_GPU, 0, "fwid"), CHECK_FAILED);
}
END_TEST

START_TEST(a_good_word_after_a_bad_one_does_not_mend_it)
{
	_cleanup_free_ char *text = change_nth(
		single, "Attestation report signature verification successful.",
		"Attestation report signature verification failed.\nAttestation report signature verification successful.", 1);

	ck_assert_int_eq(judge(text, 0, SHAPE_SINGLE), VERDICT_REJECTED);
}
END_TEST

/* The real tool's hole: an exception at a later device ends the loop and leaves the verdict that the
 * devices before it gave. */
START_TEST(a_revoked_gpu_after_good_ones_is_rejected_whatever_the_last_line_says)
{
	const char *third = strstr(multi, "Verifying GPU: GPU-98377e04");
	const char *revocation = strstr(third, "The certificate chain revocation status");
	const char *end = strstr(multi, "GPU Attestation is Successful.");
	_cleanup_free_ char *text = xasprintf("%.*sTHE GH100 A01 GSP BROM IS REVOKED FOR REASON : ReasonFlags.key_compromise\n"
					      "\t\tGPU attestation report certificate chain revocation validation failed.\n%s",
					      (int)(revocation - multi), multi, end);

	ck_assert_int_eq(judge(text, 0, SHAPE_MULTI), VERDICT_REJECTED);
	ck_assert_int_eq(device_check(DEVICE_GPU, 3, "ocsp"), CHECK_FAILED);
	ck_assert_int_eq(appraisal_device(&a, DEVICE_GPU, 2)->verdict, VERDICT_ACCEPTED);
	ck_assert_int_eq(appraisal_device(&a, DEVICE_GPU, 3)->verdict, VERDICT_REJECTED);
	ck_assert_int_ne(appraisal_device(&a, DEVICE_GPU, 4)->verdict, VERDICT_ACCEPTED);
}
END_TEST

START_TEST(a_time_out_at_a_later_gpu_is_unknown_whatever_the_last_line_says)
{
	const char *third = strstr(multi, "Verifying GPU: GPU-98377e04");
	const char *revocation = strstr(third, "The certificate chain revocation status");
	const char *end = strstr(multi, "GPU Attestation is Successful.");
	_cleanup_free_ char *text = xasprintf("%.*sThe send_ocsp_request call timed out.\n%s",
					      (int)(revocation - multi), multi, end);

	ck_assert_int_eq(judge(text, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
	ck_assert_int_eq(device_check(DEVICE_GPU, 3, "ocsp"), CHECK_UNKNOWN);
}
END_TEST

START_TEST(a_device_that_says_it_is_bad_is_not_verified)
{
	static const char *const lines[] = {
		"GPU 0 with UUID GPU-e1e94012-8c7b-f9a2-d712-fc5b014f364c verified successfully. Not.",
		"GPU 1 with UUID GPU-e1e94012-8c7b-f9a2-d712-fc5b014f364c verified successfully.",
		"GPU 0 with UUID GPU-00000000-8c7b-f9a2-d712-fc5b014f364c verified successfully.",
		"The verification of GPU 0 with UUID GPU-e1e94012-8c7b-f9a2-d712-fc5b014f364c resulted in failure.",
		"nvSwitch 0 verified successfully.",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_free_ char *text =
			change_nth(single, "GPU 0 with UUID GPU-e1e94012-8c7b-f9a2-d712-fc5b014f364c verified successfully.",
				   lines[i], 1);

		ck_assert_msg(judge(text, 0, SHAPE_SINGLE) != VERDICT_ACCEPTED, "%s", lines[i]);
	}
}
END_TEST

/* --- out of reach --------------------------------------------------------------------------- */

START_TEST(what_was_out_of_reach_is_unknown_and_not_rejected)
{
	static const char *const lines[] = {
		"Call to send_ocsp_request timed out after 10 seconds.",
		"<urlopen error [Errno -2] Name or service not known>",
		"<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)>",
		"HTTP Error 503: Service Unavailable",
		"THE GH100 A01 GSP BROM certificate status is UNKNOWN",
		"The ocsp response certificate chain verification failed for GH100 A01 GSP BROM.",
		"The ocsp response response for certificate GH100 A01 GSP BROM failed due to signature verification failure.",
		"The nonce in the OCSP response message is not matching with the one passed in the OCSP request message.",
		"OCSP response does not contain a nonce extension. If OCSP nonce validation is not required in your environment, "
		"consider disabling the nonce check.",
		"Couldn't receive a proper response from the OCSP server.",
		"Error occurred while fetching the driver RIM from the RIM service due to Call to fetch_rim_file timed out after 10 "
		"seconds.",
		"Could not fetch rim file from RIM service with id : NV_SWITCH_BIOS_5612_0002_890_96106D0001",
		"Failed to fetch Vbios RIM file from RIM service due to: <urlopen error [Errno 111] Connection refused>",
		"RIM Schema validation failed.",
		"The send_ocsp_request call timed out.",
		"Could not fetch RIM file from RIM service with id : NV_GPU_VBIOS_G520_0200_885_9600CF0005",
		"Error occurred while fetching the driver RIM from the RIM service due to The fetch_rim_file call timed out.",
		"Unable to fetch vbios RIM from RIM service: NV_SWITCH_BIOS_5612_0002_890_96106D0001",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const char *at = strstr(single, "RIM Schema validation passed.");
		_cleanup_free_ char *text = xasprintf("%.*s%s\nGPU Attestation failed.\n", (int)(at - single), single, lines[i]);

		ck_assert_msg(judge(text, 1, SHAPE_SINGLE) == VERDICT_UNKNOWN, "%s", lines[i]);
		ck_assert_msg(judge(text, 0, SHAPE_SINGLE) == VERDICT_UNKNOWN, "%s", lines[i]);
	}
}
END_TEST

START_TEST(a_rim_that_was_not_fetched_is_missing_only_where_404_is_said)
{
	static const char gpu[] = "x\nCould not fetch RIM file from RIM service with id : NV_GPU_VBIOS_1 \ny";
	static const char other[] = "Could not fetch rim file from RIM service with id : NV_SWITCH_BIOS_1";
	char id[64], small[8];

	ck_assert_int_eq(nvtool_unfetched_rim(gpu, id, sizeof(id)), NVTOOL_RIM_NOT_HAD);
	ck_assert_str_eq(id, "NV_GPU_VBIOS_1");
	ck_assert_int_eq(nvtool_unfetched_rim(other, id, sizeof(id)), NVTOOL_RIM_NOT_HAD);
	ck_assert_str_eq(id, "NV_SWITCH_BIOS_1");
	ck_assert_int_eq(nvtool_unfetched_rim("Could not fetch RIM file from RIM service with id : A\nHTTP Error 404: Not Found\n",
					      id, sizeof(id)),
			 NVTOOL_RIM_MISSING);
	ck_assert_int_eq(nvtool_unfetched_rim("Could not fetch rim file from RIM service with id : A\nHTTP Error 404: Not Found\n",
					      id, sizeof(id)),
			 NVTOOL_RIM_MISSING);
	ck_assert_int_eq(nvtool_unfetched_rim("HTTP Error 404: Not Found\nCould not fetch RIM file from RIM service with id : A\n"
					      "HTTP Error 503: Service Unavailable\n",
					      id, sizeof(id)),
			 NVTOOL_RIM_NOT_HAD);
	ck_assert_int_eq(nvtool_unfetched_rim(gpu, small, sizeof(small)), NVTOOL_RIM_NOT_HAD);
	ck_assert_str_eq(small, "NV_GPU_");
	nvtool_unfetched_rim("Could not fetch RIM file from RIM service with id : A\033[31m\n", id, sizeof(id));
	ck_assert_str_eq(id, "A?[31m");
	ck_assert_int_eq(nvtool_unfetched_rim(single, id, sizeof(id)), NVTOOL_RIM_NOT_NAMED);
	ck_assert_int_eq(nvtool_unfetched_rim("", id, sizeof(id)), NVTOOL_RIM_NOT_NAMED);
}
END_TEST

START_TEST(what_ends_a_section_in_words_of_its_own_is_told)
{
	const char *at = strstr(single, "Authenticating the RIMs.");
	_cleanup_free_ char *text = xasprintf("%.*sA word that nobody has heard\nGPU Attestation failed.\n", (int)(at - single), single);
	struct device_verdict *d;

	ck_assert_int_eq(judge(text, 1, SHAPE_SINGLE), VERDICT_UNKNOWN);
	d = appraisal_device(&a, DEVICE_GPU, 0);
	ck_assert_str_eq(check_find(d->checks, d->checks_n, "verified")->note, "A word that nobody has heard");
}
END_TEST

/* --- the table of stages -------------------------------------------------------------------- */

START_TEST(every_stage_must_say_success_whatever_the_exit_status)
{
	static const struct {
		const char *row, *stage, *check;
		enum verdict when_failed;
	} rows[] = {
		{ "|   GPU Pre-checks   | SUCCESS |", "GPU Pre-checks", "gpu_pre_checks", VERDICT_REJECTED },
		{ "| Switch Pre-checks  | SUCCESS |", "Switch Pre-checks", "switch_pre_checks", VERDICT_REJECTED },
		{ "|  GPU Attestation   | SUCCESS |", "GPU Attestation", "gpu_attestation", VERDICT_UNKNOWN },
		{ "| Switch Attestation | SUCCESS |", "Switch Attestation", "switch_attestation", VERDICT_UNKNOWN },
		{ "|  Topology checks   | SUCCESS |", "Topology checks", "topology", VERDICT_REJECTED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *failed = xasprintf("| %s | FAILED |", rows[i].stage);
		_cleanup_free_ char *skipped = xasprintf("| %s | SKIPPED |", rows[i].stage);
		_cleanup_free_ char *odd = xasprintf("| %s | SUCCESSFUL |", rows[i].stage);
		_cleanup_free_ char *a1 = change_nth(multi, rows[i].row, failed, 1);
		_cleanup_free_ char *a2 = change_nth(multi, rows[i].row, skipped, 1);
		_cleanup_free_ char *a3 = change_nth(multi, rows[i].row, odd, 1);
		_cleanup_free_ char *a4 = change_nth(multi, rows[i].row, "", 1);

		ck_assert_msg(judge(a1, 0, SHAPE_MULTI) == rows[i].when_failed, "%s FAILED", rows[i].stage);
		ck_assert_int_eq(judge(a2, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
		ck_assert_int_eq(whole_check(rows[i].check), CHECK_UNKNOWN);
		ck_assert_int_eq(judge(a3, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
		ck_assert_int_eq(judge(a4, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
		ck_assert_int_eq(whole_check(rows[i].check), CHECK_NOT_RUN);
	}
}
END_TEST

START_TEST(a_second_table_cannot_mend_the_first)
{
	_cleanup_free_ char *text = change_nth(multi, "|  Topology checks   | SUCCESS |",
					       "| Topology checks | FAILED |\n|  Topology checks   | SUCCESS |", 1);

	ck_assert_int_eq(judge(text, 0, SHAPE_MULTI), VERDICT_REJECTED);
}
END_TEST

/* --- devices -------------------------------------------------------------------------------- */

/* Without the lines from `from` up to the next `to`. Caller frees. */
static char *without(const char *text, const char *from, const char *to)
{
	const char *start = strstr(text, from), *end = strstr(start + 1, to);

	return xasprintf("%.*s%s", (int)(start - text), text, end);
}

START_TEST(a_device_too_few_is_not_accepted)
{
	_cleanup_free_ char *gpu = without(multi, "Verifying GPU: GPU-4d8767db", "GPU Attestation is Successful.");
	_cleanup_free_ char *middle = without(multi, "Verifying GPU: GPU-98377e04", "Verifying GPU: GPU-ecab3a2a");
	_cleanup_free_ char *sw = without(multi, "Verifying Switch : 3", "All nvSwitches Attested");

	ck_assert_int_eq(judge(gpu, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
	ck_assert_str_eq(check_find(a.checks, a.checks_n, "count")->found, "7 GPU, 4 NVSwitch");
	ck_assert_int_eq(judge(middle, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
	ck_assert_int_eq(judge(sw, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
	ck_assert_str_eq(check_find(a.checks, a.checks_n, "count")->found, "8 GPU, 3 NVSwitch");
}
END_TEST

START_TEST(a_device_too_many_or_twice_is_not_accepted)
{
	const char *start = strstr(multi, "Verifying GPU: GPU-4d8767db"), *end = strstr(start, "GPU Attestation is");
	const char *first = strstr(multi, "Verifying GPU: GPU-db98b8e0"), *second = strstr(multi, "Verifying GPU: GPU-d5372674");
	_cleanup_free_ char *twice = xasprintf("%.*s%.*s%s", (int)(end - multi), multi, (int)(end - start), start, end);
	_cleanup_free_ char *instead = xasprintf("%.*s%.*s%s", (int)(start - multi), multi, (int)(second - first), first, end);

	ck_assert_int_eq(judge(twice, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
	ck_assert_int_eq(whole_check("count"), CHECK_UNKNOWN);
	ck_assert_int_eq(judge(instead, 0, SHAPE_MULTI), VERDICT_UNKNOWN);
}
END_TEST

START_TEST(the_same_gpu_eight_times_is_not_eight_gpus)
{
	_cleanup_free_ char *text = xstrdup(multi);

	for (const char *p = multi; (p = strstr(p, "Verifying GPU: GPU-")); p++) {
		const char *uuid = p + strlen("Verifying GPU: ");

		for (char *q = text; (q = strstr(q, "GPU-")); q++)
			if (strncmp(q, uuid, 40) == 0)
				memcpy(q, "GPU-db98b8e0-51c7-d188-99ec-6755455abcd9", 40);
	}
	ck_assert_uint_eq(count_of(text, "Verifying GPU: GPU-db98b8e0"), 8);
	ck_assert_int_ne(judge(text, 0, SHAPE_MULTI), VERDICT_ACCEPTED);
}
END_TEST

START_TEST(more_sections_than_there_is_room_for_do_no_harm)
{
	struct strbuf text = { 0 };

	for (int i = 0; i < 100; i++)
		strbuf_printf(&text, "Verifying GPU: GPU-%d\nVerifying Switch : %d\nIS REVOKED\n", i, i);
	strbuf_printf(&text, "%s", multi);
	ck_assert_int_ne(judge(text.s, 0, SHAPE_MULTI), VERDICT_ACCEPTED);
	ck_assert_uint_le(a.devices_n, VERDICT_DEVICES_MAX);
	strbuf_done(&text);
}
END_TEST

START_TEST(what_is_said_outside_of_a_device_counts_for_none)
{
	struct strbuf text = { 0 };

	for (const char *line = single; *line; line += strcspn(line, "\n") + 1)
		if (strncmp(line, "Verifying GPU: ", 15) != 0)
			strbuf_add(&text, line, strcspn(line, "\n") + 1);
	ck_assert_int_eq(judge(text.s, 0, SHAPE_SINGLE), VERDICT_UNKNOWN);
	strbuf_done(&text);
}
END_TEST

START_TEST(the_last_word_on_the_network_is_found)
{
	char said[64];

	ck_assert(nvtool_network_trouble("fetch_rim_file called.\n"
					 "\turllib.error.URLError: <urlopen error [Errno 110] Connection timed out>\r\n"
					 "HTTPSConnectionPool(host='rim.example', port=443): Max retries exceeded\nend\n",
					 said, sizeof(said)));
	ck_assert(str_starts(said, "HTTPSConnectionPool(host='rim.example'"));
	ck_assert(!nvtool_network_trouble(single, said, sizeof(said)));
	ck_assert(!nvtool_network_trouble(multi, said, sizeof(said)));
}
END_TEST

SUITE_AROUND("nvtool", read_samples, free_samples, the_guides_sample_of_one_gpu_is_accepted,
	     the_guides_sample_of_8_gpus_is_accepted, tabs_and_line_ends_of_another_kind_change_nothing,
	     one_shapes_output_does_not_do_for_the_other,
	     no_required_line_may_be_missing_and_no_other_matters,
	     output_that_was_cut_off_is_never_accepted, nothing_and_junk_are_unknown,
	     a_sample_behind_megabytes_of_noise_is_still_read, an_exit_status_other_than_zero_is_not_accepted,
	     every_refuted_check_of_every_device_rejects, a_firmware_id_that_does_not_match_rejects,
	     a_good_word_after_a_bad_one_does_not_mend_it,
	     a_revoked_gpu_after_good_ones_is_rejected_whatever_the_last_line_says,
	     a_time_out_at_a_later_gpu_is_unknown_whatever_the_last_line_says,
	     a_device_that_says_it_is_bad_is_not_verified, what_was_out_of_reach_is_unknown_and_not_rejected,
	     a_rim_that_was_not_fetched_is_missing_only_where_404_is_said,
	     what_ends_a_section_in_words_of_its_own_is_told, every_stage_must_say_success_whatever_the_exit_status,
	     a_second_table_cannot_mend_the_first, a_device_too_few_is_not_accepted,
	     a_device_too_many_or_twice_is_not_accepted, the_same_gpu_eight_times_is_not_eight_gpus,
	     more_sections_than_there_is_room_for_do_no_harm, what_is_said_outside_of_a_device_counts_for_none,
	     the_last_word_on_the_network_is_found)
