/* The connection to the system bus, and whether PID 1 is on it. A reload keeps PID 1 from reading,
 * and one that lasts can cost it its own connection: what it was asked ends without a reply, whoever
 * subscribed is forgotten, and for a while nobody has its name. It comes back. What we ask of it
 * may be asked twice: at worst a oneshot that ended meanwhile runs again. */
#include <errno.h>

#include "core/clock.h"
#include "core/str.h"
#include "sys/units_inside.h"

#define AWAY_US	 (60 * SECOND_US) /* for it to come back */
#define ABSENCES 10		  /* of one call */
#define OWNER_CHANGED                                                               \
	"type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus'," \
	"interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.systemd1'"

const struct peer units_pid1 = { "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
				 "org.freedesktop.systemd1.Manager" };

/* --- failures --- */

int units_bus_failed(struct units *u, int r, const char *what, struct err *e)
{
	const char *name = u->error.name ? u->error.name : "";
	char why[400], buf[128];

	str_copy(why, sizeof(why),
		 u->error.message && *u->error.message ? u->error.message
						       : strerror_r(-r, buf, sizeof(buf)));
	str_sanitise(why);
	if (r == -ETIMEDOUT || str_eq(name, SD_BUS_ERROR_TIMEOUT) ||
	    str_eq(name, SD_BUS_ERROR_NO_REPLY))
		return err_set(e, &ERR_TIMEOUT, "%s: %s", what, why);
	err_set(e, &ERR_BUS, "%s: %s", what, why);
	if (str_eq(name, SD_BUS_ERROR_ACCESS_DENIED))
		err_hint(e, "run it as root");
	return -1;
}

bool units_error_is(const struct units *u, const char *name)
{
	return sd_bus_error_has_name(&u->error, name);
}

