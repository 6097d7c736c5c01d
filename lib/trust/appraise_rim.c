/* A device's reference manifests, and the comparison with them. */
#include "core/str.h"
#include "trust/appraise_inside.h"

#define UNSTABLE 9 /* seen to differ on sound H100s after restarts of their host */
#define SHOWN	 6 /* bytes of a value in a note; expected and found have the first one whole */

static const char *reported_version(const struct subject *s, enum rim_kind kind)
{
	return kind == RIM_GPU_DRIVER ? s->opaque.driver_version : s->opaque.vbios_version;
}

/* What its name was made of. */
static void describe_source(const struct subject *s, enum rim_kind kind, char *dst, size_t dst_size)
{
	const char *board = kind == RIM_GPU_VBIOS ? s->opaque.project : "";

	snprintf(dst, dst_size, "version %.32s%s%.32s in the report of %s %u",
		 reported_version(s, kind), board[0] ? " and board " : "", board,
		 device_type_name(s->device.type), s->device.index);
}

static void judge_fetch(const struct subject *s, const struct wanted *w, struct part *p)
{
	static const char *const mends[] = {
		[CAUSE_NO_ANSWER] =
			"the way to the RIM service, a mirror or a RIM directory mends this",
		[CAUSE_RIM_MISSING] = "NVIDIA has not published it yet, or a mirror or RIM "
				      "directory lacks it; nothing was found to be wrong",
		[CAUSE_BAD_ANSWER] = "this is not the RIM service, or something on the way to it "
				     "changes what it says; or the RIM directory cannot be read",
	};
	struct check *c;
	char from[160];

	if (w->given) {
		c = appraise_say(p, "rim_fetch", CHECK_PASSED, "%s", "");
		appraise_expect(c, w->id, w->id);
		return;
	}
	describe_source(s, w->kind, from, sizeof(from));
	c = appraise_say(p, "rim_fetch", CHECK_UNKNOWN, "named after %s: %s", from,
			 mends[w->cause]);
	c->cause = w->cause;
	appraise_expect(c, w->id, w->why);
}

static void judge_version(const struct subject *s, const struct wanted *w, struct part *p)
{
	const char *version = reported_version(s, w->kind);
	struct check *c;

	if (w->rim->findings[RIM_STRUCTURE].result != CHECK_PASSED)
		return;
	c = appraise_find(p, "rim_version",
			  rim_version_matches(w->kind, w->rim->content.version, version),
			  "the manifest is of another version than its name says");
	appraise_expect(c, version, w->rim->content.version);
}

static void judge_stage(const struct appraise *a, const struct rim *rim, enum rim_stage stage,
			struct part *p)
{
	const struct rim_finding *f = &rim->findings[stage];
	bool untimely = stage == RIM_CHAIN_TIME && f->result == CHECK_FAILED;

	if (untimely && rim->expired && a->rules.allow_expired_rim)
		appraise_say(p, rim_stage_name(stage), CHECK_SKIPPED,
			     "taken by an option though %s", f->note);
	else
		appraise_say(
			p, rim_stage_name(stage), f->result, "%s%s", f->note,
			untimely
				? ": a newer copy from the RIM service, or the right clock, mends this"
				: "");
}

void appraise_rim_judge(const struct appraise *a, const struct subject *s, size_t i, struct part *p)
{
	const struct wanted *w;

	if (i == APPRAISE_NONE) {
		appraise_ocsp_judge(a, &(struct asked){ .any = false }, p);
		return;
	}
	w = &a->wanted[i];
	judge_fetch(s, w, p);
	for (enum rim_stage stage = 0; w->given && stage < RIM_STAGES; stage++)
		judge_stage(a, w->rim, stage, p);
	if (w->given)
		judge_version(s, w, p);
	appraise_ocsp_judge(a, &w->asked, p);
}

/* --- the comparison ----------------------------------------------------------------------------- */

/* The values of manifest i if NVIDIA signed them, at whatever time that still held; else NULL. */
static const struct rim_content *content_of(const struct appraise *a, size_t i)
{
	static const enum rim_stage needed[] = { RIM_STRUCTURE, RIM_PROFILE, RIM_CHAIN,
						 RIM_SIGNATURE };
	const struct rim *rim = i == APPRAISE_NONE ? NULL : a->wanted[i].rim;

	for (size_t k = 0; rim && k < ARRAY_SIZE(needed); k++)
		if (rim->findings[needed[k]].result != CHECK_PASSED)
			return NULL;
	return rim ? &rim->content : NULL;
}

