#include "preset.h"

#include <json-c/json.h>
#include <string.h>

#include "job.h"

static const struct {
	const char *active, *sub;
} states[] = {
	{"inactive",      "dead"  },
	{ "activating",	"start" },
	    { "active",	"exited"},
	{ "failed",	    "failed"},
	{ "deactivating", "stop"	 },
};

static void enter(struct unit *u, const char *state)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (strcmp(states[i].active, state) != 0)
			continue;
		if (strcmp(state, "activating") == 0 && !u->job)
			job_new(u, JOB_START)->running = true;
		u->result = strcmp(state, "failed") == 0 ? "exit-code" : "success";
		unit_set_state(u, states[i].active, states[i].sub);
		return;
	}
	twin_misuse(u->twin, "systemd.json: %s has the unknown state %s", u->name, state);
}

static void follow(struct unit *u, struct json_object *o);

static int next(sd_event_source *s, uint64_t usec, void *data)
{
	struct unit *u = data;
	struct json_object *o = u->preset_next;

	(void)s;
	(void)usec;
	twin_timer_off(&u->preset_timer);
	u->preset_next = NULL;
	follow(u, o);
	return 0;
}

static void follow(struct unit *u, struct json_object *o)
{
	struct json_object *state = o, *seconds = NULL, *then = NULL;

	if (json_object_is_type(o, json_type_object)) {
		json_object_object_get_ex(o, "state", &state);
		json_object_object_get_ex(o, "seconds", &seconds);
		json_object_object_get_ex(o, "then", &then);
	}
	enter(u, json_object_is_type(state, json_type_string) ? json_object_get_string(state) : "");
	if (then && seconds) {
		u->preset_next = then;
		twin_timer(u->twin, &u->preset_timer, json_object_get_double(seconds), next, u);
	}
}

void preset_begin(struct twin *t)
{
	struct json_object *units;

	if (!json_object_object_get_ex(t->settings, "units", &units))
		return;
	json_object_object_foreach(units, name, o)
	{
		struct unit *u = unit_get(t, name);

		u->preset = true;
		if (strcmp(u->def.load_state, "not-found") == 0)
			unit_reload(u);
		follow(u, o);
	}
}

bool preset_cancel(struct unit *u)
{
	bool pending = u->preset_next != NULL;

	twin_timer_off(&u->preset_timer);
	u->preset_next = NULL;
	return pending;
}
