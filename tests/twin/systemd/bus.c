#include "bus.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "login.h"
#include "manager.h"
#include "presence.h"

static char *escaped(const char *path) /* D-Bus specification, "Server Addresses" */
{
	char *out = must(malloc(3 * strlen(path) + 1)), *o = out;

	for (; *path; path++)
		if (strchr("-_/.*", *path) || (*path >= '0' && *path <= '9') ||
		    ((*path | 32) >= 'a' && (*path | 32) <= 'z'))
			*o++ = *path;
		else
			o += sprintf(o, "%%%02x", (unsigned char)*path);
	*o = '\0';
	return out;
}

static char *config_write(const struct twin *t, const char *address)
{
	char *path = fmt("%s/dbus.conf", t->state);
	_cleanup_free_ char *text = fmt(
		"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
		" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
		"<busconfig>\n"
		"  <listen>%s</listen>\n"
		"  <auth>EXTERNAL</auth>\n"
		"  <policy context=\"default\">\n"
		"    <allow user=\"*\"/>\n"
		"    <allow own=\"*\"/>\n"
		"    <allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
		"    <allow receive_sender=\"*\" eavesdrop=\"true\"/>\n"
		"  </policy>\n"
		"</busconfig>\n",
		address);

	if (file_write(path, text) == 0)
		return path;
	fprintf(stderr, "twin-systemd: cannot write %s\n", path);
	free(path);
	return NULL;
}

static void daemon_exec(const char *config, int address_fd)
{
	_cleanup_free_ char *config_arg = fmt("--config-file=%s", config),
			    *print_arg = fmt("--print-address=%d", address_fd);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fcntl(address_fd, F_SETFD, 0);
	dup2(open("/dev/null", O_RDWR), STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execlp("dbus-daemon", "dbus-daemon", config_arg, "--nofork", "--nopidfile", print_arg,
	       (char *)NULL);
	fprintf(stderr, "twin-systemd: dbus-daemon: %s (package dbus-daemon)\n", strerror(errno));
	_exit(127);
}

/* It prints its address when it listens: that is what we wait for. */
static int daemon_start(struct twin *t, const char *config)
{
	char line[512];
	int fds[2];
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	t->dbus_pid = fork();
	if (t->dbus_pid == 0)
		daemon_exec(config, fds[1]);
	close(fds[1]);
	n = read(fds[0], line, sizeof(line));
	close(fds[0]);
	if (n > 0)
		return 0;
	fprintf(stderr, "twin-systemd: dbus-daemon did not start with %s\n", config);
	return -1;
}

static struct json_object *json_basic(const struct twin *t, sd_bus_message *m, char type)
{
	union {
		const char *s;
		uint8_t y;
		int b;
		int16_t n;
		uint16_t q;
		int32_t i;
		uint32_t u;
		int64_t x;
		uint64_t t;
		double d;
	} v;

	if (sd_bus_message_read_basic(m, type, &v) < 0)
		return NULL;
	switch (type) {
	case 's':
	case 'o':
	case 'g': return json_object_new_string(twin_inside(t, v.s));
	case 'b': return json_object_new_boolean(v.b);
	case 'y': return json_object_new_int64(v.y);
	case 'n': return json_object_new_int64(v.n);
	case 'q': return json_object_new_int64(v.q);
	case 'i': return json_object_new_int64(v.i);
	case 'u': return json_object_new_int64(v.u);
	case 'x': return json_object_new_int64(v.x);
	case 't': return json_object_new_int64((int64_t)v.t);
	case 'd': return json_object_new_double(v.d);
	default: return NULL;
	}
}

static struct json_object *json_arguments(const struct twin *t, sd_bus_message *m)
{
	struct json_object *list = json_object_new_array();
	const char *contents;
	char type;

	while (sd_bus_message_peek_type(m, &type, &contents) > 0) {
		if (!strchr("arev", type)) {
			json_object_array_add(list, json_basic(t, m, type));
			continue;
		}
		if (sd_bus_message_enter_container(m, type, contents) < 0)
			break;
		json_object_array_add(list, json_arguments(t, m));
		sd_bus_message_exit_container(m);
	}
	return list;
}

static void record(const struct twin *t, sd_bus_message *m)
{
	struct json_object *o = json_object_new_object();
	_cleanup_free_ char *path = fmt("%s/bus.jsonl", t->state), *stamp = fmt("%.6f", twin_now());
	_cleanup_free_ char *method =
		fmt("%s.%s", sd_bus_message_get_interface(m) ?: "", sd_bus_message_get_member(m));

	json_object_object_add(o, "boot", json_object_new_int(t->boot));
	json_object_object_add(o, "t", json_object_new_double_s(twin_now(), stamp));
	json_object_object_add(o, "method", json_object_new_string(method));
	json_object_object_add(o, "args", json_arguments(t, m));
	json_object_object_add(o, "path", json_object_new_string(sd_bus_message_get_path(m)));
	sd_bus_message_rewind(m, true);
	file_append(path, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static int every_message(sd_bus_message *m, void *data, sd_bus_error *error)
{
	(void)error;
	if (sd_bus_message_is_method_call(m, NULL, NULL))
		record(data, m);
	return 0;
}

int bus_open(struct twin *t)
{
	_cleanup_free_ char *socket = fmt("%s/bus", t->state), *name = escaped(socket);
	_cleanup_free_ char *address = fmt("unix:path=%s", name),
			    *config = config_write(t, address);

	unlink(socket); /* of a boot before */
	if (!config || daemon_start(t, config) < 0)
		return -1;
	if (sd_bus_new(&t->bus) < 0 || sd_bus_set_address(t->bus, address) < 0 ||
	    sd_bus_set_bus_client(t->bus, true) < 0 || sd_bus_start(t->bus) < 0 ||
	    sd_bus_attach_event(t->bus, t->event, SD_EVENT_PRIORITY_NORMAL) < 0 ||
	    sd_bus_add_filter(t->bus, NULL, every_message, t) < 0 ||
	    sd_bus_track_new(t->bus, &t->subscribers, NULL, NULL) < 0 || presence_serve(t) < 0 ||
	    manager_serve(t) < 0 || login_serve(t) < 0) {
		fprintf(stderr, "twin-systemd: cannot serve on %s\n", address);
		return -1;
	}
	return 0;
}

int bus_take_names(struct twin *t)
{
	if (presence_begin(t) < 0 ||
	    sd_bus_request_name(t->bus, "org.freedesktop.timedate1", 0) < 0 ||
	    login_name_follow(t) < 0) {
		fprintf(stderr, "twin-systemd: cannot take the names on the bus\n");
		return -1;
	}
	return 0;
}

void bus_close(struct twin *t)
{
	_cleanup_free_ char *socket = fmt("%s/bus", t->state);

	if (t->bus)
		sd_bus_flush_close_unref(t->bus);
	unlink(socket);
}
