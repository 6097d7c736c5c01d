/* gn8v: turns a fresh confidential-GPU instance into an attested machine. See gn8v(8). */
#include <getopt.h>

#include "cli/cli.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/str.h"
#include "paths.h"

enum { OPT_ROOT = 256, OPT_CONFIG, OPT_JSON, OPT_WAIT, OPT_TIMEOUT, OPT_EVENTS, OPT_RESTART, OPT_CLOSE };

static const struct {
	struct option option;
	const char *commands; /* that take it; NULL: every one */
	const char *argument, *help;
} options[] = {
	{ { "root", required_argument, NULL, OPT_ROOT }, NULL, "DIR", "the root under which every path lies" },
	{ { "config", required_argument, NULL, OPT_CONFIG }, NULL, "FILE", "instead of " PATH_CONFIG },
	{ { "json", no_argument, NULL, OPT_JSON }, "plan status verify", NULL, "for programs" },
	{ { "wait", no_argument, NULL, OPT_WAIT }, "status", NULL, "until ready, failed, refused or a restart" },
	{ { "timeout", required_argument, NULL, OPT_TIMEOUT }, "status", "S", "give up waiting after S seconds" },
	{ { "events", no_argument, NULL, OPT_EVENTS }, "status", NULL, "the last 200 events" },
	{ { "restart", no_argument, NULL, OPT_RESTART }, "run", NULL, "allow the restart that is needed" },
	{ { "close-unless-success", no_argument, NULL, OPT_CLOSE }, "gate", NULL, "as the unit's ExecStopPost" },
	{ { "help", no_argument, NULL, 'h' }, NULL, NULL, "this text" },
};

static void usage(FILE *out)
{
	fprintf(out, "Usage: gn8v COMMAND [OPTION...]\n\n"
		     "Turns a fresh Alibaba Cloud confidential-GPU instance into an attested machine.\n\nCommands:\n");
	for (size_t i = 0; i < cli_commands_n; i++)
		fprintf(out, "  %-8s %-42s %s\n", cli_commands[i].name, cli_commands[i].usage, cli_commands[i].help);
	fprintf(out, "\nOptions:\n");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const char *argument = options[i].argument ? options[i].argument : "";

		fprintf(out, "  --%s %-*s %s\n", options[i].option.name,
			(int)(24 - strlen(options[i].option.name)), argument, options[i].help);
	}
	fprintf(out, "\nExit status: 0 yes, ready; 1 no, failed; 2 usage; 3 could not tell; 4 a restart is pending;\n"
		     "5 another run holds the lock; 6 timed out; 143 stopped by SIGTERM.\n");
}

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < cli_commands_n; i++)
		if (str_eq(cli_commands[i].name, name))
			return &cli_commands[i];
	return NULL;
}

static bool parse_seconds(const char *text, unsigned int *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < 1 || n > 31536000)
		return false;
	*ret = (unsigned int)n;
	return true;
}

static bool take_option(int opt, const char *arg, struct cli_options *o)
{
	switch (opt) {
	case OPT_ROOT:
		o->root = arg;
		return true;
	case OPT_CONFIG:
		o->config = arg;
		return true;
	case OPT_JSON:
		return o->json = true;
	case OPT_WAIT:
		return o->wait = true;
	case OPT_EVENTS:
		return o->events = true;
	case OPT_RESTART:
		return o->restart = true;
	case OPT_CLOSE:
		return o->close_unless_success = true;
	case OPT_TIMEOUT:
		if (parse_seconds(arg, &o->timeout_s))
			return true;
		fprintf(stderr, "gn8v: --timeout: expected a whole number of seconds, found \"%s\"\n", arg);
		return false;
	default:
		return false;
	}
}

/* An option that the command does not take is a mistake, not noise. */
static bool fits(const char *command, int opt)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].option.val == opt && options[i].commands &&
		    !str_has_word(options[i].commands, command)) {
			fprintf(stderr, "gn8v: %s does not take --%s\n", command, options[i].option.name);
			return false;
		}
	return true;
}

static int parse(int argc, char **argv, struct cli_options *o, const struct cli_command **ret_command)
{
	struct option longs[ARRAY_SIZE(options) + 1] = { 0 };
	int seen[32], n = 0, opt;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		longs[i] = options[i].option;
	while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (opt == 'h') {
			usage(stdout);
			exit(EXIT_READY);
		}
		if (!take_option(opt, optarg, o) || n == (int)ARRAY_SIZE(seen))
			return -1;
		seen[n++] = opt;
	}
	if (optind >= argc)
		return -1;
	*ret_command = find_command(argv[optind]);
	if (!*ret_command) {
		fprintf(stderr, "gn8v: unknown command \"%s\"\n", argv[optind]);
		return -1;
	}
	if (optind + 1 < argc) {
		fprintf(stderr, "gn8v: %s takes no argument \"%s\"\n", argv[optind], argv[optind + 1]);
		return -1;
	}
	for (int i = 0; i < n; i++)
		if (!fits((*ret_command)->name, seen[i]))
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct cli_options o = { .root = "", .config = PATH_CONFIG };
	const struct cli_command *command;
	struct err e = ERR_INIT;

	umask(022);
	log_open();
	if (parse(argc, argv, &o, &command) < 0) {
		fprintf(stderr, "Try: gn8v --help\n");
		return EXIT_USAGE;
	}
	if (fs_set_root(o.root, &e) < 0)
		return (int)cli_fail(&e, EXIT_USAGE);
	return (int)command->run(&o);
}
