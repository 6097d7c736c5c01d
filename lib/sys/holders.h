/* Processes that have a device open, as fuser(1) finds them: by the links in /proc/PID/fd. */
#ifndef GN8V_SYS_HOLDERS_H
#define GN8V_SYS_HOLDERS_H

#include "core/base.h"

#define HOLDERS_MAX 8

struct holder {
	int pid;
	char comm[32];	/* its name, sanitised */
	char unit[128]; /* its service or scope, by its cgroup; "" when it has none */
	char file[64];	/* the first that it holds */
};

struct holders {
	struct holder v[HOLDERS_MAX];
	size_t n;   /* in v */
	size_t all; /* that were found */
};

/* Those that hold a path that begins with `prefix`. One that ends meanwhile, or cannot be looked at, is left out; so is one
 * that has only mapped the device. */
void holders_find(struct holders *h, const char *prefix);

/* "4711 python3 (my-model.service), 4712 dcgm and 3 more" */
#define HOLDERS_TEXT_SIZE 300
void holders_text(const struct holders *h, char dst[HOLDERS_TEXT_SIZE]);

#endif
