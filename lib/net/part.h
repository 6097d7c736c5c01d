/* A download under way: the bytes in "PATH.part", and in "PATH.part.json" where they come from and
 * how many of them are known to be on disk. After a power cut exactly those are kept, and hashed
 * again. */
#ifndef GN8V_NET_PART_H
#define GN8V_NET_PART_H

#include "core/err.h"
#include "net/hash.h"

#define PART_VALIDATOR_SIZE 256

/* What the server said about the file. Empty or 0: it did not say. */
struct part_origin {
	char *url;			/* owned by the part; NULL: none yet */
	char etag[PART_VALIDATOR_SIZE]; /* strong ones only */
	char last_modified[PART_VALIDATOR_SIZE];
	uint64_t size;
};

struct part {
	const char *path; /* the name the file will get; the caller's */
	char *file, *sidecar;
	int fd;
	uint64_t bytes;	  /* written and hashed */
	uint64_t flushed; /* on their way to the disk */
	uint64_t saved;	  /* on disk and in the sidecar */
	bool resumed;	  /* some of the bytes are of an earlier transfer */
	struct part_origin origin;
	struct hash *hash;
};

/* Picks up what an earlier try left. A sidecar that does not fit the file is no error: it starts
 * over. */
int part_open(struct part *p, const char *path, struct err *e);
void part_done(struct part *p);

/* Throws the bytes away and starts over. */
int part_reset(struct part *p, struct err *e);

/* Copies the origin, its url included. */
void part_set_origin(struct part *p, const struct part_origin *origin);

/* Makes room for `total` bytes in all; ERR_DISK_FULL with the numbers. */
int part_reserve(struct part *p, uint64_t total, struct err *e);

/* Appends; saves now and then. */
int part_write(struct part *p, const void *data, size_t len, struct err *e);

/* Brings the bytes to the disk, then writes the sidecar. */
int part_save(struct part *p, struct err *e);

/* Gives the file its name, durably. */
int part_finish(struct part *p, struct err *e);

#endif
