/* gn8v: turns a fresh confidential-GPU instance into an attested machine. See gn8v(8). */
#include <getopt.h>

#include "cli/cli.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/str.h"
#include "paths.h"

enum type { FLAG, TEXT, LIST, SECONDS, HELP };

#define AT(member) offsetof(struct cli_options, member)

/* clang-format off */
static const struct {
	const char *name;
	enum type type;
	size_t at;	      /* into struct cli_options */
	const char *commands; /* that take it; NULL: every one */
	const char *argument, *help;
} options[] = {
	{ "root", TEXT, AT(root), NULL, "DIR", "the root under which every path lies, those of options too" },
	{ "config", TEXT, AT(config), NULL, "FILE", "instead of " PATH_CONFIG },
	{ "json", FLAG, AT(json), "plan status verify", NULL, "for programs" },
	{ "wait", FLAG, AT(wait), "status", NULL, "until ready, failed, refused or a restart" },
	{ "timeout", SECONDS, AT(timeout_s), "status", "S", "give up waiting after S seconds" },
	{ "events", FLAG, AT(events), "status", NULL, "the last 200 events" },
	{ "restart", FLAG, AT(restart), "run", NULL, "allow the restart that is needed" },
	{ "out", TEXT, AT(out), "collect", "FILE", "where the evidence goes" },
	{ "evidence", LIST, AT(evidence), "verify", "FILE", "judge saved evidence; may be given several times" },
	{ "rim-dir", TEXT, AT(rim_dir), "verify", "DIR", "reference manifests: <id>.xml or <id>.swidtag" },
	{ "rim-url", TEXT, AT(rim_url), "verify", "URL", "reference manifests: the base in front of the id" },
	{ "ocsp", TEXT, AT(ocsp), "verify", "URL", "who is asked about revocation; off: nobody" },
	{ "ocsp-nonce", TEXT, AT(ocsp_nonce), "verify", "off", "for mirrors that keep answers: only times count" },
	{ "allow-hold", FLAG, AT(allow_hold), "verify", NULL, "accept manifests whose certificate is on hold" },
	{ "allow-expired-rim", FLAG, AT(allow_expired_rim), "verify", NULL, "accept manifests whose signers have expired" },
	{ "dump", FLAG, AT(dump), "verify", NULL, "print the decoded reports too" },
	{ "shape", TEXT, AT(shape), "verify", "SHAPE", "of saved evidence: auto, single or multi" },
	{ "nonce", TEXT, AT(nonce), "verify", "HEX", "that saved evidence must have, whatever the file says" },
	{ "at", TEXT, AT(at), "verify", "TIME", "judge saved evidence as of 2026-11-22T00:00:00Z" },
	{ "driver-version", TEXT, AT(driver_version), "verify", "V", "of saved evidence, in place of NVML's word" },
	{ "vbios-version", TEXT, AT(vbios_version), "verify", "V", "the same, of its GPUs' VBIOS" },
	{ "device-root", TEXT, AT(device_root), "verify", "PEM", "for saved evidence, in place of NVIDIA's root" },
	{ "rim-root", TEXT, AT(rim_root), "verify", "PEM", "the same, for its reference manifests" },
	{ "list", FLAG, AT(list), "collect-logs", NULL, "only print what would be run, copied and asked" },
	{ "close-unless-success", FLAG, AT(close_unless_success), "gate", NULL, "as the unit's ExecStopPost" },
	{ "help", HELP, 0, NULL, NULL, "this text" },
};
/* clang-format on */

#undef AT

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: gn8v COMMAND [OPTION...]\n\n"
		"Turns a fresh Alibaba Cloud confidential-GPU instance into an attested machine.\n\nCommands:\n");
	for (size_t i = 0; i < cli_commands_n; i++)
		fprintf(out, "  %-12s %-41s %s\n", cli_commands[i].name, cli_commands[i].usage,
			cli_commands[i].help);
	fprintf(out, "\nOptions:\n");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const char *argument = options[i].argument ? options[i].argument : "";

		fprintf(out, "  --%s %-*s %s\n", options[i].name,
			(int)(24 - strlen(options[i].name)), argument, options[i].help);
	}
	fprintf(out,
		"\nExit status: 0 yes, ready; 1 no, failed; 2 usage; 3 could not tell; 4 a restart is pending;\n"
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

static bool take_option(size_t i, const char *arg, struct cli_options *o)
{
	void *at = (char *)o + options[i].at;
	struct cli_list *list = at;

	switch (options[i].type) {
	case FLAG: return *(bool *)at = true;
	case TEXT: *(const char **)at = arg; return true;
	case LIST:
		if (list->n < ARRAY_SIZE(list->v)) {
			list->v[list->n++] = arg;
			return true;
		}
		fprintf(stderr, "gn8v: --%s: more than %zu times\n", options[i].name,
			ARRAY_SIZE(list->v));
		return false;
	case SECONDS:
		if (parse_seconds(arg, at))
			return true;
		fprintf(stderr, "gn8v: --%s: expected a whole number of seconds, found \"%s\"\n",
			options[i].name, arg);
		return false;
	case HELP: break;
	}
	usage(stdout);
	exit(EXIT_READY);
}

/* An option that the command does not take is a mistake, not noise. */
static bool fits(const char *command, const bool *seen)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (seen[i] && options[i].commands && !str_has_word(options[i].commands, command)) {
			fprintf(stderr, "gn8v: %s does not take --%s\n", command, options[i].name);
			return false;
		}
	return true;
}

/* Everything but the command and what it takes. */
static bool parse_options(int argc, char **argv, struct cli_options *o, bool *seen)
{
	struct option longs[ARRAY_SIZE(options) + 1] = { 0 };
	int opt, i;

	for (size_t k = 0; k < ARRAY_SIZE(options); k++) {
		bool alone = options[k].type == FLAG || options[k].type == HELP;

		longs[k].name = options[k].name;
		longs[k].has_arg = alone ? no_argument : required_argument;
	}
	while ((opt = getopt_long(argc, argv, "h", longs, &i)) != -1) {
		if (opt == 'h')
			i = ARRAY_SIZE(options) - 1;
		else if (opt != 0)
			return false;
		if (!take_option((size_t)i, optarg, o))
			return false;
		seen[i] = true;
	}
	return true;
}

static int parse(int argc, char **argv, struct cli_options *o,
		 const struct cli_command **ret_command)
{
	bool seen[ARRAY_SIZE(options)] = { false };

	if (!parse_options(argc, argv, o, seen) || optind >= argc)
		return -1;
	*ret_command = find_command(argv[optind]);
	if (!*ret_command) {
		fprintf(stderr, "gn8v: unknown command \"%s\"\n", argv[optind]);
		return -1;
	}
	if ((*ret_command)->argument && optind + 1 < argc)
		o->argument = argv[++optind];
	if (optind + 1 < argc) {
		fprintf(stderr, "gn8v: %s takes no argument \"%s\"\n", (*ret_command)->name,
			argv[optind + 1]);
		return -1;
	}
	return fits((*ret_command)->name, seen) ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct cli_options o = { .root = "", .config = PATH_CONFIG };
	const struct cli_command *command;
	struct err e = ERR_INIT;

	umask(022);
	if (parse(argc, argv, &o, &command) < 0)
		return (int)cli_usage(NULL);
	if (fs_set_root(o.root, &e) < 0)
		return (int)cli_fail(&e, EXIT_USAGE);
	log_open();
	return (int)command->run(&o);
}
