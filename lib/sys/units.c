#include "sys/units.h"

#include "core/clock.h"
#include "core/str.h"
#include "sys/units_inside.h"

#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define LIMIT_MAX_S    86400

bool units_error_is_missing(const struct units *u)
{
	return units_error_is(u, "org.freedesktop.systemd1.NoSuchUnit") ||
	       units_error_is(u, SD_BUS_ERROR_FILE_NOT_FOUND) ||
	       units_error_is(u, "System.Error.ENOENT");
}

/* The words of a failed call, with the unit's name in front and the place where more is told. */
static int unit_failed(const struct units *u, const char *name, struct err *e)
{
	if (units_error_is(u, "org.freedesktop.systemd1.NoSuchUnit"))
		err_hint(e, "systemctl status %s; install the package that brings it", name);
	return err_wrap(e, "%s", name);
}

/* --- reading --- */

/* The object path of a unit, which is loaded for that; the caller frees it. */
static int load(struct units *u, const char *name, char **ret_path, struct err *e)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	const char *path;
	int r;

	if (units_call(u, &units_pid1, "LoadUnit", PID1_US, &reply, e, "s", name) < 0)
		return unit_failed(u, name, e);
	r = sd_bus_message_read(reply, "o", &path);
	if (r < 0)
		return units_bus_failed(u, r, "LoadUnit", e);
	*ret_path = xstrdup(path);
	return 0;
}

/* Reads a variant of strings into dst. */
static int read_word(sd_bus_message *m, char *dst, size_t dst_size)
{
	const char *s;
	int r = sd_bus_message_read(m, "v", "s", &s);

	if (r > 0)
		str_copy(dst, dst_size, s);
	return r;
}

static int read_state(sd_bus_message *m, const char *key, void *data)
{
	struct unit_state *s = data;
	const char *job;
	uint32_t id;
	int r;

	if (str_eq(key, "LoadState"))
		return read_word(m, s->load, sizeof(s->load));
	if (str_eq(key, "ActiveState"))
		return read_word(m, s->active, sizeof(s->active));
	if (str_eq(key, "SubState"))
		return read_word(m, s->sub, sizeof(s->sub));
	if (!str_eq(key, "Job"))
		return sd_bus_message_skip(m, "v");
	r = sd_bus_message_read(m, "v", "(uo)", &id, &job);
	if (r > 0 && id != 0)
		str_copy(s->job, sizeof(s->job), job);
	return r;
}

static int read_properties(sd_bus_message *m, units_on_property *on_property, void *data)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		const char *key;

		r = sd_bus_message_read(m, "s", &key);
		if (r > 0)
			r = on_property(m, key, data);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

int units_properties(struct units *u, const char *name, units_on_property *on_property, void *data,
		     struct err *e)
{
	_cleanup_free_ char *path = NULL;
	struct peer unit = { units_pid1.name, NULL, "org.freedesktop.DBus.Properties" };
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r;

	if (load(u, name, &path, e) < 0)
		return -1;
	unit.path = path;
	if (units_call(u, &unit, "GetAll", PID1_US, &reply, e, "s", UNIT_INTERFACE) < 0)
		return unit_failed(u, name, e);
	r = read_properties(reply, on_property, data);
	if (r < 0)
		return units_bus_failed(u, r, name, e);
	return 0;
}

/* Asked of the Manager and not as a property, which is cached until the next reload. */
static int get_file_state(struct units *u, const char *name, struct unit_state *s, struct err *e)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	const char *word;
	int r;

	if (units_call(u, &units_pid1, "GetUnitFileState", PID1_US, &reply, e, "s", name) < 0)
		return units_error_is_missing(u) ? 0 : unit_failed(u, name, e);
	r = sd_bus_message_read(reply, "s", &word);
	if (r < 0)
		return units_bus_failed(u, r, "GetUnitFileState", e);
	str_copy(s->file_state, sizeof(s->file_state), word);
	return 0;
}

