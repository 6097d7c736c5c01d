/* The properties of units, services and jobs on the bus. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "install.h"
#include "job.h"
#include "manager.h"
#include "signals.h"

#define GETTER(name, type)                                                           \
	static int name(sd_bus *bus, const char *path, const char *interface,        \
			const char *property, sd_bus_message *reply, void *data,     \
			sd_bus_error *error)                                         \
	{                                                                            \
		type *x = data;                                                      \
		(void)bus, (void)path, (void)interface, (void)property, (void)error; \
		return name##_of(reply, x);                                          \
	}

static int get_job_of(sd_bus_message *reply, struct unit *u)
{
	return sd_bus_message_append(reply, "(uo)", u->job ? u->job->id : 0,
				     u->job ? u->job->object : "/");
}
GETTER(get_job, struct unit)

static int get_drop_ins_of(sd_bus_message *reply, struct unit *u)
{
	return sd_bus_message_append_strv(reply, u->def.drop_ins.v);
}
GETTER(get_drop_ins, struct unit)

/* What its files say, what others say with Before=, and a target's own default (unit_after()). */
static int get_after_of(sd_bus_message *reply, struct unit *u)
{
	struct strv names = { 0 };
	int r;

	for (size_t i = 0; i < u->def.after.n; i++)
		if (!strv_has(&names, u->def.after.v[i]))
			strv_add(&names, u->def.after.v[i]);
	for (const struct unit *other = u->twin->units; other; other = other->next)
		if (other != u && unit_after(u, other) && !strv_has(&names, other->name))
			strv_add(&names, other->name);
	r = sd_bus_message_append_strv(reply, names.v);
	strv_done(&names);
	return r;
}
GETTER(get_after, struct unit)

static int get_file_state_of(sd_bus_message *reply, struct unit *u)
{
	const char *state = u->file_state;

	if (!state && (state = install_state(u->twin, u->name)))
		u->file_state = copy(state);
	return sd_bus_message_append(reply, "s", state ? state : "");
}
GETTER(get_file_state, struct unit)

static int get_need_reload_of(sd_bus_message *reply, struct unit *u)
{
	return sd_bus_message_append(reply, "b", (int)unit_changed_on_disk(u));
}
GETTER(get_need_reload, struct unit)

static int get_condition_of(sd_bus_message *reply, struct unit *u)
{
	return sd_bus_message_append(reply, "b", (int)u->condition_result);
}
GETTER(get_condition, struct unit)

static int get_assert_of(sd_bus_message *reply, struct unit *u)
{
	return sd_bus_message_append(reply, "b", (int)u->assert_result);
}
GETTER(get_assert, struct unit)

static int get_main_pid_of(sd_bus_message *reply, struct unit *u)
{
	return sd_bus_message_append(reply, "u", (uint32_t)u->main_pid);
}
GETTER(get_main_pid, struct unit)

/* As systemd writes "infinity": the largest number. */
static int get_timeout_start_of(sd_bus_message *reply, struct unit *u)
{
	double s = u->def.timeout_start_s;

	return sd_bus_message_append(reply, "t", isinf(s) ? UINT64_MAX : (uint64_t)(s * 1e6));
}
GETTER(get_timeout_start, struct unit)

static int get_job_unit_of(sd_bus_message *reply, struct job *j)
{
	return sd_bus_message_append(reply, "(so)", j->unit->name, j->unit->object);
}
GETTER(get_job_unit, struct job)

static int get_job_type_of(sd_bus_message *reply, struct job *j)
{
	return sd_bus_message_append(reply, "s", job_type_name(j->type));
}
GETTER(get_job_type, struct job)

static int get_job_state_of(sd_bus_message *reply, struct job *j)
{
	return sd_bus_message_append(reply, "s", job_state_name(j));
}
GETTER(get_job_state, struct job)

#define CHANGES	 SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONSTANT SD_BUS_VTABLE_PROPERTY_CONST
#define U(field) offsetof(struct unit, field)

