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

/* One place that has the file. */
struct fetch_source {
	const char *url;	    /* https only */
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
};

struct fetch_progress {
	uint64_t bytes; /* of the file that are here */
	uint64_t total; /* 0: not known yet */
	double rate;	/* bytes per second, of the last seconds */
	unsigned int connections;
};

struct fetch {
	const struct fetch_source *sources; /* tried in this order, ended by one without URL */
	const char *path;		    /* of the machine */
	const char *sha256;		    /* hex; NULL: the caller judges the file otherwise */
	uint64_t size;			    /* 0: unknown */
	const char *proxy;		    /* NULL or "": none (the environment is never read) */
	const char *no_proxy;		    /* NULL: none; as CURLOPT_NOPROXY */
	const char *ca_file;		    /* of the machine; NULL: the system's */
	unsigned int deadline_s;	    /* for everything, retries included */
	unsigned int stall_s;	      /* a connection this long without bytes is given up; 0: 30 */
	unsigned int connections_max; /* at once to one server; 0: 1 */
	uint64_t size_max;	      /* larger is ERR_TOO_LARGE */
	void (*on_progress)(const struct fetch_progress *p, void *data); /* about once a second */
	/* A source failed: for the first time, or for good. The next is asked, or it again later. */
	void (*on_trouble)(const struct err *e, bool for_good, void *data);
	void *on_data; /* of both */

	char got_sha256[SHA256_HEX_SIZE]; /* out: of the file that is now at path */
	unsigned int attempts; /* out: transfers begun, each over one or more connections */
	uint64_t received;     /* out: bytes of bodies that came, thrown away ones included */
	uint64_t kept;	       /* out: bytes of an earlier try that were continued */
};

/* ERR_NETWORK, ERR_HTTP (with the status), ERR_UNTRUSTED, ERR_DIGEST (expected, found, URL; the file is
 * thrown away), ERR_TOO_LARGE, ERR_DISK_FULL, ERR_TIMEOUT. Failures that may pass (connection,
 * 408, 429, 5xx, cut bodies) are retried with jittered backoff inside the deadline. */
int fetch_to_file(struct fetch *f, struct err *e);

/* SHA-256 of a file of the machine. ERR_IO. */
int fetch_file_sha256(const char *path, char dst[SHA256_HEX_SIZE], struct err *e);

#endif
