/* How NVIDIA names the RPMs that go with a driver: Fabric Manager (R8, R11) and NSCQ (R20). The names changed with a
 * branch; the table in rpmname.c is the only place that knows, and the configuration can say another name. Pure. */
#ifndef GN8V_RPMNAME_H
#define GN8V_RPMNAME_H

#include "config.h"

enum rpmname { RPMNAME_FABRICMANAGER, RPMNAME_NSCQ };

/* The configured name, or that of the driver's branch. Caller frees. */
char *rpmname_package(enum rpmname which, const struct config *c, const char *driver);

/* What %{RELEASE} of such a package may be, in the order in which they are asked for; NULL-terminated. */
const char *const *rpmname_releases(const char *driver);

/* More than there can be of one kind. */
#define RPMNAME_MAX 6

/* Every name under which one may be installed: rpmname_package's first, then those of other branches, filled in for the
 * driver that is wanted and for the version that is there ("" for none). Returns how many; the caller frees each. */
size_t rpmname_all(enum rpmname which, const struct config *c, const char *driver, const char *there,
		   char *dst[RPMNAME_MAX]);

#endif
