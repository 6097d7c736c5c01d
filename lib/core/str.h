/* Strings: small helpers over NUL-terminated text, and a growing buffer. */
#ifndef GN8V_CORE_STR_H
#define GN8V_CORE_STR_H

#include "core/base.h"

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Cuts blanks and line ends off both ends, in place; returns s moved forward. */
char *str_trim(char *s);

/* Copies and always terminates; false if it did not fit (dst then holds the beginning). */
bool str_copy(char *dst, size_t dst_size, const char *src);

/* Whether `word` is one of the blank-separated words of `text`. */
bool str_has_word(const char *text, const char *word);

/* Replaces every `{name}` in `text` by its value: pairs name, value, ..., NULL. Caller frees. */
char *str_expand(const char *text, ...) __attribute__((sentinel));

/* Lower-case hex of n bytes; dst holds 2n + 1. */
void str_hex(char *dst, const uint8_t *bytes, size_t n);

/* Whether s is exactly n lower- or upper-case hexadecimal digits. */
bool str_is_hex(const char *s, size_t n);

/* Makes text from outside safe to log: control and non-ASCII bytes become '?'. In place. */
void str_sanitise(char *s);

struct strbuf {
	char *s; /* NULL while empty; else terminated; owned */
	size_t len;
};

/* Begins with an empty text: s is never NULL from then on. */
void strbuf_begin(struct strbuf *b);

void strbuf_add(struct strbuf *b, const char *s, size_t n);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) PRINTF(2, 3);
void strbuf_done(struct strbuf *b);

#define _cleanup_strbuf_ _cleanup_(strbuf_done)

#endif
