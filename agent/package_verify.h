/* Whether the files of packages are what was packaged, by rpm -V. Configuration, documentation and the like may differ,
 * and so may times, modes and owners: people and tools that harden a machine change those. */
#ifndef GN8V_PACKAGE_VERIFY_H
#define GN8V_PACKAGE_VERIFY_H

#include "core/err.h"

/* argv is an rpm -V of anything. ERR_CHILD if it did not come to look. */
int package_verify(const char *const *argv, unsigned int timeout_s, bool *ret_damaged,
		   struct err *e);

#endif
