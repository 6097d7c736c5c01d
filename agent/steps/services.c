/* service-order, hold-services (R9, R24) and release-services (R14): services that use the GPU come
 * after nvidia-persistenced, and do not run at all while the driver is being installed. */
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "gate.h"
#include "gpu.h"
#include "hold.h"
#include "paths.h"
#include "steps/all.h"
#include "sys/units.h"
#include "unitfile.h"

#define START_S	 90
#define HOLD_MAX 65536

static bool listed(const struct config *c, const char *unit)
{
	return strlist_has(&c->services_gpu, unit) || strlist_has(&c->services_hold, unit);
}

/* What systemd said may have its own hint. */
static int unit_failed(struct err *e, const struct err_kind *kind, const char *unit)
{
	err_rekind(e, kind);
	return e->hint[0] ? -1
			  : err_hint(e, "systemctl status %s; journalctl -b -u %s", unit, unit);
}

static bool gated(const struct config *c, const char *unit)
{
	return gate_guards_units(c) && strlist_has(&c->gate_units, unit);
}

static bool dropins_wrong(const struct config *c, const struct facts_unit *u)
{
	return (listed(c, u->name) && u->order_ok != unitfile_orderable(u->name)) ||
	       gated(c, u->name) != u->gate_there || (u->gate_there && !u->gate_ok);
}

PROBE(service_order)
{
	const char *names[FACTS_UNITS_MAX];
	char text[STEP_NAMES_SIZE];
	size_t n = 0;

	if (probe_cannot(r, f, FACTS_UNITS))
		return;
	for (size_t i = 0; i < f->units.n; i++)
		if (dropins_wrong(c, &f->units.v[i]))
			names[n++] = f->units.v[i].name;
	step_names(names, n, text);
	if (n)
		probe_todo(r, "write the drop-ins of %s", text);
	else
		probe_done(
			r,
			"the services that use the GPU have their drop-ins, whether installed or not");
}

/* A unit that was taken out of the gate was stopped with it, if it ran: nobody else starts it again. */
static int start_let_out(struct worker *w, struct units *u, const bool *let_out, struct err *e)
{
	for (size_t i = 0; i < w->facts.units.n; i++)
		if (let_out[i] && str_eq(w->facts.units.v[i].state.file_state, "enabled") &&
		    units_start_nowait(u, w->facts.units.v[i].name, e) < 0)
			return -1;
	return 0;
}

APPLY(service_order)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	bool let_out[FACTS_UNITS_MAX] = { false };

	for (size_t i = 0; i < w->facts.units.n; i++) {
		const char *name = w->facts.units.v[i].name;
		int r = 0;

		if (listed(w->config, name))
			r = unitfile_orderable(name)
				    ? unitfile_dropin_write(UNITFILE_ORDER, name, NULL, e)
				    : unitfile_dropin_remove(UNITFILE_ORDER, name, NULL, e);
		if (r == 0 && gated(w->config, name))
			r = unitfile_dropin_write(UNITFILE_GATE, name, NULL, e);
		else if (r == 0)
			r = unitfile_dropin_remove(UNITFILE_GATE, name, &let_out[i], e);
		if (r < 0)
			return -1;
	}
	if (units_open(&u, e) < 0 || units_reload(u, e) < 0)
		return -1;
	return start_let_out(w, u, let_out, e);
}

/* --- hold ------------------------------------------------------------------------------------- */

static bool stopped(const struct facts_unit *u)
{
	return str_eq(u->state.active, "inactive") || str_eq(u->state.active, "failed");
}

static bool runs_free(const struct config *c, const struct facts *f, const struct facts_unit *u)
{
	return strlist_has(&c->services_hold, u->name) &&
	       (!u->hold_ok || !stopped(u) || !f->units.hold_flag);
}

static bool starts_at_boot(const struct config *c, const struct facts_unit *u)
{
	return strlist_has(&c->services_disable, u->name) && str_eq(u->state.file_state, "enabled");
}

PROBE(hold_services)
{
	const char *free_ones[FACTS_UNITS_MAX], *enabled[FACTS_UNITS_MAX];
	size_t free_n = 0, enabled_n = 0;
	char text[STEP_NAMES_SIZE];

	if (probe_cannot(r, f, FACTS_UNITS) || probe_cannot(r, f, FACTS_SOFTWARE))
		return;
	if (all_installed(c, f)) {
		probe_done(r, "not needed: the driver is installed");
		return;
	}
	for (size_t i = 0; i < f->units.n; i++) {
		const struct facts_unit *u = &f->units.v[i];

		if (runs_free(c, f, u))
			free_ones[free_n++] = u->name;
		if (starts_at_boot(c, u))
			enabled[enabled_n++] = u->name;
	}
	if (free_n) {
		step_names(free_ones, free_n, text);
		probe_todo(r, "stop and hold back %s", text);
	} else if (enabled_n) {
		step_names(enabled, enabled_n, text);
		probe_todo(r, "disable %s", text);
	} else {
		probe_done(r, "the services that use the GPU are held back");
	}
}

static bool held(const struct config *c, const char *unit)
{
	return strlist_has(&c->services_hold, unit) || strlist_has(&c->services_disable, unit);
}

static struct json_object *before_to_json(const struct facts_unit *u)
{
	struct json_object *o = json_object_new_object();

	json_set_str(o, "unit", u->name);
	json_set_str(o, "enabled_before", hold_file_state(&u->state));
	json_set_str(o, "active_before", u->state.active);
	return o;
}

