/* The unit of Fabric Manager. nvidia-persistenced comes after it, and multi-user.target after nvidia-persistenced: a unit that
 * its package orders after multi-user.target, as some have been, closes a circle. In a boot systemd throws some member out of
 * it; where each is started by itself, all wait for each other for ever. A drop-in cannot take an After= away (systemd 239
 * knows no empty one), so the package's text without it is written to /etc, where it has precedence, and follows the
 * package from then on: it is written anew when that text changes, and removed when it is not needed. */
#ifndef GN8V_FMUNIT_H
#define GN8V_FMUNIT_H

#include "sys/units.h"

enum fmunit_todo { FMUNIT_NOTHING, FMUNIT_WRITE, FMUNIT_REMOVE };

struct fmunit {
	enum fmunit_todo todo;
	char behind
		[256]; /* what it is ordered after although it must not be, and what is not ours to mend; "" */
};

int fmunit_look(struct units *u, struct fmunit *ret, struct err *e);

/* Does what is to be done, and has systemd read it. CODE_UNIT_ORDER when the circle is still there. */
int fmunit_mend(struct units *u, bool *ret_changed, struct err *e);

/* The refusal, with what to type; always -1. */
int fmunit_refuse(const char *behind, struct err *e);

/* Pure: the text of the copy, or NULL when nothing of it has to go. drop() says of a unit whether it has to; negative: it
 * could not be told, and so *ret is NULL and the result -1. */
int fmunit_derive(const char *text, int (*drop)(const char *unit, void *data, struct err *e),
		  void *data, char **ret, struct err *e);

#endif
