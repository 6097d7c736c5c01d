/*
 * Units whose course systemd.json dictates:
 *   "units": {NAME: {"state": S, "seconds": N, "then": S2 or another such object}}
 * Without "seconds" the state stays. Seconds are real ones, not scaled.
 */
#pragma once

#include "unit.h"

void preset_begin(struct twin *t);
bool preset_cancel(struct unit *u); /* true when a transition was still to come */
