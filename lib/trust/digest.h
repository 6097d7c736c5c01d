/* SHA-2 digests of bytes at hand, and the one kind of signature that this format world uses: ECDSA
 * over P-384 with SHA-384, r||s as two big-endian numbers of fixed width.
 *
 * A signature is malleable ((r, n-s) verifies too): never use its bytes as an identity. */
#ifndef GN8V_TRUST_DIGEST_H
#define GN8V_TRUST_DIGEST_H

#include <openssl/types.h>

#include "core/base.h"

#define DIGEST_SHA256_SIZE    32
#define DIGEST_SHA384_SIZE    48
#define DIGEST_SIGNATURE_SIZE 96

/* False only if the crypto library fails; ret is then zeroed. */
bool digest_sha256(const void *data, size_t len, uint8_t ret[DIGEST_SHA256_SIZE]);
bool digest_sha384(const void *data, size_t len, uint8_t ret[DIGEST_SHA384_SIZE]);

/* Whether the public key is on the named curve P-384. NULL is not. */
bool digest_key_is_p384(const EVP_PKEY *key);

/* Whether the signature over the data verifies with that key, which must be on P-384. */
bool digest_verify(EVP_PKEY *key, const void *data, size_t len,
		   const uint8_t signature[DIGEST_SIGNATURE_SIZE]);

#endif
