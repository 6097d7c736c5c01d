/* persistenced-unit (R10, R24) and persistenced-start (R14, R23). */
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "steps/all.h"
#include "sys/units.h"
#include "unitfile.h"

PROBE(persistenced_unit)
{
	(void)c;
	if (probe_cannot(r, f, FACTS_UNITS))
		return;
	if (f->units.persistenced_unit_ok)
		probe_done(r, PATH_PERSISTENCED_UNIT " is as it should be");
	else
		probe_todo(r, "write " PATH_PERSISTENCED_UNIT);
}

APPLY(persistenced_unit)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	_cleanup_free_ char *text = NULL;

	if (unitfile_persistenced(w->config, &text, e) < 0 ||
	    fs_ensure(PATH_PERSISTENCED_UNIT, 0644, text, NULL, e) < 0)
		return -1;
	/* The procedure's text for one GPU has no time-out, and 90 s are less than its minutes. */
	if (w->config->for_shape == SHAPE_SINGLE &&
	    unitfile_dropin_write(UNITFILE_TIMEOUT, UNIT_PERSISTENCED, NULL, e) < 0)
		return -1;
	if (units_open(&u, e) < 0)
		return -1;
	return units_reload(u, e);
}

PROBE(persistenced_start)
{
	const struct facts_unit *u;

	(void)c;
	if (probe_cannot(r, f, FACTS_UNITS))
		return;
	u = facts_unit(f, UNIT_PERSISTENCED);
	if (u && str_eq(u->state.active, "active") && str_eq(u->state.sub, "running") &&
	    str_eq(u->state.file_state, "enabled"))
		probe_done(r, UNIT_PERSISTENCED " is active (running) and enabled");
	else
		probe_todo(r, "start and enable " UNIT_PERSISTENCED
			      " and wait until it is active (running)");
}

APPLY(persistenced_start)
{
	_cleanup_(units_close_p) struct units *u = NULL;

	worker_progress(w, "initialising the GPUs: minutes in CC mode");
	if (units_open(&u, e) < 0)
		return -1;
	if (step_start_unit(w, u, UNIT_PERSISTENCED, e) < 0)
		return e->kind == &ERR_TIMEOUT ? -1 : err_rekind(e, &CODE_PERSISTENCED);
	return units_enable(u, UNIT_PERSISTENCED, e);
}
