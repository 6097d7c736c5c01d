/* What a device's own bytes can tell: report, chain, and what one says of the other. */
#include <strings.h>

#include "core/str.h"
#include "trust/appraise_inside.h"

#define SWITCH_LOCKED \
	3 /* NSCQ's pcie_mode; NVIDIA's tool takes 2, which is "failure", for locked */

/* NVML's nvmlConfComputeSystemState_t. */
enum { ENVIRONMENT_UNAVAILABLE, ENVIRONMENT_SIMULATION, ENVIRONMENT_PRODUCTION };

struct check *appraise_say(struct part *p, const char *name, enum check_result result,
			   const char *fmt, ...)
{
	struct check *c;
	va_list ap;

	check_set(p->checks, &p->checks_n, name, result);
	c = check_find(p->checks, p->checks_n, name);
	va_start(ap, fmt);
	vsnprintf(c->note, sizeof(c->note), fmt, ap);
	va_end(ap);
	return c;
}

struct check *appraise_find(struct part *p, const char *name, bool passed, const char *why)
{
	return appraise_say(p, name, passed ? CHECK_PASSED : CHECK_FAILED, "%s", passed ? "" : why);
}

void appraise_expect(struct check *c, const char *expected, const char *found)
{
	str_copy(c->expected, sizeof(c->expected), expected);
	str_copy(c->found, sizeof(c->found), found);
}

/* --- report and chain --------------------------------------------------------------------------- */

static void judge_report(const struct subject *s, struct part *p)
{
	char want[2 * SPDM_NONCE_SIZE + 1] = "", got[2 * SPDM_NONCE_SIZE + 1];
	bool fresh;

	if (!s->device.report)
		appraise_say(p, "parse", CHECK_UNKNOWN, "the device handed out no report");
	else
		appraise_find(p, "parse", s->parsed, s->parse_err.msg);
	if (!s->parsed)
		return;
	str_hex(got, s->report.nonce, SPDM_NONCE_SIZE);
	if (!s->device.has_nonce) {
		appraise_expect(appraise_say(p, "nonce", CHECK_NOT_RUN,
					     "nobody said which nonce was asked with: give it"),
				"", got);
	} else {
		fresh = spdm_nonce_is(&s->report, s->device.nonce);
		str_hex(want, s->device.nonce, SPDM_NONCE_SIZE);
		appraise_expect(
			appraise_find(p, "nonce", fresh,
				      "this report answers another question: it is old, or of "
				      "another device; collect anew"),
			want, got);
	}
	if (s->chain)
		appraise_find(
			p, "report_signature", s->signed_by_leaf,
			"the report was not signed by the device whose certificates came with "
			"it, or was changed since");
}

static void judge_chain(const struct appraise *a, const struct subject *s, struct part *p)
{
	const struct x509_result *r = &s->verified;
	struct check *c;
	char root[2 * DIGEST_SHA256_SIZE + 1], found[2 * DIGEST_SHA256_SIZE + 1];

	if (!s->device.chain)
		appraise_say(p, "chain", CHECK_UNKNOWN, "the device handed out no certificates");
	else if (!s->chain)
		appraise_find(p, "chain", false, s->chain_err.msg);
	if (!s->chain)
		return;
	c = appraise_find(p, "chain", r->chain_ok, r->chain_note);
	str_hex(root, a->rules.device_root, DIGEST_SHA256_SIZE);
	str_hex(found, x509_root_digest(s->chain), DIGEST_SHA256_SIZE);
	appraise_expect(c, root, found);
	if (r->time_ok)
		appraise_say(p, "chain_time", CHECK_PASSED, "%s", "");
	else
		appraise_say(p, "chain_time", CHECK_FAILED, "%s: is the clock right?",
			     r->time_note);
	c = appraise_find(p, "arch", s->arch_ok, s->arch_err.msg);
	appraise_expect(c, s->device.type == DEVICE_GPU ? "GH100" : "LS_10",
			s->device.arch[0] && !s->arch_ok ? s->device.arch
							 : x509_common_name(s->chain, 0));
}

/* --- what the report says of itself ------------------------------------------------------------- */

