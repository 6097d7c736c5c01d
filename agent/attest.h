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

/* Whether it is unknown only because nobody answered for manifests or revocation, and every check that
 * needs no network passed. Then, and only then, may another verifier decide. A manifest that its source
 * does not have, a refused connection, an HTTP error and "try later" are no answer. An answer that came
 * and is garbled, unauthentic, refused for good, or of a peer whom TLS does not vouch for is one. */
bool attest_lacks_network_alone(const struct appraisal *a);

/* Whether it is unknown for want of manifests that their source does not have: then *e is
 * CODE_RIM_MISSING, with their names, where they were asked for and what they were named after. */
bool attest_missing_rim(const struct appraisal *a, struct err *e);

#endif
