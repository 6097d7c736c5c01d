#include "status.h"

#include <errno.h>
#include <syslog.h>

#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "version.h"

static const char *const result_names[RESULT_MAX] = {
	"pending", "running", "restarting", "waiting", "ready", "failed", "refused",
};

static const char *const state_names[STATE_MAX] = {
	"todo", "running", "done", "failed", "interrupted", "blocked", "skipped",
};

const char *result_name(enum result r)
{
	return result_names[r];
}

static int find_name(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(names[i], name))
			return (int)i;
	return -1;
}

void status_init(struct status *s)
{
	*s = (struct status){ .data = json_object_new_object() };
	for (size_t i = 0; i < STEP_MAX; i++)
		s->steps[i].state = STATE_TODO;
}

void status_done(struct status *s)
{
	json_object_put(s->data);
	free(s->saved);
	*s = (struct status){ 0 };
}

/* --- to JSON -------------------------------------------------------------------------------- */

static void set_text(struct json_object *o, const char *key, const char *text)
{
	json_set_str(o, key, *text ? text : NULL);
}

static struct json_object *error_to_json(const struct status_error *err)
{
	struct json_object *o;

	if (!err->code[0])
		return NULL;
	o = json_object_new_object();
	json_set_str(o, "code", err->code);
	json_set_str(o, "class", err->class);
	set_text(o, "step", err->step);
	json_set_str(o, "message", err->message);
	json_set_str(o, "who", err->who);
	json_set_str(o, "hint", err->hint);
	set_text(o, "at", err->at);
	return o;
}

static struct json_object *steps_to_json(const struct status *s)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < STEP_MAX; i++) {
		const struct status_step *st = &s->steps[i];
		struct json_object *o = json_object_new_object();

		json_set_str(o, "id", steps[i].id);
		json_set_str(o, "rows", steps[i].rows);
		json_set_str(o, "title", steps[i].title);
		json_set_str(o, "state", state_names[st->state]);
		json_set_str(o, "reason", st->reason);
		json_set_int(o, "attempts", st->attempts);
		json_set_bool(o, "cut_off", st->cut_off);
		set_text(o, "started", st->started);
		set_text(o, "ended", st->ended);
		json_set_num(o, "duration_s", st->duration_s);
		set_text(o, "boot_id", st->boot_id);
		json_set(o, "error", error_to_json(&st->error));
		set_text(o, "next_try", st->next_try);
		set_text(o, "gives_up", st->gives_up);
		json_object_array_add(a, o);
	}
	return a;
}

static const char *level_name(int level)
{
	return level <= LOG_ERR ? "error" : level <= LOG_WARNING ? "warning" : "info";
}

static struct json_object *events_to_json(const struct status *s)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < s->events_n; i++) {
		const struct status_event *ev = &s->events[i];
		struct json_object *o = json_object_new_object();

		json_set_str(o, "t", ev->t);
		json_set_str(o, "level", level_name(ev->level));
		set_text(o, "step", ev->step);
		set_text(o, "code", ev->code);
		json_set_str(o, "text", ev->text);
		json_object_array_add(a, o);
	}
	return a;
}

/* Keys whose values come from workers, in the order in which a reader wants them. */
static const char *const data_keys[] = { "reduced",  "notes",	 "attestation",
					 "services", "packages", "measured" };

static struct json_object *data_or_empty(const struct status *s, const char *key)
{
	struct json_object *v = json_get(s->data, key);

	if (v)
		return json_object_get(v);
	if (str_eq(key, "attestation"))
		return NULL;
	return str_eq(key, "measured") ? json_object_new_object() : json_object_new_array();
}

struct json_object *status_to_json(const struct status *s)
{
	struct json_object *o = json_object_new_object();

