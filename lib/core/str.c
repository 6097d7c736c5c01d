#include "core/str.h"

#include <ctype.h>

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

char *str_trim(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	n = strlen(s);
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
	return s;
}

bool str_copy(char *dst, size_t dst_size, const char *src)
{
	size_t n = strlen(src);
	bool fits = n < dst_size;

	if (!fits)
		n = dst_size - 1;
	memcpy(dst, src, n);
	dst[n] = '\0';
	return fits;
}

bool str_has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; n && (p = strstr(p, word)); p += n) {
		bool left = p == text || isspace((unsigned char)p[-1]);
		bool right = p[n] == '\0' || isspace((unsigned char)p[n]);

		if (left && right)
			return true;
	}
	return false;
}

/* Adds the value of the {name} that starts at *p and moves *p behind it; false if there is none. */
static bool expand_one(struct strbuf *out, const char **p, va_list pairs)
{
	const char *name;
	bool found = false;
	va_list ap;

	va_copy(ap, pairs);
	while (!found && (name = va_arg(ap, const char *))) {
		const char *value = va_arg(ap, const char *);
		size_t n = strlen(name);

		if (strncmp(*p + 1, name, n) == 0 && (*p)[n + 1] == '}') {
			strbuf_add(out, value, strlen(value));
			*p += n + 2;
			found = true;
		}
	}
	va_end(ap);
	return found;
}

char *str_expand(const char *text, ...)
{
	struct strbuf out = { 0 };
	va_list pairs;

	strbuf_begin(&out);
	va_start(pairs, text);
	for (const char *p = text; *p;)
		if (*p != '{' || !expand_one(&out, &p, pairs))
			strbuf_add(&out, p++, 1);
	va_end(pairs);
	return out.s;
}

void str_hex(char *dst, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*dst++ = digits[bytes[i] >> 4];
		*dst++ = digits[bytes[i] & 15];
	}
	*dst = '\0';
}

bool str_is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdefABCDEF") == n;
}

void str_sanitise(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			*s = '?';
}

void strbuf_add(struct strbuf *b, const char *s, size_t n)
{
	b->s = xrealloc(b->s, b->len + n + 1);
	memcpy(b->s + b->len, s, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void strbuf_begin(struct strbuf *b)
{
	strbuf_add(b, "", 0);
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0) {
		b->s = xrealloc(b->s, b->len + (size_t)n + 1);
		vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void strbuf_done(struct strbuf *b)
{
	free(b->s);
	*b = (struct strbuf){ 0 };
}
