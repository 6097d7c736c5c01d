#include "attest.h"

#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "gpu.h"
#include "native.h"
#include "nvtool.h"
#include "paths.h"
#include "steps/all.h"
#include "sys/run.h"

#define OUTPUT_MAX (4 * 1024 * 1024)

/* --- natively --------------------------------------------------------------------------------- */

static int judge_natively(struct worker *w, struct appraisal *a, struct err *e)
{
	struct evidence ev = EVIDENCE_INIT;
	struct collateral_report report;
	struct native n;
	int r;

	native_from_config(&n, w->config);
	worker_progress(w, "asking the devices for their reports");
	r = native_collect(w->config->for_shape, &ev, e);
	if (r == 0) {
		worker_progress(w, "fetching reference values and revocation answers");
		r = native_judge(&n, &ev, a, &report, e);
	}
	if (r == 0) {
		str_copy(a->decided_by, sizeof(a->decided_by), "native");
		worker_event(
			w,
			"%u requests for %zu reference manifests and for the revocation of %zu certificates took %.1f s; gn8v's own verdict: %s",
			report.requests, report.rims, report.questions,
			(double)report.took_us / 1e6, verdict_name(a->verdict));
	}
	evidence_done(&ev);
	return r;
}

/* Checks that are not run while a manifest or an answer is missing. */
static bool hangs_on_network(const char *name)
{
	static const char *const names[] = { "ocsp",	       "rim_fetch",	"rim_parse",
					     "rim_structure",  "rim_profile",	"rim_chain",
					     "rim_chain_time", "rim_signature", "rim_version",
					     "index_conflict", "measurements" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(names[i], name))
			return true;
	return false;
}

/* An answer that came and is bad is none of a network's: whoever gave it must not choose the judge. */
static bool is_network_alone(const struct check *c)
{
	switch (c->result) {
	case CHECK_PASSED:
	case CHECK_SKIPPED: return true;
	case CHECK_NOT_RUN: return hangs_on_network(c->name);
	case CHECK_UNKNOWN: return c->cause == CAUSE_NO_ANSWER || c->cause == CAUSE_RIM_MISSING;
	default: return false;
	}
}

static bool network_alone(const struct check *checks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_network_alone(&checks[i]))
			return false;
	return true;
}

bool attest_lacks_network_alone(const struct appraisal *a)
{
	if (a->verdict != VERDICT_UNKNOWN || a->devices_n == 0 ||
	    !network_alone(a->checks, a->checks_n))
		return false;
	for (size_t i = 0; i < a->devices_n; i++)
		if (a->devices[i].checks_n == 0 ||
		    !network_alone(a->devices[i].checks, a->devices[i].checks_n))
			return false;
	return true;
}

bool attest_missing_rim(const struct appraisal *a, struct err *e)
{
	const struct device_verdict *first = NULL;
	const struct check *what = NULL;
	unsigned int others = 0;
	char more[32] = "";

	for (size_t i = 0; a->verdict == VERDICT_UNKNOWN && i < a->devices_n; i++) {
		const struct device_verdict *d = &a->devices[i];
		const struct check *c =
			check_find((struct check *)d->checks, d->checks_n, "rim_fetch");

		if (!c || c->cause != CAUSE_RIM_MISSING)
			continue;
		if (first) {
			others++;
			continue;
		}
		first = d;
		what = c;
	}
	if (!first)
		return false;
	if (others)
		snprintf(more, sizeof(more), " and %u more", others);
	err_set(e, &CODE_RIM_MISSING, "%s %u%s: there are no reference values %s: %s (%s)",
		device_type_name(first->type), first->index, more, what->expected, what->found,
		what->note);
	return true;
}

/* --- by the procedure's programs -------------------------------------------------------------- */

/* `auto` installs them only when they are needed. */
static int install_tool(struct worker *w, struct err *e)
{
	facts_collect(&w->facts, w->config, FACTS_SOFTWARE);
	if (!(w->facts.known & FACTS_SOFTWARE)) {
		*e = *facts_error(&w->facts, FACTS_SOFTWARE);
		return -1;
	}
	return w->facts.software.verifier ? 0 : verifier_apply(w, e);
}

