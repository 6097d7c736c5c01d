#include "attest.h"

#include "codes.h"
#include "fixture.h"
#include "forge_machine.h"
#include "suite.h"

static struct forge_machine *m;
static struct appraisal *r;

static void start(void)
{
	m = forge_machine(8, 4);
}

static void stop(void)
{
	if (r)
		appraisal_free(r);
	forge_machine_free(m);
}

/* Whether NVIDIA's programs would be asked about the machine as it is now. */
static bool falls_back(void)
{
	if (r)
		appraisal_free(r);
	r = forge_appraise(m);
	return attest_lacks_network_alone(r);
}

/* The responder refuses with that status to speak of the identity certificate. */
static void refuse(int status)
{
	m->about = "Forged Identity";
	m->refusal = status;
}

/* --- who is asked instead ------------------------------------------------------------------------ */

START_TEST(a_verdict_stands)
{
	ck_assert(!falls_back());
	ck_assert_int_eq(r->verdict, VERDICT_ACCEPTED);
	m->rim_unreachable[RIM_GPU_DRIVER] = true;
	forge_unit_mismeasure(m, 8, 3);
	ck_assert(!falls_back());
	ck_assert_int_eq(r->verdict, VERDICT_REJECTED);
}
END_TEST

START_TEST(no_answer_lets_others_decide)
{
	m->rim_unreachable[RIM_GPU_VBIOS] = true;
	ck_assert(falls_back());
	m->rim_missing[RIM_GPU_DRIVER] = true;
	ck_assert(falls_back());
	m->rim_unreachable[RIM_GPU_VBIOS] = m->rim_missing[RIM_GPU_DRIVER] = false;
	refuse(OCSP_RESPONSE_STATUS_TRYLATER);
	ck_assert(falls_back());
	refuse(OCSP_RESPONSE_STATUS_INTERNALERROR);
	ck_assert(falls_back());
	refuse(0);
	m->silent = true;
	ck_assert(falls_back());
	m->rules.ocsp = false;
	m->rim_missing[RIM_SWITCH_BIOS] = true;
	ck_assert(falls_back());
}
END_TEST

START_TEST(an_answer_that_came_and_is_bad_does_not)
{
	struct forge_chain other;

	forge_device_chain(&other, DEVICE_GPU);
	m->about = "Forged Identity";
	m->answer.signer = other.certs[4];
	m->answer.key = other.keys[4];
	ck_assert(!falls_back());
	ck_assert_int_eq(r->verdict, VERDICT_UNKNOWN);
	/* Nor when others did not answer. */
	m->rim_unreachable[RIM_GPU_DRIVER] = true;
	ck_assert(!falls_back());
	ck_assert_int_eq(r->verdict, VERDICT_UNKNOWN);
	forge_chain_done(&other);
}
END_TEST

START_TEST(a_refusal_for_good_does_not)
{
	refuse(OCSP_RESPONSE_STATUS_UNAUTHORIZED);
	ck_assert(!falls_back());
	ck_assert_int_eq(r->verdict, VERDICT_UNKNOWN);
}
END_TEST

START_TEST(what_needs_no_network_must_have_passed)
{
	m->rim_unreachable[RIM_GPU_DRIVER] = true;
	m->devices[3].has_nonce = false;
	ck_assert(!falls_back());
	ck_assert_int_eq(r->verdict, VERDICT_UNKNOWN);
}
END_TEST

/* --- manifests that are not there ----------------------------------------------------------------- */

START_TEST(a_missing_manifest_has_a_code_of_its_own)
{
	struct err e = ERR_INIT;

	ck_assert(!falls_back());
	ck_assert(!attest_missing_rim(r, &e));
	m->rim_unreachable[RIM_GPU_VBIOS] = true;
	falls_back();
	ck_assert(!attest_missing_rim(r, &e));
	m->rim_unreachable[RIM_GPU_VBIOS] = false;
	m->rim_missing[RIM_GPU_VBIOS] = true;
	falls_back();
	ck_assert(attest_missing_rim(r, &e));
	ck_assert_ptr_eq(e.kind, &CODE_RIM_MISSING);
	ck_assert_str_eq(e.kind->who, "nvidia");
	ck_assert_has(e.msg, "gpu 0 and 7 more: ");
	ck_assert_has(e.msg, "VBIOS: NV_GPU_VBIOS_G520_0200_885_9600A50001: VBIOS: 404");
	ck_assert_has(e.msg, "version 96.00.A5.00.01 and board G520 in the report of gpu 0");
	m->rim_missing[RIM_GPU_VBIOS] = false;
	m->rim_missing[RIM_SWITCH_BIOS] = true;
	falls_back();
	ck_assert(attest_missing_rim(r, &e));
	ck_assert_has(e.msg, "nvswitch 0 and 3 more: ");
	/* What is bad comes first. */
	forge_unit_mismeasure(m, 0, 3);
	falls_back();
	ck_assert_int_eq(r->verdict, VERDICT_REJECTED);
	ck_assert(!attest_missing_rim(r, &e));
}
END_TEST

SUITE_AROUND("attest", start, stop, a_verdict_stands, no_answer_lets_others_decide,
	     an_answer_that_came_and_is_bad_does_not, a_refusal_for_good_does_not,
	     what_needs_no_network_must_have_passed, a_missing_manifest_has_a_code_of_its_own)
