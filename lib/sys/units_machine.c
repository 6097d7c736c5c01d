/* What is asked of the machine as a whole: its restart, and whether its clock is right. */
#include "sys/units_inside.h"

static const struct peer LOGIND = { "org.freedesktop.login1", "/org/freedesktop/login1",
				    "org.freedesktop.login1.Manager" };

int units_restart_machine(struct units *u, enum units_restart_path *ret_path, struct err *e)
{
	struct err logind = ERR_INIT;

	/* false: ask nobody for a password */
	if (units_call(u, &LOGIND, "Reboot", CALL_US, NULL, &logind, "b", 0) == 0) {
		*ret_path = UNITS_RESTART_LOGIND;
		return 0;
	}
	if (units_queue(u, "StartUnit", "reboot.target", "replace-irreversibly", e) < 0) {
		err_wrap(e, "restarting: logind refused (%s)", logind.msg);
		return err_hint(e, "systemctl list-jobs; restart by hand: systemctl reboot");
	}
	*ret_path = UNITS_RESTART_TARGET;
	return 0;
}

int units_clock_synchronised(struct units *u, bool *ret_yes, struct err *e)
{
	static const struct peer timedate = { "org.freedesktop.timedate1",
					      "/org/freedesktop/timedate1",
					      "org.freedesktop.DBus.Properties" };
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r, yes;

	if (units_call(u, &timedate, "Get", CALL_US, &reply, e, "ss", timedate.name,
		       "NTPSynchronized") < 0)
		return err_wrap(e, "asking whether the clock is synchronised");
	r = sd_bus_message_read(reply, "v", "b", &yes);
	if (r < 0)
		return units_bus_failed(u, r, "NTPSynchronized", e);
	*ret_yes = yes;
	return 0;
}
