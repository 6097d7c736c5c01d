/* attest (R19, R21): the verdict is data for the status; here it is decided what follows from it. */
#include "attest.h"
#include "codes.h"
#include "core/clock.h"
#include "core/str.h"
#include "evidence/evidence.h"
#include "gpu.h"
#include "nvtool.h"
#include "smi.h"
#include "steps/all.h"

PROBE(attest)
{
	(void)c;
	verify_probe(f, r,
		     f->instance.shape == SHAPE_MULTI
			     ? "attest 8 GPUs, 4 NVSwitches and their topology"
			     : "attest the GPU");
}

/* The checks that decided, as "gpu 3: measurements (line of the tool)". */
static void name_reasons(const struct appraisal *a, enum check_result result, char *dst,
			 size_t dst_size)
{
	struct strbuf text = { 0 };

	strbuf_begin(&text);
	for (size_t i = 0; i < a->devices_n && text.len < 300; i++)
		for (size_t k = 0; k < a->devices[i].checks_n; k++) {
			const struct check *c = &a->devices[i].checks[k];
			/* Of what others were asked for: what came back rather than who may mend it. */
			const char *why =
				c->cause != CAUSE_NONE && c->found[0] ? c->found : c->note;

			if (c->result == result && text.len < 300)
				strbuf_printf(&text, "%s%s %u: %s%s%s", text.len ? "; " : "",
					      device_type_name(a->devices[i].type),
					      a->devices[i].index, c->name, why[0] ? ": " : "",
					      why);
		}
	for (size_t k = 0; k < a->checks_n; k++)
		if (a->checks[k].result == result && text.len < 300)
			strbuf_printf(&text, "%s%s: expected %s, found %s%s%s",
				      text.len ? "; " : "", a->checks[k].name,
				      a->checks[k].expected, a->checks[k].found,
				      a->checks[k].note[0] ? ": " : "", a->checks[k].note);
	str_copy(dst, dst_size, text.s);
	strbuf_done(&text);
}

static void report(struct worker *w, const struct appraisal *a)
{
	struct json_object *o = appraisal_to_json(a);
	char at[CLOCK_TEXT_SIZE];

	clock_format(clock_wall_s(), at);
	json_set_str(o, "boot_id", w->facts.machine.boot_id);
	json_set_str(o, "at", at);
	if (str_eq(a->decided_by, "nvidia"))
		json_set_str(o, "trust_anchors", NULL); /* its programs do not say */
	worker_data(w, "attestation", o);
}

/* Through NVML where this program judges; by the procedure's command where NVIDIA's programs do. */
static int set_ready(struct worker *w, bool ready, struct err *e)
{
	if (str_eq(w->config->attest_verifier, "nvidia"))
		return smi_set_ready(w, ready, e);
	return gpu_guard(e) < 0 ? -1 : evidence_set_ready(ready, e);
}

/* "Not ready" after success is the most reported surprise of this field: read it back. An earlier
 * rejection in this boot cleared it, and only the 8-GPU tool sets it again. */
static int make_ready(struct worker *w, struct err *e)
{
	bool ready;

	if (smi_ready(w, &ready, e) < 0)
		return -1;
	if (!ready && (set_ready(w, true, e) < 0 || smi_ready(w, &ready, e) < 0))
		return -1;
	if (!ready)
		return err_set(e, &CODE_SMI,
			       "attestation was accepted, but the GPUs are not in the ready state");
	return 0;
}

/* Whoever judged may have left the ready state as it was; a rejected verdict must clear it, and see that
 * it is. */
static int clear_ready(struct worker *w, struct err *e)
{
	bool ready = true;

	if (set_ready(w, false, e) < 0 || smi_ready(w, &ready, e) < 0)
		return -1;
	return ready ? err_set(e, &CODE_SMI, "it was cleared and is set again") : 0;
}

