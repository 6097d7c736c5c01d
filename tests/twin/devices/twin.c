#include "twin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>

#include "core/clock.h"
#include "core/str.h"

/* Where the twin lies when a whole machine, with a real systemd, is its disk. */
#define WHOLE_MACHINE "/twin"

static char folder[PATH_MAX], version[64];

bool twin_find(void)
{
	Dl_info info;
	char *end;
	char path[PATH_MAX];

	if (folder[0])
		return true;
	if (!dladdr((void *)twin_find, &info) || !realpath(info.dli_fname, path))
		return false;
	end = strstr(path, ".so.");
	str_copy(version, sizeof(version), end ? end + strlen(".so.") : "");
	if (str_starts(path, "/usr/lib64/"))
		return str_copy(folder, sizeof(folder), WHOLE_MACHINE);
	end = strstr(path, "/root/usr/lib64/");
	if (!end)
		return false;
	*end = '\0';
	return str_copy(folder, sizeof(folder), path);
}

void twin_use(const char *dir)
{
	str_copy(folder, sizeof(folder), dir);
}

const char *twin_version(void)
{
	return version;
}

char *twin_state(const char *part)
{
	return xasprintf("%s/state/%s", folder, part);
}

char *twin_text(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		return xstrdup("");
	}
	return text;
}

void twin_write(const char *path, const char *text)
{
	_cleanup_free_ char *beside = xasprintf("%s.%d", path, getpid());
	_cleanup_fclose_ FILE *file = fopen(beside, "we");

	if (!file || fputs(text, file) < 0 || fflush(file) != 0 || rename(beside, path) < 0)
		fprintf(stderr, "twin: %s cannot be written\n", path);
}

static struct json_object *read_object(const char *part)
{
	_cleanup_free_ char *path = twin_state(part);
	_cleanup_free_ char *text = twin_text(path);
	struct json_object *o = NULL;

	if (!text || json_parse(text, strlen(text), part, &o, NULL) < 0)
		o = json_object_new_object();
	return o;
}

static void append(const char *part, const char *line)
{
	_cleanup_free_ char *path = twin_state(part);
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		fprintf(stderr, "twin: %s cannot be written\n", path);
}

struct json_object *twin_devices(void)
{
	return read_object("devices.json");
}

/* Under the lock that the fakes take. */
void twin_devices_set(const char *key, struct json_object *value)
{
	_cleanup_free_ char *lock = twin_state("devices.lock"), *path = twin_state("devices.json");
	_cleanup_fd_ int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	_cleanup_json_ struct json_object *o = NULL;

	if (fd >= 0)
		flock(fd, LOCK_EX);
	o = twin_devices();
	json_set(o, key, value);
	twin_write(path, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
}

bool twin_fault(const char *name, char *dst, size_t size)
{
	_cleanup_json_ struct json_object *faults = read_object("faults");
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(faults, name, &value))
		return false;
	if (!value || json_object_is_type(value, json_type_boolean))
		str_copy(dst, size, "");
	else
		str_copy(dst, size, json_object_get_string(value));
	return true;
}

/* Without an argument it is the first device. */
bool twin_fault_at(const char *name, const char *argument)
{
	char found[64];

	return twin_fault(name, found, sizeof(found)) && str_eq(found[0] ? found : "0", argument);
}

static void read_word(char *path, char *dst, size_t size)
{
	_cleanup_free_ char *text = twin_text(path);

	str_copy(dst, size, text ? str_trim(text) : "");
	free(path);
}

bool twin_fault_on(const char *name, const char *subject)
{
	_cleanup_json_ struct json_object *faults = read_object("faults");
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(faults, name, &value) ||
	    (json_object_is_type(value, json_type_boolean) && !json_object_get_boolean(value)))
		return false;
	if (json_object_is_type(value, json_type_string))
		return strstr(subject, json_object_get_string(value)) != NULL;
	return strstr(subject, json_str(value, "file", "")) != NULL;
}

const char *twin_driver(void)
{
	static char text[64];

	read_word(xasprintf("%s/root/sys/module/nvidia/version", folder), text, sizeof(text));
	return text;
}

/* Its ActiveState: as the simulated systemd wrote it down, or as the real one says. */
static void persistenced_state(char *dst, size_t size)
{
	bool whole = str_eq(folder, WHOLE_MACHINE);
	FILE *asked = whole ? popen("exec systemctl show -P ActiveState nvidia-persistenced", "re")
			    : NULL;

	if (!whole)
		read_word(twin_state("units/nvidia-persistenced.service"), dst, size);
	else if (asked && fgets(dst, (int)size, asked))
		dst[strcspn(dst, "\n")] = '\0';
	if (asked)
		pclose(asked);
	if (!dst[0])
		str_copy(dst, size, "inactive");
}

void twin_open(const char *what)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();
	_cleanup_free_ char *line = NULL;
	const char *unit = getenv("TWIN_UNIT");
	char boot[16], persistenced[32] = "";

	read_word(twin_state("boot"), boot, sizeof(boot));
	persistenced_state(persistenced, sizeof(persistenced));
	json_set_int(o, "boot", atoi(boot));
	json_set_num(o, "t", (double)clock_monotonic_us() / 1e6);
	json_set_str(o, "who", program_invocation_short_name);
	json_set_str(o, "unit", unit ? unit : "");
	json_set_str(o, "persistenced", persistenced);
	json_set_str(o, "what", what);
	line = xasprintf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	append("gpu.jsonl", line);
	/* What the unit itself runs once its daemon is there comes in time, as the fakes have it. */
	if (twin_driver()[0] && !str_eq(persistenced, "active") &&
	    !(unit && str_eq(unit, "nvidia-persistenced.service")))
		twin_devices_set("session_lost", json_object_new_boolean(1));
}

bool twin_session_lost(void)
{
	_cleanup_json_ struct json_object *o = twin_devices();

	return json_flag(o, "session_lost", false);
}

void twin_misuse(const char *text)
{
	_cleanup_free_ char *line = xasprintf("%s: %s\n", program_invocation_short_name, text);

	append("misuse", line);
}

bool twin_cc_on(void)
{
	_cleanup_json_ struct json_object *o = twin_devices();
	struct json_object *gpus = json_get(o, "gpus");
	char ignored[8];

	if (!str_eq(json_str(o, "shape", ""), "single") || twin_fault("cc-off", ignored, 8))
		return false;
	for (size_t i = 0; i < json_count(gpus); i++)
		if (!str_eq(json_str(json_item(gpus, i), "cc", ""), "ON"))
			return false;
	return true;
}

bool twin_ppcie_on(void)
{
	_cleanup_json_ struct json_object *o = twin_devices();
	char ignored[8];

	return str_eq(json_str(o, "shape", ""), "multi") && json_flag(o, "ppcie_loaded", false) &&
	       !twin_fault("mgm-none", ignored, 8);
}

void twin_hang(void)
{
	for (;;)
		pause();
}