static void judge_fwid(const struct subject *s, struct part *p)
{
	char want[2 * DIGEST_SHA384_SIZE + 1], got[2 * DIGEST_SHA384_SIZE + 1];
	struct check *c;

	if (!s->chain)
		return;
	if (!s->fwid_ok) {
		appraise_find(p, "fwid", false, s->fwid_err.msg);
	} else if (s->opaque_ok && !s->opaque.has_fwid) {
		appraise_say(
			p, "fwid", CHECK_PASSED,
			"the report has no firmware id, as older GPUs' and all NVSwitches'; the "
			"certificate's own holds");
	} else if (s->opaque_ok) {
		str_hex(want, s->fwid, DIGEST_SHA384_SIZE);
		str_hex(got, s->opaque.fwid, DIGEST_SHA384_SIZE);
		c = appraise_find(
			p, "fwid", memcmp(s->fwid, s->opaque.fwid, sizeof(s->fwid)) == 0,
			"the report is of other firmware than the certificate vouches for");
		appraise_expect(c, want, got);
	}
}

/* Its fields, and for a switch that it reports the PDI which its certificate names. */
static void judge_opaque(const struct subject *s, struct part *p)
{
	bool nvswitch = s->device.type == DEVICE_NVSWITCH;
	char want[24] = "", got[24] = "none";
	struct check *c;

	if (!s->parsed)
		return;
	if (!s->opaque_ok) {
		appraise_find(p, "opaque", false, s->opaque_err.msg);
		return;
	}
	if (s->chain && !s->pdi_ok) { /* of a GPU too: topology names it by its PDI */
		appraise_find(p, "opaque", false, s->pdi_err.msg);
		return;
	}
	if (!nvswitch || !s->chain) {
		appraise_say(p, "opaque", CHECK_PASSED, "%s", s->opaque.note);
		return;
	}
	snprintf(want, sizeof(want), "PDI %016llx", (unsigned long long)s->pdi);
	if (s->opaque.has_pdi)
		snprintf(got, sizeof(got), "PDI %016llx", (unsigned long long)s->opaque.pdi);
	c = appraise_find(p, "opaque", str_eq(want, got),
			  "the report is of another NVSwitch than the certificate");
	if (c->result == CHECK_PASSED)
		str_copy(c->note, sizeof(c->note), s->opaque.note);
	appraise_expect(c, want, got);
}

/* said: by the driver, which was asked or not. One that was asked and says nothing disagrees. */
static void judge_version(struct part *p, const char *name, bool asked, const char *said,
			  const char *reported, bool same)
{
	struct check *c;

	if (!asked && !said[0])
		c = appraise_say(p, name, CHECK_PASSED,
				 "as the report says; nothing else is known to compare it with");
	else
		c = appraise_find(p, name, same,
				  said[0] ? "the driver says another version than the report"
					  : "the driver was asked and says no version");
	appraise_expect(c, said, reported);
}

static void judge_versions(const struct subject *s, struct part *p)
{
	const struct appraise_device *d = &s->device;

	if (!s->opaque_ok)
		return;
	if (d->type == DEVICE_GPU)
		judge_version(p, "driver_version", d->asked, d->driver_version,
			      s->opaque.driver_version,
			      str_eq(d->driver_version, s->opaque.driver_version));
	judge_version(p, "vbios_version", d->asked, d->vbios_version, s->opaque.vbios_version,
		      strcasecmp(d->vbios_version, s->opaque.vbios_version) == 0);
}

/* --- mode --------------------------------------------------------------------------------------- */

enum mode { MODE_UNCLEAR, MODE_SINGLE, MODE_PROTECTED };

/* Firmware of the 535 and 545 drivers says neither, which is the single kind. */
static enum mode mode_of(const struct opaque *o)
{
	if ((!o->has_ppcie || o->ppcie == OPAQUE_DISABLED) &&
	    (!o->has_feature || o->feature == OPAQUE_FEATURE_SPT))
		return MODE_SINGLE;
	if (o->has_ppcie && o->ppcie == OPAQUE_ENABLED &&
	    (!o->has_feature || o->feature == OPAQUE_FEATURE_PPCIE))
		return MODE_PROTECTED;
	return MODE_UNCLEAR;
}

