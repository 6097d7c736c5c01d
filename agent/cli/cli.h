/* The command line: one file per command, one row per command in the table of cli.c. */
#ifndef GN8V_CLI_H
#define GN8V_CLI_H

#include "engine.h"

struct cli_options {
	const char *root, *config;
	bool json, wait, events, restart, close_unless_success;
	unsigned int timeout_s; /* 0: none */
};

struct cli_command {
	const char *name;
	const char *usage; /* options after the name */
	const char *help;
	enum exit_code (*run)(const struct cli_options *o);
};

extern const struct cli_command cli_commands[];
extern const size_t cli_commands_n;

enum exit_code cli_run(const struct cli_options *o);
enum exit_code cli_plan(const struct cli_options *o);
enum exit_code cli_status(const struct cli_options *o);
enum exit_code cli_verify(const struct cli_options *o);
enum exit_code cli_gate(const struct cli_options *o);
enum exit_code cli_version(const struct cli_options *o);

/* Says an error the way every command does: words, then what to do. Returns `code`. */
enum exit_code cli_fail(const struct err *e, enum exit_code code);

/* Loads the configuration or says why not. */
int cli_config(const struct cli_options *o, struct config *c);

void cli_print_json(struct json_object *o); /* takes o */

#endif