static int judge_by_tool(struct worker *w, struct appraisal *a, char **ret_output, struct err *e)
{
	/* They write verifier.log and attestation_sdk.log where they stand, and fail where they cannot. */
	struct run r = { .cwd = PATH_VERIFIER_DIR,
			 .timeout_s = worker_left_s(w),
			 .output_max = OUTPUT_MAX,
			 .on_line = worker_on_line,
			 .on_line_data = w };
	bool multi = w->config->for_shape == SHAPE_MULTI;

	r.argv = multi ? ARGV(PROG_VENV_PYTHON, "-m", "ppcie.verifier.verification",
			      "--gpu-attestation-mode=LOCAL", "--switch-attestation-mode=LOCAL")
		       : ARGV(PROG_VENV_PYTHON, "-m", "verifier.cc_admin", "--user_mode");
	if (install_tool(w, e) < 0 || gpu_guard(e) < 0 || fs_mkdirs(PATH_RUN_DIR, 0755, e) < 0 ||
	    fs_mkdirs(PATH_VERIFIER_DIR, 0700, e) < 0)
		return -1;
	if (run_wait(&r, e) < 0 && e->kind != &ERR_CHILD) {
		run_done(&r);
		return err_rekind(e, e->kind == &ERR_TIMEOUT ? &CODE_UNKNOWN : e->kind);
	}
	nvtool_judge(r.output ? r.output : "", r.status, w->config->for_shape, a);
	*ret_output = r.output ? TAKE_PTR(r.output) : xstrdup("");
	run_done(&r);
	return 0;
}

/* --- who decides ------------------------------------------------------------------------------ */

/* Both must agree: the tool's verdict becomes a check of the machine beside the native ones. A tool
 * that fails is one that does not know: it must not swallow a native rejection. */
static int judge_by_both(struct worker *w, struct appraisal *a, char **ret_output, struct err *e)
{
	_cleanup_(appraisal_free_p) struct appraisal *tool = xcalloc(1, sizeof(*tool));
	struct err why = ERR_INIT;
	struct check *c;

	if (judge_natively(w, a, e) < 0)
		return -1;
	if (judge_by_tool(w, tool, ret_output, &why) < 0)
		tool->verdict = VERDICT_UNKNOWN;
	check_set(a->checks, &a->checks_n, "nvidia_verifier",
		  tool->verdict == VERDICT_ACCEPTED   ? CHECK_PASSED
		  : tool->verdict == VERDICT_REJECTED ? CHECK_FAILED
						      : CHECK_UNKNOWN);
	c = check_find(a->checks, a->checks_n, "nvidia_verifier");
	str_copy(c->expected, sizeof(c->expected), verdict_name(VERDICT_ACCEPTED));
	str_copy(c->found, sizeof(c->found), verdict_name(tool->verdict));
	if (why.kind)
		str_copy(c->note, sizeof(c->note), why.msg);
	appraisal_conclude(a);
	str_copy(a->decided_by, sizeof(a->decided_by), "native and nvidia");
	return 0;
}

static int judge_auto(struct worker *w, struct appraisal *a, char **ret_output, struct err *e)
{
	_cleanup_(appraisal_free_p) struct appraisal *tool = xcalloc(1, sizeof(*tool));

	if (judge_natively(w, a, e) < 0)
		return -1;
	if (!attest_lacks_network_alone(a))
		return 0;
	worker_event(w, "RIM or OCSP are out of reach, all else is well: NVIDIA's programs decide");
	if (judge_by_tool(w, tool, ret_output, e) < 0)
		return -1;
	/* If they cannot tell either, nobody decided, and ours says more about why. */
	if (tool->verdict == VERDICT_UNKNOWN)
		return 0;
	appraisal_done(a);
	*a = *tool;
	*tool = (struct appraisal){ .devices_n = 0 };
	return 0;
}

int attest_run(struct worker *w, struct appraisal *a, char **ret_output, struct err *e)
{
	const char *verifier = w->config->attest_verifier;

	if (gpu_guard(e) < 0)
		return -1;
	if (str_eq(verifier, "nvidia"))
		return judge_by_tool(w, a, ret_output, e);
	if (str_eq(verifier, "both"))
		return judge_by_both(w, a, ret_output, e);
	if (str_eq(verifier, "native"))
		return judge_natively(w, a, e);
	return judge_auto(w, a, ret_output, e);
}
