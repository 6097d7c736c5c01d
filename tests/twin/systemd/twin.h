/*
 * The twin's folder, as tests/twin/README.md describes it, and the one event loop that serves it.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base.h"

struct unit;
struct job;
struct json_object;

enum reboot_phase { REBOOT_NONE, REBOOT_AGENT, REBOOT_UNITS };

struct twin {
	char *root;  /* DIR/root */
	char *state; /* DIR/state */
	int boot;
	double start_limit_s;	      /* DefaultStartLimitIntervalSec= */
	struct json_object *settings; /* systemd.json */

	sd_event *event;
	sd_bus *bus;
	sd_bus_track *subscribers;
	pid_t dbus_pid;

	struct unit *units;
	struct job *jobs;
	uint32_t last_job_id;
	sd_event_source *job_queue;

	enum reboot_phase reboot;
	const char *reboot_asked_by;
	sd_event_source *agent_exit, *agent_deadline;
	int agent_pidfd;
	pid_t agent_pid;

	bool login1_down;
};

/* 0, or -1 with a line on standard error. */
int twin_open(struct twin *t, const char *dir);

/* What every time-out that a unit file names is multiplied by, as systemd.json says now */
double twin_time_scale(const struct twin *t);

/* Whether the clock is synchronised, as systemd.json says now */
bool twin_ntp_synchronized(const struct twin *t);

char *twin_path(const struct twin *t, const char *path); /* DIR/root + path */
char *twin_chase(const struct twin *t,
		 const char *path); /* the same, a link in the last place followed inside root */
const char *twin_inside(const struct twin *t, const char *path); /* without DIR/root */
char *twin_kernel(const struct twin *t); /* its release, as uname -r inside would say */

bool twin_fault(const struct twin *t, const char *name);
char *twin_fault_argument(const struct twin *t, const char *name); /* "" without one; NULL: off */
void twin_misuse(const struct twin *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
double twin_now(void); /* CLOCK_MONOTONIC in seconds */

/* Arms *source anew; INFINITY disarms it. */
void twin_timer(struct twin *t, sd_event_source **source, double seconds,
		sd_event_time_handler_t call, void *data);
void twin_timer_off(sd_event_source **source);
