/*
 * A restart of the machine: the agent gets SIGTERM and time to leave, every unit is stopped in the
 * reverse of its order, restart-requested is written, twin-systemd ends.
 */
#pragma once

#include "twin.h"

int reboot_ask(struct twin *t, const char *who); /* -EALREADY while one is under way */
void reboot_jobs_ran(struct twin *t);		 /* by the job queue, each time */
