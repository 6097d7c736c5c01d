/* The verdict: what was found of a device and of its manifests in one list, the checks of the machine,
 * and the claims. */
#include "core/str.h"
#include "trust/appraise_inside.h"
#include "trust/claims.h"
#include "trust/topology.h"

/* Every check of a device, in the order of the list. */
static const struct {
	const char *name;
	bool gpu_only;
} names[] = {
	{"parse",		   false},
	{ "chain",		   false},
	{ "chain_time",	false},
	{ "arch",		  false},
	{ "report_signature", false},
	{ "nonce",		   false},
	{ "fwid",		  false},
	{ "opaque",	    false},
	{ "driver_version",   true },
	{ "vbios_version",	   false},
	{ "ocsp",		  false},
	{ "rim_fetch",	       false},
	{ "rim_parse",	       false},
	{ "rim_structure",	   false},
	{ "rim_profile",	 false},
	{ "rim_signature",	   false},
	{ "rim_chain",	       false},
	{ "rim_chain_time",   false},
	{ "rim_version",	 false},
	{ "index_conflict",   true },
	{ "measurements",	  false},
	{ "mode",		  false},
};

/* A device's own part, and one for each of its manifests. */
#define PARTS (1 + APPRAISE_RIMS_EACH)

struct judged {
	const struct subject *subject;
	size_t parts_n;
	struct part parts[PARTS];
	struct measurement_result compared;
};

/* --- one list ----------------------------------------------------------------------------------- */

/* What was skipped must show, though it stops nothing. */
static int badness(enum check_result r)
{
	static const int order[] = { [CHECK_PASSED] = 0,
				     [CHECK_SKIPPED] = 1,
				     [CHECK_NOT_RUN] = 2,
				     [CHECK_UNKNOWN] = 3,
				     [CHECK_FAILED] = 4 };

	return order[r];
}

/* What a part says on a check: one that it never came to was not run. NULL if it has no such check. */
static const struct check *said_by(const struct judged *j, size_t part, const char *name)
{
	static const struct check not_run = { .result = CHECK_NOT_RUN };
	const struct part *p = &j->parts[part];
	bool of_rim = str_starts(name, "rim_"), of_both = str_eq(name, "ocsp");
	const struct check *c = check_find((struct check *)p->checks, p->checks_n, name);

	if (!of_both && of_rim != (part > 0))
		return NULL;
	return c ? c : &not_run;
}

static void append(char *dst, size_t dst_size, const char *word, const char *text)
{
	size_t n = strlen(dst);

	if (text[0])
		snprintf(dst + n, dst_size - n, "%s%s%s%s", n ? "; " : "", word,
			 word[0] ? ": " : "", text);
}

/* The worst that any part says, in the words of those that say it. */
static void merge(const struct judged *j, const char *name, struct device_verdict *d)
{
	enum check_result worst = CHECK_NOT_RUN;
	struct check *ret;
	bool any = false;

	for (size_t i = 0; i < j->parts_n; i++) {
		const struct check *c = said_by(j, i, name);

		if (c && (!any || badness(c->result) > badness(worst))) {
			worst = c->result;
			any = true;
		}
	}
	check_set(d->checks, &d->checks_n, name, worst);
	ret = check_find(d->checks, d->checks_n, name);
	for (size_t i = 0; i < j->parts_n; i++) {
		const struct check *c = said_by(j, i, name);
		const char *word = j->parts[i].word;

		if (!c || c->result != worst)
			continue;
		if (c->cause > ret->cause)
			ret->cause = c->cause;
		append(ret->expected, sizeof(ret->expected), word, c->expected);
		append(ret->found, sizeof(ret->found), word, c->found);
		append(ret->note, sizeof(ret->note), word, c->note);
	}
}

static void judge_device(const struct appraise *a, const struct subject *s, struct judged *j,
			 struct device_verdict *d)
{
	static const char *const words[] = { "driver", "VBIOS" };
	bool gpu = s->device.type == DEVICE_GPU;

	j->subject = s;
	j->parts_n = gpu ? 3 : 2;
	j->parts[0].word = "";
	appraise_device_judge(a, s, &j->parts[0]);
	for (size_t i = 0; i + 1 < j->parts_n; i++) {
		j->parts[i + 1].word = gpu ? words[i] : "BIOS";
		appraise_rim_judge(a, s, s->rims[i], &j->parts[i + 1]);
	}
	appraise_rim_compare(a, s, &j->parts[0], &j->compared);
	str_copy(d->id, sizeof(d->id), s->device.id);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (gpu || !names[i].gpu_only)
			merge(j, names[i].name, d);
}

/* --- the machine -------------------------------------------------------------------------------- */

