/* Attestation of this machine, now: whoever attest.verifier names judges, the result is an appraisal. */
#ifndef GN8V_ATTEST_H
#define GN8V_ATTEST_H

#include "trust/verdict.h"
#include "worker.h"

/* nvidia-persistenced must be active. -1 only when nothing could be judged at all (a device call
 * failed, the verifier could not be started or did not end). *ret_output, the words of NVIDIA's
 * verifier, is the caller's; it stays NULL when that did not run. The appraisal is to be released
 * with appraisal_done(). */
int attest_run(struct worker *w, struct appraisal *a, char **ret_output, struct err *e);

/* Whether it is unknown only because manifests or revocation answers were not to be had, and every
 * check that needs no network passed. Then, and only then, may another verifier decide. */
bool attest_lacks_network_alone(const struct appraisal *a);

#endif
