/* Certificates of a twin, each with a random number, and where they lie: DIR/state/devices. */
#ifndef TWIN_DEVICES_ISSUE_H
#define TWIN_DEVICES_ISSUE_H

#include "../../unit/forge.h"

/* Certificate i of the chain, and its key unless it has one. `number` is in hexadecimal; NULL: a
 * random one. */
void issue(struct forge_chain *c, size_t i, const struct forge_cert *spec, const char *number);

/* Upper-case hexadecimal digits of a random number of so many bytes, positive and of full length. */
void issue_random(char *dst, size_t bytes);

/* NAME.key, NAME.pem. Reading gives NULL if there is none; the caller frees. */
void issue_write_key(const char *name, EVP_PKEY *key);
void issue_write_certificate(const char *name, X509 *certificate);
EVP_PKEY *issue_read_key(const char *name);
X509 *issue_read_certificate(const char *name, size_t i); /* the i-th of the file */

#endif
