#include "status.h"

#include <errno.h>
#include <syslog.h>

#include "codes.h"
#include "core/str.h"
#include "fixture.h"
#include "paths.h"
#include "suite.h"

#define BOOT "b0000000-0000-4000-8000-000000000001"
#define BAD PATH_STATUS ".bad"

static struct status s, t;
static char *note;

static void load(void)
{
	struct err e = ERR_INIT;

	free(TAKE_PTR(note));
	ck_assert_msg(status_load(&t, &note, &e) == 0, "%s", e.msg);
}

static void save(struct status *which)
{
	struct err e = ERR_INIT;

	ck_assert_msg(status_save(which, &e) == 0, "%s", e.msg);
}

static void drop(void)
{
	status_done(&s);
	status_done(&t);
	free(TAKE_PTR(note));
}

/* Something in every field. */
static void fill(struct status *x)
{
	struct err e = ERR_INIT;

	status_init(x);
	x->result = RESULT_FAILED;
	x->shape = SHAPE_MULTI;
	x->restarts = 3;
	x->gate_open = true;
	str_copy(x->summary, sizeof(x->summary), "a \"quoted\" summary / with a slash");
	str_copy(x->boot_id, sizeof(x->boot_id), BOOT);
	str_copy(x->instance_id, sizeof(x->instance_id), "i-1");
	str_copy(x->instance_type, sizeof(x->instance_type), "ecs.gn8v-tee-8x.48xlarge");
	x->type_from = SOURCE_CLOUD_INIT;
	memset(x->product, 'a', sizeof(x->product) - 1);
	str_copy(x->region, sizeof(x->region), "cn-beijing");
	str_copy(x->kernel, sizeof(x->kernel), "5.10.134-18.al8.x86_64");
	err_set(&e, &CODE_DRIVER, "driver: exit status 1");
	status_set_error(&x->error, "driver", &e);
	for (size_t i = 0; i < STEP_MAX; i++) {
		struct status_step *st = &x->steps[i];

		st->state = (enum step_state)(i % STATE_MAX);
		st->attempts = (unsigned int)i;
		st->cut_off = i % 3 == 0;
		st->duration_s = (double)i + 0.125;
		snprintf(st->reason, sizeof(st->reason), "reason %zu", i);
		str_copy(st->started, sizeof(st->started), "2026-01-01T00:00:00Z");
		str_copy(st->ended, sizeof(st->ended), "2026-01-01T00:00:01Z");
		str_copy(st->boot_id, sizeof(st->boot_id), BOOT);
		if (i % 2)
			status_set_error(&st->error, steps[i].id, &e);
	}
	status_set_data(x, "attestation", json_tokener_parse("{\"verdict\": \"rejected\", \"devices\": []}"));
	status_set_data(x, "measured", json_tokener_parse("{\"cmdline_before\": \"ro\"}"));
	status_set_data(x, "services", json_tokener_parse("[{\"unit\": \"a.service\", \"enabled_before\": \"enabled\"}]"));
	status_event(x, LOG_INFO, NULL, NULL, "first");
	status_event(x, LOG_WARNING, "cuda", NULL, "second");
	status_event(x, LOG_ERR, "driver", "driver-install-failed", "third");
}

/* Equal but for the time of writing, which is the writer's. */
static void check_same(const struct status *a, const struct status *b)
{
	_cleanup_json_ struct json_object *x = status_to_json(a), *y = status_to_json(b);

	json_set_str(x, "updated", NULL);
	json_set_str(y, "updated", NULL);
	ck_assert_str_eq(json_object_to_json_string(x), json_object_to_json_string(y));
}

static void check_fresh(const struct status *x)
{
	struct status fresh;

	status_init(&fresh);
	check_same(x, &fresh);
	status_done(&fresh);
}

/* --- round trip ----------------------------------------------------------------------------- */

