#include "presence.h"

#include <stdio.h>

#include "signals.h"

#define NAME   "org.freedesktop.systemd1"
#define AWAY_S 1

static int come_back(sd_event_source *s, uint64_t now, void *data)
{
	struct twin *t = data;

	(void)s, (void)now;
	if (presence_begin(t) < 0)
		abort();
	return 0;
}

/* Nobody is subscribed any more: the bus told it that all its clients had gone, when it went itself. */
static int drop_off(sd_event_source *s, void *data)
{
	static sd_event_source *back;
	struct twin *t = data;

	(void)s;
	sd_bus_track_unref(t->subscribers);
	t->subscribers = NULL;
	if (sd_bus_track_new(t->bus, &t->subscribers, NULL, NULL) < 0)
		abort();
	sd_bus_release_name(t->bus, NAME);
	twin_timer(t, &back, AWAY_S, come_back, t);
	return 0;
}

/* Whether this is the client's first call of what the fault names. */
static bool fault_strikes(struct twin *t, const char *name, sd_bus_track **struck,
			  sd_bus_message *m)
{
	_cleanup_free_ char *argument = twin_fault_argument(t, name);

	if (!argument || !sd_bus_message_is_method_call(m, MANAGER_INTERFACE,
							*argument ? argument : "Subscribe"))
		return false;
	if (!*struck && sd_bus_track_new(t->bus, struck, NULL, NULL) < 0)
		abort();
	if (sd_bus_track_add_sender(*struck, m) <= 0)
		return false;
	fprintf(stderr, "twin-systemd: %s: off the bus at %s\n", name,
		sd_bus_message_get_member(m));
	return true;
}

static int every_call(sd_bus_message *m, void *data, sd_bus_error *error)
{
	static sd_bus_track *lost, *left;
	static sd_event_source *deferred;
	struct twin *t = data;

	if (fault_strikes(t, "systemd1-lost", &lost, m)) {
		drop_off(NULL, t);
		return sd_bus_error_set(
			error, SD_BUS_ERROR_NO_REPLY,
			"Message recipient disconnected from message bus without replying");
	}
	if (fault_strikes(t, "systemd1-left", &left, m)) {
		sd_event_source_unref(deferred);
		deferred = NULL;
		/* before the job runs: how it ends, nobody is told */
		if (sd_event_add_defer(t->event, &deferred, drop_off, t) < 0 ||
		    sd_event_source_set_priority(deferred, SD_EVENT_PRIORITY_IMPORTANT) < 0)
			abort();
	}
	return 0;
}

int presence_serve(struct twin *t)
{
	return sd_bus_add_filter(t->bus, NULL, every_call, t);
}

int presence_begin(struct twin *t)
{
	return sd_bus_request_name(t->bus, NAME, 0);
}
