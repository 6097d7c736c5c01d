/* What `rpmkeys -Kv` says of a package. Its exit status and the word OK prove nothing alone: an
 * unsigned package exits with 0 and every line says OK. */
#ifndef GN8V_RPMSIG_H
#define GN8V_RPMSIG_H

#include "core/base.h"

enum rpmsig {
	RPMSIG_GOOD,
	RPMSIG_UNSIGNED,    /* its digests were judged, and there is no signature */
	RPMSIG_OTHER_KEY,   /* a signature is by another key */
	RPMSIG_CORRUPT,	    /* a digest or signature does not fit the contents */
	RPMSIG_NOT_COVERED, /* it cannot be told: a line is missing, or says nothing either way */
};

/* Pure. Good only if the status is 0, the header's signature by `key_id` is OK, the payload is covered by its SHA-256
 * digest, which is in the header, or by an older signature by that key over header and payload, and no line says
 * anything but OK. */
enum rpmsig rpmsig_judge(const char *output, int status, const char *key_id);

/* Whether what rpm or rpmkeys said blames the file: it is no package, or one that is damaged. Pure. */
bool rpmsig_blames_file(const char *words);

/* A line of rpm or yum that speaks of trouble with the package database. Pure. */
bool rpmsig_blames_database(const char *line);

#endif
