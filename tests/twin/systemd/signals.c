#include "signals.h"

#include <stdarg.h>

static void send(struct twin *t, const char *object, const char *interface, const char *member,
		 const char *types, ...)
{
	const char *peer;

	for (peer = sd_bus_track_first(t->subscribers); peer;
	     peer = sd_bus_track_next(t->subscribers)) {
		sd_bus_message *m = NULL;
		va_list ap;

		va_start(ap, types);
		if (sd_bus_message_new_signal(t->bus, &m, object, interface, member) >= 0 &&
		    sd_bus_message_appendv(m, types, ap) >= 0 &&
		    sd_bus_message_set_destination(m, peer) >= 0)
			sd_bus_send(t->bus, m, NULL);
		va_end(ap);
		sd_bus_message_unref(m);
	}
}

void signal_job_new(const struct job *j)
{
	send(j->unit->twin, MANAGER_OBJECT, MANAGER_INTERFACE, "JobNew", "uos", j->id, j->object,
	     j->unit->name);
}

void signal_job_removed(const struct job *j, const char *result)
{
	send(j->unit->twin, MANAGER_OBJECT, MANAGER_INTERFACE, "JobRemoved", "uoss", j->id,
	     j->object, j->unit->name, result);
}

void signal_unit_changed(const struct unit *u)
{
	send(u->twin, u->object, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
	     UNIT_INTERFACE, 7, "ActiveState", "s", u->active, "SubState", "s", u->sub,
	     "ActiveEnterTimestampMonotonic", "t", u->active_enter,
	     "InactiveExitTimestampMonotonic", "t", u->inactive_exit, "ConditionResult", "b",
	     (int)u->condition_result, "AssertResult", "b", (int)u->assert_result, "Job", "(uo)",
	     u->job ? u->job->id : 0, u->job ? u->job->object : "/", 0);
}

void signal_reloading(struct twin *t, bool active)
{
	send(t, MANAGER_OBJECT, MANAGER_INTERFACE, "Reloading", "b", (int)active);
}

void signal_unit_files_changed(struct twin *t)
{
	send(t, MANAGER_OBJECT, MANAGER_INTERFACE, "UnitFilesChanged", "");
}
