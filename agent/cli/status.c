/* gn8v status: reads the files and waits for them; never asks the agent. */
#include "cli/cli.h"
#include "cli/picture.h"
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"

static int read_status(struct json_object **ret, struct err *e)
{
	if (!fs_exists(PATH_STATUS)) {
		err_set(e, &ERR_IO, "%s is not there: gn8v has not run on this machine yet",
			PATH_STATUS);
		err_hint(e,
			 "systemctl start gn8v-agent; journalctl -u gn8v-bootstrap -u gn8v-agent");
		return -1;
	}
	return json_read(PATH_STATUS, STATUS_MAX, ret, e);
}

/* A status that was written in another boot says nothing of this one. */
static const char *result_now(struct json_object *o)
{
	char boot[KERNEL_BOOT_ID_SIZE];
	const char *result = json_str(o, "result", "pending");

	if (kernel_boot_id(boot) && !str_eq(boot, json_str(o, "boot_id", "")))
		return "pending";
	return result;
}

static bool terminal(const char *result)
{
	return str_eq(result, "ready") || str_eq(result, "failed") || str_eq(result, "refused");
}

static void print_steps(struct json_object *o, struct json_object *progress)
{
	struct json_object *steps_json = json_get(o, "steps");
	char live[PICTURE_TEXT_SIZE], waits[PICTURE_WAITS_SIZE];

	for (size_t i = 0; i < json_count(steps_json); i++) {
		struct json_object *s = json_item(steps_json, i);
		const char *id = json_str(s, "id", ""), *text = json_str(s, "reason", "");

		if (str_eq(json_str(s, "state", ""), "skipped"))
			continue;
		printf("  %-20s %-8s %6.1f s  %s\n", id, json_str(s, "state", ""),
		       json_num(s, "duration_s", 0), text);
		if (picture_progress(progress, id, live))
			printf("  %-20s                    %s\n", "", live);
		if (picture_waits(s, waits))
			printf("  %-20s                    %s\n", "", waits);
	}
}

static void print_error(struct json_object *o)
{
	struct json_object *err = json_get(o, "error");

	if (!err)
		return;
	printf("\n  error    %s in %s: %s\n", json_str(err, "code", ""),
	       json_str(err, "step", "gn8v"), json_str(err, "message", ""));
	printf("  mend it  (%s) %s\n", json_str(err, "who", ""), json_str(err, "hint", ""));
}

static void print_events(struct json_object *o)
{
	struct json_object *events = json_get(o, "events");

	for (size_t i = 0; i < json_count(events); i++) {
		struct json_object *ev = json_item(events, i);

		printf("%s %-7s %-20s %s\n", json_str(ev, "t", ""), json_str(ev, "level", ""),
		       json_str(ev, "step", "-"), json_str(ev, "text", ""));
	}
}

static void print(const struct cli_options *opt, struct json_object *o)
{
	_cleanup_json_ struct json_object *progress = NULL;

	json_read(PATH_PROGRESS, STATUS_MAX, &progress, NULL);
	if (opt->json) {
		json_set_str(o, "result", result_now(o));
		if (progress)
			json_set(o, "progress", json_object_get(progress));
		cli_print_json(json_object_get(o));
		return;
	}
	if (opt->events) {
		print_events(o);
		return;
	}
	printf("%s: %s\n\n", result_now(o), json_str(o, "summary", ""));
	print_steps(o, progress);
	print_error(o);
}

/* As the run itself ended: a restart that is left to somebody is pending, and not a failure. */
static enum exit_code code_of(struct json_object *o)
{
	const char *result = result_now(o);

	if (str_eq(result, "ready"))
		return EXIT_READY;
	if (str_eq(result, "failed") &&
	    str_eq(json_str(json_get(o, "error"), "code", ""), CODE_RESTART_BY_HAND.code))
		return EXIT_RESTART_PENDING;
	if (str_eq(result, "failed") || str_eq(result, "refused"))
		return EXIT_FAILED;
	return str_eq(result, "restarting") ? EXIT_RESTART_PENDING : EXIT_CANNOT_TELL;
}

/* Ends at a terminal state, and at the restart: whoever waits in the boot that is about to end (a
 * user-data script, say) is told so instead of being cut off. */
static enum exit_code wait_for_end(const struct cli_options *o, struct json_object **ret,
				   struct err *e)
{
	_cleanup_(picture_done) struct picture p = { 0 };

	picture_init(&p, o->timeout_s, !o->json && !o->events);
	for (;;) {
		_cleanup_json_ struct json_object *status = NULL;
		struct err why = ERR_INIT;

		if (picture_watch(&p, e) < 0) /* before it is read, so that no change is missed */
			return EXIT_CANNOT_TELL;
		if (read_status(&status, &why) == 0) {
			const char *result = result_now(status);

			if (terminal(result) || str_eq(result, "restarting")) {
				*ret = TAKE_PTR(status);
				return code_of(*ret);
			}
			picture_draw(&p, status, result);
		}
		if (!picture_wait(&p)) {
			*ret = TAKE_PTR(status);
			return EXIT_TIMED_OUT;
		}
	}
}

enum exit_code cli_status(const struct cli_options *o)
{
	_cleanup_json_ struct json_object *status = NULL;
	struct err e = ERR_INIT;
	enum exit_code code;

	if (o->timeout_s && !o->wait)
		return cli_usage("--timeout limits --wait, which is not there");
	if (o->wait) {
		code = wait_for_end(o, &status, &e);
		if (e.kind)
			return cli_fail(&e, code);
	} else {
		if (read_status(&status, &e) < 0)
			return cli_fail(&e, EXIT_CANNOT_TELL);
		code = code_of(status);
	}
	if (status)
		print(o, status);
	if (code == EXIT_TIMED_OUT)
		fprintf(stderr, "gn8v: not finished after %u s\n", o->timeout_s);
	else if (o->wait && str_eq(result_now(status), "restarting"))
		fprintf(stderr,
			"gn8v: the machine restarts now and goes on afterwards: ask again in the next boot\n");
	return code;
}
