#include "gate.h"

#include "codes.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "sys/units.h"
#include "unitfile.h"

/* The target only waits for its turn. What is behind it gets more than the 90 s after which systemd kills what does not
 * stop (DefaultTimeoutStopSec=), all together; then a second each: gn8v-agent.service's TimeoutStopSec= is longer. */
#define OPEN_S	90
#define CLOSE_S 150

bool gate_guards_units(const struct config *c)
{
	return str_eq(c->gate_mode, "attested");
}

/* systemd.unit(5): a static Wants= would start what the owner disabled, so each is asked for. */
static int start_gated(const struct config *c, struct units *u, struct err *e)
{
	for (size_t i = 0; i < c->gate_units.n; i++) {
		struct unit_state s;

		if (units_get(u, c->gate_units.v[i], &s, e) < 0)
			return -1;
		if (str_eq(s.file_state, "enabled") && !str_eq(s.active, "active") &&
		    units_start_nowait(u, c->gate_units.v[i], e) < 0)
			return -1;
	}
	return 0;
}

int gate_open(const struct config *c, struct err *e)
{
	_cleanup_(units_close_p) struct units *u = NULL;

	if (units_open(&u, e) < 0 || fs_write_volatile(PATH_OPENED, 0644, "", e) < 0 ||
	    fs_write_volatile(PATH_READY, 0644, "", e) < 0)
		return -1;
	if (units_start(u, UNIT_READY, OPEN_S, e) < 0) {
		fs_unlink(PATH_READY, NULL);
		return err_rekind(e, &CODE_GATE);
	}
	return gate_guards_units(c) ? start_gated(c, u, e) : 0;
}

/* Until then; at least a second, in which a job is begun. */
static int stop_unless_inactive(struct units *u, const char *name, uint64_t until_us, struct err *e)
{
	uint64_t now = clock_monotonic_us();
	struct unit_state s;

	if (units_get(u, name, &s, e) == 0 && str_eq(s.active, "inactive") && !s.job[0])
		return 0;
	return units_stop(u, name,
			  now < until_us ? (unsigned int)((until_us - now) / 1000000) + 1 : 1, e);
}

static int stop_each(struct units *u, char *const *names, size_t n, uint64_t until_us,
		     struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if (stop_unless_inactive(u, names[i], until_us, e) < 0)
			r = -1;
	return r;
}

/* Stops the units that have the drop-in, and those of the configuration (c may be NULL) even where
 * somebody deleted theirs. But on a machine that was refused no unit has it, and the gate was never
 * open: its services are not ours to stop. */
static int stop_gated(const struct config *c, bool was_open, struct units *u, uint64_t until_us,
		      struct err *e)
{
	struct fs_names gated;
	int r = 0;

	if (unitfile_gated(&gated, e) < 0)
		return -1;
	if (stop_each(u, gated.v, gated.n, until_us, e) < 0)
		r = -1;
	if (c && gate_guards_units(c) && (gated.n > 0 || was_open) &&
	    stop_each(u, c->gate_units.v, c->gate_units.n, until_us, e) < 0)
		r = -1;
	fs_names_done(&gated);
	return r;
}

int gate_close(const struct config *c, struct err *e)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	uint64_t until_us = clock_monotonic_us() + UINT64_C(1000000) * CLOSE_S;
	bool was_open = fs_exists(PATH_READY) || fs_exists(PATH_OPENED);
	int r = fs_unlink(PATH_READY, e);

	if (units_open(&u, e) < 0)
		return -1;
	if (stop_unless_inactive(u, UNIT_READY, until_us, e) < 0)
		r = -1;
	return stop_gated(c, was_open, u, until_us, e) < 0 ? -1 : r;
}
