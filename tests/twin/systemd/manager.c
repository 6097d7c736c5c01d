#include "manager.h"

#include <errno.h>
#include <string.h>

#include "install.h"
#include "job.h"
#include "signals.h"

#define NO_SUCH_UNIT "org.freedesktop.systemd1.NoSuchUnit"

/*
 * NULL with *error filled; a method then returns any negative value, *error is what the caller
 * gets.
 */
static struct unit *unit_named(struct twin *t, const char *name, sd_bus_error *error)
{
	if (unit_name_valid(name))
		return unit_get(t, name);
	sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Unit name %s is not valid.", name);
	return NULL;
}

static struct unit *loaded_argument(sd_bus_message *m, struct twin *t, sd_bus_error *error)
{
	const char *name;
	struct unit *u;

	if (sd_bus_message_read(m, "s", &name) < 0)
		return NULL;
	u = unit_find(t, name);
	if (!u)
		sd_bus_error_setf(error, NO_SUCH_UNIT, "Unit %s not loaded.", name);
	return u;
}

static int queue_job(sd_bus_message *m, struct twin *t, enum job_type type, sd_bus_error *error)
{
	const char *name, *mode;
	struct unit *u;
	struct job *j;
	int r = sd_bus_message_read(m, "ss", &name, &mode);

	if (r < 0)
		return r;
	u = unit_named(t, name, error);
	if (!u)
		return -EINVAL;
	if ((type != JOB_STOP && u->def.refuse_manual_start) ||
	    (type != JOB_START && u->def.refuse_manual_stop))
		return sd_bus_error_setf(
			error, "org.freedesktop.systemd1.OnlyByDependency",
			"Operation refused, unit %s may be requested by dependency only "
			"(it is configured to refuse manual start/stop).",
			u->name);
	r = job_request(u, type, mode, &j, error);
	return r < 0 ? r : sd_bus_reply_method_return(m, "o", j->object);
}

static int method_start_unit(sd_bus_message *m, void *data, sd_bus_error *error)
{
	return queue_job(m, data, JOB_START, error);
}

static int method_stop_unit(sd_bus_message *m, void *data, sd_bus_error *error)
{
	return queue_job(m, data, JOB_STOP, error);
}

static int method_restart_unit(sd_bus_message *m, void *data, sd_bus_error *error)
{
	return queue_job(m, data, JOB_RESTART, error);
}

