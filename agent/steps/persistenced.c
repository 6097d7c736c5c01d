/* persistenced-unit (R10, R24) and persistenced-start (R14, R23), and what keeps either from having an effect. */
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "present.h"
#include "steps/all.h"
#include "sys/units.h"
#include "unitfile.h"

/* --- units that are not as they must be --------------------------------------------------------- */

static int refuse_masked(const char *unit, const struct unit_state *s, struct err *e)
{
	bool runtime = str_eq(s->file_state, "masked-runtime");

	err_set(e, &CODE_UNIT_MASKED, "%s is masked%s: it cannot be started", unit,
		runtime ? " until the next restart" : "");
	return err_hint(e, "systemctl unmask %s%s; systemctl restart gn8v-agent",
			runtime ? "--runtime " : "", unit);
}

static void say_others(const struct unitfile_others *o, struct err *e)
{
	if (!o->path[0])
		err_set(e, &CODE_UNIT_OVERRIDDEN,
			UNIT_PERSISTENCED " is ordered after %s, which waits for it", o->behind);
	else if (o->start_s)
		err_set(e, &CODE_UNIT_OVERRIDDEN,
			"%s sets %s= of " UNIT_PERSISTENCED
			": its start, which takes minutes, would be cut off after %u s",
			o->path, o->sets, o->start_s);
	else if (str_eq(o->sets, "After"))
		err_set(e, &CODE_UNIT_OVERRIDDEN,
			"%s orders " UNIT_PERSISTENCED " after %s, which waits for it", o->path,
			o->behind);
	else if (o->sets[0])
		err_set(e, &CODE_UNIT_OVERRIDDEN,
			"%s sets %s= of " UNIT_PERSISTENCED
			": it would not run as the procedure has it",
			o->path, o->sets);
	else
		err_set(e, &CODE_UNIT_OVERRIDDEN,
			"%s is what systemd uses, in the place of " PATH_PERSISTENCED_UNIT,
			o->path);
}

static int refuse_others(const struct unitfile_others *o, struct err *e)
{
	say_others(o, e);
	if (!o->path[0])
		return err_hint(
			e,
			"systemctl cat %s; take Before=" UNIT_PERSISTENCED
			" out of the file in /etc or /run that has it; systemctl daemon-reload; "
			"systemctl restart gn8v-agent",
			o->behind);
	return err_hint(e,
			"mv %s /root/; systemctl daemon-reload; systemctl restart gn8v-agent; gn8v "
			"writes " PATH_PERSISTENCED_UNIT " itself",
			o->path);
}

static bool is_refused(const struct unitfile_others *o)
{
	return o->path[0] || o->behind[0];
}

static bool blocked(struct probe_result *r, const struct err *e)
{
	if (!e->kind)
		return false;
	r->probe = PROBE_BLOCKED;
	r->err = *e;
	str_copy(r->reason, sizeof(r->reason), e->msg);
	return true;
}

bool units_in_the_way(const struct facts *f, struct probe_result *r)
{
	static const char *const daemons[] = { UNIT_PERSISTENCED, UNIT_FABRICMANAGER };
	size_t n = f->instance.shape == SHAPE_MULTI ? 2 : 1;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < n && !e.kind; i++) {
		const struct facts_unit *u = facts_unit(f, daemons[i]);

		if (u && unitfile_is_masked(&u->state))
			refuse_masked(u->name, &u->state, &e);
	}
	if (!e.kind && is_refused(&f->units.persistenced))
		refuse_others(&f->units.persistenced, &e);
	if (!e.kind && n > 1 && f->units.fabricmanager.behind[0])
		fmunit_refuse(f->units.fabricmanager.behind, &e);
	return blocked(r, &e);
}

/* --- persistenced-unit -------------------------------------------------------------------------- */

PROBE(persistenced_unit)
{
	(void)c;
	if (probe_cannot(r, f, FACTS_UNITS) || units_in_the_way(f, r))
		return;
	if (f->units.persistenced_unit_ok && f->units.persistenced.harmless[0])
		probe_done(r, PATH_PERSISTENCED_UNIT " is as it should be; others' drop-ins: %s",
			   f->units.persistenced.harmless);
	else if (f->units.persistenced_unit_ok)
		probe_done(r, PATH_PERSISTENCED_UNIT " is as it should be");
	else
		probe_todo(r, "write " PATH_PERSISTENCED_UNIT);
}

APPLY(persistenced_unit)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	struct unitfile_others others;
	_cleanup_free_ char *text = NULL;

	if (unitfile_persistenced(w->config, &text, e) < 0 ||
	    fs_ensure(PATH_PERSISTENCED_UNIT, 0644, text, NULL, e) < 0)
		return -1;
	/* The procedure's text for one GPU has no time-out, and 90 s are less than its minutes. */
	if (w->config->for_shape == SHAPE_SINGLE &&
	    unitfile_dropin_write(UNITFILE_TIMEOUT, UNIT_PERSISTENCED, NULL, e) < 0)
		return -1;
	if (units_open(&u, e) < 0 || units_reload(u, e) < 0)
		return -1;
	/* What others put there since systemd read its files last, it has read only now. */
	if (unitfile_others(u, &others, e) < 0)
		return -1;
	return is_refused(&others) ? refuse_others(&others, e) : 0;
}

/* --- persistenced-start ------------------------------------------------------------------------- */

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
	if (units_enable(u, UNIT_PERSISTENCED, e) < 0)
		return -1;
	/* It ends well without a GPU that it could not open. */
	return present_check(w, e);
}
