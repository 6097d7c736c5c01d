/* Facts about units: their state, our unit file and drop-ins, the hold and the gate. */
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "facts.h"
#include "paths.h"
#include "unitfile.h"

/* A unit that is not looked at is neither held nor gated: rather none than one too few. */
static int add_name(struct facts_units *u, const char *name, struct err *e)
{
	for (size_t i = 0; i < u->n; i++)
		if (str_eq(u->v[i].name, name))
			return 0;
	if (u->n == FACTS_UNITS_MAX)
		return err_set(e, &CODE_CONFIG,
			       "services.* and gate.units name more than %d units in all",
			       FACTS_UNITS_MAX - 2);
	str_copy(u->v[u->n++].name, sizeof(u->v[0].name), name);
	return 0;
}

static int add_lists(struct facts_units *u, const struct config *c, struct err *e)
{
	const struct strlist *const lists[] = { &c->services_gpu, &c->services_disable,
						&c->services_hold, &c->gate_units };

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		for (size_t i = 0; i < lists[k]->n; i++)
			if (add_name(u, lists[k]->v[i], e) < 0)
				return -1;
	return 0;
}

static bool dropin_there(enum unitfile_dropin kind, const char *unit)
{
	_cleanup_free_ char *path = unitfile_dropin_path(kind, unit);

	return fs_exists(path);
}

/* What an earlier configuration put behind the gate is to be let out of it. */
static int add_gated(struct facts_units *u, struct err *e)
{
	struct fs_names gated;
	int r = 0;

	if (unitfile_gated(&gated, e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < gated.n; i++)
		r = add_name(u, gated.v[i], e);
	fs_names_done(&gated);
	return r;
}

static int read_dropin(enum unitfile_dropin kind, const char *unit, bool *ret_ok, struct err *e)
{
	_cleanup_free_ char *path = unitfile_dropin_path(kind, unit), *text = NULL;

	if (unitfile_dropin_text(kind, &text, e) < 0)
		return -1;
	*ret_ok = fs_equals(path, text);
	return 0;
}

static int read_unit(struct facts_unit *fu, struct units *bus, struct err *e)
{
	if (units_get(bus, fu->name, &fu->state, e) < 0 ||
	    read_dropin(UNITFILE_ORDER, fu->name, &fu->order_ok, e) < 0 ||
	    read_dropin(UNITFILE_GATE, fu->name, &fu->gate_ok, e) < 0 ||
	    read_dropin(UNITFILE_HOLD, fu->name, &fu->hold_ok, e) < 0)
		return -1;
	fu->gate_there = dropin_there(UNITFILE_GATE, fu->name);
	return 0;
}

int facts_read_units(struct facts_units *u, const struct config *c, struct err *e)
{
	_cleanup_(units_close_p) struct units *bus = NULL;
	_cleanup_free_ char *text = NULL;
	struct unit_state ready;
	bool timeout_ok;

	if (units_open(&bus, e) < 0)
		return -1;
	if (add_name(u, UNIT_PERSISTENCED, e) < 0 || add_name(u, UNIT_FABRICMANAGER, e) < 0 ||
	    add_lists(u, c, e) < 0 || add_gated(u, e) < 0)
		return -1;
	for (size_t i = 0; i < u->n; i++)
		if (read_unit(&u->v[i], bus, e) < 0)
			return -1;
	if (unitfile_persistenced(c, &text, e) < 0 ||
	    read_dropin(UNITFILE_TIMEOUT, UNIT_PERSISTENCED, &timeout_ok, e) < 0 ||
	    units_get(bus, UNIT_READY, &ready, e) < 0)
		return -1;
	if (unitfile_others(bus, &u->persistenced, e) < 0 ||
	    (c->for_shape == SHAPE_MULTI && fmunit_look(bus, &u->fabricmanager, e) < 0))
		return -1;
	u->persistenced_unit_ok = u->persistenced.in_use &&
				  fs_equals(PATH_PERSISTENCED_UNIT, text) &&
				  (c->for_shape == SHAPE_MULTI || timeout_ok);
	u->hold_flag = fs_exists(PATH_HOLD);
	u->gate_target = !str_eq(ready.active, "inactive") || ready.job[0];
	u->gate_opened = fs_exists(PATH_OPENED);
	u->gate_open = fs_exists(PATH_READY) && str_eq(ready.active, "active");
	return 0;
}
