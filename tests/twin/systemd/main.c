/*
 * twin-systemd DIR: the twin's systemd, logind and timedated on a private message bus at
 * DIR/state/bus. Prints "ready" when it serves; runs until SIGTERM or until a restart of the
 * machine was carried out.
 *
 * Plays systemd, systemd-logind and systemd-timedated 239 (EL 8).
 * Source: systemd v239, src/core (dbus-manager.c, dbus-unit.c, job.c, transaction.c, service.c,
 * path.c), src/shared/install.c, src/login/logind-dbus.c, src/timedate/timedated.c; org.freedesktop.systemd1(5),
 * org.freedesktop.login1(5), org.freedesktop.timedate1(5), systemd.unit(5), systemd.service(5), systemd.path(5).
 * tests/vm plays the same with a real systemd.
 * Simplified: service, path and target units; the keys of definition.c; processes in the place of cgroups; no
 * ordering cycle is broken; no policy kit.
 */
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus.h"
#include "guard.h"
#include "job.h"
#include "preset.h"
#include "proc.h"
#include "service.h"

static int told_to_end(sd_event_source *s, const struct signalfd_siginfo *info, void *data)
{
	struct twin *t = data;

	(void)s;
	(void)info;
	return sd_event_exit(t->event, 0);
}

static int child_ended(sd_event_source *s, const struct signalfd_siginfo *info, void *data)
{
	struct twin *t = data;
	int status;
	pid_t pid;

	(void)s;
	(void)info;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == t->dbus_pid) {
			fprintf(stderr, "twin-systemd: dbus-daemon ended\n");
			return sd_event_exit(t->event, EXIT_FAILURE);
		}
		service_reaped(t, pid, status);
	}
	return 0;
}

/*
 * One state file for each unit file there is, though a unit is loaded only when somebody names it.
 */
static void states_begin(const struct twin *t)
{
	_cleanup_free_ char *dir = fmt("%s/units", t->state);
	struct strv names = { 0 };

	dir_make(dir);
	dir_names(dir, &names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = fmt("%s/%s", dir, names.v[i]);

		unlink(path);
	}
	strv_done(&names);
	for (const char *const *d = unit_dirs; *d; d++) {
		_cleanup_free_ char *path = twin_path(t, *d);

		dir_names(path, &names);
	}
	for (size_t i = 0; i < names.n; i++)
		if (unit_name_valid(names.v[i]))
			unit_write_state(t, names.v[i], "inactive");
	strv_done(&names);
}

static int begin(struct twin *t)
{
	_cleanup_free_ char *requested = fmt("%s/restart-requested", t->state);
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct job *j;

	unlink(requested);
	if (sd_event_add_signal(t->event, NULL, SIGTERM, told_to_end, t) < 0 ||
	    sd_event_add_signal(t->event, NULL, SIGCHLD, child_ended, t) < 0 || bus_open(t) < 0)
		return -1;
	states_begin(t);
	preset_begin(t);
	if (job_request(unit_get(t, "multi-user.target"), JOB_START, "replace", &j, &error) < 0) {
		fprintf(stderr, "twin-systemd: %s\n", error.message);
		sd_bus_error_free(&error);
		return -1;
	}
	return bus_take_names(t);
}

static int serve(const char *dir)
{
	struct twin t;
	int r = EXIT_FAILURE;

	proc_adopt_orphans();
	if (twin_open(&t, dir) < 0 || sd_event_default(&t.event) < 0)
		return EXIT_FAILURE;
	if (begin(&t) == 0) {
		puts("ready");
		fflush(stdout);
		r = sd_event_loop(t.event);
	}
	bus_close(&t);
	proc_kill_descendants();
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: twin-systemd DIR\n");
		return 2;
	}
	return guard_run(serve, argv[1]);
}