static void judge_machine(const struct appraise *a, struct appraisal *ret)
{
	bool multi = a->shape == APPRAISE_MULTI;
	struct topology_device devices[VERDICT_DEVICES_MAX];

	for (size_t i = 0; i < a->subjects_n; i++) {
		const struct subject *s = &a->subjects[i];

		devices[i] = (struct topology_device){
			.type = s->device.type,
			.index = s->device.index,
			.key = s->key_ok ? s->key : NULL,
			.pdi = s->pdi_ok ? &s->pdi : NULL,
			.opaque = s->opaque_ok ? &s->opaque : NULL,
		};
	}
	if (a->shape == APPRAISE_AUTO)
		return;
	topology_count(devices, a->subjects_n, multi ? TOPOLOGY_GPUS : 1,
		       multi ? TOPOLOGY_SWITCHES : 0, &ret->checks[ret->checks_n++]);
	if (multi)
		topology_judge(devices, a->subjects_n, &ret->checks[ret->checks_n++]);
}

/* --- claims ------------------------------------------------------------------------------------- */

static enum check_result result(const struct part *p, const char *name)
{
	const struct check *c = check_find((struct check *)p->checks, p->checks_n, name);

	return c ? c->result : CHECK_NOT_RUN;
}

static struct claims_chain chain_of(const struct part *p, const char *chain, const char *chain_time,
				    time_t not_after)
{
	return (struct claims_chain){
		.chain = result(p, chain),
		.time = result(p, chain_time),
		.ocsp = result(p, "ocsp"),
		.not_after = not_after,
		.revoked = p->revoked,
		.reason = p->reason,
	};
}

static struct claims_rim rim_of(const struct part *p, const struct rim *rim)
{
	return (struct claims_rim){
		.fetch = result(p, "rim_fetch"),
		.parse = result(p, "rim_parse"),
		.structure = result(p, "rim_structure"),
		.profile = result(p, "rim_profile"),
		.signature = result(p, "rim_signature"),
		.version = result(p, "rim_version"),
		.chain = chain_of(p, "rim_chain", "rim_chain_time", rim ? rim->not_after : 0),
	};
}

static const struct rim *rim_at(const struct appraise *a, const struct subject *s, size_t i)
{
	return s->rims[i] == APPRAISE_NONE ? NULL : a->wanted[s->rims[i]].rim;
}

static struct json_object *claim(const struct appraise *a, const struct judged *j,
				 const struct device_verdict *d)
{
	const struct subject *s = j->subject;
	const struct part *p = &j->parts[0];
	const struct rim *first = rim_at(a, s, 0);
	char nonce[2 * SPDM_NONCE_SIZE + 1] = "";
	char *ueid = s->chain ? x509_serial_decimal(s->chain, 0) : NULL;
	struct claims c = {
		.type = s->device.type,
		.verdict = d->verdict,
		.devtools = a->rules.facts.devtools == 1,
		.arch = result(p, "arch"),
		.parse = result(p, "parse"),
		.nonce_match = result(p, "nonce"),
		.signature = result(p, "report_signature"),
		.fwid = result(p, "fwid"),
		.driver_version = result(p, "driver_version"),
		.vbios_version = result(p, "vbios_version"),
		.index_conflict = result(p, "index_conflict"),
		.measurements = result(p, "measurements"),
		.chain = chain_of(p, "chain", "chain_time", s->chain ? s->verified.not_after : 0),
		.compared = s->parsed && s->opaque_ok ? &j->compared : NULL,
		.nonce = nonce,
		.driver = s->opaque_ok ? s->opaque.driver_version : NULL,
		.vbios = s->opaque_ok ? s->opaque.vbios_version : NULL,
		.hwmodel = s->chain ? x509_common_name(s->chain, 1) : NULL,
		.ueid = ueid,
		.oemid = first ? first->content.platform_manufacturer_id : NULL,
	};
	struct json_object *o;

	if (s->parsed)
		str_hex(nonce, s->report.nonce, SPDM_NONCE_SIZE);
	for (size_t i = 0; i + 1 < j->parts_n; i++)
		c.rims[i] = rim_of(&j->parts[i + 1], rim_at(a, s, i));
	for (size_t i = 0; i < j->parts_n; i++)
		if (j->parts[i].warning[0])
			c.warning = j->parts[i].warning;
	o = claims_to_json(&c);
	free(ueid);
	return o;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static bool is_nvidia(const struct appraise_rules *rules)
{
	return memcmp(rules->device_root, x509_device_root, DIGEST_SHA256_SIZE) == 0 &&
	       memcmp(rules->rim_root, x509_rim_root, DIGEST_SHA256_SIZE) == 0;
}

void appraise_judge(const struct appraise *a, struct appraisal *ret)
{
	struct judged *judged = xcalloc(a->subjects_n ? a->subjects_n : 1, sizeof(*judged));

	*ret = (struct appraisal){ .custom_anchors = !is_nvidia(&a->rules) };
	str_copy(ret->decided_by, sizeof(ret->decided_by), "native");
	/* By position: two devices of one index are two devices. */
	for (size_t i = 0; i < a->subjects_n; i++) {
		struct device_verdict *d = &ret->devices[ret->devices_n++];

		d->type = a->subjects[i].device.type;
		d->index = a->subjects[i].device.index;
		judge_device(a, &a->subjects[i], &judged[i], d);
	}
	judge_machine(a, ret);
	appraisal_conclude(ret);
	for (size_t i = 0; i < ret->devices_n; i++)
		ret->devices[i].claims = claim(a, &judged[i], &ret->devices[i]);
	free(judged);
}