/* The bus's own words for a peer that went while it was asked, or that is not there. */
static bool was_away(const struct units *u)
{
	return units_error_is(u, SD_BUS_ERROR_NO_REPLY) ||
	       units_error_is(u, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	       units_error_is(u, SD_BUS_ERROR_NAME_HAS_NO_OWNER);
}

/* --- calls --- */

static int new_call(struct units *u, const struct peer *peer, const char *member,
		    sd_bus_message **ret_m)
{
	int r = sd_bus_message_new_method_call(u->bus, ret_m, peer->name, peer->path,
					       peer->interface, member);

	sd_bus_error_free(&u->error);
	/* Nothing but the machine's start starts PID 1: without it the bus answers at once. */
	if (r >= 0 && str_eq(peer->name, units_pid1.name))
		r = sd_bus_message_set_auto_start(*ret_m, 0);
	return r;
}

static int send_call(struct units *u, const struct peer *peer, const char *member,
		     uint64_t timeout_us, sd_bus_message **ret_reply, const char *types, va_list ap)
{
	_cleanup_message_ sd_bus_message *m = NULL;
	int r = new_call(u, peer, member, &m);

	if (r >= 0 && *types)
		r = sd_bus_message_appendv(m, types, ap);
	if (r >= 0)
		r = sd_bus_call(u->bus, m, timeout_us, &u->error, ret_reply);
	return r;
}

static uint64_t left_us(uint64_t deadline)
{
	uint64_t now = clock_monotonic_us();

	return now < deadline ? deadline - now : 0;
}

int units_pump(struct units *u, uint64_t deadline, bool *ret_in_time, struct err *e)
{
	int r = sd_bus_process(u->bus, NULL);

	if (r == 0 && left_us(deadline) > 0)
		r = sd_bus_wait(u->bus, left_us(deadline));
	if (r < 0 && r != -EINTR) {
		sd_bus_error_free(&u->error);
		return units_bus_failed(u, r, "the connection to the system bus", e);
	}
	*ret_in_time = left_us(deadline) > 0;
	return 0;
}

int units_catch_up(struct units *u, struct err *e)
{
	int r;

	do
		r = sd_bus_process(u->bus, NULL);
	while (r > 0);
	sd_bus_error_free(&u->error);
	return r < 0 ? units_bus_failed(u, r, "the connection to the system bus", e) : 0;
}

static int wait_for_return(struct units *u, struct err *e)
{
	uint64_t deadline = clock_monotonic_us() + AWAY_US;
	bool in_time = true;

	while (!u->returned && in_time)
		if (units_pump(u, deadline, &in_time, e) < 0)
			return -1;
	if (u->returned)
		return 0;
	err_set(e, &ERR_BUS, "systemd (PID 1) was not on the system bus for %u s",
		(unsigned int)(AWAY_US / SECOND_US));
	return err_hint(
		e, "systemctl daemon-reload; systemctl status dbus; systemctl restart gn8v-agent");
}

int units_subscribe(struct units *u, struct err *e)
{
	for (unsigned int absences = 0;; absences++) {
		_cleanup_message_ sd_bus_message *m = NULL;
		int r = new_call(u, &units_pid1, "Subscribe", &m);

		u->returned = false;
		if (r >= 0)
			r = sd_bus_call(u->bus, m, PID1_US, &u->error, NULL);
		if (r >= 0 || units_error_is(u, "org.freedesktop.systemd1.AlreadySubscribed"))
			return 0;
		if (!was_away(u) || absences == ABSENCES)
			return units_bus_failed(u, r, "Subscribe", e);
		if (wait_for_return(u, e) < 0)
			return -1;
	}
}

int units_call(struct units *u, const struct peer *peer, const char *member, uint64_t timeout_us,
	       sd_bus_message **ret_reply, struct err *e, const char *types, ...)
{
	bool is_pid1 = str_eq(peer->name, units_pid1.name);

	for (unsigned int absences = 0;; absences++) {
		va_list ap;
		int r;

		va_start(ap, types);
		r = send_call(u, peer, member, timeout_us, ret_reply, types, ap);
		va_end(ap);
		if (r >= 0)
			return 0;
		if (!is_pid1 || !was_away(u) || absences == ABSENCES)
			return units_bus_failed(u, r, member, e);
		/* Without a subscriber PID 1 sends no signals. */
		if (units_subscribe(u, e) < 0)
			return err_wrap(e, "%s", member);
	}
}

/* --- opening --- */

/* Our job, or that of a unit that is waited for, has ended: (id, job, unit, result). */
static int on_job_removed(sd_bus_message *m, void *data, sd_bus_error *ret_error)
{
	struct units *u = data;
	const char *job, *unit, *result;
	uint32_t id;

	(void)ret_error;
	if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0)
		return 0;
	if (str_eq(u->job, job))
		str_copy(u->job_result, sizeof(u->job_result), result);
	for (size_t i = 0; i < u->watched_n; i++)
		u->changed |= str_eq(u->watched[i], unit);
	return 0;
}

/* (name, who had it, who has it) */
static int on_owner_changed(sd_bus_message *m, void *data, sd_bus_error *ret_error)
{
	struct units *u = data;
	const char *name, *before, *now;

	(void)ret_error;
	if (sd_bus_message_read(m, "sss", &name, &before, &now) >= 0 && *now)
		u->returned = true;
	return 0;
}

int units_open(struct units **ret_u, struct err *e)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	int r;

	if (units_guard(e) < 0)
		return -1;
	u = xcalloc(1, sizeof(*u));
	r = sd_bus_open_system_with_description(&u->bus, "gn8v");
	if (r >= 0)
		r = sd_bus_match_signal(u->bus, NULL, units_pid1.name, units_pid1.path,
					units_pid1.interface, "JobRemoved", on_job_removed, u);
	if (r >= 0)
		r = sd_bus_add_match(u->bus, NULL, OWNER_CHANGED, on_owner_changed, u);
	if (r < 0) {
		units_bus_failed(u, r, "opening the system bus", e);
		return err_hint(e, "systemctl status dbus");
	}
	if (units_subscribe(u, e) < 0)
		return err_wrap(e, "opening the system bus");
	*ret_u = TAKE_PTR(u);
	return 0;
}

void units_close(struct units *u)
{
	if (!u)
		return;
	sd_bus_flush_close_unref(u->bus);
	sd_bus_error_free(&u->error);
	free(u->job);
	free(u);
}
