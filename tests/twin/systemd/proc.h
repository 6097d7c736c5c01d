/*
 * Processes of units. twin-systemd is a child subreaper, so a daemon that leaves its parent
 * becomes its child; TWIN_UNIT in a process's environment, or that of the process it comes from,
 * says whose it is.
 */
#pragma once

#include "unit.h"

void proc_adopt_orphans(void);
pid_t proc_spawn(struct unit *u, const struct command *c); /* never fails to return a child */
size_t proc_signal(const struct unit *u, int signal,
		   pid_t *ret_first); /* how many there are; 0 only counts */
void proc_kill_descendants(void);     /* and reaps them, all of them */
