/* Facts about units: their state, our unit file and drop-ins, the hold and the gate. */
#include "core/fs.h"
#include "core/str.h"
#include "facts.h"
#include "paths.h"
#include "unitfile.h"

static void add_name(struct facts_units *u, const char *name)
{
	for (size_t i = 0; i < u->n; i++)
		if (str_eq(u->v[i].name, name))
			return;
	if (u->n < FACTS_UNITS_MAX)
		str_copy(u->v[u->n++].name, sizeof(u->v[0].name), name);
}

static void add_list(struct facts_units *u, const struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		add_name(u, l->v[i]);
}

/* What an earlier configuration put behind the gate is to be let out of it. */
static int add_gated(struct facts_units *u, struct err *e)
{
	struct fs_names dirs;

	if (fs_list(PATH_ETC_UNITS, &dirs, e) < 0)
		return -1;
	for (size_t i = 0; i < dirs.n; i++) {
		_cleanup_free_ char *unit = NULL, *path = NULL;
		size_t n = strlen(dirs.v[i]);

		if (n < 3 || !str_eq(dirs.v[i] + n - 2, ".d"))
			continue;
		unit = xstrndup(dirs.v[i], n - 2);
		path = unitfile_dropin_path(UNITFILE_GATE, unit);
		if (fs_exists(path))
			add_name(u, unit);
	}
	fs_names_done(&dirs);
	return 0;
}

static int read_dropin(enum unitfile_dropin kind, const char *unit, bool *ret_there, bool *ret_ok,
		       struct err *e)
{
	_cleanup_free_ char *path = unitfile_dropin_path(kind, unit), *text = NULL;

	if (unitfile_dropin_text(kind, &text, e) < 0)
		return -1;
	*ret_there = fs_exists(path);
	*ret_ok = *ret_there && fs_equals(path, text);
	return 0;
}

static int read_unit(struct facts_unit *fu, struct units *bus, struct err *e)
{
	if (units_get(bus, fu->name, &fu->state, e) < 0 ||
	    read_dropin(UNITFILE_ORDER, fu->name, &fu->order_there, &fu->order_ok, e) < 0 ||
	    read_dropin(UNITFILE_GATE, fu->name, &fu->gate_there, &fu->gate_ok, e) < 0 ||
	    read_dropin(UNITFILE_HOLD, fu->name, &fu->hold_there, &fu->hold_ok, e) < 0)
		return -1;
	return 0;
}

int facts_read_units(struct facts_units *u, const struct config *c, struct err *e)
{
	_cleanup_(units_close_p) struct units *bus = NULL;
	_cleanup_free_ char *text = NULL;
	struct unit_state ready;
	bool there, timeout_ok;

	if (units_open(&bus, e) < 0)
		return -1;
	add_name(u, UNIT_PERSISTENCED);
	add_name(u, UNIT_FABRICMANAGER);
	add_list(u, &c->services_gpu);
	add_list(u, &c->services_disable);
	add_list(u, &c->services_hold);
	add_list(u, &c->gate_units);
	if (add_gated(u, e) < 0)
		return -1;
	for (size_t i = 0; i < u->n; i++)
		if (read_unit(&u->v[i], bus, e) < 0)
			return -1;
	if (unitfile_persistenced(c, &text, e) < 0 ||
	    read_dropin(UNITFILE_TIMEOUT, UNIT_PERSISTENCED, &there, &timeout_ok, e) < 0 ||
	    units_get(bus, UNIT_READY, &ready, e) < 0)
		return -1;
	u->persistenced_unit_ok = fs_equals(PATH_PERSISTENCED_UNIT, text) &&
				  (c->for_shape == SHAPE_MULTI || timeout_ok);
	u->hold_flag = fs_exists(PATH_HOLD);
	u->gate_opened = fs_exists(PATH_OPENED);
	u->gate_open = fs_exists(PATH_READY) && str_eq(ready.active, "active");
	return 0;
}
