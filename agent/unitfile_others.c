/* What others put beside or over our unit of nvidia-persistenced. systemd decides which file it uses: it is asked. */
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "unitfile.h"
#include "unitline.h"

#define DROPIN_MAX 65536

/* Settings of [Service] that change which program runs, how systemd knows that it has come up, as whom it runs, whether it
 * reaches the GPUs, or what is done once it is up: there the GPUs' ready state is set. */
static const char *const decisive[] = { "Type",		  "PIDFile",	   "ExecStart",
					"ExecStartPost",  "User",	   "Group",
					"DynamicUser",	  "RootDirectory", "RootImage",
					"PrivateDevices", "DevicePolicy" };

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

bool unitfile_decides(const char *text, char dst[32])
{
	_cleanup_(unitline_done) struct unitline l = { .at = text };

	while (unitline_next(&l))
		for (size_t i = 0; i < ARRAY_SIZE(decisive); i++)
			if (str_eq(l.section, "Service") && str_eq(l.key, decisive[i])) {
				str_copy(dst, 32, decisive[i]);
				return true;
			}
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

/* A drop-in that is gone from the disk since systemd read it says nothing any more. */
static int look_at_dropin(struct unitfile_others *o, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	bool ours;

	if (is_ours(path, &ours, e) < 0)
		return -1;
	if (ours)
		return 0;
	if (fs_read_optional(path, DROPIN_MAX, &text, NULL, e) < 0)
		return err_wrap(e, "drop-in of " UNIT_PERSISTENCED);
	if (text && !o->path[0] && unitfile_decides(text, o->sets))
		str_copy(o->path, sizeof(o->path), path);
	else if (text)
		add_harmless(o, path);
	return 0;
}

int unitfile_others(struct units *u, struct unitfile_others *ret, struct err *e)
{
	_cleanup_(units_source_done) struct unit_source s = { 0 };
	struct unitfile_others o = { 0 };
	bool used;

	if (units_get_source(u, UNIT_PERSISTENCED, &s, e) < 0)
		return -1;
	used = unitfile_is_path(s.fragment, PATH_PERSISTENCED_UNIT);
	if (*s.fragment && !used)
		str_copy(o.path, sizeof(o.path), s.fragment);
	for (char **path = s.dropins; path && *path; path++)
		if (look_at_dropin(&o, *path, e) < 0)
			return -1;
	str_sanitise(o.path);
	str_sanitise(o.harmless);
	o.in_use = used && !o.path[0];
	*ret = o;
	return 0;
}
