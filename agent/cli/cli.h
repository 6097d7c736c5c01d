/* The command line: one file per command, one row per command in the table of cli.c. */
#ifndef GN8V_CLI_H
#define GN8V_CLI_H

#include "engine.h"
#include "evidence/evidence.h"

struct cli_list {
	const char *v[EVIDENCE_MAX];
	size_t n;
};

/* Texts are NULL where nothing was said. */
struct cli_options {
	const char *root, *config;
	bool json, wait, events, restart, close_unless_success, list;
	const char *argument;	/* the file that collect-logs writes */
	unsigned int timeout_s; /* 0: none */
	struct cli_list evidence;
	const char *out, *rim_dir, *rim_url, *ocsp, *ocsp_nonce, *shape, *nonce, *at;
	const char *driver_version, *vbios_version, *device_root, *rim_root;
	bool allow_hold, allow_expired_rim, dump;
};

struct cli_command {
	const char *name;
	const char *usage; /* options after the name */
	const char *help;
	enum exit_code (*run)(const struct cli_options *o);
	bool argument; /* takes one that is no option */
};

extern const struct cli_command cli_commands[];
extern const size_t cli_commands_n;

enum exit_code cli_run(const struct cli_options *o);
enum exit_code cli_plan(const struct cli_options *o);
enum exit_code cli_status(const struct cli_options *o);
enum exit_code cli_verify(const struct cli_options *o);
enum exit_code cli_collect(const struct cli_options *o);
enum exit_code cli_collect_logs(const struct cli_options *o);
enum exit_code cli_gate(const struct cli_options *o);
enum exit_code cli_version(const struct cli_options *o);

/* Says an error the way every command does: words, then what to do. Returns `code`. */
enum exit_code cli_fail(const struct err *e, enum exit_code code);

/* Says what is wrong with the command line (NULL: it was said) and where help is; EXIT_USAGE. */
enum exit_code cli_usage(const char *fmt, ...) PRINTF(1, 2);

/* Loads the configuration or says why not. */
int cli_config(const struct cli_options *o, struct config *c);

/* Somebody waits for the answer: a metadata service that says nothing is waited for less long.
 * Returns metadata.deadline_s (s) as it was. */
int cli_hurry(struct config *c);

void cli_print_json(struct json_object *o); /* takes o */

/* A path of the command line as the host sees it: as given, or below the root. Caller frees. */
char *cli_path(const char *path);

/* Evidence of this machine's devices (cli/live.c). The configuration gets its shape. EXIT_READY, or
 * what was said and is to be returned. */
enum exit_code cli_live(struct config *c, struct evidence *ev);

/* A device's report and chain, decoded (cli/dump.c). The caller owns it. */
struct json_object *cli_dump(const struct appraise_device *d);

/* The verdict for people (cli/verdict.c). */
void cli_print_verdict(const struct appraisal *a);

#endif
