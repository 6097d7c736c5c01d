#include "job.h"

#include <string.h>

#include "path.h"
#include "preset.h"
#include "reboot.h"
#include "service.h"
#include "signals.h"

const char *job_type_name(enum job_type type)
{
	static const char *const names[] = { "start", "stop", "restart" };

	return names[type];
}

const char *job_state_name(const struct job *j)
{
	return j->running ? "running" : "waiting";
}

struct job *job_find(struct twin *t, uint32_t id)
{
	for (struct job *j = t->jobs; j; j = j->next)
		if (j->id == id)
			return j;
	return NULL;
}

struct job *job_new(struct unit *u, enum job_type type)
{
	struct twin *t = u->twin;
	struct job *j = must(calloc(1, sizeof(*j)));

	j->unit = u;
	j->type = type;
	j->id = ++t->last_job_id;
	j->object = fmt(JOB_OBJECTS "/%u", j->id);
	j->next = t->jobs;
	t->jobs = j;
	u->job = j;
	signal_job_new(j);
	signal_unit_changed(u);
	job_queue_run(t);
	return j;
}

static void fail_dependents(struct unit *u)
{
	struct job *j = u->twin->jobs;

	while (j) {
		if (j->type != JOB_STOP && strv_has(&j->unit->def.requires, u->name)) {
			job_finish(j, "dependency");
			j = u->twin->jobs; /* the list changed under us */
		} else {
			j = j->next;
		}
	}
}

void job_finish(struct job *j, const char *result)
{
	struct unit *u = j->unit;
	struct job **at = &u->twin->jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	u->job = NULL;
	signal_job_removed(j, result);
	signal_unit_changed(u);
	path_unit_changed(u);
	if (j->type != JOB_STOP && strcmp(result, "done") != 0)
		fail_dependents(u);
	free(j->object);
	free(j);
	job_queue_run(u->twin);
}

void job_unit_changed(struct unit *u)
{
	struct job *j = u->job;

	job_queue_run(u->twin);
	if (!j || !j->running)
		return;
	if (j->type == JOB_START) {
		if (unit_is(u, "active") || unit_is(u, "inactive"))
			job_finish(j, "done");
		else if (unit_is(u, "failed"))
			job_finish(j, "failed");
	} else if (unit_is_down(u)) {
		if (j->type == JOB_STOP) {
			job_finish(j, "done");
		} else { /* the stop half of a restart is over */
			j->type = JOB_START;
			j->running = false;
		}
	}
}

/* systemd's job_compare(): of two ordered units, a stop comes first; starts follow After=. */
static bool must_wait(const struct job *j)
{
	if (j->unordered)
		return false;
	for (const struct job *k = j->unit->twin->jobs; k; k = k->next) {
		if (k == j || k->held)
			continue;
		if (unit_after(j->unit, k->unit) && j->type == JOB_START)
			return true;
		if (unit_after(k->unit, j->unit) && k->type != JOB_START)
			return true;
	}
	return false;
}

static void start(struct job *j)
{
	struct unit *u = j->unit;

	j->running = true;
	if (unit_is(u, "active")) {
		job_finish(j, "done");
		return;
	}
	if (unit_is(u, "activating"))
		return;
	u->condition_result = unit_paths_hold(u, &u->def.conditions);
	u->assert_result = u->condition_result && unit_paths_hold(u, &u->def.asserts);
	signal_unit_changed(u);
	if (!u->condition_result)
		job_finish(j, "done");
	else if (!u->assert_result)
		job_finish(j, "assert");
	else if (unit_run_elsewhere(u))
		unit_set_state(u, "activating", "start");
	else if (ends_with(u->name, ".service") && u->def.fragment)
		service_start(u);
	else if (ends_with(u->name, ".path"))
		path_start(u);
	else
		unit_set_state(u, "active", ends_with(u->name, ".target") ? "active" : "exited");
}

static void stop(struct job *j)
{
	struct unit *u = j->unit;

	j->running = true;
	if (unit_is_down(u))
		job_unit_changed(u);
	else if (unit_run_elsewhere(u) || preset_cancel(u))
		unit_set_state(u, "inactive", "dead");
	else if (ends_with(u->name, ".service"))
		service_stop(u);
	else if (ends_with(u->name, ".path"))
		path_stop(u);
	else
		unit_set_state(u, "inactive", "dead");
}

static int run_queue(sd_event_source *s, void *data)
{
	struct twin *t = data;
	struct job *j = t->jobs;

	(void)s;
	while (j) {
		if (j->running || j->held || must_wait(j) ||
		    (j->type == JOB_START && unit_is(j->unit, "deactivating"))) {
			j = j->next;
			continue;
		}
		if (j->type == JOB_START)
			start(j);
		else
			stop(j);
		j = t->jobs;
	}
	reboot_jobs_ran(t);
	return 0;
}

void job_queue_run(struct twin *t)
{
	if (!t->job_queue && sd_event_add_defer(t->event, &t->job_queue, run_queue, t) < 0)
		abort();
	sd_event_source_set_enabled(t->job_queue, SD_EVENT_ONESHOT);
}

static int check_load_state(const struct unit *u, sd_bus_error *error)
{
	if (strcmp(u->def.load_state, "not-found") == 0)
		return sd_bus_error_setf(error, "org.freedesktop.systemd1.NoSuchUnit",
					 "Unit %s not found.", u->name);
	if (strcmp(u->def.load_state, "masked") == 0)
		return sd_bus_error_setf(error, "org.freedesktop.systemd1.UnitMasked",
					 "Unit %s is masked.", u->name);
	if (strcmp(u->def.load_state, "bad-setting") == 0)
		return sd_bus_error_setf(error, "org.freedesktop.systemd1.BadUnitSetting",
					 "Unit %s has a bad unit file setting.", u->name);
	return 0;
}

