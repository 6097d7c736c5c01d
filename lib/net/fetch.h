/* A file over HTTPS into a file of the machine, checked before it gets its name.
 *
 * The bytes go to "PATH.part", are hashed as they arrive, and only a file whose size and SHA-256
 * are as pinned (when pinned) is renamed to PATH, durably. An interrupted download is continued
 * when the server still has the same file (size and validator kept in "PATH.part.json"); otherwise
 * it starts over. Redirects go to https only. The call blocks. */
#ifndef GN8V_NET_FETCH_H
#define GN8V_NET_FETCH_H

#include "core/err.h"

#define SHA256_HEX_SIZE 65

struct fetch_progress {
	uint64_t bytes; /* on disk now */
	uint64_t total; /* 0: not known yet */
	double rate;	/* bytes per second, of the last seconds */
};

struct fetch {
	const char *const *urls; /* tried in this order, NULL-terminated; https only */
	const char *path;	 /* of the machine */
	const char *sha256;	 /* hex; NULL: the caller judges the file otherwise */
	uint64_t size;		 /* 0: unknown */
	const char *referer;	 /* NULL: none */
	const char *proxy;	 /* NULL or "": none (the environment is never read) */
	const char *no_proxy;	 /* NULL: none; as CURLOPT_NOPROXY */
	const char *ca_file;	 /* of the machine; NULL: the system's */
	unsigned int deadline_s; /* for everything, retries included */
	uint64_t size_max;	 /* larger is ERR_TOO_LARGE */
	void (*on_progress)(const struct fetch_progress *p, void *data); /* about once a second */
	void *on_progress_data;

	char got_sha256[SHA256_HEX_SIZE]; /* out: of the file that is now at path */
	unsigned int attempts;		  /* out */
};

/* ERR_NETWORK, ERR_HTTP (with the status), ERR_UNTRUSTED, ERR_DIGEST (expected, found, URL; the file is
 * thrown away), ERR_TOO_LARGE, ERR_DISK_FULL, ERR_TIMEOUT. Failures that may pass (connection,
 * 408, 429, 5xx, cut bodies) are retried with jittered backoff inside the deadline. */
int fetch_to_file(struct fetch *f, struct err *e);

/* SHA-256 of a file of the machine. ERR_IO. */
int fetch_file_sha256(const char *path, char dst[SHA256_HEX_SIZE], struct err *e);

#endif
