/* Packages that yum's configuration hides from it: exclude= and excludepkgs=, see dnf.conf(5). */
#ifndef GN8V_EXCLUDES_H
#define GN8V_EXCLUDES_H

#include "core/base.h"

struct exclude {
	char package[64]; /* that is hidden */
	char pattern[64]; /* by this */
	char where[160];  /* "/etc/dnf/dnf.conf, line 7" */
};

enum excludes_scope {
	EXCLUDES_ALL_REPOSITORIES, /* of [main]: no repository can give it */
	EXCLUDES_ANY_REPOSITORY,   /* of one repository too: another may have the package */
};

/* Finds the first of the packages that is hidden. A name may carry a version ("kernel-devel-5.10.134-18.al8.x86_64"). False
 * when there is none, and where the configuration cannot be read. */
bool excludes_find(const char *const *packages, size_t n, enum excludes_scope scope,
		   struct exclude *ret);

#endif
