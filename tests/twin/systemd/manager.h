/*
 * org.freedesktop.systemd1 as its manual page gives it: the Manager, and the Unit, Service and Job
 * objects.
 */
#pragma once

#include "twin.h"

int manager_serve(struct twin *t);
int objects_serve(struct twin *t);
