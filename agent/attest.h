/* Attestation of this machine, now: whoever is configured judges, the result is an appraisal. */
#ifndef GN8V_ATTEST_H
#define GN8V_ATTEST_H

#include "trust/verdict.h"
#include "worker.h"

/* nvidia-persistenced must be active. -1 only when nothing could be judged at all (the verifier
 * could not be started or did not end). *ret_output, the verifier's own words, is the caller's. */
int attest_run(struct worker *w, struct appraisal *a, char **ret_output, struct err *e);

#endif
