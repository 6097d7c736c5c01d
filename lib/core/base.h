/* What every file stands on: cleanup attributes and allocation that never returns NULL.
 *
 * Running out of memory ends the process: in a worker that is one failed step, in the agent the
 * unit's ExecStopPost closes the gate. Sizes that come from outside are capped before they get
 * here. */
#ifndef GN8V_CORE_BASE_H
#define GN8V_CORE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define NORETURN      __attribute__((noreturn))

#define _cleanup_(f) __attribute__((cleanup(f)))

/* DEFINE_CLEANUP(struct x *, x_free) makes x_free usable as _cleanup_(x_free_p). */
#define DEFINE_CLEANUP(type, func)           \
	static inline void func##_p(type *p) \
	{                                    \
		if (*p)                      \
			func(*p);            \
	}

/* Hands a pointer over and forgets it, for `*ret_x = TAKE_PTR(x)` just before `return 0`. */
#define TAKE_PTR(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_	 _cleanup_(cleanup_free)
#define _cleanup_fd_	 _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

#endif
