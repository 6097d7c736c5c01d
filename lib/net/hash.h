/* SHA-256 of bytes as they come. */
#ifndef GN8V_NET_HASH_H
#define GN8V_NET_HASH_H

#include "core/base.h"

#define HASH_HEX_SIZE 65

struct hash;

struct hash *hash_new(void); /* never NULL */
void hash_free(struct hash *h);
DEFINE_CLEANUP(struct hash *, hash_free)

void hash_reset(struct hash *h);
void hash_add(struct hash *h, const void *data, size_t len);

/* The digest of everything since the last reset. False if the library failed at any point. More may
 * be added afterwards. */
bool hash_hex(struct hash *h, char dst[HASH_HEX_SIZE]);

#define HASH_TO_END UINT64_MAX

/* Adds the next `len` bytes of a file, or HASH_TO_END; false with errno, ENODATA when the file is
 * shorter. */
bool hash_add_fd(struct hash *h, int fd, uint64_t len);

#endif