int units_get(struct units *u, const char *name, struct unit_state *ret_s, struct err *e)
{
	struct unit_state s = { 0 };

	if (units_properties(u, name, read_state, &s, e) < 0 || get_file_state(u, name, &s, e) < 0)
		return -1;
	*ret_s = s;
	return 0;
}

/* --- jobs --- */

static int journal_hint(const char *name, struct err *e)
{
	return err_hint(e, "journalctl -b -u %s", name);
}

/* Service.Result ("exit-code", "timeout", ...) as " (exit-code)"; "" for what is no service. */
static const char *result_text(struct units *u, const char *name, char *dst, size_t dst_size)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_message_ sd_bus_message *reply = NULL;
	struct peer unit = { units_pid1.name, NULL, "org.freedesktop.DBus.Properties" };
	char word[WORD_SIZE];

	*dst = '\0';
	if (load(u, name, &path, NULL) < 0)
		return dst;
	unit.path = path;
	if (units_call(u, &unit, "Get", PID1_US, &reply, NULL, "ss",
		       "org.freedesktop.systemd1.Service", "Result") == 0 &&
	    read_word(reply, word, sizeof(word)) > 0 && !str_eq(word, "success"))
		snprintf(dst, dst_size, " (%s)", word);
	return dst;
}

const char *units_job_result(const struct units *u)
{
	return u->job_result;
}

int units_start_limit(struct units *u, const char *name, unsigned int *ret_s, struct err *e)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_message_ sd_bus_message *reply = NULL;
	struct peer unit = { units_pid1.name, NULL, "org.freedesktop.DBus.Properties" };
	uint64_t us;
	int r;

	*ret_s = 0;
	if (load(u, name, &path, e) < 0)
		return -1;
	unit.path = path;
	if (units_call(u, &unit, "Get", PID1_US, &reply, e, "ss",
		       "org.freedesktop.systemd1.Service", "TimeoutStartUSec") < 0)
		return unit_failed(u, name, e);
	r = sd_bus_message_read(reply, "v", "t", &us);
	if (r < 0)
		return units_bus_failed(u, r, "TimeoutStartUSec", e);
	if (us != UINT64_MAX)
		*ret_s = us / SECOND_US < LIMIT_MAX_S
				 ? (unsigned int)((us + SECOND_US - 1) / SECOND_US)
				 : LIMIT_MAX_S;
	return 0;
}

int units_queue(struct units *u, const char *member, const char *name, const char *mode,
		struct err *e)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	const char *job;
	int r;

	if (units_call(u, &units_pid1, member, PID1_US, &reply, e, "ss", name, mode) < 0)
		return unit_failed(u, name, e);
	r = sd_bus_message_read(reply, "o", &job);
	if (r < 0)
		return units_bus_failed(u, r, member, e);
	free(u->job);
	u->job = xstrdup(job);
	u->job_result[0] = '\0';
	return 0;
}

/* PID 1 was off the bus: how a job ended meanwhile, nobody was told. */
static int ask_for_job(struct units *u, const char *name, struct err *e)
{
	struct unit_state s;

	if (units_subscribe(u, e) < 0 || units_get(u, name, &s, e) < 0 || units_catch_up(u, e) < 0)
		return -1;
	if (!str_eq(s.job, u->job) && !u->job_result[0])
		str_copy(u->job_result, sizeof(u->job_result), "unknown");
	return 0;
}

static int wait_for_job(struct units *u, const char *name, uint64_t deadline, bool *ret_in_time,
			struct err *e)
{
	bool in_time = true;

	while (!u->job_result[0] && in_time)
		if ((u->returned ? ask_for_job(u, name, e) : units_pump(u, deadline, &in_time, e)) <
		    0)
			return err_wrap(e, "%s: waiting for its job", name);
	*ret_in_time = u->job_result[0];
	return 0;
}

