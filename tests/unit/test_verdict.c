#include "trust/verdict.h"

#include "suite.h"

static struct appraisal a;

/* A device whose checks all passed, or one of which says `odd`. */
static struct device_verdict *add_device(enum device_type type, unsigned int index, enum check_result odd)
{
	struct device_verdict *d = appraisal_device(&a, type, index);

	ck_assert_ptr_nonnull(d);
	check_set(d->checks, &d->checks_n, "chain", CHECK_PASSED);
	check_set(d->checks, &d->checks_n, "nonce", odd);
	return d;
}

static enum verdict conclude_with(enum check_result device, enum check_result whole)
{
	memset(&a, 0, sizeof(a));
	add_device(DEVICE_GPU, 0, CHECK_PASSED);
	add_device(DEVICE_GPU, 1, device);
	check_set(a.checks, &a.checks_n, "count", whole);
	appraisal_conclude(&a);
	return a.verdict;
}

START_TEST(any_failed_check_rejects_else_any_that_did_not_pass_is_unknown)
{
	static const struct {
		enum check_result device, whole;
		enum verdict expected;
	} rule[] = {
		{ CHECK_PASSED, CHECK_PASSED, VERDICT_ACCEPTED },  { CHECK_SKIPPED, CHECK_PASSED, VERDICT_ACCEPTED },
		{ CHECK_PASSED, CHECK_SKIPPED, VERDICT_ACCEPTED }, { CHECK_FAILED, CHECK_PASSED, VERDICT_REJECTED },
		{ CHECK_PASSED, CHECK_FAILED, VERDICT_REJECTED },  { CHECK_UNKNOWN, CHECK_FAILED, VERDICT_REJECTED },
		{ CHECK_FAILED, CHECK_UNKNOWN, VERDICT_REJECTED }, { CHECK_UNKNOWN, CHECK_PASSED, VERDICT_UNKNOWN },
		{ CHECK_PASSED, CHECK_UNKNOWN, VERDICT_UNKNOWN },  { CHECK_NOT_RUN, CHECK_PASSED, VERDICT_UNKNOWN },
		{ CHECK_PASSED, CHECK_NOT_RUN, VERDICT_UNKNOWN },  { CHECK_NOT_RUN, CHECK_FAILED, VERDICT_REJECTED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rule); i++)
		ck_assert_msg(conclude_with(rule[i].device, rule[i].whole) == rule[i].expected, "row %zu", i);
}
END_TEST

START_TEST(what_was_never_judged_does_not_pass)
{
	memset(&a, 0, sizeof(a));
	appraisal_conclude(&a);
	ck_assert_int_eq(a.verdict, VERDICT_UNKNOWN);
	add_device(DEVICE_GPU, 0, CHECK_PASSED);
	appraisal_device(&a, DEVICE_NVSWITCH, 0);
	appraisal_conclude(&a);
	ck_assert_int_eq(a.verdict, VERDICT_UNKNOWN);
	ck_assert_int_eq(a.devices[1].verdict, VERDICT_UNKNOWN);
	memset(&a, 0, sizeof(a));
	check_set(a.checks, &a.checks_n, "count", CHECK_PASSED);
	appraisal_conclude(&a);
	ck_assert_int_eq(a.verdict, VERDICT_UNKNOWN);
	ck_assert_int_eq(VERDICT_UNKNOWN, 0);
}
END_TEST

START_TEST(each_device_has_its_own_verdict)
{
	memset(&a, 0, sizeof(a));
	add_device(DEVICE_GPU, 0, CHECK_PASSED);
	add_device(DEVICE_GPU, 1, CHECK_FAILED);
	add_device(DEVICE_NVSWITCH, 0, CHECK_UNKNOWN);
	appraisal_conclude(&a);
	ck_assert_int_eq(a.devices[0].verdict, VERDICT_ACCEPTED);
	ck_assert_int_eq(a.devices[1].verdict, VERDICT_REJECTED);
	ck_assert_int_eq(a.devices[2].verdict, VERDICT_UNKNOWN);
	ck_assert_int_eq(a.verdict, VERDICT_REJECTED);
}
END_TEST

START_TEST(a_worse_result_is_never_replaced_by_a_better)
{
	static const enum check_result worse_last[] = { CHECK_NOT_RUN, CHECK_PASSED, CHECK_UNKNOWN, CHECK_FAILED };
	struct check checks[VERDICT_CHECKS_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(worse_last); i++)
		for (size_t k = 0; k < ARRAY_SIZE(worse_last); k++) {
			size_t n = 0;

			check_set(checks, &n, "x", worse_last[i]);
			check_set(checks, &n, "x", worse_last[k]);
			ck_assert_uint_eq(n, 1);
			ck_assert_int_eq(checks[0].result, worse_last[i > k ? i : k]);
		}
}
END_TEST

