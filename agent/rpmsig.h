/* What `rpmkeys -Kv` says of a package. Its exit status and the word OK prove nothing alone: an
 * unsigned package exits with 0 and every line says OK. */
#ifndef GN8V_RPMSIG_H
#define GN8V_RPMSIG_H

#include "core/base.h"

enum rpmsig { RPMSIG_GOOD, RPMSIG_UNSIGNED, RPMSIG_OTHER_KEY, RPMSIG_CORRUPT };

/* Pure. Good only if the status is 0, the header's signature by `key_id` is OK, the payload's SHA-256
 * digest is OK, and no line says anything but OK. */
enum rpmsig rpmsig_judge(const char *output, int status, const char *key_id);

#endif
