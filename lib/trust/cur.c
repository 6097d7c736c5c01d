#include "trust/cur.h"

const uint8_t *cur_bytes(struct cur *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->failed || n > c->n) {
		c->failed = true;
		c->n = 0;
		return NULL;
	}
	/* An empty cursor may stand on NULL, which must not be added to. */
	if (n > 0) {
		c->p += n;
		c->n -= n;
	}
	return p;
}

static uint32_t little_endian(struct cur *c, size_t n)
{
	const uint8_t *p = cur_bytes(c, n);
	uint32_t value = 0;

	for (size_t i = 0; p && i < n; i++)
		value |= (uint32_t)p[i] << (8 * i);
	return value;
}

uint8_t cur_u8(struct cur *c)
{
	return (uint8_t)little_endian(c, 1);
}

uint16_t cur_le16(struct cur *c)
{
	return (uint16_t)little_endian(c, 2);
}

uint32_t cur_le24(struct cur *c)
{
	return little_endian(c, 3);
}

uint32_t cur_le32(struct cur *c)
{
	return little_endian(c, 4);
}

struct cur cur_sub(struct cur *c, size_t n)
{
	const uint8_t *p = cur_bytes(c, n);

	if (c->failed)
		return (struct cur){ .failed = true };
	return cur_of(p, n);
}

size_t cur_left(const struct cur *c)
{
	return c->failed ? 0 : c->n;
}

bool cur_ok(const struct cur *c)
{
	return !c->failed;
}

bool cur_done(const struct cur *c)
{
	return !c->failed && c->n == 0;
}