static void judge_conflict(const struct rim_content *driver, const struct rim_content *vbios,
			   struct part *p)
{
	unsigned int index = 0;

	if (!driver || !vbios)
		return;
	if (rim_conflict(driver, vbios, &index))
		appraise_say(
			p, "index_conflict", CHECK_FAILED,
			"index %u is active in both manifests, which leaves open what it must be: "
			"NVIDIA can mend this",
			index);
	else
		appraise_say(p, "index_conflict", CHECK_PASSED, "%s", "");
}

static void list_bad(const struct measurement_result *r, struct strbuf *text)
{
	bool unstable = false;

	for (size_t i = 0; i < r->bad_n; i++) {
		const struct measurement *m = &r->bad[i];
		char golden[2 * SHOWN + 1], runtime[2 * SHOWN + 1];

		unstable = unstable || m->index == UNSTABLE;
		str_hex(golden, m->golden->alternatives[0], SHOWN);
		if (m->runtime)
			str_hex(runtime, m->runtime, SHOWN);
		if (text->len < 200)
			strbuf_printf(text, "%sindex %u (%s) golden %s%s, runtime %s",
				      i ? "; " : "", m->index, m->source, golden,
				      m->golden->alternatives_n > 1 ? " or others" : "",
				      m->runtime ? runtime : "none");
		else if (i + 1 == r->bad_n)
			strbuf_printf(text, "; %zu in all", r->bad_n);
	}
	strbuf_printf(
		text, ": %s",
		unstable
			? "a cold restart of the host, or a newer VBIOS, has been known to mend index 9"
			: "firmware or driver is not what NVIDIA published");
}

static void expect_bad(const struct measurement_result *r, struct check *c)
{
	const struct measurement *m = &r->bad[0];
	char hex[2 * RIM_VALUE_SIZE + 1];

	str_hex(hex, m->golden->alternatives[0], RIM_VALUE_SIZE);
	snprintf(c->expected, sizeof(c->expected), "index %u: %s", m->index, hex);
	if (m->runtime)
		str_hex(hex, m->runtime, SPDM_VALUE_SIZE);
	snprintf(c->found, sizeof(c->found), "index %u: %s", m->index, m->runtime ? hex : "none");
}

static void judge_measurements(const struct measurement_result *r, bool whole, bool unclear,
			       struct part *p)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct check *c;

	if (r->bad_n) {
		list_bad(r, &text);
		c = appraise_say(p, "measurements", CHECK_FAILED, "%s", text.s);
		expect_bad(r, c);
		return;
	}
	if (unclear) {
		appraise_find(
			p, "measurements", false,
			"the report does not say whether NVDEC0 is on or off, which decides whether "
			"index 35 counts");
		return;
	}
	c = appraise_say(p, "measurements", whole ? CHECK_PASSED : CHECK_NOT_RUN, "%s",
			 !whole ? "not all reference values are there; those that are do match"
			 : r->skipped_differs
				 ? "index 35 differs, which does not count since NVDEC0 is off"
				 : "");
	snprintf(c->expected, sizeof(c->expected), "%zu values", r->compared);
	snprintf(c->found, sizeof(c->found), "%zu equal", r->compared);
}

void appraise_rim_compare(const struct appraise *a, const struct subject *s, struct part *p,
			  struct measurement_result *ret)
{
	static const char *const words[] = {
		[RIM_GPU_DRIVER] = "driver", [RIM_GPU_VBIOS] = "VBIOS", [RIM_SWITCH_BIOS] = "BIOS"
	};
	bool gpu = s->device.type == DEVICE_GPU, off = gpu && s->opaque.nvdec0 == OPAQUE_DISABLED;
	bool unclear = false, whole = s->parsed && s->opaque_ok;

	*ret = (struct measurement_result){ 0 };
	for (size_t i = 0; s->parsed && s->opaque_ok && i < (gpu ? 2u : 1u); i++) {
		const struct rim_content *content = content_of(a, s->rims[i]);

		if (!content) {
			whole = false;
			continue;
		}
		measurement_compare(content, words[a->wanted[s->rims[i]].kind], &s->report,
				    off && s->opaque.has_nvdec0, ret);
		unclear = unclear ||
			  (gpu && content->values[MEASUREMENT_NVDEC0].active &&
			   !(s->opaque.has_nvdec0 && (off || s->opaque.nvdec0 == OPAQUE_ENABLED)));
	}
	if (gpu)
		judge_conflict(content_of(a, s->rims[0]), content_of(a, s->rims[1]), p);
	if (s->parsed && (ret->compared || ret->skipped || unclear))
		judge_measurements(ret, whole, unclear, p);
}
