#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "path.h"
#include "signals.h"

/* Targets that systemd itself brings. Those of early boot are behind us when the twin begins. */
static const struct {
	const char *name;
	bool active;
} own_targets[] = {
	{"sysinit.target",	    true },
	       { "basic.target",		 true },
	{ "local-fs.target",	     true },
	       { "sockets.target",	   true },
	{ "paths.target",	  true },
	       { "timers.target",	  true },
	{ "network.target",	    true },
	       { "network-online.target", true },
	{ "remote-fs.target",      true },
	       { "multi-user.target",     false},
	{ "graphical.target",      false},
	       { "shutdown.target",	    false},
	{ "reboot.target",	   false},
};

static int own_target(const char *name)
{
	for (size_t i = 0; i < sizeof(own_targets) / sizeof(*own_targets); i++)
		if (strcmp(own_targets[i].name, name) == 0)
			return (int)i;
	return -1;
}

bool unit_name_valid(const char *name)
{
	static const char *const types[] = { ".service", ".target", ".path", ".socket",
					     ".timer",	 ".mount",  ".slice" };

	if (strchr(name, '/') || *name == '.' || strlen(name) > 255)
		return false;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (ends_with(name, types[i]))
			return true;
	return false;
}

struct unit *unit_find(struct twin *t, const char *name)
{
	for (struct unit *u = t->units; u; u = u->next)
		if (strcmp(u->name, name) == 0)
			return u;
	return NULL;
}

/* A link in a unit folder that ends in another name is an alias. */
static char *alias_target(const struct twin *t, const char *name)
{
	if (strcmp(name, "default.target") == 0)
		return copy("multi-user.target");
	for (const char *const *dir = unit_dirs; *dir; dir++) {
		_cleanup_free_ char *path = fmt("%s/%s", *dir, name), *host = twin_chase(t, path);

		if (access(host, F_OK) != 0)
			continue;
		if (strcmp(name_of(host), name) == 0 || strcmp(host, "/dev/null") == 0)
			break;
		return copy(name_of(host));
	}
	return NULL;
}

static void load(struct unit *u)
{
	definition_load(u->twin, u->name, &u->def);
	if (strcmp(u->def.load_state, "not-found") == 0 && (u->preset || own_target(u->name) >= 0))
		u->def.load_state = "loaded";
}

static struct unit *unit_new(struct twin *t, const char *name)
{
	struct unit *u = must(calloc(1, sizeof(*u)));
	int own = own_target(name);

	u->twin = t;
	u->name = copy(name);
	if (sd_bus_path_encode(UNIT_OBJECTS, name, &u->object) < 0)
		abort();
	u->active = own >= 0 && own_targets[own].active ? "active" : "inactive";
	u->sub = strcmp(u->active, "active") == 0 ? "active" : "dead";
	u->result = "success";
	u->next = t->units;
	t->units = u;
	load(u);
	unit_write_state(t, name, u->active);
	return u;
}

struct unit *unit_get(struct twin *t, const char *name)
{
	_cleanup_free_ char *target = alias_target(t, name);
	const char *real = target ? target : name;
	struct unit *u = unit_find(t, real);

	if (!u)
		return unit_new(t, real);
	/* systemd looks again for a unit that it did not find before, without a daemon-reload. */
	if (strcmp(u->def.load_state, "not-found") == 0) {
		definition_done(&u->def);
		load(u);
	}
	return u;
}

void unit_reload(struct unit *u)
{
	definition_done(&u->def);
	load(u);
	free(u->file_state);
	u->file_state = NULL;
}

bool unit_changed_on_disk(const struct unit *u)
{
	return definition_fingerprint(u->twin, u->name) != u->def.fingerprint;
}

bool unit_is(const struct unit *u, const char *active)
{
	return strcmp(u->active, active) == 0;
}

bool unit_is_down(const struct unit *u)
{
	return unit_is(u, "inactive") || unit_is(u, "failed");
}

bool unit_run_elsewhere(const struct unit *u)
{
	return strcmp(u->name, "gn8v-agent.service") == 0 ||
	       strcmp(u->name, "gn8v-bootstrap.service") == 0;
}

bool unit_after(const struct unit *u, const struct unit *other)
{
	if (strv_has(&u->def.after, other->name) || strv_has(&other->def.before, u->name))
		return true;
	/*
	 * systemd.target(5): a target is After= what it pulls in, unless either side declines
	 * default dependencies.
	 */
	return ends_with(u->name, ".target") && u->def.default_dependencies &&
	       other->def.default_dependencies &&
	       (strv_has(&u->def.wants, other->name) || strv_has(&u->def.requires, other->name));
}

/* All must hold; of those marked "|" one is enough, and then one is needed (systemd.unit(5)). */
bool unit_paths_hold(const struct unit *u, const struct strv *checks)
{
	bool triggering = false, triggered = false;

	for (size_t i = 0; i < checks->n; i++) {
		const char *path = checks->v[i];
		bool trigger = *path == '|', negate = path[trigger] == '!';
		_cleanup_free_ char *host = twin_chase(u->twin, path + trigger + negate);
		bool holds = (access(host, F_OK) == 0) != negate;

		if (!trigger && !holds)
			return false;
		triggering |= trigger;
		triggered |= trigger && holds;
	}
	return !triggering || triggered;
}

void unit_write_state(const struct twin *t, const char *name, const char *active)
{
	_cleanup_free_ char *path = fmt("%s/units/%s", t->state, name), *line = fmt("%s\n", active);

	if (file_write(path, line) < 0)
		fprintf(stderr, "twin-systemd: cannot write %s\n", path);
}

void unit_set_state(struct unit *u, const char *active, const char *sub)
{
	bool was_down = unit_is_down(u), was_active = unit_is(u, "active"), is_other;

	if (unit_is(u, active) && strcmp(u->sub, sub) == 0)
		return;
	is_other = !unit_is(u, active);
	u->active = active;
	u->sub = sub;
	path_unit_changed(u); /* whoever reads that it has ended may change what is watched */
	if (is_other)
		unit_write_state(u->twin, u->name, active);
	if (was_down && !unit_is_down(u))
		u->inactive_exit = (uint64_t)(twin_now() * 1e6);
	if (!was_active && unit_is(u, "active"))
		u->active_enter = (uint64_t)(twin_now() * 1e6);
	signal_unit_changed(u);
	job_unit_changed(u);
}
