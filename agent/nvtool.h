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

/* The RIM id in "Could not fetch RIM file from RIM service with id : ID"; false if it is not said. */
bool nvtool_missing_rim(const char *output, char *dst, size_t dst_size);

/* The last line about trouble with the network, which names the peer where the tool does; false if
 * there is none. */
bool nvtool_network_trouble(const char *output, char *dst, size_t dst_size);

#endif