START_TEST(everything_survives_the_round_trip)
{
	fill(&s);
	save(&s);
	load();
	ck_assert_ptr_null(note);
	check_same(&s, &t);
	ck_assert_int_eq(t.result, RESULT_FAILED);
	ck_assert_int_eq(t.shape, SHAPE_MULTI);
	ck_assert_int_eq(t.type_from, SOURCE_CLOUD_INIT);
	ck_assert_str_eq(t.product, s.product);
	ck_assert(t.gate_open);
	ck_assert_uint_eq(t.steps[STEP_CUDA].attempts, STEP_CUDA);
	ck_assert_double_eq(t.steps[STEP_CUDA].duration_s, STEP_CUDA + 0.125);
	ck_assert_int_eq(t.events[2].level, LOG_ERR);
	ck_assert_str_eq(t.events[2].code, "driver-install-failed");
	ck_assert_str_eq(t.error.who, "operator");
	ck_assert_str_eq(t.error.class, "stop");
	ck_assert_str_eq(t.error.hint, CODE_DRIVER.hint);
	ck_assert_uint_eq(status_cut_off(&t), status_cut_off(&s));
	drop();
}
END_TEST

START_TEST(when_the_next_try_is_said_by_the_run_that_waits_and_not_remembered)
{
	_cleanup_json_ struct json_object *o = NULL;
	struct json_object *step;

	fill(&s);
	str_copy(s.steps[STEP_PACKAGES].next_try, CLOCK_TEXT_SIZE, "2026-01-01T00:00:09Z");
	str_copy(s.steps[STEP_PACKAGES].gives_up, CLOCK_TEXT_SIZE, "2026-01-01T00:10:00Z");
	o = status_to_json(&s);
	step = json_item(json_get(o, "steps"), STEP_PACKAGES);
	ck_assert_str_eq(json_str(step, "next_try", ""), "2026-01-01T00:00:09Z");
	ck_assert_str_eq(json_str(step, "gives_up", ""), "2026-01-01T00:10:00Z");
	step = json_item(json_get(o, "steps"), STEP_CUDA);
	ck_assert(json_object_object_get_ex(step, "next_try", NULL) && !json_get(step, "next_try"));
	save(&s);
	load();
	ck_assert_str_eq(t.steps[STEP_PACKAGES].next_try, "");
	ck_assert_str_eq(t.steps[STEP_PACKAGES].gives_up, "");
	drop();
}
END_TEST

START_TEST(a_fresh_status_survives_too_and_has_every_key)
{
	static const char *const keys[] = { "schema", "gn8v", "result", "summary", "updated", "boot_id",
					    "instance_id", "instance_type", "region", "shape", "kernel", "restarts",
					    "gate", "error", "attestation", "services", "packages", "measured",
					    "steps", "events", "notes" };
	_cleanup_json_ struct json_object *o = NULL;

	load();
	ck_assert_ptr_null(note);
	check_fresh(&t);
	o = status_to_json(&t);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_msg(json_object_object_get_ex(o, keys[i], NULL), "no key %s", keys[i]);
	ck_assert_uint_eq(json_count(json_get(o, "steps")), STEP_MAX);
	ck_assert_str_eq(json_str(o, "result", ""), "pending");
	drop();
}
END_TEST

START_TEST(texts_that_are_too_long_are_cut_and_stay_texts)
{
	char longer[2000];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	status_init(&s);
	for (size_t i = 0; i < 3; i++)
		status_event(&s, LOG_INFO, longer, longer, longer);
	save(&s);
	load();
	check_same(&s, &t);
	ck_assert_uint_eq(strlen(t.events[0].text), sizeof(t.events[0].text) - 1);
	drop();
}
END_TEST

START_TEST(an_error_without_a_kind_is_no_error)
{
	struct status_error err;
	struct err e = ERR_INIT;

	memset(&err, 'x', sizeof(err));
	status_set_error(&err, "driver", &e);
	ck_assert_str_eq(err.code, "");
	ck_assert_str_eq(err.message, "");
	memset(&err, 'x', sizeof(err));
	status_set_error(&err, "driver", NULL);
	ck_assert_str_eq(err.code, "");
}
END_TEST

/* --- writing -------------------------------------------------------------------------------- */

START_TEST(an_unchanged_status_is_not_written)
{
	ino_t before;

	fill(&s);
	save(&s);
	before = fixture_inode(PATH_STATUS);
	save(&s);
	ck_assert_uint_eq(fixture_inode(PATH_STATUS), before);
	load();
	save(&t);
	ck_assert_uint_eq(fixture_inode(PATH_STATUS), before);
	t.restarts++;
	save(&t);
	ck_assert_uint_ne(fixture_inode(PATH_STATUS), before);
	drop();
}
END_TEST

