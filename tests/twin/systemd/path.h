/* Path units: PathChanged= starts the triggered unit when a file changes. */
#pragma once

#include "unit.h"

void path_start(struct unit *u);
void path_stop(struct unit *u);
void path_unit_changed(struct unit *u); /* any unit: perhaps one that a path unit triggers */
