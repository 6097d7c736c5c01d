/* What others put beside or over our unit of nvidia-persistenced. systemd decides which file it uses: it is asked. */
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "unitfile.h"
#include "unitline.h"

#define DROPIN_MAX 65536

/* The procedure's time for its start. */
#define START_LEAST_S 900

/* Settings of [Service] that change which program runs, how systemd knows that it has come up, as whom it runs, whether it
 * reaches the GPUs, what is done before and once it is up (there the GPUs' ready state is set), or that end it while it runs. */
static const char *const decisive[] = { "Type",		 "PIDFile",	  "ExecCondition",
					"ExecStartPre",	 "ExecStart",	  "ExecStartPost",
					"User",		 "Group",	  "DynamicUser",
					"RootDirectory", "RootImage",	  "PrivateDevices",
					"DevicePolicy",	 "RuntimeMaxSec", "WatchdogSec" };

/* Of these the value in effect counts, which systemd is asked for. */
static const char *const timeouts[] = { "TimeoutStartSec", "TimeoutSec" };

/* What its start must not wait for: it, and services that come after it, are what multi-user.target waits for. */
static const char *const waiting[] = { "multi-user.target", UNIT_PERSISTENCED, NULL };

bool unitfile_is_path(const char *a, const char *b)
{
	a += str_starts(a, "/usr/lib/") ? strlen("/usr") : 0;
	b += str_starts(b, "/usr/lib/") ? strlen("/usr") : 0;
	return str_eq(a, b);
}

bool unitfile_is_masked(const struct unit_state *s)
{
	return str_eq(s->load, "masked") || str_starts(s->file_state, "masked");
}

static bool is_in(const char *key, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(key, keys[i]))
			return true;
	return false;
}

/* A start that failed is one error: nothing but the default may follow it. */
static bool does_decide(const struct unitline *l)
{
	if (str_eq(l->key, "Restart"))
		return *l->value && !str_eq(l->value, "no");
	return is_in(l->key, decisive, ARRAY_SIZE(decisive));
}

bool unitfile_decides(const char *text, char dst[32])
{
	_cleanup_(unitline_done) struct unitline l = { .at = text };

	while (unitline_next(&l))
		if (str_eq(l.section, "Service") && does_decide(&l)) {
			str_copy(dst, 32, l.key);
			return true;
		}
	return false;
}

bool unitfile_sets_timeout(const char *text, char dst[32])
{
	_cleanup_(unitline_done) struct unitline l = { .at = text };
	bool yes = false;

	while (unitline_next(&l))
		if (str_eq(l.section, "Service") && is_in(l.key, timeouts, ARRAY_SIZE(timeouts))) {
			str_copy(dst, 32, l.key);
			yes = true;
		}
	return yes;
}

bool unitfile_orders(const char *text, const char *after)
{
	_cleanup_(unitline_done) struct unitline l = { .at = text };

	while (unitline_next(&l))
		if (str_eq(l.section, "Unit") && str_eq(l.key, "After") &&
		    str_has_word(l.value, after))
			return true;
	return false;
}

/* One of ours counts only with our very text. */
static int is_ours(const char *path, bool *ret_yes, struct err *e)
{
	static const enum unitfile_dropin kinds[] = { UNITFILE_HOLD, UNITFILE_ORDER,
						      UNITFILE_TIMEOUT, UNITFILE_GATE };

	*ret_yes = false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !*ret_yes; i++) {
		_cleanup_free_ char *own = unitfile_dropin_path(kinds[i], UNIT_PERSISTENCED);
		_cleanup_free_ char *text = NULL;

		if (!str_eq(path, own))
			continue;
		if (unitfile_dropin_text(kinds[i], &text, e) < 0)
			return -1;
		*ret_yes = fs_equals(path, text);
	}
	return 0;
}

static void add_harmless(struct unitfile_others *o, const char *path)
{
	size_t n = strlen(o->harmless);

	snprintf(o->harmless + n, sizeof(o->harmless) - n, "%s%s", n ? " " : "", path);
}