/* Where the shape says nothing, all GPUs must be in one mode: the first one's. */
static enum mode mode_wanted(const struct appraise *a)
{
	if (a->shape != APPRAISE_AUTO)
		return a->shape == APPRAISE_MULTI ? MODE_PROTECTED : MODE_SINGLE;
	for (size_t i = 0; i < a->subjects_n; i++)
		if (a->subjects[i].device.type == DEVICE_GPU && a->subjects[i].opaque_ok)
			return mode_of(&a->subjects[i].opaque);
	return MODE_UNCLEAR;
}

static void describe_mode(const struct opaque *o, char *dst, size_t dst_size)
{
	char ppcie[16] = "not said", feature[16] = "not said";

	if (o->has_ppcie)
		snprintf(ppcie, sizeof(ppcie), "0x%02x", o->ppcie);
	if (o->has_feature)
		snprintf(feature, sizeof(feature), "%u", o->feature);
	snprintf(dst, dst_size, "protected PCIe %s, feature flag %s", ppcie, feature);
}

/* What the driver says of the machine, against that mode; "" when nothing is wrong. What it says of
 * the environment of protected PCIe machines is not documented, but a simulation is none. */
static const char *driver_objects(const struct appraise_facts *f, enum mode want)
{
	int multi = want == MODE_PROTECTED;

	switch (f->environment) {
	case APPRAISE_NOT_KNOWN:
	case ENVIRONMENT_PRODUCTION: break;
	case ENVIRONMENT_UNAVAILABLE:
		if (want == MODE_SINGLE)
			return "the driver says that there is no confidential environment";
		break;
	case ENVIRONMENT_SIMULATION:
		return "the driver says that its confidential environment is a simulation";
	default: return "the driver names a confidential environment that is not known";
	}
	if (want == MODE_SINGLE && f->cc_feature == 0)
		return "the driver says that confidential computing is off";
	if (f->multi_gpu_mode != APPRAISE_NOT_KNOWN && f->multi_gpu_mode != multi)
		return multi ? "the driver says that the machine is not in protected PCIe mode"
			     : "the driver says that the machine is in a multi-GPU mode";
	return "";
}

static void judge_gpu_mode(const struct appraise *a, const struct subject *s, struct part *p)
{
	static const char *const wants[] = {
		[MODE_UNCLEAR] = "one of the known modes",
		[MODE_SINGLE] = "protected PCIe 0x55 or not said, feature flag 0 or not said",
		[MODE_PROTECTED] = "protected PCIe 0xaa, feature flag 2 or not said",
	};
	enum mode want = mode_wanted(a), got = s->opaque_ok ? mode_of(&s->opaque) : MODE_UNCLEAR;
	const char *objection = driver_objects(&a->rules.facts, want);
	char found[128];
	struct check *c;

	if (!s->opaque_ok) {
		if (objection[0])
			appraise_find(p, "mode", false, objection);
		return;
	}
	describe_mode(&s->opaque, found, sizeof(found));
	if (got == MODE_UNCLEAR || got != want)
		objection = "the GPU runs in another mode than this machine must be in";
	c = appraise_find(p, "mode", !objection[0], objection);
	appraise_expect(c, wants[want], found);
	if (!objection[0] && a->rules.facts.devtools == 1)
		appraise_say(p, "mode", CHECK_PASSED,
			     "DEVTOOLS MODE IS ON: who runs the machine can look into the GPU");
	else if (!objection[0] && !s->opaque.has_ppcie)
		appraise_say(p, "mode", CHECK_PASSED,
			     "this firmware does not say whether protected PCIe is on");
}

static void judge_switch_mode(const struct appraise *a, const struct subject *s, struct part *p)
{
	int mode = s->device.index < VERDICT_DEVICES_MAX
			   ? a->rules.facts.switch_mode[s->device.index]
			   : APPRAISE_NOT_KNOWN;
	struct check *c;

	if (mode != APPRAISE_NOT_KNOWN && mode != SWITCH_LOCKED) {
		c = appraise_find(p, "mode", false,
				  "the NVSwitch is not in locked protected PCIe mode");
		appraise_expect(c, "pcie_mode 3", "");
		snprintf(c->found, sizeof(c->found), "pcie_mode %d", mode);
	} else if (s->opaque_ok && s->opaque.has_ppcie && s->opaque.ppcie != OPAQUE_ENABLED) {
		c = appraise_find(p, "mode", false,
				  "the NVSwitch reports that protected PCIe is off");
		describe_mode(&s->opaque, c->found, sizeof(c->found));
	} else if (s->opaque_ok) {
		appraise_say(p, "mode", CHECK_PASSED, "%s",
			     s->opaque.has_lock && !s->opaque.lock
				     ? "the report's lock status is 0, which was never seen before"
				     : "");
	}
}