static const sd_bus_vtable unit_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Id", "s", NULL, U(name), CONSTANT),
	SD_BUS_PROPERTY("Description", "s", NULL, U(def.description), CONSTANT),
	SD_BUS_PROPERTY("LoadState", "s", NULL, U(def.load_state), CONSTANT),
	SD_BUS_PROPERTY("ActiveState", "s", NULL, U(active), CHANGES),
	SD_BUS_PROPERTY("SubState", "s", NULL, U(sub), CHANGES),
	SD_BUS_PROPERTY("FragmentPath", "s", NULL, U(def.fragment), CONSTANT),
	SD_BUS_PROPERTY("DropInPaths", "as", get_drop_ins, 0, CONSTANT),
	SD_BUS_PROPERTY("After", "as", get_after, 0, CONSTANT),
	SD_BUS_PROPERTY("UnitFileState", "s", get_file_state, 0, 0),
	SD_BUS_PROPERTY("NeedDaemonReload", "b", get_need_reload, 0, CONSTANT),
	SD_BUS_PROPERTY("InactiveExitTimestampMonotonic", "t", NULL, U(inactive_exit), CHANGES),
	SD_BUS_PROPERTY("ActiveEnterTimestampMonotonic", "t", NULL, U(active_enter), CHANGES),
	SD_BUS_PROPERTY("Job", "(uo)", get_job, 0, CHANGES),
	SD_BUS_PROPERTY("ConditionResult", "b", get_condition, 0, CHANGES),
	SD_BUS_PROPERTY("AssertResult", "b", get_assert, 0, CHANGES),
	SD_BUS_VTABLE_END
};

static const sd_bus_vtable service_vtable[] = {
	SD_BUS_VTABLE_START(0), SD_BUS_PROPERTY("Result", "s", NULL, U(result), CHANGES),
	SD_BUS_PROPERTY("TimeoutStartUSec", "t", get_timeout_start, 0, CONSTANT),
	SD_BUS_PROPERTY("ExecMainStatus", "i", NULL, U(main_status), CHANGES),
	SD_BUS_PROPERTY("MainPID", "u", get_main_pid, 0, CHANGES), SD_BUS_VTABLE_END
};

static const sd_bus_vtable job_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Id", "u", NULL, offsetof(struct job, id), CONSTANT),
	SD_BUS_PROPERTY("Unit", "(so)", get_job_unit, 0, CONSTANT),
	SD_BUS_PROPERTY("JobType", "s", get_job_type, 0, CONSTANT),
	SD_BUS_PROPERTY("State", "s", get_job_state, 0, CHANGES),
	SD_BUS_VTABLE_END
};

/* Naming a unit's object loads the unit, as in systemd. */
static int find_unit(sd_bus *bus, const char *path, const char *interface, void *data, void **ret,
		     sd_bus_error *error)
{
	_cleanup_free_ char *name = NULL;
	int r = sd_bus_path_decode(path, UNIT_OBJECTS, &name);

	(void)bus, (void)error;
	if (r <= 0)
		return r;
	if (!unit_name_valid(name) ||
	    (strcmp(interface, UNIT_INTERFACE) != 0 && !ends_with(name, ".service")))
		return 0;
	*ret = unit_get(data, name);
	return 1;
}

static int find_job(sd_bus *bus, const char *path, const char *interface, void *data, void **ret,
		    sd_bus_error *error)
{
	struct job *j = job_find(data, (uint32_t)strtoul(name_of(path), NULL, 10));

	(void)bus, (void)interface, (void)error;
	*ret = j;
	return j != NULL;
}

int objects_serve(struct twin *t)
{
	int r = sd_bus_add_fallback_vtable(t->bus, NULL, UNIT_OBJECTS, UNIT_INTERFACE, unit_vtable,
					   find_unit, t);

	if (r >= 0)
		r = sd_bus_add_fallback_vtable(t->bus, NULL, UNIT_OBJECTS,
					       "org.freedesktop.systemd1.Service", service_vtable,
					       find_unit, t);
	if (r >= 0)
		r = sd_bus_add_fallback_vtable(t->bus, NULL, JOB_OBJECTS,
					       "org.freedesktop.systemd1.Job", job_vtable, find_job,
					       t);
	return r;
}