	json_set_int(o, "schema", STATUS_SCHEMA);
	json_set_str(o, "gn8v", GN8V_VERSION);
	json_set_str(o, "result", result_names[s->result]);
	set_text(o, "updated", s->updated);
	json_set_str(o, "summary", s->summary);
	set_text(o, "boot_id", s->boot_id);
	set_text(o, "instance_id", s->instance_id);
	set_text(o, "instance_type", s->instance_type);
	json_set_str(o, "instance_type_from", facts_source_name(s->type_from));
	set_text(o, "region", s->region);
	set_text(o, "product_uuid_sha256", s->product);
	json_set_str(o, "shape", shape_name(s->shape));
	set_text(o, "kernel", s->kernel);
	json_set_int(o, "restarts", s->restarts);
	json_set_str(o, "gate", s->gate_open ? "open" : "closed");
	json_set(o, "error", error_to_json(&s->error));
	for (size_t i = 0; i < ARRAY_SIZE(data_keys); i++)
		json_set(o, data_keys[i], data_or_empty(s, data_keys[i]));
	json_set(o, "steps", steps_to_json(s));
	json_set(o, "events", events_to_json(s));
	return o;
}

/* --- from JSON ------------------------------------------------------------------------------ */

static void get_text(struct json_object *o, const char *key, char *dst, size_t dst_size)
{
	str_copy(dst, dst_size, json_str(o, key, ""));
}

#define GET_TEXT(o, key, dst) get_text(o, key, dst, sizeof(dst))

static void error_from_json(struct json_object *o, struct status_error *err)
{
	*err = (struct status_error){ 0 };
	if (!o)
		return;
	GET_TEXT(o, "code", err->code);
	GET_TEXT(o, "class", err->class);
	GET_TEXT(o, "step", err->step);
	GET_TEXT(o, "message", err->message);
	GET_TEXT(o, "who", err->who);
	GET_TEXT(o, "hint", err->hint);
	GET_TEXT(o, "at", err->at);
}

/* A number of attempts or restarts; nonsense is none. */
static unsigned int count_from_json(struct json_object *o, const char *key)
{
	int64_t n = json_int(o, key, 0);

	return n < 0 || n > 1000000 ? 0 : (unsigned int)n;
}

static void step_from_json(struct status *s, struct json_object *o)
{
	const struct step *step = step_by_id(json_str(o, "id", ""));
	int state = find_name(state_names, STATE_MAX, json_str(o, "state", ""));
	struct status_step *st;

	/* A step of another version of this program: its state is probed anyway. */
	if (!step || state < 0)
		return;
	st = &s->steps[step - steps];
	st->state = (enum step_state)state;
	st->attempts = count_from_json(o, "attempts");
	st->duration_s = json_num(o, "duration_s", 0);
	st->cut_off = json_flag(o, "cut_off", false);
	GET_TEXT(o, "reason", st->reason);
	GET_TEXT(o, "started", st->started);
	GET_TEXT(o, "ended", st->ended);
	GET_TEXT(o, "boot_id", st->boot_id);
	error_from_json(json_get(o, "error"), &st->error);
}

static void event_from_json(struct status *s, struct json_object *o)
{
	struct status_event *ev = &s->events[s->events_n++];
	const char *level = json_str(o, "level", "info");

	*ev = (struct status_event){ 0 };
	ev->level = str_eq(level, "error")     ? LOG_ERR
		    : str_eq(level, "warning") ? LOG_WARNING
					       : LOG_INFO;
	GET_TEXT(o, "t", ev->t);
	GET_TEXT(o, "step", ev->step);
	GET_TEXT(o, "code", ev->code);
	GET_TEXT(o, "text", ev->text);
}

static enum shape shape_from_json(struct json_object *o)
{
	const char *name = json_str(o, "shape", "");

	return str_eq(name, "single")  ? SHAPE_SINGLE
	       : str_eq(name, "multi") ? SHAPE_MULTI
				       : SHAPE_UNKNOWN;
}

static void data_from_json(struct status *s, struct json_object *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(data_keys); i++) {
		struct json_object *v = json_get(o, data_keys[i]);
		enum json_type want =
			str_eq(data_keys[i], "attestation") || str_eq(data_keys[i], "measured")
				? json_type_object
				: json_type_array;

		if (json_object_is_type(v, want))
			json_set(s->data, data_keys[i], json_object_get(v));
	}
}

