#include "net/hash.h"

#include <errno.h>
#include <openssl/evp.h>

#include "core/str.h"

#define CHUNK_SIZE 262144

struct hash {
	EVP_MD_CTX *context;
	bool failed;
};

struct hash *hash_new(void)
{
	struct hash *h = xcalloc(1, sizeof(*h));

	h->context = EVP_MD_CTX_new();
	hash_reset(h);
	return h;
}

void hash_free(struct hash *h)
{
	EVP_MD_CTX_free(h->context);
	free(h);
}

void hash_reset(struct hash *h)
{
	h->failed = !h->context || EVP_DigestInit_ex(h->context, EVP_sha256(), NULL) != 1;
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	if (!h->failed)
		h->failed = EVP_DigestUpdate(h->context, data, len) != 1;
}

bool hash_hex(struct hash *h, char dst[HASH_HEX_SIZE])
{
	EVP_MD_CTX *copy = h->failed ? NULL : EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	bool ok = copy && EVP_MD_CTX_copy_ex(copy, h->context) == 1 &&
		  EVP_DigestFinal_ex(copy, digest, &len) == 1 && 2 * len + 1 == HASH_HEX_SIZE;

	if (ok)
		str_hex(dst, digest, len);
	EVP_MD_CTX_free(copy);
	return ok;
}

bool hash_add_fd(struct hash *h, int fd, uint64_t len)
{
	_cleanup_free_ uint8_t *chunk = xmalloc(CHUNK_SIZE);
	bool to_end = len == HASH_TO_END;

	while (len > 0) {
		ssize_t n = read(fd, chunk, len < CHUNK_SIZE ? (size_t)len : CHUNK_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0) {
			errno = ENODATA;
			return to_end;
		}
		hash_add(h, chunk, (size_t)n);
		len -= (uint64_t)n;
	}
	return true;
}
