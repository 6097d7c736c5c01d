#include "path.h"

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "job.h"

#define FILE_EVENTS (IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_CLOSE_WRITE)
#define DIR_EVENTS \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)

/* What the file looks like now; "" when there is none. */
static char *mark_of(const struct unit *u, const char *path)
{
	_cleanup_free_ char *host = twin_path(u->twin, path);
	struct stat st;

	if (stat(host, &st) < 0)
		return copy("");
	return fmt("%llu %lld.%09ld %lld", (unsigned long long)st.st_ino,
		   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_size);
}

static void unwatch(struct unit *u)
{
	for (size_t i = 0; i < u->n_watches; i++)
		sd_event_source_disable_unref(u->watches[i]);
	free(u->watches);
	u->watches = NULL;
	u->n_watches = 0;
}

static int noticed(sd_event_source *s, const struct inotify_event *e, void *data);

static void watch_one(struct unit *u, const char *host, uint32_t events)
{
	sd_event_source *s = NULL;

	if (sd_event_add_inotify(u->twin->event, &s, host, events, noticed, u) < 0)
		return;
	u->watches = must(realloc(u->watches, (u->n_watches + 1) * sizeof(*u->watches)));
	u->watches[u->n_watches++] = s;
}

/*
 * The deepest folder above the file that exists: that is where it, or the next folder, will
 * appear.
 */
static char *deepest_folder(const struct unit *u, const char *file)
{
	char *host = twin_path(u->twin, file);
	struct stat st;

	do
		*strrchr(host, '/') = '\0';
	while (strlen(host) > strlen(u->twin->root) && stat(host, &st) < 0);
	return host;
}

static void watch(struct unit *u)
{
	unwatch(u);
	for (size_t i = 0; i < u->def.watched.n; i++) {
		_cleanup_free_ char *host = twin_path(u->twin, u->def.watched.v[i]);
		_cleanup_free_ char *watched = NULL,
				    *folder = deepest_folder(u, u->def.watched.v[i]);

		do { /* a folder may appear between the look and the watch */
			watch_one(u, folder, DIR_EVENTS);
			free(watched);
			watched = folder;
			folder = deepest_folder(u, u->def.watched.v[i]);
		} while (strcmp(watched, folder) != 0);
		watch_one(u, host, FILE_EVENTS);
	}
}

/* Takes the marks anew; true when one of them differs from before. */
static bool marks_changed(struct unit *u)
{
	struct strv now = { 0 };
	bool changed = u->watch_marks.n != u->def.watched.n;

	for (size_t i = 0; i < u->def.watched.n; i++) {
		strv_take(&now, mark_of(u, u->def.watched.v[i]));
		changed |= !changed && strcmp(now.v[i], u->watch_marks.v[i]) != 0;
	}
	strv_done(&u->watch_marks);
	u->watch_marks = now;
	return changed;
}

static void wait_for_change(struct unit *u)
{
	watch(u);
	marks_changed(u);
	unit_set_state(u, "active", "waiting");
}

static int noticed(sd_event_source *s, const struct inotify_event *e, void *data)
{
	struct unit *u = data;
	struct unit *target;
	struct job *j;
	sd_bus_error error = SD_BUS_ERROR_NULL;

	(void)s;
	(void)e;
	if (strcmp(u->sub, "waiting") != 0)
		return 0;
	watch(u);
	if (!marks_changed(u))
		return 0;
	target = unit_get(u->twin, u->def.triggers);
	if (job_request(target, JOB_START, "replace", &j, &error) < 0)
		fprintf(stderr, "twin-systemd: %s: %s\n", u->name, error.message);
	else /* changes while the triggered unit runs are not seen, as in systemd */
		unit_set_state(u, "active", "running");
	sd_bus_error_free(&error);
	return 0;
}

void path_start(struct unit *u)
{
	wait_for_change(u);
}

void path_stop(struct unit *u)
{
	unwatch(u);
	unit_set_state(u, "inactive", "dead");
}

void path_unit_changed(struct unit *u)
{
	/* A start or stop that runs is over with it. */
	bool goes_on = u->job && (!u->job->running || u->job->type == JOB_RESTART);

	if (goes_on || !unit_is_down(u))
		return;
	for (struct unit *p = u->twin->units; p; p = p->next)
		if (strcmp(p->sub, "running") == 0 && p->def.triggers &&
		    strcmp(p->def.triggers, u->name) == 0)
			wait_for_change(p);
}