int status_from_json(struct status *s, struct json_object *o, struct err *e)
{
	struct json_object *a;
	size_t n;
	int64_t schema = json_int(o, "schema", -1);
	time_t updated;
	int result = find_name(result_names, RESULT_MAX, json_str(o, "result", ""));

	if (schema != STATUS_SCHEMA)
		return err_set(e, &ERR_FORMAT, "schema: expected %d, found %lld", STATUS_SCHEMA,
			       (long long)schema);
	if (result < 0)
		return err_set(e, &ERR_FORMAT, "result: not one of pending, running, ...");
	status_init(s);
	s->result = (enum result)result;
	s->shape = shape_from_json(o);
	s->restarts = count_from_json(o, "restarts");
	s->gate_open = str_eq(json_str(o, "gate", ""), "open");
	GET_TEXT(o, "summary", s->summary);
	GET_TEXT(o, "updated", s->updated);
	if (!clock_parse(s->updated, &updated))
		s->updated[0] = '\0';
	GET_TEXT(o, "boot_id", s->boot_id);
	GET_TEXT(o, "instance_id", s->instance_id);
	GET_TEXT(o, "instance_type", s->instance_type);
	s->type_from = facts_source_of(json_str(o, "instance_type_from", NULL));
	GET_TEXT(o, "region", s->region);
	GET_TEXT(o, "product_uuid_sha256", s->product);
	GET_TEXT(o, "kernel", s->kernel);
	error_from_json(json_get(o, "error"), &s->error);
	data_from_json(s, o);
	a = json_get(o, "steps");
	for (size_t i = 0; i < json_count(a); i++)
		step_from_json(s, json_item(a, i));
	a = json_get(o, "events");
	n = json_count(a);
	for (size_t i = n > STATUS_EVENTS_MAX ? n - STATUS_EVENTS_MAX : 0; i < n; i++)
		event_from_json(s, json_item(a, i));
	return 0;
}

/* --- the file ------------------------------------------------------------------------------- */

static int set_aside(struct status *s, const struct err *why, char **ret_note, struct err *e)
{
	status_init(s);
	if (fs_rename(PATH_STATUS, PATH_STATUS ".bad", e) < 0)
		return -1;
	*ret_note = xasprintf(
		"%s could not be used (%s) and was kept as %s.bad; everything is probed anew",
		PATH_STATUS, why->msg, PATH_STATUS);
	return 0;
}

int status_load(struct status *s, char **ret_note, struct err *e)
{
	_cleanup_json_ struct json_object *o = NULL;
	_cleanup_free_ char *text = NULL;
	struct err why = ERR_INIT;
	size_t len;

	*ret_note = NULL;
	*s = (struct status){ 0 };
	if (fs_read_optional(PATH_STATUS, STATUS_MAX, &text, &len, &why) < 0)
		return set_aside(s, &why, ret_note, e);
	if (!text) {
		status_init(s);
		return 0;
	}
	if (json_parse(text, len, PATH_STATUS, &o, &why) < 0 || status_from_json(s, o, &why) < 0) {
		status_done(s);
		return set_aside(s, &why, ret_note, e);
	}
	s->saved = TAKE_PTR(text);
	return 0;
}

static char *status_text(const struct status *s)
{
	_cleanup_json_ struct json_object *o = status_to_json(s);

	return xasprintf("%s\n", json_object_to_json_string_ext(
					 o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
}

#define UPDATED_KEY "\"updated\": \"" /* as json-c prints it with JSON_C_TO_STRING_SPACED */

int status_save(struct status *s, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	char *stamp;

	/* `updated` alone is no reason to write: the text is made with the old one, which has a fixed
	 * length, and gets the new one in its place. */
	if (!s->updated[0])
		clock_format(0, s->updated);
	text = status_text(s);
	if (s->saved && str_eq(text, s->saved))
		return 0;
	stamp = strstr(text, UPDATED_KEY);
	if (!stamp)
		return err_set(e, &ERR_INTERNAL, "status: no " UPDATED_KEY " in its own text");
	stamp += strlen(UPDATED_KEY);
	clock_format(clock_wall_s(), s->updated);
	memcpy(stamp, s->updated, strlen(s->updated));
	if (fs_write_atomic(PATH_STATUS, 0644, text, strlen(text), e) < 0)
		return -1;
	free(s->saved);
	s->saved = TAKE_PTR(text);
	return 0;
}

void status_adopt_instance(struct status *s, const struct facts *f)
{
	if (s->instance_id[0] && !str_eq(s->instance_id, f->instance.id)) {
		char *saved = TAKE_PTR(s->saved);

		status_done(s);
		status_init(s);
		s->saved = saved;
		status_event(
			s, LOG_WARNING, NULL, NULL,
			"this is another instance than the one that wrote the status (a custom image): "
			"its attempts and verdicts do not count here");
	}
	str_copy(s->instance_id, sizeof(s->instance_id), f->instance.id);
	str_copy(s->instance_type, sizeof(s->instance_type), f->instance.type);
	str_copy(s->region, sizeof(s->region), f->instance.region);
	s->type_from = f->instance.from;
	if (f->instance.product[0])
		str_copy(s->product, sizeof(s->product), f->instance.product);
	s->shape = f->instance.shape;
}

uint64_t status_cut_off(const struct status *s)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < STEP_MAX; i++)
		bits |= (uint64_t)s->steps[i].cut_off << i;
	return bits;
}

