/* Where downloads lie. On their way they are in fetch.dir/partial, which belongs to the user gn8v-cache
 * where there is one; what was fetched is in fetch.dir itself, where root alone can change anything.
 *
 * In the folder of another user root opens nothing with its own rights: whoever works there does so
 * between cache_enter and cache_leave, with the rights of that user, so that no link leads further than
 * that user could go. */
#ifndef GN8V_CACHE_H
#define GN8V_CACHE_H

#include <sys/types.h>

#include "core/err.h"

#define CACHE_USER "gn8v-cache"

struct cache {
	const char *dir; /* the caller's */
	char *partial;
	uid_t uid; /* whose partial is */
	gid_t gid;
	bool given; /* to that user; else it is ours */
	gid_t *groups;
	int groups_n; /* of ours, while we are that user; -1: we are not */
};

/* Makes the folders and sees that they are as they should be; CODE_CONFIG if others than root may
 * change what is in dir. Where there is no such user, or it cannot reach the folder, and below a root
 * directory (fs_set_root) all is ours. */
int cache_open(struct cache *c, const char *dir, const char *user, struct err *e);
void cache_done(struct cache *c);

int cache_enter(struct cache *c, struct err *e);
void cache_leave(struct cache *c);

/* Moves a file from partial to dir and makes it ours; afterwards nobody else can write it, not even who
 * has it open. ERR_UNTRUSTED if it is no file, or has other names. */
int cache_take(const struct cache *c, const char *name, struct err *e);

/* Removes what is in partial. */
int cache_sweep(const char *dir, struct err *e);

#endif
