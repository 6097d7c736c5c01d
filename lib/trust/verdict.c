#include "trust/verdict.h"

#include "core/str.h"

const char *verdict_name(enum verdict v)
{
	return v == VERDICT_ACCEPTED ? "accepted" : v == VERDICT_REJECTED ? "rejected" : "unknown";
}

const char *check_result_name(enum check_result r)
{
	static const char *const names[] = { "not-run", "passed", "failed", "unknown", "skipped" };

	return names[r];
}

const char *check_cause_name(enum check_cause c)
{
	static const char *const names[] = { NULL, "no-answer", "rim-missing", "bad-answer" };

	return names[c];
}

const char *device_type_name(enum device_type t)
{
	return t == DEVICE_GPU ? "gpu" : "nvswitch";
}

struct device_verdict *appraisal_device(struct appraisal *a, enum device_type type,
					unsigned int index)
{
	for (size_t i = 0; i < a->devices_n; i++)
		if (a->devices[i].type == type && a->devices[i].index == index)
			return &a->devices[i];
	if (a->devices_n == VERDICT_DEVICES_MAX)
		return NULL;
	a->devices[a->devices_n] = (struct device_verdict){ .type = type, .index = index };
	return &a->devices[a->devices_n++];
}

struct check *check_find(struct check *checks, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(checks[i].name, name))
			return &checks[i];
	return NULL;
}

static int badness(enum check_result r)
{
	return r == CHECK_FAILED ? 2 : r == CHECK_UNKNOWN ? 1 : 0;
}

void check_set(struct check *checks, size_t *n, const char *name, enum check_result result)
{
	struct check *c = check_find(checks, *n, name);

	if (!c) {
		/* More checks than there are names is a defect: it must not end as "accepted". */
		if (*n == VERDICT_CHECKS_MAX)
			abort();
		c = &checks[(*n)++];
		*c = (struct check){ .result = result };
		str_copy(c->name, sizeof(c->name), name);
	} else if (result != CHECK_NOT_RUN && badness(result) >= badness(c->result)) {
		c->result = result;
	}
}

static enum verdict conclude(const struct check *checks, size_t n)
{
	enum verdict v = n ? VERDICT_ACCEPTED : VERDICT_UNKNOWN;

	for (size_t i = 0; i < n; i++) {
		if (checks[i].result == CHECK_FAILED)
			return VERDICT_REJECTED;
		if (checks[i].result != CHECK_PASSED && checks[i].result != CHECK_SKIPPED)
			v = VERDICT_UNKNOWN;
	}
	return v;
}

static enum verdict worse(enum verdict a, enum verdict b)
{
	if (a == VERDICT_REJECTED || b == VERDICT_REJECTED)
		return VERDICT_REJECTED;
	return a == VERDICT_UNKNOWN || b == VERDICT_UNKNOWN ? VERDICT_UNKNOWN : VERDICT_ACCEPTED;
}

void appraisal_conclude(struct appraisal *a)
{
	a->verdict = a->devices_n ? VERDICT_ACCEPTED : VERDICT_UNKNOWN;
	if (a->checks_n)
		a->verdict = worse(a->verdict, conclude(a->checks, a->checks_n));
	for (size_t i = 0; i < a->devices_n; i++) {
		struct device_verdict *d = &a->devices[i];

		d->verdict = conclude(d->checks, d->checks_n);
		a->verdict = worse(a->verdict, d->verdict);
	}
}

static struct json_object *checks_to_json(const struct check *checks, size_t n)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_new_object();

		json_set_str(o, "name", checks[i].name);
		json_set_str(o, "result", check_result_name(checks[i].result));
		json_set_str(o, "cause", check_cause_name(checks[i].cause));
		json_set_str(o, "expected", checks[i].expected[0] ? checks[i].expected : NULL);
		json_set_str(o, "found", checks[i].found[0] ? checks[i].found : NULL);
		json_set_str(o, "note", checks[i].note[0] ? checks[i].note : NULL);
		json_object_array_add(list, o);
	}
	return list;
}

struct json_object *appraisal_to_json(const struct appraisal *a)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	json_set_int(o, "schema", 1);
	json_set_str(o, "verdict", verdict_name(a->verdict));
	json_set_str(o, "decided_by", a->decided_by);
	json_set_str(o, "trust_anchors", a->custom_anchors ? "custom" : "nvidia");
	for (size_t i = 0; i < a->devices_n; i++) {
		const struct device_verdict *d = &a->devices[i];
		struct json_object *item = json_object_new_object();

		json_set_str(item, "type", device_type_name(d->type));
		json_set_int(item, "index", d->index);
		json_set_str(item, "id", d->id[0] ? d->id : NULL);
		json_set_str(item, "verdict", verdict_name(d->verdict));
		json_set(item, "checks", checks_to_json(d->checks, d->checks_n));
		if (d->claims)
			json_set(item, "claims", json_object_get(d->claims));
		json_object_array_add(list, item);
	}
	json_set(o, "devices", list);
	json_set(o, "checks", checks_to_json(a->checks, a->checks_n));
	return o;
}

void appraisal_done(struct appraisal *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->devices_n; i++) {
		json_object_put(a->devices[i].claims);
		a->devices[i].claims = NULL;
	}
}