static int refuse(struct worker *w, const struct appraisal *a, struct err *e)
{
	struct err why_not = ERR_INIT;
	char why[512];

	name_reasons(a, CHECK_FAILED, why, sizeof(why));
	err_set(e, &CODE_REJECTED, "the evidence was judged and is bad: %s", why);
	if (clear_ready(w, &why_not) == 0) {
		worker_event(w, "GPU ready state: not ready, no work is taken");
		return -1;
	}
	worker_event(w, "the GPUs' ready state could not be cleared: %s", why_not.msg);
	return err_wrap(
		e,
		"THE GPUs MAY STILL ACCEPT WORK, their ready state could not be cleared (%.200s)",
		why_not.msg);
}

static int cannot_tell(const struct appraisal *a, const char *output, uint64_t began_us,
		       struct err *e)
{
	double took_s = (double)(clock_monotonic_us() - began_us) / 1e6;
	char why[512], rim[128], said[256] = "";
	enum nvtool_rim fetched = NVTOOL_RIM_NOT_NAMED;

	if (attest_missing_rim(a, e))
		return -1;
	if (output)
		fetched = nvtool_unfetched_rim(output, rim, sizeof(rim));
	if (fetched == NVTOOL_RIM_MISSING)
		return err_set(e, &CODE_RIM_MISSING,
			       "the RIM service has no reference values named %s", rim);
	if (fetched == NVTOOL_RIM_NOT_HAD)
		return err_set(
			e, &CODE_UNKNOWN,
			"no verdict could be reached in %.0f s: NVIDIA's program was not given the "
			"reference values %s, and does not say whether they are not published or "
			"the RIM service had trouble",
			took_s, rim);
	name_reasons(a, CHECK_UNKNOWN, why, sizeof(why));
	if (output)
		nvtool_network_trouble(output, said, sizeof(said));
	return err_set(e, &CODE_UNKNOWN, "no verdict could be reached in %.0f s: %s%s%s", took_s,
		       why[0] ? why : "the verifier ended before every device was judged",
		       said[0] ? "; its last word on the network: " : "", said);
}

/* NVIDIA's tool for 8 GPUs sets and takes back the ready state by its own verdict. Where ours is
 * unknown it stays as it was: work that runs goes on, and what was never accepted gets none. */
static void keep_ready(struct worker *w, bool was_ready)
{
	struct err ignored = ERR_INIT;
	bool ready;

	if (smi_ready(w, &ready, &ignored) == 0 && ready == was_ready)
		return;
	if (set_ready(w, was_ready, &ignored) < 0)
		worker_event(w, "the GPUs' ready state could not be put back: %s", ignored.msg);
}

/* Who decided, in words for people. */
static const char *judge_text(const struct appraisal *a)
{
	if (str_eq(a->decided_by, "native"))
		return "gn8v itself";
	if (str_eq(a->decided_by, "nvidia"))
		return "NVIDIA's programs";
	return "gn8v itself and NVIDIA's programs";
}

APPLY(attest)
{
	_cleanup_(appraisal_free_p) struct appraisal *a = xcalloc(1, sizeof(*a));
	_cleanup_free_ char *output = NULL;
	uint64_t began_us = clock_monotonic_us();
	bool was_ready;

	if (smi_ready(w, &was_ready, e) < 0)
		return -1;
	if (attest_run(w, a, &output, e) < 0) {
		keep_ready(w, was_ready);
		return -1;
	}
	report(w, a);
	if (a->verdict == VERDICT_REJECTED)
		return refuse(w, a, e);
	if (a->verdict == VERDICT_UNKNOWN) {
		keep_ready(w, was_ready);
		return cannot_tell(a, output, began_us, e);
	}
	if (make_ready(w, e) < 0)
		return -1;
	worker_found(w,
		     "%zu device%s accepted, decided by %s; GPU ready state: ready, work is taken",
		     a->devices_n, a->devices_n == 1 ? "" : "s", judge_text(a));
	return 0;
}