static int method_subscribe(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct twin *t = data;
	int r = sd_bus_track_add_sender(t->subscribers, m);

	if (r == 0)
		return sd_bus_error_setf(error, "org.freedesktop.systemd1.AlreadySubscribed",
					 "Client is already subscribed.");
	return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

static int method_unsubscribe(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct twin *t = data;
	int r = sd_bus_track_remove_sender(t->subscribers, m);

	if (r == 0)
		return sd_bus_error_setf(error, "org.freedesktop.systemd1.NotSubscribed",
					 "Client is not subscribed.");
	return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

static int method_reload(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct twin *t = data;

	(void)error;
	signal_reloading(t, true);
	for (struct unit *u = t->units; u; u = u->next)
		unit_reload(u);
	signal_reloading(t, false);
	return sd_bus_reply_method_return(m, "");
}

static int method_get_unit(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const struct unit *u = loaded_argument(m, data, error);

	return u ? sd_bus_reply_method_return(m, "o", u->object) : -EINVAL;
}

static int method_load_unit(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const char *name;
	const struct unit *u;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	u = unit_named(data, name, error);
	return u ? sd_bus_reply_method_return(m, "o", u->object) : -EINVAL;
}

static int method_reset_failed_unit(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct unit *u = loaded_argument(m, data, error);

	if (!u)
		return -EINVAL;
	memset(u->starts, 0, sizeof(u->starts));
	u->result = "success";
	if (unit_is(u, "failed"))
		unit_set_state(u, "inactive", "dead");
	return sd_bus_reply_method_return(m, "");
}

static int method_get_unit_file_state(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const char *name, *state;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	if (!unit_name_valid(name))
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
					 "Unit name %s is not valid.", name);
	state = install_state(data, name);
	return state ? sd_bus_reply_method_return(m, "s", state) : -ENOENT;
}

static int append_changes(sd_bus_message *reply, const struct install_changes *changes)
{
	int r = sd_bus_message_open_container(reply, 'a', "(sss)");

	for (size_t i = 0; r >= 0 && i < changes->n; i++)
		r = sd_bus_message_append(reply, "(sss)", changes->v[i].type, changes->v[i].path,
					  changes->v[i].target);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int reply_changes(sd_bus_message *m, struct twin *t, const int *has_install,
			 struct install_changes *changes)
{
	sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(m, &reply);

	if (changes->n > 0)
		signal_unit_files_changed(t);
	if (r >= 0 && has_install)
		r = sd_bus_message_append(reply, "b", *has_install);
	if (r >= 0)
		r = append_changes(reply, changes);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int enable_error(int r, const char *name, sd_bus_error *error)
{
	switch (r) {
	case -ENOENT:
		return sd_bus_error_setf(error, NO_SUCH_UNIT, "Unit file %s does not exist.", name);
	case -ERFKILL:
		return sd_bus_error_setf(error, "org.freedesktop.systemd1.UnitMasked",
					 "Unit file %s is masked.", name);
	case -EEXIST:
		return sd_bus_error_setf(error, "org.freedesktop.systemd1.UnitExists",
					 "A link for %s already exists and points elsewhere.",
					 name);
	default: return r;
	}
}

static int read_names(sd_bus_message *m, char ***ret, sd_bus_error *error)
{
	int r = sd_bus_message_read_strv(m, ret);

	for (char **n = r < 0 ? NULL : *ret; n && *n; n++)
		if (!unit_name_valid(*n))
			return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
						 "Unit name %s is not valid.", *n);
	return r;
}

static void free_names(char ***names)
{
	for (char **n = *names; n && *n; n++)
		free(*n);
	free(*names);
}

static int method_enable_unit_files(sd_bus_message *m, void *data, sd_bus_error *error)
{
	__attribute__((cleanup(free_names))) char **names = NULL;
	__attribute__((cleanup(install_changes_done))) struct install_changes changes = { 0 };
	int runtime, force, any = 0, r = read_names(m, &names, error);

	if (r >= 0)
		r = sd_bus_message_read(m, "bb", &runtime, &force);
	for (char **n = names; r >= 0 && n && *n; n++) {
		bool has_install;

		r = install_enable(data, *n, runtime, force, &has_install, &changes);
		if (r < 0)
			return enable_error(r, *n, error);
		any |= has_install;
	}
	return r < 0 ? r : reply_changes(m, data, &any, &changes);
}

static int method_disable_unit_files(sd_bus_message *m, void *data, sd_bus_error *error)
{
	__attribute__((cleanup(free_names))) char **names = NULL;
	__attribute__((cleanup(install_changes_done))) struct install_changes changes = { 0 };
	int runtime, r = read_names(m, &names, error);

	if (r >= 0)
		r = sd_bus_message_read(m, "b", &runtime);
	for (char **n = names; r >= 0 && n && *n; n++)
		install_disable(data, *n, runtime, &changes);
	return r < 0 ? r : reply_changes(m, data, NULL, &changes);
}

static int append_unit(sd_bus_message *reply, const struct unit *u)
{
	const struct job *j = u->job;

	return sd_bus_message_append(reply, "(ssssssouso)", u->name, u->def.description,
				     u->def.load_state, u->active, u->sub, "", u->object,
				     j ? j->id : 0, j ? job_type_name(j->type) : "",
				     j ? j->object : "/");
}

static int method_list_units_by_names(sd_bus_message *m, void *data, sd_bus_error *error)
{
	__attribute__((cleanup(free_names))) char **names = NULL;
	sd_bus_message *reply = NULL;
	int r = read_names(m, &names, error);

	if (r >= 0)
		r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
	for (char **n = names; r >= 0 && n && *n; n++)
		r = append_unit(reply, unit_get(data, *n));
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int method_list_jobs(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct twin *t = data;
	sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(m, &reply);

	(void)error;
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(usssoo)");
	for (const struct job *j = t->jobs; r >= 0 && j; j = j->next)
		r = sd_bus_message_append(reply, "(usssoo)", j->id, j->unit->name,
					  job_type_name(j->type), job_state_name(j), j->object,
					  j->unit->object);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int method_reboot(sd_bus_message *m, void *data, sd_bus_error *error)
{
	(void)m;
	twin_misuse(data, "Manager.Reboot stops no service");
	return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
				 "The twin refuses: Manager.Reboot stops no service.");
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
		       sd_bus_message *reply, void *data, sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)data, (void)error;
	return sd_bus_message_append(reply, "s", "239");
}

static int get_system_state(sd_bus *bus, const char *path, const char *interface,
			    const char *property, sd_bus_message *reply, void *data,
			    sd_bus_error *error)
{
	const struct twin *t = data;
	const char *state = t->reboot != REBOOT_NONE ? "stopping"
			    : t->jobs		     ? "starting"
						     : "running";

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	for (const struct unit *u = t->units; u && strcmp(state, "running") == 0; u = u->next)
		if (unit_is(u, "failed"))
			state = "degraded";
	return sd_bus_message_append(reply, "s", state);
}

#define METHOD(name, in, out, call) SD_BUS_METHOD(name, in, out, call, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("SystemState", "s", get_system_state, 0, 0),
	METHOD("StartUnit", "ss", "o", method_start_unit),
	METHOD("StopUnit", "ss", "o", method_stop_unit),
	METHOD("RestartUnit", "ss", "o", method_restart_unit),
	METHOD("Subscribe", "", "", method_subscribe),
	METHOD("Unsubscribe", "", "", method_unsubscribe),
	METHOD("Reload", "", "", method_reload),
	METHOD("GetUnit", "s", "o", method_get_unit),
	METHOD("LoadUnit", "s", "o", method_load_unit),
	METHOD("ResetFailedUnit", "s", "", method_reset_failed_unit),
	METHOD("GetUnitFileState", "s", "s", method_get_unit_file_state),
	METHOD("EnableUnitFiles", "asbb", "ba(sss)", method_enable_unit_files),
	METHOD("DisableUnitFiles", "asb", "a(sss)", method_disable_unit_files),
	METHOD("ListUnitsByNames", "as", "a(ssssssouso)", method_list_units_by_names),
	METHOD("ListJobs", "", "a(usssoo)", method_list_jobs),
	METHOD("Reboot", "", "", method_reboot),
	SD_BUS_SIGNAL("JobNew", "uos", 0),
	SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
	SD_BUS_SIGNAL("Reloading", "b", 0),
	SD_BUS_SIGNAL("UnitFilesChanged", "", 0),
	SD_BUS_VTABLE_END
};

int manager_serve(struct twin *t)
{
	int r = sd_bus_add_object_vtable(t->bus, NULL, MANAGER_OBJECT, MANAGER_INTERFACE,
					 manager_vtable, t);

	return r < 0 ? r : objects_serve(t);
}
