/* What the procedure's two verifiers print (R19, R21), read into an appraisal.
 *
 * Their exit status and their last words are not enough: the PPCIE tool exits with 0 when it
 * failed, and an exception at a later device leaves the verdict that the earlier ones gave. So every
 * device that the shape has must be named as verified, and every stage of the table must say
 * SUCCESS. Words that are not understood never make anything pass. */
#ifndef GN8V_NVTOOL_H
#define GN8V_NVTOOL_H

#include "config.h"
#include "trust/verdict.h"

/* Pure. `output` is everything the tool printed, `status` its exit status. */
void nvtool_judge(const char *output, int status, enum shape shape, struct appraisal *ret);

/* Which RIM could not be fetched: the id in "Could not fetch RIM file from RIM service with id : ID". The
 * tools say that after any HTTP error, a service that is down included: only where they say 404 too is
 * it one that is not published. */
enum nvtool_rim { NVTOOL_RIM_NOT_NAMED, NVTOOL_RIM_NOT_HAD, NVTOOL_RIM_MISSING };
enum nvtool_rim nvtool_unfetched_rim(const char *output, char *dst, size_t dst_size);

/* The last line about trouble with the network, which names the peer where the tool does; false if
 * there is none. */
bool nvtool_network_trouble(const char *output, char *dst, size_t dst_size);

#endif
