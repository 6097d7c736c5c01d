/*
 * The life of a service: the commands of its lists one after another, its processes, its time-
 * outs.
 */
#pragma once

#include "unit.h"

void service_start(struct unit *u);
void service_stop(struct unit *u);
void service_reaped(struct twin *t, pid_t pid, int status); /* any process that ended under us */
