/* gn8v collect: the devices' evidence into a file, as NVIDIA's attestation SDK writes it. */
#include "cli/cli.h"

enum exit_code cli_collect(const struct cli_options *o)
{
	struct evidence ev = EVIDENCE_INIT;
	struct config c;
	struct err e = ERR_INIT;
	enum exit_code code;

	if (!o->out)
		return cli_usage("collect needs --out FILE");
	if (cli_config(o, &c) < 0)
		return EXIT_CANNOT_TELL;
	code = cli_live(&c, &ev);
	if (code == EXIT_READY) {
		_cleanup_free_ char *path = cli_path(o->out);

		if (evidence_to_file(&ev, path, &e) < 0)
			code = cli_fail(&e, EXIT_FAILED);
		else
			printf("evidence of %zu devices: %s\n", ev.n, o->out);
	}
	evidence_done(&ev);
	config_done(&c);
	return code;
}