/* A start limit that was hit in earlier attempts would refuse this one. */
static int queue_start(struct units *u, const char *name, struct err *e)
{
	struct unit_state s;

	if (units_get(u, name, &s, e) < 0)
		return -1;
	if (str_eq(s.load, "not-found")) {
		err_set(e, &ERR_BUS, "%s: there is no such unit", name);
		return err_hint(e, "systemctl status %s; install the package that brings it", name);
	}
	if (str_eq(s.active, "failed") && units_reset_failed(u, name, e) < 0)
		return -1;
	return units_queue(u, "StartUnit", name, "replace", e);
}

/* Waits for the queued job and reads what became of the unit. */
static int finish(struct units *u, const char *name, const char *verb, unsigned int timeout_s,
		  uint64_t deadline, struct unit_state *ret_s, struct err *e)
{
	char result[WORD_SIZE + 3];
	bool in_time = false;

	if (wait_for_job(u, name, deadline, &in_time, e) < 0 || units_get(u, name, ret_s, e) < 0)
		return -1;
	if (in_time)
		return 0;
	err_set(e, &ERR_TIMEOUT, "%s: %s: no end of the job after %u s, unit is %s/%s%s", name,
		verb, timeout_s, ret_s->active, ret_s->sub,
		result_text(u, name, result, sizeof(result)));
	return journal_hint(name, e);
}

static int job_failed(struct units *u, const char *name, const struct unit_state *s, struct err *e)
{
	char result[WORD_SIZE + 3];

	result_text(u, name, result, sizeof(result));
	err_set(e, str_eq(result, " (timeout)") ? &ERR_TIMEOUT : &ERR_BUS,
		"%s: job ended \"%s\", unit is %s%s", name, u->job_result, s->active, result);
	if (str_eq(u->job_result, "done") && str_eq(s->active, "inactive"))
		return err_hint(
			e, "systemctl status %s: a condition does not hold, or it ended at once",
			name);
	return journal_hint(name, e);
}

int units_start(struct units *u, const char *name, unsigned int timeout_s, struct err *e)
{
	uint64_t deadline = clock_monotonic_us() + timeout_s * SECOND_US;
	struct unit_state s;

	if (queue_start(u, name, e) < 0 || finish(u, name, "start", timeout_s, deadline, &s, e) < 0)
		return -1;
	if ((!str_eq(u->job_result, "done") && !str_eq(u->job_result, "unknown")) ||
	    !str_eq(s.active, "active"))
		return job_failed(u, name, &s, e);
	return 0;
}

int units_start_nowait(struct units *u, const char *name, struct err *e)
{
	return queue_start(u, name, e);
}

/* "failed" is stopped as well: nothing of the unit runs, only its last result was bad. */
static bool is_stopped(const struct unit_state *s)
{
	return str_eq(s->active, "inactive") || str_eq(s->active, "failed");
}

bool units_is_idle(const struct unit_state *s)
{
	return is_stopped(s) && !s->job[0];
}

/* "auto-restart", from systemd 254 on also "auto-restart-queued". */
bool units_is_starting(const struct unit_state *s)
{
	return str_eq(s->active, "activating") && !str_starts(s->sub, "auto-restart");
}

int units_stop(struct units *u, const char *name, unsigned int timeout_s, struct err *e)
{
	uint64_t deadline = clock_monotonic_us() + timeout_s * SECOND_US;
	struct unit_state s;

	if (units_get(u, name, &s, e) < 0)
		return -1;
	/* PID 1 refuses to stop what is not loaded; but a loaded unit that is stopped already is told
	 * again, because that stops the units that are PartOf= it. */
	if (!str_eq(s.load, "loaded") && is_stopped(&s))
		return 0;
	if (units_queue(u, "StopUnit", name, "replace", e) < 0 ||
	    finish(u, name, "stop", timeout_s, deadline, &s, e) < 0)
		return -1;
	return is_stopped(&s) ? 0 : job_failed(u, name, &s, e);
}

