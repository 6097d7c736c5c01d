/*
 * PID 1's place on the bus. Faults systemd1-lost=MEMBER and systemd1-left=MEMBER: it drops off, as after
 * a reload that lasts, once for each client that calls MEMBER (Subscribe, when none is named): the former
 * before it has read the call, which the message bus answers then; the latter once it has answered.
 */
#pragma once

#include "twin.h"

int presence_serve(struct twin *t);
int presence_begin(struct twin *t); /* takes the name */
