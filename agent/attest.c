#include "attest.h"

#include "codes.h"
#include "gpu.h"
#include "nvtool.h"
#include "paths.h"
#include "sys/run.h"

#define OUTPUT_MAX (4 * 1024 * 1024)

int attest_run(struct worker *w, struct appraisal *a, char **ret_output, struct err *e)
{
	struct run r = { .timeout_s = w->timeout_s, .output_max = OUTPUT_MAX, .on_line = worker_on_line,
			 .on_line_data = w };
	bool multi = w->config->for_shape == SHAPE_MULTI;

	r.argv = multi ? ARGV(PROG_VENV_PYTHON, "-m", "ppcie.verifier.verification",
			      "--gpu-attestation-mode=LOCAL", "--switch-attestation-mode=LOCAL") :
			 ARGV(PROG_VENV_PYTHON, "-m", "verifier.cc_admin", "--user_mode");
	if (gpu_guard(e) < 0)
		return -1;
	if (run_wait(&r, e) < 0 && e->kind != &ERR_CHILD) {
		run_done(&r);
		return err_rekind(e, e->kind == &ERR_TIMEOUT ? &CODE_UNKNOWN : e->kind);
	}
	nvtool_judge(r.output ? r.output : "", r.status, w->config->for_shape, a);
	*ret_output = r.output ? TAKE_PTR(r.output) : xstrdup("");
	run_done(&r);
	return 0;
}
