/* Which bytes of a file are there: ranges that are sorted, apart from each other and not empty. */
#ifndef GN8V_NET_PIECES_H
#define GN8V_NET_PIECES_H

#include "core/base.h"

struct piece {
	uint64_t start, end; /* [start, end) */
};

struct pieces {
	struct piece *v; /* owned */
	size_t n;
};

void pieces_clear(struct pieces *p);
void pieces_copy(struct pieces *dst, const struct pieces *src);

/* Adds a range; what overlaps or touches becomes one. */
void pieces_add(struct pieces *p, uint64_t start, uint64_t end);

uint64_t pieces_total(const struct pieces *p);

/* How many bytes are there from the first one on, without a gap. */
uint64_t pieces_prefix(const struct pieces *p);

/* The first gap before `end`; false when there is none. */
bool pieces_gap(const struct pieces *p, uint64_t end, struct piece *ret);

#endif
