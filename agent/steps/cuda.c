/* cuda (R13) after the driver: both unpack gigabytes and run ldconfig; cublas (R22) when asked for. */
#include "artefact.h"
#include "codes.h"
#include "core/fs.h"
#include "paths.h"
#include "steps/all.h"

PROBE(cuda)
{
	if (probe_cannot(r, f, FACTS_SOFTWARE))
		return;
	if (f->software.cuda)
		probe_done(r, "CUDA %s is installed", c->cuda_version);
	else
		probe_todo(r, "install CUDA %s", c->cuda_version);
}

APPLY(cuda)
{
	const struct strlist *args = &w->config->cuda_args;
	const char **argv = xcalloc(args->n + 3, sizeof(*argv));
	struct artefact a;
	int r;

	artefact_init(&a, ARTEFACT_CUDA, w->config, &w->facts);
	argv[0] = PROG_BASH;
	argv[1] = a.file;
	for (size_t i = 0; i < args->n; i++)
		argv[2 + i] = args->v[i];
	r = artefact_check(w, &a, e);
	if (r == 0)
		r = step_run(w, argv, w->config->fetch_dir, &CODE_CUDA, e);
	if (r == 0)
		r = fs_sync_fs("/usr/local", e);
	if (r == 0)
		r = artefact_forget(w, &a, e);
	artefact_done(&a);
	free(argv);
	return r;
}

PROBE(cublas)
{
	(void)c;
	if (probe_cannot(r, f, FACTS_SOFTWARE))
		return;
	if (f->software.cublas)
		probe_done(r, "nvidia-cublas-cu12 12.4.5.8 is installed");
	else
		probe_todo(r, "install nvidia-cublas-cu12 12.4.5.8");
}

APPLY(cublas)
{
	int r = step_run(w,
			 ARGV(w->config->cublas_python, "-m", "pip", "install",
			      "nvidia-cublas-cu12==12.4.5.8"),
			 NULL, &CODE_VERIFIER, e);

	return r < 0 ? -1 : fs_sync_fs("/usr/local", e);
}
