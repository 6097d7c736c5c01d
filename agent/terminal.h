/* Lines at the end of a terminal that are drawn anew in their place. On anything else nothing is drawn. */
#ifndef GN8V_TERMINAL_H
#define GN8V_TERMINAL_H

#include <stdio.h>

#include "core/base.h"

struct terminal {
	FILE *out;
	bool live;	    /* it is one, and can move its cursor */
	unsigned int drawn; /* lines that are there now */
};

void terminal_init(struct terminal *t, FILE *out);

/* Draws the lines of a text in the place of those before, each cut to the width of the terminal. */
void terminal_draw(struct terminal *t, const char *text);
void terminal_erase(struct terminal *t);

/* "[######..................]" */
#define TERMINAL_BAR_SIZE 27
void terminal_bar(double share, char dst[TERMINAL_BAR_SIZE]);

#endif