/* --- unit files --- */

int units_reset_failed(struct units *u, const char *name, struct err *e)
{
	if (units_call(u, &units_pid1, "ResetFailedUnit", PID1_US, NULL, e, "s", name) < 0)
		return units_error_is_missing(u)
			       ? 0
			       : unit_failed(u, name, e); /* not loaded, not failed */
	return 0;
}

int units_reload(struct units *u, struct err *e)
{
	return units_call(u, &units_pid1, "Reload", PID1_US, NULL, e, "");
}

int units_enable(struct units *u, const char *name, struct err *e)
{
	struct unit_state s = { 0 };

	if (get_file_state(u, name, &s, e) < 0)
		return -1;
	if (str_eq(s.file_state, "enabled"))
		return 0;
	/* names, for this boot only: no, over existing links: yes */
	if (units_call(u, &units_pid1, "EnableUnitFiles", PID1_US, NULL, e, "asbb", 1, name, 0, 1) <
	    0)
		return unit_failed(u, name, e);
	return units_reload(u, e);
}

int units_disable(struct units *u, const char *name, struct err *e)
{
	if (units_call(u, &units_pid1, "DisableUnitFiles", PID1_US, NULL, e, "asb", 1, name, 0) < 0)
		return units_error_is_missing(u) ? 0 : unit_failed(u, name, e);
	return units_reload(u, e);
}

/* --- waiting for others --- */

static int on_change(sd_bus_message *m, void *data, sd_bus_error *ret_error)
{
	struct units *u = data;

	(void)m;
	(void)ret_error;
	u->changed = true;
	return 0;
}

static int is_busy(struct units *u, const char *const *names, size_t n, bool *ret_busy,
		   struct err *e)
{
	*ret_busy = false;
	for (size_t i = 0; i < n && !*ret_busy; i++) {
		struct unit_state s;

		if (units_get(u, names[i], &s, e) < 0)
			return -1;
		*ret_busy = s.job[0] || units_is_starting(&s);
	}
	return 0;
}

/* Looks, and looks again after each event that concerns one of the units. */
static int look_until_idle(struct units *u, const char *const *names, size_t n, uint64_t deadline,
			   bool *ret_idle, struct err *e)
{
	bool busy = true, in_time = true;

	for (;;) {
		u->changed = false;
		if ((u->returned && units_subscribe(u, e) < 0) ||
		    is_busy(u, names, n, &busy, e) < 0)
			return -1;
		while (busy && !u->changed && !u->returned && in_time)
			if (units_pump(u, deadline, &in_time, e) < 0)
				return -1;
		if (!busy || !in_time)
			break;
		if (units_catch_up(u, e) < 0)
			return -1;
	}
	*ret_idle = !busy;
	return 0;
}

static int watch(struct units *u, const char *name, sd_bus_slot **ret_slot, struct err *e)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (load(u, name, &path, e) < 0)
		return -1;
	r = sd_bus_match_signal(u->bus, ret_slot, units_pid1.name, path,
				"org.freedesktop.DBus.Properties", "PropertiesChanged", on_change,
				u);
	return r < 0 ? units_bus_failed(u, r, name, e) : 0;
}

int units_wait_idle(struct units *u, const char *const *names, size_t n, unsigned int timeout_s,
		    bool *ret_idle, struct err *e)
{
	uint64_t deadline = clock_monotonic_us() + timeout_s * SECOND_US;
	_cleanup_free_ sd_bus_slot **slots = xcalloc(n + 1, sizeof(*slots));
	int rc = 0;

	u->watched = names;
	u->watched_n = n;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = watch(u, names[i], &slots[i], e);
	if (rc == 0)
		rc = look_until_idle(u, names, n, deadline, ret_idle, e);
	for (size_t i = 0; i < n; i++)
		sd_bus_slot_unref(slots[i]);
	u->watched_n = 0;
	return rc;
}
