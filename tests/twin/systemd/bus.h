/* The private message bus: its daemon, our connection, and the record of every call. */
#pragma once

#include "twin.h"

int bus_open(struct twin *t); /* -1 with a line on standard error */
int bus_take_names(struct twin *t);
void bus_close(struct twin *t);
