#include "net/pieces.h"

void pieces_clear(struct pieces *p)
{
	free(p->v);
	*p = (struct pieces){ 0 };
}

void pieces_copy(struct pieces *dst, const struct pieces *src)
{
	free(dst->v);
	dst->n = src->n;
	dst->v = xcalloc(src->n + 1, sizeof(*dst->v));
	if (src->n)
		memcpy(dst->v, src->v, src->n * sizeof(*dst->v));
}

void pieces_add(struct pieces *p, uint64_t start, uint64_t end)
{
	size_t first = 0, behind;

	if (start >= end)
		return;
	while (first < p->n && p->v[first].end < start)
		first++;
	for (behind = first; behind < p->n && p->v[behind].start <= end; behind++) {
		if (p->v[behind].start < start)
			start = p->v[behind].start;
		if (p->v[behind].end > end)
			end = p->v[behind].end;
	}
	if (behind == first) /* it touches none: room for one more */
		p->v = xrealloc(p->v, (p->n + 1) * sizeof(*p->v));
	memmove(p->v + first + 1, p->v + behind, (p->n - behind) * sizeof(*p->v));
	p->n = p->n + 1 + first - behind;
	p->v[first] = (struct piece){ start, end };
}

uint64_t pieces_total(const struct pieces *p)
{
	uint64_t total = 0;

	for (size_t i = 0; i < p->n; i++)
		total += p->v[i].end - p->v[i].start;
	return total;
}

uint64_t pieces_prefix(const struct pieces *p)
{
	return p->n && p->v[0].start == 0 ? p->v[0].end : 0;
}

bool pieces_gap(const struct pieces *p, uint64_t end, struct piece *ret)
{
	struct piece gap = { .start = pieces_prefix(p), .end = end };
	size_t next = gap.start > 0;

	if (next < p->n && p->v[next].start < end)
		gap.end = p->v[next].start;
	if (gap.start >= gap.end)
		return false;
	*ret = gap;
	return true;
}
