#include "cli/cli.h"

#include "cli/lock.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "version.h"

#define METADATA_S 6

/* clang-format off */
const struct cli_command cli_commands[] = {
	{ "run", "[--restart]", "bring this machine to ready; --restart allows the restart that needs", cli_run },
	{ "plan", "[--json]", "print what run would do, and why; changes nothing", cli_plan },
	{ "status", "[--wait [--timeout S]] [--json] [--events]", "print the result, step by step", cli_status },
	{ "verify", "[--evidence FILE]... [OPTION...]", "attest the GPUs and NVSwitches now, or saved evidence; moves no gate", cli_verify },
	{ "collect", "--out FILE", "save the evidence of the GPUs and NVSwitches, for verify --evidence", cli_collect },
	{ "collect-logs", "FILE.tar.gz | --list", "save logs and what else is known, without secrets; changes nothing", cli_collect_logs, true },
	{ "gate", "--close-unless-success", "for the unit's ExecStopPost: close the gate unless it succeeded", cli_gate },
	{ "version", "", "print the version", cli_version },
};
/* clang-format on */

const size_t cli_commands_n = ARRAY_SIZE(cli_commands);

enum exit_code cli_fail(const struct err *e, enum exit_code code)
{
	fprintf(stderr, "gn8v: %s\n", e->msg);
	if (*err_hint_text(e))
		fprintf(stderr, "To mend it (%s): %s\n", e->kind->who, err_hint_text(e));
	return code;
}

enum exit_code cli_usage(const char *fmt, ...)
{
	va_list ap;

	if (fmt) {
		fputs("gn8v: ", stderr);
		va_start(ap, fmt);
		vfprintf(stderr, fmt, ap);
		va_end(ap);
		fputc('\n', stderr);
	}
	fputs("Try: gn8v --help\n", stderr);
	return EXIT_USAGE;
}

char *cli_path(const char *path)
{
	_cleanup_free_ char *below = xasprintf("%s%s", *path == '/' ? "" : "/", path);

	return fs_has_root() ? fs_host_path(below) : xstrdup(path);
}

int cli_config(const struct cli_options *o, struct config *c)
{
	struct err e = ERR_INIT;

	if (config_load(c, o->config, &e) == 0)
		return 0;
	cli_fail(&e, EXIT_FAILED);
	return -1;
}

/* While a machine boots its network may come late; later it is there, or this is no ECS instance. */
int cli_hurry(struct config *c)
{
	int deadline_s = c->metadata_deadline_s;

	if (c->metadata_deadline_s > METADATA_S)
		c->metadata_deadline_s = METADATA_S;
	return deadline_s;
}

void cli_print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

enum exit_code cli_version(const struct cli_options *o)
{
	(void)o;
	puts("gn8v " GN8V_VERSION);
	return EXIT_READY;
}