START_TEST(every_field_is_a_reason_to_write)
{
	ino_t before;

	fill(&s);
	save(&s);
	before = fixture_inode(PATH_STATUS);
	s.steps[STEP_READY].cut_off = !s.steps[STEP_READY].cut_off;
	save(&s);
	ck_assert_uint_ne(fixture_inode(PATH_STATUS), before);
	before = fixture_inode(PATH_STATUS);
	status_set_data(&s, "notes", json_tokener_parse("[\"x\"]"));
	save(&s);
	ck_assert_uint_ne(fixture_inode(PATH_STATUS), before);
	before = fixture_inode(PATH_STATUS);
	s.gate_open = !s.gate_open;
	save(&s);
	ck_assert_uint_ne(fixture_inode(PATH_STATUS), before);
	drop();
}
END_TEST

START_TEST(a_status_that_cannot_be_written_is_an_error_and_is_tried_again)
{
	struct err e = ERR_INIT;

	fixture_put("/var/lib/gn8v", "a file in the way");
	fill(&s);
	ck_assert_int_eq(status_save(&s, &e), -1);
	ck_assert_has(e.msg, "gn8v");
	ck_assert_int_eq(fs_unlink("/var/lib/gn8v", &e), 0);
	save(&s);
	ck_assert(fs_exists(PATH_STATUS));
	drop();
}
END_TEST

START_TEST(the_last_200_events_are_kept)
{
	char text[32];

	status_init(&s);
	for (int i = 0; i < 450; i++) {
		snprintf(text, sizeof(text), "event %d", i);
		status_event(&s, LOG_INFO, "driver", NULL, text);
	}
	save(&s);
	load();
	ck_assert_uint_eq(t.events_n, 200);
	ck_assert_str_eq(t.events[0].text, "event 250");
	ck_assert_str_eq(t.events[199].text, "event 449");
	drop();
}
END_TEST

START_TEST(the_fullest_status_is_small_enough_to_be_read)
{
	char text[400];

	/* What needs escaping takes six bytes each. */
	memset(text, 1, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fill(&s);
	for (int i = 0; i < STATUS_EVENTS_MAX; i++)
		status_event(&s, LOG_INFO, text, text, text);
	for (size_t i = 0; i < STEP_MAX; i++) {
		str_copy(s.steps[i].reason, sizeof(s.steps[i].reason), text);
		str_copy(s.steps[i].error.message, sizeof(s.steps[i].error.message), text);
	}
	save(&s);
	load();
	ck_assert_msg(note == NULL, "%s", note);
	check_same(&s, &t);
	drop();
}
END_TEST

/* --- what cannot be used -------------------------------------------------------------------- */

/* Kept as .bad, a note that says why, and a status as on the first day. */
static void check_set_aside(const char *text, const char *why)
{
	fixture_put(PATH_STATUS, text);
	load();
	ck_assert_msg(note != NULL, "believed: %.200s", text);
	ck_assert_has(note, BAD);
	ck_assert_has(note, why);
	check_fresh(&t);
	ck_assert(!fs_exists(PATH_STATUS));
	ck_assert(fs_equals(BAD, text));
	status_done(&t);
}

START_TEST(a_garbled_status_is_kept_aside_and_begun_anew)
{
	check_set_aside("garbage", "line 1");
	check_set_aside("", "line 1");
	check_set_aside("{}", "schema");
	check_set_aside("[]", "schema");
	check_set_aside("null", "schema");
	check_set_aside("{\"schema\": 2, \"result\": \"ready\"}", "expected 1, found 2");
	check_set_aside("{\"schema\": \"1\", \"result\": \"ready\"}", "schema");
	check_set_aside("{\"schema\": 1}", "result");
	check_set_aside("{\"schema\": 1, \"result\": \"splendid\"}", "result");
	check_set_aside("{\"schema\": 1, \"result\": 5}", "result");
	check_set_aside("{\"schema\": 1, \"result\": \"ready\"}}", "line 1");
	drop();
}
END_TEST

START_TEST(a_later_bad_one_replaces_the_earlier)
{
	check_set_aside("first", "line 1");
	check_set_aside("second", "line 1");
	fill(&s);
	save(&s);
	load();
	ck_assert_ptr_null(note);
	ck_assert(fs_equals(BAD, "second"));
	drop();
}
END_TEST

START_TEST(a_status_that_was_cut_anywhere_is_set_aside)
{
	_cleanup_free_ char *text = NULL;
	struct err e = ERR_INIT;
	size_t len;

	status_init(&s);
	save(&s);
	ck_assert_int_eq(fs_read(PATH_STATUS, STATUS_MAX, &text, &len, &e), 0);
	/* The last byte is the line end. */
	for (size_t n = 0; n + 2 <= len; n += n < 600 ? 1 : 97) {
		_cleanup_free_ char *cut = xstrndup(text, n);
		_cleanup_json_ struct json_object *o = NULL;

		ck_assert_msg(json_parse(cut, n, "status", &o, &e) < 0, "%zu of %zu bytes are believed", n, len);
		if (n % 101 == 0)
			check_set_aside(cut, "line ");
	}
	drop();
}
END_TEST

START_TEST(a_status_that_is_too_large_is_set_aside)
{
	_cleanup_free_ char *big = xcalloc(1, STATUS_MAX + 10);

	memset(big, ' ', STATUS_MAX + 9);
	check_set_aside(big, "larger than");
	drop();
}
END_TEST

START_TEST(nul_bytes_and_a_power_cuts_zeros_are_set_aside)
{
	static const char zeros[4096];
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_write_atomic(PATH_STATUS, 0644, zeros, sizeof(zeros), &e), 0);
	load();
	ck_assert_ptr_nonnull(note);
	check_fresh(&t);
	drop();
}
END_TEST

