/* fetch-driver, fetch-cuda, fetch-fabricmanager (R7, R8) and fetch-nscq (R20). What is installed
 * already is not fetched, unless its installation was cut off: then it is run again. */
#include "artefact.h"
#include "core/str.h"
#include "steps/all.h"

static void probe_artefact(const struct config *c, const struct facts *f, struct probe_result *r,
			   enum artefact_kind kind, enum step_id user,
			   void (*installed)(const struct config *, const struct facts *,
					     struct probe_result *))
{
	struct artefact a;

	installed(c, f, r);
	if (r->probe == PROBE_DONE && !step_cut_off(&steps[user], f)) {
		str_copy(r->reason, sizeof(r->reason), "not needed: it is installed");
		return;
	}
	if (r->probe == PROBE_BLOCKED && !(f->known & FACTS_SOFTWARE))
		return;
	artefact_init(&a, kind, c, f);
	*r = (struct probe_result){ 0 };
	probe_todo(r, "fetch %s", a.file);
	artefact_done(&a);
}

static int apply_artefact(struct worker *w, enum artefact_kind kind, struct err *e)
{
	struct artefact a;
	int r;

	artefact_init(&a, kind, w->config, &w->facts);
	r = artefact_fetch(w, &a, e);
	artefact_done(&a);
	return r;
}

PROBE(fetch_driver)
{
	probe_artefact(c, f, r, ARTEFACT_DRIVER, STEP_DRIVER, driver_probe);
}

APPLY(fetch_driver)
{
	return apply_artefact(w, ARTEFACT_DRIVER, e);
}

PROBE(fetch_cuda)
{
	probe_artefact(c, f, r, ARTEFACT_CUDA, STEP_CUDA, cuda_probe);
}

APPLY(fetch_cuda)
{
	return apply_artefact(w, ARTEFACT_CUDA, e);
}

PROBE(fetch_fabricmanager)
{
	probe_artefact(c, f, r, ARTEFACT_FABRICMANAGER, STEP_FABRICMANAGER, fabricmanager_probe);
}

APPLY(fetch_fabricmanager)
{
	return apply_artefact(w, ARTEFACT_FABRICMANAGER, e);
}

PROBE(fetch_nscq)
{
	probe_artefact(c, f, r, ARTEFACT_NSCQ, STEP_NSCQ, nscq_probe);
}

APPLY(fetch_nscq)
{
	return apply_artefact(w, ARTEFACT_NSCQ, e);
}
