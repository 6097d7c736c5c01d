#include "login.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include "reboot.h"

#define LOGIN_NAME	"org.freedesktop.login1"
#define LOGIN_OBJECT	"/org/freedesktop/login1"
#define LOGIN_INTERFACE "org.freedesktop.login1.Manager"

static int method_reboot(sd_bus_message *m, void *data, sd_bus_error *error)
{
	if (reboot_ask(data, "login1") == -EALREADY)
		return sd_bus_error_setf(
			error, "org.freedesktop.login1.OperationInProgress",
			"There's already a shutdown or sleep operation in progress");
	return sd_bus_reply_method_return(m, "");
}

static int method_can_reboot(sd_bus_message *m, void *data, sd_bus_error *error)
{
	(void)data;
	(void)error;
	return sd_bus_reply_method_return(m, "s", "yes");
}

static const sd_bus_vtable login_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Reboot", "b", "", method_reboot, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("CanReboot", "", "s", method_can_reboot, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("PrepareForShutdown", "b", 0), SD_BUS_VTABLE_END
};

/* systemd-timedated 239, which the bus starts when it is asked: its org.freedesktop.timedate1, of which only
 * the clock's state is asked for here. It answers with the kernel's word, and before 243 with STA_UNSYNC alone,
 * so that chrony without rtcsync is "no" for ever (systemd 13245). One that cannot be started is told by
 * dbus-daemon after 25 s (its own words, bus/activation.c); here at once. */
static int get_synchronized(sd_bus *bus, const char *path, const char *interface,
			    const char *property, sd_bus_message *reply, void *data,
			    sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property;
	if (twin_fault(data, "timedated-down"))
		return sd_bus_error_set(
			error, "org.freedesktop.DBus.Error.TimedOut",
			"Failed to activate service 'org.freedesktop.timedate1': timed out (service_start_timeout=25000ms)");
	return sd_bus_message_append(reply, "b", (int)twin_ntp_synchronized(data));
}

static int get_true(sd_bus *bus, const char *path, const char *interface, const char *property,
		    sd_bus_message *reply, void *data, sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)data, (void)error;
	return sd_bus_message_append(reply, "b", 1);
}

static const sd_bus_vtable timedate_vtable[] = {
	SD_BUS_VTABLE_START(0), SD_BUS_PROPERTY("CanNTP", "b", get_true, 0, 0),
	SD_BUS_PROPERTY("NTP", "b", get_true, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("NTPSynchronized", "b", get_synchronized, 0, 0), SD_BUS_VTABLE_END
};

int login_name_follow(struct twin *t)
{
	bool down = twin_fault(t, "login1-down");
	int r = 0;

	if (down && !t->login1_down)
		sd_bus_release_name(t->bus, LOGIN_NAME);
	else if (!down && t->login1_down)
		r = sd_bus_request_name(t->bus, LOGIN_NAME, 0);
	t->login1_down = down;
	return r;
}

static int faults_changed(sd_event_source *s, const struct inotify_event *e, void *data)
{
	(void)s;
	if (e->len > 0 && strcmp(e->name, "faults") == 0)
		login_name_follow(data);
	return 0;
}

int login_serve(struct twin *t)
{
	int r;

	t->login1_down = true; /* until the name is taken */
	r = sd_event_add_inotify(t->event, NULL, t->state, IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE,
				 faults_changed, t);
	if (r >= 0)
		r = sd_bus_add_object_vtable(t->bus, NULL, LOGIN_OBJECT, LOGIN_INTERFACE,
					     login_vtable, t);
	if (r >= 0)
		r = sd_bus_add_object_vtable(t->bus, NULL, "/org/freedesktop/timedate1",
					     "org.freedesktop.timedate1", timedate_vtable, t);
	return r;
}

void login_announce_shutdown(struct twin *t)
{
	sd_bus_emit_signal(t->bus, LOGIN_OBJECT, LOGIN_INTERFACE, "PrepareForShutdown", "b", 1);
}
