/* Python packages as the guide's verifiers come: names that are spelled in several ways, and what pip
 * reports of what it installed. Pure. */
#ifndef GN8V_PYPACKAGE_H
#define GN8V_PYPACKAGE_H

#include "core/json.h"

/* Whether two names of n and m characters are one by PEP 503: case does not count, nor which of "-",
 * "_" and "." stand between the words, nor how many. */
bool pypackage_same(const char *a, size_t n, const char *b, size_t m);

/* What is expected in the place of "NAME[extra]==VERSION"; NULL if it is fine. nv-ppcie-verifier from
 * version 3 on runs another program that prints no line per device: nothing would ever be accepted. */
const char *pypackage_fault(const char *spec);

/* Whether a name in site-packages, NAME-VERSION.dist-info, is that of "NAME[extra]==VERSION". */
bool pypackage_is_dist_info(const char *file, const char *spec);

/* [{"file": "NAME==VERSION", "sha256"}] of a pip report: "hashes" came with pip 23, pip 22.3 has "hash":
 * "sha256=HEX" alone. What has no SHA-256 is left out. The caller owns it. */
struct json_object *pypackage_digests(struct json_object *report);

#endif
