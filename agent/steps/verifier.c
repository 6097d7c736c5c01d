/* verifier (R18): the procedure's packages in a virtual environment of their own, so that the system's
 * python3 stays what it is. No digest of the wheels is public: what pip took is recorded. */
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "pypackage.h"
#include "steps/all.h"
#include "sys/run.h"

#define PATH_REPORT PATH_STATE_DIR "/pip-report.json"
#define REPORT_MAX  (8 * 1024 * 1024)

PROBE(verifier)
{
	if (probe_cannot(r, f, FACTS_SOFTWARE))
		return;
	if (f->software.verifier)
		probe_done(r, "%zu packages are installed in " PATH_VENV, c->attest_packages.n);
	else
		probe_todo(r, "install the verifier into " PATH_VENV);
}

/* The packages of R18, those that are damaged or missing, by the procedure's command. */
static int install_python(struct worker *w, struct err *e)
{
	const struct strlist *python = &w->config->attest_python;
	const char **argv = xcalloc(python->n + 4, sizeof(*argv));
	bool missing = false;
	int r;

	argv[0] = PROG_YUM;
	argv[1] = "install";
	argv[2] = "-y";
	for (size_t i = 0; i < python->n; i++) {
		argv[3 + i] = python->v[i];
		missing |= package_missing(&w->facts, python->v[i]);
	}
	r = packages_mend(w, argv + 3, python->n, e);
	if (r == 0 && missing)
		r = packages_run(w, argv, NULL, &CODE_PACKAGES, e);
	free(argv);
	return r;
}

static int install_packages(struct worker *w, struct err *e)
{
	const struct strlist *packages = &w->config->attest_packages;
	_cleanup_free_ char *report = fs_host_path(PATH_REPORT), *env = NULL;
	const char **argv = xcalloc(packages->n + 7, sizeof(*argv));
	struct run pip = { .argv = argv };
	size_t n = 0;
	int r;

	argv[n++] = PROG_VENV_PYTHON;
	argv[n++] = "-m";
	argv[n++] = "pip";
	argv[n++] = "install";
	for (size_t i = 0; i < packages->n; i++)
		argv[n++] = packages->v[i];
	argv[n++] = "-f";
	argv[n++] = w->config->attest_find_links;
	/* pip takes any option from its environment: the command itself stays the procedure's. */
	env = xasprintf("PIP_REPORT=%s", report);
	pip.env = ARGV(env);
	r = step_play(w, &pip, &CODE_VERIFIER, e);
	if (r < 0 && e->kind == &CODE_VERIFIER)
		step_hint_command(e, argv, NULL);
	free(argv);
	return r;
}

/* No digest of the wheels is public: which they were is known afterwards at least. */
static void record_digests(struct worker *w)
{
	_cleanup_json_ struct json_object *report = NULL;

	(void)json_read(PATH_REPORT, REPORT_MAX, &report, NULL);
	worker_data(w, "packages", pypackage_digests(report));
	fs_unlink(PATH_REPORT, NULL);
}

APPLY(verifier)
{
	_cleanup_free_ char *venv = fs_host_path(PATH_VENV);

	/* --clear: what a pip that was cut off has left counts as installed for the next one. */
	if (install_python(w, e) < 0 ||
	    step_run_plain(w, ARGV(PROG_PYTHON311, "-m", "venv", "--clear", venv), NULL,
			   &CODE_VERIFIER, e) < 0 ||
	    step_run_plain(w, ARGV(PROG_VENV_PYTHON, "-m", "ensurepip", "--upgrade"), NULL,
			   &CODE_VERIFIER, e) < 0 ||
	    step_run_plain(w, ARGV(PROG_VENV_PYTHON, "-m", "pip", "install", "--upgrade", "pip"),
			   NULL, &CODE_VERIFIER, e) < 0 ||
	    install_packages(w, e) < 0 || fs_sync_fs(PATH_VENV, e) < 0)
		return -1;
	record_digests(w);
	return 0;
}