START_TEST(what_cannot_be_read_is_set_aside_and_an_error_where_that_fails_too)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_mkdirs(PATH_STATUS, 0755, &e), 0);
	load();
	ck_assert_ptr_nonnull(note);
	check_fresh(&t);
	ck_assert(!fs_exists(PATH_STATUS));
	status_done(&t);
	free(TAKE_PTR(note));
	fixture_put(BAD "/in-the-way", "");
	fixture_put(PATH_STATUS, "garbage");
	ck_assert_int_eq(status_load(&t, &note, &e), -1);
	ck_assert_has(e.msg, PATH_STATUS);
	ck_assert_ptr_null(note);
	drop();
}
END_TEST

/* Every value of every key replaced by values of every other type: no crash, no nonsense taken over. */
static void twist(struct json_object *whole, struct json_object *o, const char *key)
{
	static const char *const values[] = { "null", "true", "-1", "1e300", "\"text\"", "[]", "[1, null, []]",
					      "{}", "{\"id\": {}}", "9223372036854775807" };
	struct json_object *old = json_object_get(json_get(o, key));

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct err e = ERR_INIT;

		json_set(o, key, json_tokener_parse(values[i]));
		if (status_from_json(&t, whole, &e) == 0) {
			_cleanup_json_ struct json_object *again = status_to_json(&t);

			ck_assert_int_lt(t.result, RESULT_MAX);
			ck_assert_uint_le(t.events_n, STATUS_EVENTS_MAX);
			for (size_t k = 0; k < STEP_MAX; k++)
				ck_assert_uint_le(t.steps[k].attempts, 1000000);
			ck_assert_ptr_nonnull(again);
			status_done(&t);
		}
	}
	json_set(o, key, old);
}

static void twist_all(struct json_object *whole, struct json_object *o)
{
	const char *keys[32];
	size_t n = 0;

	json_object_object_foreach(o, key, value)
	{
		(void)value;
		ck_assert_uint_lt(n, ARRAY_SIZE(keys));
		keys[n++] = key;
	}
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = xstrdup(keys[i]);

		twist(whole, o, name);
	}
}