/* NULL for one of ours, and for one that is gone from the disk since systemd read it: it says nothing any more. */
static int read_others(const char *path, char **ret_text, struct err *e)
{
	bool ours;

	*ret_text = NULL;
	if (is_ours(path, &ours, e) < 0)
		return -1;
	if (!ours && fs_read_optional(path, DROPIN_MAX, ret_text, NULL, e) < 0)
		return err_wrap(e, "drop-in of " UNIT_PERSISTENCED);
	return 0;
}

/* Its last one with a time-out, for where the time that is in effect is too short. */
struct timeout {
	char path[sizeof(((struct unitfile_others *)0)->path)];
	char sets[sizeof(((struct unitfile_others *)0)->sets)];
};

static int look_at_dropin(struct unitfile_others *o, const char *path, struct timeout *t,
			  struct err *e)
{
	_cleanup_free_ char *text = NULL;

	if (read_others(path, &text, e) < 0)
		return -1;
	if (!text)
		return 0;
	if (unitfile_sets_timeout(text, t->sets))
		str_copy(t->path, sizeof(t->path), path);
	if (!o->path[0] && unitfile_decides(text, o->sets))
		str_copy(o->path, sizeof(o->path), path);
	else
		add_harmless(o, path);
	return 0;
}

static int look_at_time(struct unitfile_others *o, struct units *u, const struct timeout *t,
			struct err *e)
{
	unsigned int limit_s;

	if (o->path[0] || !t->path[0])
		return 0;
	if (units_start_limit(u, UNIT_PERSISTENCED, &limit_s, e) < 0)
		return -1;
	if (limit_s == 0 || limit_s >= START_LEAST_S)
		return 0;
	str_copy(o->path, sizeof(o->path), t->path);
	str_copy(o->sets, sizeof(o->sets), t->sets);
	o->start_s = limit_s;
	return 0;
}

/* Fabric Manager's own order is judged with it (fmunit.h). */
static int look_at_order(struct unitfile_others *o, struct units *u, const struct unit_source *s,
			 struct err *e)
{
	bool yes = false;

	for (char **name = s->after; name && *name && !yes; name++) {
		if (str_eq(*name, UNIT_FABRICMANAGER))
			continue;
		if (units_is_behind(u, *name, waiting, &yes, e) < 0)
			return -1;
		if (yes)
			str_copy(o->behind, sizeof(o->behind), *name);
	}
	for (char **path = s->dropins; yes && !o->path[0] && path && *path; path++) {
		_cleanup_free_ char *text = NULL;

		if (read_others(*path, &text, e) < 0)
			return -1;
		if (text && unitfile_orders(text, o->behind)) {
			str_copy(o->path, sizeof(o->path), *path);
			str_copy(o->sets, sizeof(o->sets), "After");
		}
	}
	return 0;
}

int unitfile_others(struct units *u, struct unitfile_others *ret, struct err *e)
{
	_cleanup_(units_source_done) struct unit_source s = { 0 };
	struct unitfile_others o = { 0 };
	struct timeout t = { 0 };
	bool used;

	if (units_get_source(u, UNIT_PERSISTENCED, &s, e) < 0)
		return -1;
	used = unitfile_is_path(s.fragment, PATH_PERSISTENCED_UNIT);
	if (*s.fragment && !used)
		str_copy(o.path, sizeof(o.path), s.fragment);
	for (char **path = s.dropins; path && *path; path++)
		if (look_at_dropin(&o, *path, &t, e) < 0)
			return -1;
	if (look_at_time(&o, u, &t, e) < 0 || look_at_order(&o, u, &s, e) < 0)
		return -1;
	str_sanitise(o.behind);
	str_sanitise(o.path);
	str_sanitise(o.harmless);
	o.in_use = used && !o.path[0] && !o.behind[0];
	*ret = o;
	return 0;
}
