/*
 * Signals of systemd1. They go only to peers that called Subscribe: systemd sends none when nobody
 * did.
 */
#pragma once

#include "job.h"

#define MANAGER_OBJECT	  "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define UNIT_INTERFACE	  "org.freedesktop.systemd1.Unit"

void signal_job_new(const struct job *j);
void signal_job_removed(const struct job *j, const char *result);
void signal_unit_changed(const struct unit *u); /* PropertiesChanged */
void signal_reloading(struct twin *t, bool active);
void signal_unit_files_changed(struct twin *t);