static int destructive(const struct unit *u, enum job_type type, sd_bus_error *error)
{
	return sd_bus_error_setf(
		error, "org.freedesktop.systemd1.TransactionIsDestructive",
		"Transaction for %s/%s is destructive (%s has '%s' job queued, but '%s' is included "
		"in transaction).",
		u->name, job_type_name(type), u->name,
		u->job ? job_type_name(u->job->type) : "stop", job_type_name(type));
}

/* Everything that can refuse, before anything is queued. */
static int check(struct unit *u, enum job_type type, const char *mode, int depth,
		 sd_bus_error *error)
{
	struct job *j = u->job;
	bool conflict = j && j->type != type && (j->type == JOB_STOP || type == JOB_STOP);
	int r;

	if (type != JOB_STOP && u->twin->reboot != REBOOT_NONE)
		return destructive(u, type, error);
	if (conflict && (j->irreversible || strcmp(mode, "fail") == 0))
		return destructive(u, type, error);
	if (type == JOB_STOP)
		return 0;
	r = check_load_state(u, error);
	for (size_t i = 0; r >= 0 && i < u->def.requires.n && depth < 16; i++)
		r = check(unit_get(u->twin, u->def.requires.v[i]), JOB_START, mode, depth + 1,
			  error);
	return r;
}

static struct job *queue(struct unit *u, enum job_type type, const char *mode)
{
	struct job *j = u->job;

	if (j && (j->type == JOB_STOP) != (type == JOB_STOP)) {
		job_finish(j, "canceled");
		j = NULL;
	}
	if (j && type == JOB_RESTART &&
	    j->type == JOB_START) { /* start and restart merge into restart */
		j->type = JOB_RESTART;
		j->running = false;
		job_queue_run(u->twin);
	}
	if (!j)
		j = job_new(u, type);
	j->irreversible |= strcmp(mode, "replace-irreversibly") == 0;
	j->unordered |= strcmp(mode, "ignore-dependencies") == 0;
	return j;
}

static struct job *queue_start(struct unit *u, enum job_type type, const char *mode, int depth)
{
	struct job *j;

	if (unit_changed_on_disk(u))
		twin_misuse(u->twin, "%s of %s, which changed on disk, no daemon-reload",
			    job_type_name(type), u->name);
	j = queue(u, type, mode);
	for (size_t i = 0; i < u->def.requires.n && depth < 16; i++) {
		struct unit *other = unit_get(u->twin, u->def.requires.v[i]);

		if (!unit_is(other, "active") && !other->job)
			queue_start(other, JOB_START, mode, depth + 1);
	}
	for (size_t i = 0; i < u->def.wants.n && depth < 16; i++) {
		struct unit *other = unit_name_valid(u->def.wants.v[i])
					     ? unit_get(u->twin, u->def.wants.v[i])
					     : NULL;

		if (other && !unit_is(other, "active") && !other->job &&
		    !unit_run_elsewhere(other) && check(other, JOB_START, "replace", 0, NULL) >= 0)
			queue_start(other, JOB_START, "replace", depth + 1);
	}
	return j;
}

/* Stopping or restarting a unit does the same to what is PartOf= it or Requires= it. */
static struct job *queue_stop(struct unit *u, enum job_type type, const char *mode, int depth)
{
	for (struct unit *other = u->twin->units; other && depth < 16; other = other->next) {
		bool bound = strv_has(&other->def.part_of, u->name) ||
			     strv_has(&other->def.requires, u->name);

		if (other != u && bound && (!unit_is_down(other) || other->job) &&
		    !(other->job && other->job->type == type))
			queue_stop(other, type, mode, depth + 1);
	}
	return type == JOB_STOP ? queue(u, type, mode) : queue_start(u, type, mode, 0);
}

int job_request(struct unit *u, enum job_type type, const char *mode, struct job **ret,
		sd_bus_error *error)
{
	static const char *const modes[] = { "replace",
					     "fail",
					     "replace-irreversibly",
					     "ignore-dependencies",
					     "ignore-requirements",
					     "flush",
					     NULL };
	const char *const *m = modes;
	int r;

	while (*m && strcmp(*m, mode) != 0)
		m++;
	if (!*m)
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Job mode %s invalid",
					 mode);
	if (type == JOB_STOP && unit_is_down(u) && strcmp(u->def.load_state, "not-found") == 0)
		return sd_bus_error_setf(error, "org.freedesktop.systemd1.NoSuchUnit",
					 "Unit %s not loaded.", u->name);
	if (strcmp(u->name, "reboot.target") == 0 && type == JOB_START) {
		r = check_load_state(u, error);
		if (r < 0)
			return r;
		*ret = u->job ? u->job : job_new(u, JOB_START);
		(*ret)->held = true;
		reboot_ask(u->twin, "reboot.target");
		return 0;
	}
	r = check(u, type, mode, 0, error);
	if (r < 0)
		return r;
	if (strcmp(mode, "ignore-dependencies") == 0)
		*ret = queue(u, type, mode);
	else
		*ret = type == JOB_START ? queue_start(u, type, mode, 0)
					 : queue_stop(u, type, mode, 0);
	return 0;
}

void job_stop_everything(struct twin *t)
{
	for (struct unit *u = t->units; u; u = u->next) {
		if (u->job && !u->job->held && u->job->type != JOB_STOP)
			job_finish(u->job, "canceled");
		if (!unit_is_down(u) && !u->job)
			job_new(u, JOB_STOP)->irreversible = true;
	}
	job_queue_run(t);
}