START_TEST(values_of_wrong_types_do_no_harm)
{
	_cleanup_json_ struct json_object *o = NULL;

	fill(&s);
	o = status_to_json(&s);
	twist_all(o, json_item(json_get(o, "steps"), 1));
	twist_all(o, json_get(json_item(json_get(o, "steps"), 1), "error"));
	twist_all(o, json_item(json_get(o, "events"), 0));
	twist_all(o, json_get(o, "error"));
	twist_all(o, o);
	drop();
}
END_TEST

START_TEST(numbers_that_make_no_sense_are_not_taken_over)
{
	_cleanup_json_ struct json_object *o = NULL;
	struct err e = ERR_INIT;

	fill(&s);
	o = status_to_json(&s);
	json_set_int(json_item(json_get(o, "steps"), STEP_DRIVER), "attempts", -7);
	json_set_int(json_item(json_get(o, "steps"), STEP_CUDA), "attempts", INT64_MAX);
	json_set_int(o, "restarts", -1);
	ck_assert_int_eq(status_from_json(&t, o, &e), 0);
	ck_assert_uint_eq(t.steps[STEP_DRIVER].attempts, 0);
	ck_assert_uint_eq(t.steps[STEP_CUDA].attempts, 0);
	ck_assert_uint_eq(t.restarts, 0);
	drop();
}
END_TEST

START_TEST(steps_of_another_version_are_ignored)
{
	struct err e = ERR_INIT;
	_cleanup_json_ struct json_object *o = json_tokener_parse(
		"{\"schema\": 1, \"result\": \"ready\", \"later\": {\"x\": 1}, \"steps\": ["
		"{\"id\": \"teleport\", \"state\": \"done\", \"attempts\": 9},"
		"{\"id\": \"driver\", \"state\": \"dreaming\", \"attempts\": 9},"
		"{\"id\": \"cuda\", \"state\": \"done\", \"attempts\": 2, \"later\": true}, {}, 7, null]}");

	ck_assert_int_eq(status_from_json(&t, o, &e), 0);
	ck_assert_int_eq(t.steps[STEP_DRIVER].state, STATE_TODO);
	ck_assert_uint_eq(t.steps[STEP_DRIVER].attempts, 0);
	ck_assert_int_eq(t.steps[STEP_CUDA].state, STATE_DONE);
	ck_assert_uint_eq(t.steps[STEP_CUDA].attempts, 2);
	drop();
}
END_TEST

START_TEST(of_too_many_events_the_last_are_taken)
{
	_cleanup_json_ struct json_object *o = json_tokener_parse("{\"schema\": 1, \"result\": \"ready\"}");
	struct json_object *list = json_object_new_array();
	struct err e = ERR_INIT;

	for (int i = 0; i < 300; i++) {
		struct json_object *ev = json_object_new_object();
		_cleanup_free_ char *text = xasprintf("event %d", i);

		json_set_str(ev, "text", text);
		json_object_array_add(list, ev);
	}
	json_set(o, "events", list);
	ck_assert_int_eq(status_from_json(&t, o, &e), 0);
	ck_assert_uint_eq(t.events_n, STATUS_EVENTS_MAX);
	ck_assert_str_eq(t.events[STATUS_EVENTS_MAX - 1].text, "event 299");
	drop();
}
END_TEST

/* --- whose answer it is --------------------------------------------------------------------- */

START_TEST(another_instance_forgets_attempts_verdicts_and_errors)
{
	static struct facts f;

	fill(&s);
	str_copy(f.instance.id, sizeof(f.instance.id), "i-2");
	str_copy(f.instance.type, sizeof(f.instance.type), "ecs.gn8v-tee.4xlarge");
	f.instance.shape = SHAPE_SINGLE;
	status_adopt_instance(&s, &f);
	ck_assert_uint_eq(s.steps[STEP_DRIVER].attempts, 0);
	ck_assert_str_eq(s.error.code, "");
	ck_assert_ptr_null(json_get(s.data, "attestation"));
	ck_assert(!s.gate_open);
	ck_assert_int_eq(s.result, RESULT_PENDING);
	ck_assert_str_eq(s.instance_id, "i-2");
	ck_assert_int_eq(s.shape, SHAPE_SINGLE);
	ck_assert_uint_eq(s.events_n, 1);
	ck_assert_has(s.events[0].text, "custom image");
	drop();
}
END_TEST

