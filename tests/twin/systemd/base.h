/*
 * What every file of twin-systemd stands on: strings, lists of strings and small files.
 * It is a test tool: when memory is gone it aborts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline void free_p(void *p)
{
	free(*(void **)p);
}
#define _cleanup_free_ __attribute__((cleanup(free_p)))

struct strv { /* v is NULL-terminated once it is not NULL, so it serves as argv */
	char **v;
	size_t n;
};

void *must(void *p);
char *fmt(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *copy(const char *s);
bool starts_with(const char *s, const char *prefix);
bool ends_with(const char *s, const char *suffix);
const char *name_of(const char *path);

void strv_add(struct strv *l, const char *s);
void strv_take(struct strv *l, char *s);
bool strv_has(const struct strv *l, const char *s);
void strv_words(struct strv *l,
		const char *text); /* splits as systemd does: blanks, quotes, backslash */
void strv_sort(struct strv *l);
void strv_done(struct strv *l);

char *file_read(const char *path);		    /* NULL when it cannot be read */
int file_write(const char *path, const char *text); /* temporary sibling, then rename */
int file_append(const char *path,
		const char *line);		    /* one write: records of processes do not mix */
void dir_names(const char *path, struct strv *ret); /* sorted, without . and .. */
void dir_make(const char *path);		    /* with its parents */