START_TEST(a_skipped_check_is_no_worse_than_a_passed_one)
{
	struct check checks[VERDICT_CHECKS_MAX];
	size_t n = 0;

	check_set(checks, &n, "x", CHECK_SKIPPED);
	check_set(checks, &n, "x", CHECK_FAILED);
	check_set(checks, &n, "x", CHECK_SKIPPED);
	ck_assert_int_eq(checks[0].result, CHECK_FAILED);
}
END_TEST

START_TEST(devices_are_found_by_type_and_index)
{
	memset(&a, 0, sizeof(a));
	ck_assert_ptr_ne(appraisal_device(&a, DEVICE_GPU, 0), appraisal_device(&a, DEVICE_NVSWITCH, 0));
	ck_assert_ptr_eq(appraisal_device(&a, DEVICE_GPU, 0), &a.devices[0]);
	ck_assert_uint_eq(a.devices_n, 2);
	for (unsigned int i = 1; i < VERDICT_DEVICES_MAX - 1; i++)
		ck_assert_ptr_nonnull(appraisal_device(&a, DEVICE_GPU, i));
	ck_assert_ptr_null(appraisal_device(&a, DEVICE_GPU, 99));
	ck_assert_ptr_nonnull(appraisal_device(&a, DEVICE_GPU, 3));
	ck_assert_uint_eq(a.devices_n, VERDICT_DEVICES_MAX);
}
END_TEST

START_TEST(checks_are_found_by_name)
{
	struct check checks[VERDICT_CHECKS_MAX];
	size_t n = 0;

	check_set(checks, &n, "chain", CHECK_PASSED);
	ck_assert_ptr_eq(check_find(checks, n, "chain"), &checks[0]);
	ck_assert_ptr_null(check_find(checks, n, "chai"));
	ck_assert_ptr_null(check_find(checks, 0, "chain"));
	ck_assert_str_eq(checks[0].note, "");
}
END_TEST

START_TEST(an_appraisal_as_json_says_all_of_it)
{
	_cleanup_json_ struct json_object *o = NULL;
	struct json_object *device, *check;

	memset(&a, 0, sizeof(a));
	strcpy(a.decided_by, "nvidia");
	strcpy(add_device(DEVICE_GPU, 3, CHECK_FAILED)->id, "GPU-1");
	strcpy(a.devices[0].checks[1].note, "why");
	add_device(DEVICE_NVSWITCH, 0, CHECK_PASSED);
	check_set(a.checks, &a.checks_n, "count", CHECK_UNKNOWN);
	appraisal_conclude(&a);
	o = appraisal_to_json(&a);
	ck_assert_str_eq(json_str(o, "verdict", ""), "rejected");
	ck_assert_str_eq(json_str(o, "decided_by", ""), "nvidia");
	ck_assert_uint_eq(json_count(json_get(o, "devices")), 2);
	device = json_item(json_get(o, "devices"), 0);
	ck_assert_str_eq(json_str(device, "type", ""), "gpu");
	ck_assert_int_eq(json_int(device, "index", -1), 3);
	ck_assert_str_eq(json_str(device, "id", ""), "GPU-1");
	check = json_item(json_get(device, "checks"), 1);
	ck_assert_str_eq(json_str(check, "name", ""), "nonce");
	ck_assert_str_eq(json_str(check, "result", ""), "failed");
	ck_assert_str_eq(json_str(check, "note", ""), "why");
	device = json_item(json_get(o, "devices"), 1);
	ck_assert_str_eq(json_str(device, "type", ""), "nvswitch");
	ck_assert_ptr_null(json_get(device, "id"));
	ck_assert_str_eq(json_str(json_item(json_get(o, "checks"), 0), "result", ""), "unknown");
}
END_TEST

START_TEST(names_are_those_of_the_schema)
{
	ck_assert_str_eq(verdict_name(VERDICT_ACCEPTED), "accepted");
	ck_assert_str_eq(verdict_name(VERDICT_REJECTED), "rejected");
	ck_assert_str_eq(verdict_name(VERDICT_UNKNOWN), "unknown");
	ck_assert_str_eq(check_result_name(CHECK_NOT_RUN), "not-run");
	ck_assert_str_eq(check_result_name(CHECK_SKIPPED), "skipped");
	ck_assert_str_eq(device_type_name(DEVICE_GPU), "gpu");
}
END_TEST

SUITE("verdict", any_failed_check_rejects_else_any_that_did_not_pass_is_unknown,
      what_was_never_judged_does_not_pass, each_device_has_its_own_verdict,
      a_worse_result_is_never_replaced_by_a_better, a_skipped_check_is_no_worse_than_a_passed_one,
      devices_are_found_by_type_and_index, checks_are_found_by_name, an_appraisal_as_json_says_all_of_it,
      names_are_those_of_the_schema)
