/* A cursor over borrowed bytes that latches failure: read a whole record, ask once whether it held.
 *
 * A read past the end yields zeros (or an empty cursor) and makes every later read do the same, so a
 * parser that checks cur_done() or cur_ok() at the end cannot have used bytes that were not there.
 * The bytes stay the caller's and must outlive every cursor made from them. */
#ifndef GN8V_TRUST_CUR_H
#define GN8V_TRUST_CUR_H

#include "core/base.h"

struct cur {
	const uint8_t *p; /* the next byte */
	size_t n;	  /* bytes left */
	bool failed;	  /* a read was short; sticks */
};

static inline struct cur cur_of(const void *bytes, size_t n)
{
	return (struct cur){ .p = bytes, .n = n };
}

uint8_t cur_u8(struct cur *c);
uint16_t cur_le16(struct cur *c);
uint32_t cur_le24(struct cur *c);
uint32_t cur_le32(struct cur *c);

/* The next n bytes, borrowed; NULL when they are not there. */
const uint8_t *cur_bytes(struct cur *c, size_t n);

/* The next n bytes as a cursor of their own; a failed one when they are not there. */
struct cur cur_sub(struct cur *c, size_t n);

size_t cur_left(const struct cur *c); /* 0 once failed */
bool cur_ok(const struct cur *c);     /* no read was short */
bool cur_done(const struct cur *c);   /* no read was short and nothing is left */

#endif
