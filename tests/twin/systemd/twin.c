#include "twin.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define START_LIMIT_S 10  /* systemd's DefaultStartLimitIntervalSec= */
#define BUS_PATH_MAX  107 /* sizeof(sockaddr_un.sun_path) less the closing NUL */

static struct json_object *settings_read(const char *state)
{
	_cleanup_free_ char *path = fmt("%s/systemd.json", state), *text = file_read(path);
	struct json_object *o;

	if (!text)
		return json_object_new_object();
	o = json_tokener_parse(text);
	if (!json_object_is_type(o, json_type_object)) {
		fprintf(stderr, "twin-systemd: %s is not a JSON object\n", path);
		json_object_put(o);
		return NULL;
	}
	return o;
}

int twin_open(struct twin *t, const char *dir)
{
	_cleanup_free_ char *real = realpath(dir, NULL), *boot_path = NULL, *boot = NULL;
	struct json_object *o;

	if (!real) {
		fprintf(stderr, "twin-systemd: %s: %s\n", dir, strerror(errno));
		return -1;
	}
	*t = (struct twin){ .root = fmt("%s/root", real),
			    .state = fmt("%s/state", real),
			    .start_limit_s = START_LIMIT_S,
			    .agent_pidfd = -1 };
	if (strlen(t->state) + strlen("/bus") > BUS_PATH_MAX) {
		fprintf(stderr,
			"twin-systemd: %s/bus is too long for a socket: %zu bytes, at most %d. "
			"Use a shorter folder.\n",
			t->state, strlen(t->state) + strlen("/bus"), BUS_PATH_MAX);
		return -1;
	}
	if (access(t->root, X_OK) < 0) {
		fprintf(stderr, "twin-systemd: %s: %s\n", t->root, strerror(errno));
		return -1;
	}
	dir_make(t->state);
	boot_path = fmt("%s/boot", t->state);
	boot = file_read(boot_path);
	t->boot = boot ? atoi(boot) : 1;
	t->settings = settings_read(t->state);
	if (!t->settings)
		return -1;
	if (json_object_object_get_ex(t->settings, "start_limit_s", &o))
		t->start_limit_s = json_object_get_double(o);
	return 0;
}

/* A number or boolean of systemd.json as it is now */
static double setting_now(const struct twin *t, const char *key, double otherwise)
{
	struct json_object *settings = settings_read(t->state), *o;

	if (json_object_object_get_ex(settings, key, &o))
		otherwise = json_object_get_double(o);
	json_object_put(settings);
	return otherwise;
}

double twin_time_scale(const struct twin *t)
{
	return setting_now(t, "time_scale", 1);
}

bool twin_ntp_synchronized(const struct twin *t)
{
	return setting_now(t, "ntp_synchronized", false) > 0;
}

char *twin_path(const struct twin *t, const char *path)
{
	return fmt("%s%s", t->root, path);
}

char *twin_chase(const struct twin *t, const char *path)
{
	char *at = twin_path(t, path);

	for (int i = 0; i < 8; i++) {
		char target[PATH_MAX];
		ssize_t n = readlink(at, target, sizeof(target) - 1);
		char *next;

		if (n < 0)
			break;
		target[n] = '\0';
		if (strcmp(target, "/dev/null") == 0)
			next = copy(target);
		else if (target[0] == '/')
			next = twin_path(t, target);
		else
			next = fmt("%.*s%s", (int)(name_of(at) - at), at, target);
		free(at);
		at = next;
	}
	return at;
}

const char *twin_inside(const struct twin *t, const char *path)
{
	size_t n = strlen(t->root);

	return strncmp(path, t->root, n) == 0 && path[n] == '/' ? path + n : path;
}

char *twin_kernel(const struct twin *t)
{
	_cleanup_free_ char *path = twin_path(t, "/proc/sys/kernel/osrelease"),
			    *text = file_read(path);
	_cleanup_free_ char *version_path = twin_path(t, "/proc/version"),
			    *version = file_read(version_path);
	struct utsname u;

	if (text) {
		text[strcspn(text, "\n")] = '\0';
		return copy(text);
	}
	if (version && starts_with(version, "Linux version ")) {
		const char *release = version + strlen("Linux version ");

		return fmt("%.*s", (int)strcspn(release, " \n"), release);
	}
	uname(&u);
	return copy(u.release);
}

char *twin_fault_argument(const struct twin *t, const char *name)
{
	_cleanup_free_ char *path = fmt("%s/faults", t->state), *text = file_read(path);
	struct json_object *o = text ? json_tokener_parse(text) : NULL, *argument;
	char *found = NULL;

	if (json_object_is_type(o, json_type_object) &&
	    json_object_object_get_ex(o, name, &argument))
		found = fmt("%s", json_object_is_type(argument, json_type_string)
					  ? json_object_get_string(argument)
					  : "");
	json_object_put(o);
	return found;
}

bool twin_fault(const struct twin *t, const char *name)
{
	_cleanup_free_ char *argument = twin_fault_argument(t, name);

	return argument;
}

void twin_misuse(const struct twin *t, const char *format, ...)
{
	_cleanup_free_ char *path = fmt("%s/misuse", t->state), *line = NULL, *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		abort();
	va_end(ap);
	line = fmt("systemd: %s", text);
	file_append(path, line);
	fprintf(stderr, "twin-systemd: misuse: %s\n", text);
}

double twin_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void twin_timer_off(sd_event_source **source)
{
	*source = sd_event_source_disable_unref(*source);
}

void twin_timer(struct twin *t, sd_event_source **source, double seconds,
		sd_event_time_handler_t call, void *data)
{
	twin_timer_off(source);
	if (isinf(seconds))
		return;
	if (sd_event_add_time(t->event, source, CLOCK_MONOTONIC,
			      (uint64_t)((twin_now() + seconds) * 1e6), 1000, call, data) < 0)
		abort();
}
