/* A download under way: the bytes in "PATH.part", and in "PATH.part.json" where they come from and
 * which of them are known to be on disk. After a power cut exactly those are kept. SHA-256 follows
 * the bytes from the first one on: what comes in order is hashed as it comes, what came ahead of its
 * turn is read back once when its turn has come. */
#ifndef GN8V_NET_PART_H
#define GN8V_NET_PART_H

#include "core/err.h"
#include "net/answer.h"
#include "net/hash.h"
#include "net/pieces.h"

/* What the server said about the file. Empty or 0: it did not say. */
struct part_origin {
	char *url; /* owned by the part; NULL: none yet */
	char etag[ANSWER_VALIDATOR_SIZE], last_modified[ANSWER_VALIDATOR_SIZE];
	uint64_t size;
};

struct part {
	const char *path; /* the name the file will get; the caller's */
	char *file, *sidecar;
	int fd;
	struct pieces here;   /* written */
	uint64_t bytes;	      /* of them */
	uint64_t hashed;      /* from the first one on */
	uint64_t flushed;     /* bytes on their way to the disk */
	uint64_t saved;	      /* on disk and in the sidecar */
	uint64_t reserved;    /* room for so many in all */
	unsigned int answers; /* that its bytes are from; what an earlier try left counts as one */
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

/* Puts bytes at their place, where none are yet; saves now and then. */
int part_write(struct part *p, uint64_t at, const void *data, size_t len, struct err *e);

/* Hashes what is there ahead of its turn, at most `max` bytes of it. */
int part_catch_up(struct part *p, uint64_t max, struct err *e);

/* Whether all of `size` bytes are there. */
bool part_is_whole(const struct part *p, uint64_t size);

/* Brings the bytes to the disk, then writes the sidecar. */
int part_save(struct part *p, struct err *e);

/* Gives the file its name, durably. */
int part_finish(struct part *p, struct err *e);

#endif