START_TEST(the_same_instance_and_the_first_keep_what_is_there)
{
	static struct facts f;

	fill(&s);
	str_copy(f.instance.id, sizeof(f.instance.id), "i-1");
	status_adopt_instance(&s, &f);
	ck_assert_uint_eq(s.steps[STEP_DRIVER].attempts, STEP_DRIVER);
	ck_assert_ptr_nonnull(json_get(s.data, "attestation"));
	s.instance_id[0] = '\0';
	status_adopt_instance(&s, &f);
	ck_assert_uint_eq(s.steps[STEP_DRIVER].attempts, STEP_DRIVER);
	ck_assert_str_eq(s.instance_id, "i-1");
	/* A product_uuid that cannot be read now is not forgotten. */
	ck_assert_uint_eq(strlen(s.product), HASH_HEX_SIZE - 1);
	str_copy(f.instance.product, sizeof(f.instance.product), "bb");
	f.instance.from = SOURCE_STATUS;
	status_adopt_instance(&s, &f);
	ck_assert_str_eq(s.product, "bb");
	ck_assert_int_eq(s.type_from, SOURCE_STATUS);
	drop();
}
END_TEST

START_TEST(cut_off_steps_are_bits_in_the_order_of_the_table)
{
	status_init(&s);
	ck_assert_uint_eq(status_cut_off(&s), 0);
	s.steps[STEP_DRIVER].cut_off = s.steps[STEP_READY].cut_off = true;
	ck_assert_uint_eq(status_cut_off(&s), UINT64_C(1) << STEP_DRIVER | UINT64_C(1) << STEP_READY);
	ck_assert_uint_lt(STEP_MAX, 64);
	drop();
}
END_TEST

START_TEST(results_have_their_public_names)
{
	static const char *const results[] = { "pending", "running", "restarting", "waiting",
					       "ready",	  "failed",  "refused" };

	ck_assert_uint_eq(ARRAY_SIZE(results), RESULT_MAX);
	for (size_t i = 0; i < RESULT_MAX; i++)
		ck_assert_str_eq(result_name((enum result)i), results[i]);
}
END_TEST

START_TEST(the_mode_of_selinux_is_that_of_this_boot)
{
	static struct facts f;

	status_init(&s);
	str_copy(f.host.selinux, sizeof(f.host.selinux), "enforcing");
	status_measure(&s, &f);
	ck_assert_str_eq(json_str(json_get(s.data, "measured"), "selinux", ""), "enforcing");
	f.host.selinux[0] = '\0';
	status_measure(&s, &f);
	ck_assert_str_eq(json_str(json_get(s.data, "measured"), "selinux", ""), "unknown");
	drop();
}
END_TEST

SUITE_AROUND("status", fixture_root_make, fixture_root_drop, the_mode_of_selinux_is_that_of_this_boot, everything_survives_the_round_trip,
	     when_the_next_try_is_said_by_the_run_that_waits_and_not_remembered,
	     a_fresh_status_survives_too_and_has_every_key, texts_that_are_too_long_are_cut_and_stay_texts,
	     an_error_without_a_kind_is_no_error, an_unchanged_status_is_not_written,
	     every_field_is_a_reason_to_write, a_status_that_cannot_be_written_is_an_error_and_is_tried_again,
	     the_last_200_events_are_kept, the_fullest_status_is_small_enough_to_be_read,
	     a_garbled_status_is_kept_aside_and_begun_anew, a_later_bad_one_replaces_the_earlier,
	     a_status_that_was_cut_anywhere_is_set_aside, a_status_that_is_too_large_is_set_aside,
	     nul_bytes_and_a_power_cuts_zeros_are_set_aside, 
	     what_cannot_be_read_is_set_aside_and_an_error_where_that_fails_too,
	     values_of_wrong_types_do_no_harm, numbers_that_make_no_sense_are_not_taken_over,
	     steps_of_another_version_are_ignored, of_too_many_events_the_last_are_taken,
	     another_instance_forgets_attempts_verdicts_and_errors,
	     the_same_instance_and_the_first_keep_what_is_there,
	     cut_off_steps_are_bits_in_the_order_of_the_table, results_have_their_public_names)