/* --- revocation --------------------------------------------------------------------------------- */

/* The one that counts of a question and its second form. */
static const struct question *effective(const struct appraise *a, size_t number)
{
	const struct question *first = a->questions[number];
	const struct question *second =
		first->second == APPRAISE_NONE ? NULL : a->questions[first->second];

	return second && second->answered ? second : first;
}

static enum check_result result_of(const struct question *q)
{
	return q->answered ? ocsp_check_result(q->answer.kind) : CHECK_UNKNOWN;
}

/* Of an unknown one. "Later" is no answer; anything else that came had to be one. */
static enum check_cause cause_of(const struct question *q)
{
	return q->answered && !q->answer.retry ? CAUSE_BAD_ANSWER : q->cause;
}

static void note_of(const struct question *q, char *dst, size_t dst_size)
{
	const char *mends = result_of(q) != CHECK_UNKNOWN ? ""
			    : cause_of(q) == CAUSE_NO_ANSWER
				    ? " (the way to the OCSP responder, or a mirror, mends this)"
				    : " (this is not the responder, or something on the way to it "
				      "changes what it says)";

	snprintf(dst, dst_size, "certificate \"%s\": %s%s", q->name,
		 q->answered ? q->answer.note : q->why, mends);
}

void appraise_ocsp_judge(const struct appraise *a, const struct asked *asked, struct part *p)
{
	enum check_cause cause = CAUSE_NONE;
	struct check *c;
	char note[512];

	if (!a->rules.ocsp) {
		appraise_say(p, "ocsp", CHECK_SKIPPED,
			     "not asked: OCSP was switched off by an option");
		return;
	}
	if (!asked->any) {
		appraise_say(p, "ocsp", CHECK_NOT_RUN,
			     "there is no chain that held and that could be asked about");
		return;
	}
	for (size_t i = 0; i < APPRAISE_ASKED; i++) {
		const struct question *q = effective(a, asked->questions[i]);
		enum check_result result = result_of(q);
		bool held = q->answered && q->answer.kind == OCSP_IS_HELD;
		const struct check *old = check_find(p->checks, p->checks_n, "ocsp");
		bool news = !old || old->result == CHECK_PASSED ||
			    (old->result == CHECK_UNKNOWN && result == CHECK_FAILED);

		if (result == CHECK_UNKNOWN && cause_of(q) > cause)
			cause = cause_of(q);
		note_of(q, note, sizeof(note));
		if (held)
			str_copy(p->warning, sizeof(p->warning), note);
		if (held || (q->answered && q->answer.kind == OCSP_IS_REVOKED)) {
			p->revoked = true;
			p->reason = q->answer.reason < 0 ? NULL : strchr(q->answer.note, ' ') + 1;
		}
		if (!news || (old && result == CHECK_PASSED && !held))
			continue;
		c = appraise_say(p, "ocsp", result, "%s",
				 result == CHECK_PASSED && !held ? "" : note);
		appraise_expect(c, "good",
				q->answered ? ocsp_kind_name(q->answer.kind) : "no answer");
	}
	c = check_find(p->checks, p->checks_n, "ocsp");
	c->cause = c->result == CHECK_UNKNOWN ? cause : CAUSE_NONE;
}

void appraise_device_judge(const struct appraise *a, const struct subject *s, struct part *p)
{
	judge_report(s, p);
	judge_chain(a, s, p);
	judge_fwid(s, p);
	judge_opaque(s, p);
	judge_versions(s, p);
	if (s->device.type == DEVICE_GPU)
		judge_gpu_mode(a, s, p);
	else
		judge_switch_mode(a, s, p);
	appraise_ocsp_judge(a, &s->asked, p);
}