void status_event(struct status *s, int level, const char *step, const char *code, const char *text)
{
	struct status_event *ev;

	if (s->events_n == STATUS_EVENTS_MAX) {
		memmove(&s->events[0], &s->events[1],
			(STATUS_EVENTS_MAX - 1) * sizeof(s->events[0]));
		s->events_n--;
	}
	ev = &s->events[s->events_n++];
	*ev = (struct status_event){ .level = level };
	clock_format(clock_wall_s(), ev->t);
	str_copy(ev->step, sizeof(ev->step), step ? step : "");
	str_copy(ev->code, sizeof(ev->code), code ? code : "");
	str_copy(ev->text, sizeof(ev->text), text);
}

void status_set_error(struct status_error *to, const char *step, const struct err *e)
{
	*to = (struct status_error){ 0 };
	if (!e || !e->kind)
		return;
	str_copy(to->code, sizeof(to->code), e->kind->code);
	str_copy(to->class, sizeof(to->class), err_class_name(e->kind->class));
	str_copy(to->step, sizeof(to->step), step ? step : "");
	str_copy(to->message, sizeof(to->message), e->msg);
	str_copy(to->who, sizeof(to->who), e->kind->who);
	str_copy(to->hint, sizeof(to->hint), err_hint_text(e));
	clock_format(clock_wall_s(), to->at);
}

void status_set_data(struct status *s, const char *key, struct json_object *value)
{
	json_set(s->data, key, value);
}

static void merge_object(struct json_object *to, struct json_object *from)
{
	json_object_object_foreach(from, key, value)
	{
		json_set(to, key, json_object_get(value));
	}
}

/* An item is known by its first key: "file" of a package, "unit" of a service. */
static const char *item_name(struct json_object *item, const char **ret_key)
{
	json_object_object_foreach(item, key, value)
	{
		*ret_key = key;
		return json_object_get_string(value);
	}
	*ret_key = "";
	return "";
}

static struct json_object *merged_list(struct json_object *old, struct json_object *news)
{
	struct json_object *out = json_object_new_array();
	const char *key;

	for (size_t i = 0; i < json_count(old); i++) {
		struct json_object *item = json_item(old, i);
		const char *name = item_name(item, &key);
		bool replaced = false;

		for (size_t k = 0; k < json_count(news); k++)
			replaced |= str_eq(json_str(json_item(news, k), key, NULL), name);
		if (!replaced)
			json_object_array_add(out, json_object_get(item));
	}
	for (size_t k = 0; k < json_count(news); k++)
		json_object_array_add(out, json_object_get(json_item(news, k)));
	return out;
}

void status_merge(struct status *s, const char *key, struct json_object *value)
{
	struct json_object *old = json_get(s->data, key);

	if (json_object_is_type(value, json_type_array))
		status_set_data(s, key, merged_list(old, value));
	else if (json_object_is_type(old, json_type_object) && !str_eq(key, "attestation"))
		merge_object(old, value);
	else
		status_set_data(s, key, json_object_get(value));
}

void status_measure(struct status *s, const struct facts *f)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();

	json_set_str(o, "cmdline", f->machine.cmdline);
	if (f->boot.swiotlb_known)
		json_set_int(o, "swiotlb_bytes", (int64_t)f->boot.swiotlb_bytes);
	/* Not known is said too: the word of an earlier boot must not stay. */
	json_set_str(o, "selinux", *f->host.selinux ? f->host.selinux : "unknown");
	status_merge(s, "measured", o);
}