static int remember(struct worker *w, struct err *e)
{
	_cleanup_free_ char *old = NULL;
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct json_object *services;

	if (fs_read_optional(PATH_HOLD, HOLD_MAX, &old, NULL, e) < 0)
		return -1;
	services = json_object_new_array();
	strbuf_printf(&text, "%s", old ? old : "");
	for (size_t i = 0; i < w->facts.units.n; i++) {
		const struct facts_unit *u = &w->facts.units.v[i];

		if (!held(w->config, u->name) || hold_knows(old, u->name))
			continue;
		hold_add(&text, u->name, &u->state);
		json_object_array_add(services, before_to_json(u));
	}
	if (json_count(services) > 0)
		worker_data(w, "services", services);
	else
		json_object_put(services);
	return fs_write_atomic(PATH_HOLD, 0644, text.s, text.len, e);
}

static int write_holds(struct worker *w, struct units *u, struct err *e)
{
	const struct strlist *hold = &w->config->services_hold;

	for (size_t i = 0; i < hold->n; i++)
		if (unitfile_dropin_write(UNITFILE_HOLD, hold->v[i], NULL, e) < 0)
			return -1;
	return units_reload(u, e);
}

/* The procedure's order: disable, then stop. */
APPLY(hold_services)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	const struct config *c = w->config;

	if (units_open(&u, e) < 0 || remember(w, e) < 0 || write_holds(w, u, e) < 0)
		return -1;
	for (size_t i = 0; i < w->facts.units.n; i++) {
		const struct facts_unit *fu = &w->facts.units.v[i];
		int r = 0;

		if (strlist_has(&c->services_disable, fu->name) &&
		    str_eq(fu->state.file_state, "enabled"))
			r = units_disable(u, fu->name, e);
		if (r == 0 && held(c, fu->name) && str_eq(fu->state.load, "loaded"))
			r = step_stop_unit(w, u, fu->name, e);
		if (r < 0)
			return unit_failed(e, &CODE_HOLD, fu->name);
	}
	return 0;
}

/* --- release ---------------------------------------------------------------------------------- */

PROBE(release_services)
{
	(void)c;
	if (probe_cannot(r, f, FACTS_UNITS))
		return;
	if (f->units.hold_flag)
		probe_todo(r, "let the held services go");
	else
		probe_done(r, "no service is held back");
}

/* A unit that is ordered after multi-user.target begins only when the boot is over, and the agent may be a part of that
 * boot: it is not waited for. */
static int begins_after_boot(struct units *u, const char *unit, bool *ret_yes, struct err *e)
{
	static const char *const boot[] = { UNIT_MULTI_USER, NULL };
	struct unit_state s;

	*ret_yes = false;
	if (units_get(u, UNIT_MULTI_USER, &s, e) < 0)
		return -1;
	return s.job[0] ? units_is_behind(u, unit, boot, ret_yes, e) : 0;
}

/* Behind the gate a unit is started by the gate, if it is enabled. One that systemd does not even begin to start is a
 * failure; what becomes of it then is its owner's trouble. Those that the procedure disables are never in the way. */
static int start_again(struct worker *w, struct units *u, const char *unit, bool enabled,
		       struct err *e)
{
	bool late;

	if (gated(w->config, unit)) {
		if (!enabled)
			worker_event(
				w,
				"%s ran without being enabled and is behind the gate now: systemctl start %s "
				"once this machine is ready",
				unit, unit);
		return 0;
	}
	if (begins_after_boot(u, unit, &late, e) < 0)
		return -1;
	if (late)
		worker_event(w,
			     "%s is ordered after " UNIT_MULTI_USER
			     ", which this boot has not reached: it is started, and not waited for",
			     unit);
	if (late || !strlist_has(&w->config->services_disable, unit))
		return units_start_nowait(u, unit, e);
	if (units_start(u, unit, START_S, e) < 0)
		worker_event(w, "%s could not be started again: %s", unit, e->msg);
	return 0;
}

/* R14: start, then enable, as it was before. */
static int release_one(struct worker *w, struct units *u, const struct facts_unit *fu,
		       const char *flag, struct err *e)
{
	struct hold_before before = hold_recall(flag, fu->name);

	if (!str_eq(fu->state.load, "loaded"))
		return 0;
	if ((before.enabled || before.running) &&
	    start_again(w, u, fu->name, before.enabled, e) < 0)
		return -1;
	return before.enabled && strlist_has(&w->config->services_disable, fu->name)
		       ? units_enable(u, fu->name, e)
		       : 0;
}

static int remove_holds(struct worker *w, struct units *u, struct err *e)
{
	for (size_t i = 0; i < w->facts.units.n; i++)
		if (unitfile_dropin_remove(UNITFILE_HOLD, w->facts.units.v[i].name, NULL, e) < 0)
			return -1;
	/* Also when all are gone: a run that was cut off may not have come to it. */
	return units_reload(u, e);
}

/* The flag goes last: cut off before that, the next run releases again, with the same memory. The
 * holds' drop-ins go first, so that the units can start. */
APPLY(release_services)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	_cleanup_free_ char *flag = NULL;

	if (gpu_guard(e) < 0 || fs_read_optional(PATH_HOLD, HOLD_MAX, &flag, NULL, e) < 0 ||
	    units_open(&u, e) < 0 || remove_holds(w, u, e) < 0)
		return -1;
	for (size_t i = 0; i < w->facts.units.n; i++) {
		const struct facts_unit *fu = &w->facts.units.v[i];

		if (held(w->config, fu->name) && release_one(w, u, fu, flag, e) < 0)
			return unit_failed(e, &CODE_SERVICE, fu->name);
	}
	*e = (struct err)ERR_INIT;
	return fs_unlink(PATH_HOLD, e);
}
