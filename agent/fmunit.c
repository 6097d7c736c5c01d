#include "fmunit.h"

#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "unitfile.h"
#include "unitline.h"

#define UNIT_MAX 65536
#define HEADER                                           \
	"# Put here by gn8v: " PATH_FABRICMANAGER_UNIT   \
	" without its order after units that wait for\n" \
	"# nvidia-persistenced.service, which waits for this one. It follows the package: do not edit it.\n"

/* What a start of nvidia-persistenced holds up. */
static const char *const waiting[] = { "multi-user.target", UNIT_PERSISTENCED, NULL };

/* --- the copy ----------------------------------------------------------------------------------- */

/* An After= whose units that have to go are left out; nothing when none is left. */
static int filter(struct strbuf *out, const struct unitline *l, bool *ret_dropped,
		  int (*drop)(const char *, void *, struct err *), void *data, struct err *e)
{
	_cleanup_free_ char *copy = xstrdup(l->value);
	_cleanup_strbuf_ struct strbuf kept = { 0 };
	char *rest = copy, *word;
	bool dropped = false;

	strbuf_begin(&kept);
	while ((word = strsep(&rest, " \t\n"))) {
		int r = *word ? drop(word, data, e) : 0;

		if (r < 0)
			return -1;
		dropped |= r > 0;
		if (*word && r == 0)
			strbuf_printf(&kept, " %s", word);
	}
	if (!dropped)
		strbuf_add(out, l->raw, l->raw_len);
	else if (kept.len > 0)
		strbuf_printf(out, "After=%s\n", kept.s + 1);
	*ret_dropped |= dropped;
	return 0;
}

int fmunit_derive(const char *text, int (*drop)(const char *unit, void *data, struct err *e),
		  void *data, char **ret, struct err *e)
{
	_cleanup_(unitline_done) struct unitline l = { .at = text };
	_cleanup_strbuf_ struct strbuf out = { 0 };
	bool dropped = false;

	*ret = NULL;
	strbuf_add(&out, HEADER, strlen(HEADER));
	while (unitline_next(&l)) {
		if (!str_eq(l.section, "Unit") || !str_eq(l.key, "After"))
			strbuf_add(&out, l.raw, l.raw_len);
		else if (filter(&out, &l, &dropped, drop, data, e) < 0)
			return -1;
	}
	if (dropped)
		*ret = TAKE_PTR(out.s);
	return 0;
}

static int must_go(const char *unit, void *data, struct err *e)
{
	bool yes = false;

	return units_is_behind(data, unit, waiting, &yes, e) < 0 ? -1 : yes;
}

/* --- the look ----------------------------------------------------------------------------------- */

struct look {
	enum fmunit_todo todo;
	char *text; /* of FMUNIT_WRITE */
};

static void look_done(struct look *l)
{
	free(l->text);
}

/* A unit of that name in /etc or /run that is not ours is its owner's, and so is a mask: they stay, and what they say is
 * judged as it is. */
static bool is_owners(const char *fragment)
{
	return *fragment && !unitfile_is_path(fragment, PATH_FABRICMANAGER_UNIT) &&
	       !unitfile_is_path(fragment, PATH_FABRICMANAGER_COPY);
}

static int look_at_files(struct units *u, const char *fragment, struct look *ret, struct err *e)
{
	_cleanup_free_ char *there = NULL, *package = NULL, *wanted = NULL;
	bool ours;

	if (is_owners(fragment))
		return 0;
	if (fs_read_optional(PATH_FABRICMANAGER_COPY, UNIT_MAX, &there, NULL, e) < 0)
		return -1;
	ours = there && str_starts(there, HEADER);
	if (there && !ours)
		return 0;
	if (fs_read_optional(PATH_FABRICMANAGER_UNIT, UNIT_MAX, &package, NULL, e) < 0 ||
	    (package && fmunit_derive(package, must_go, u, &wanted, e) < 0))
		return -1;
	if (!wanted)
		ret->todo = ours ? FMUNIT_REMOVE : FMUNIT_NOTHING;
	/* What systemd has not read is as good as not written. */
	else if (!ours || !str_eq(there, wanted) ||
		 !unitfile_is_path(fragment, PATH_FABRICMANAGER_COPY))
		ret->todo = FMUNIT_WRITE;
	ret->text = TAKE_PTR(wanted);
	return 0;
}

/* The first unit that it is ordered after and must not be. */
static int look_behind(struct units *u, const struct unit_source *s, char dst[256], struct err *e)
{
	bool yes = false;

	for (char **name = s->after; name && *name && !yes; name++) {
		if (units_is_behind(u, *name, waiting, &yes, e) < 0)
			return -1;
		if (yes)
			str_copy(dst, 256, *name);
	}
	return 0;
}

static int look(struct units *u, struct look *l, struct fmunit *ret, struct err *e)
{
	_cleanup_(units_source_done) struct unit_source s = { 0 };
	struct unit_state state;

	*ret = (struct fmunit){ FMUNIT_NOTHING };
	if (units_get(u, UNIT_FABRICMANAGER, &state, e) < 0)
		return -1;
	if (unitfile_is_masked(&state))
		return 0;
	if (units_get_source(u, UNIT_FABRICMANAGER, &s, e) < 0 ||
	    look_at_files(u, s.fragment, l, e) < 0)
		return -1;
	ret->todo = l->todo;
	return l->todo == FMUNIT_NOTHING ? look_behind(u, &s, ret->behind, e) : 0;
}

int fmunit_look(struct units *u, struct fmunit *ret, struct err *e)
{
	_cleanup_(look_done) struct look l = { FMUNIT_NOTHING };

	return look(u, &l, ret, e);
}

/* --- the mending -------------------------------------------------------------------------------- */

int fmunit_refuse(const char *behind, struct err *e)
{
	err_set(e, &CODE_UNIT_ORDER,
		UNIT_FABRICMANAGER " is ordered after %s, which waits for " UNIT_PERSISTENCED
				   ", which waits for " UNIT_FABRICMANAGER,
		behind);
	return err_hint(e,
			"systemctl cat " UNIT_FABRICMANAGER
			"; take After=%s out of the file in /etc or /run that has it; systemctl "
			"daemon-reload; systemctl restart gn8v-agent",
			behind);
}

/* A drop-in may say it again. */
static int judge(struct units *u, struct err *e)
{
	_cleanup_(units_source_done) struct unit_source s = { 0 };
	char behind[256] = "";

	if (units_get_source(u, UNIT_FABRICMANAGER, &s, e) < 0 || look_behind(u, &s, behind, e) < 0)
		return -1;
	return behind[0] ? fmunit_refuse(behind, e) : 0;
}

int fmunit_mend(struct units *u, bool *ret_changed, struct err *e)
{
	_cleanup_(look_done) struct look l = { FMUNIT_NOTHING };
	struct fmunit f;
	int r = 0;

	*ret_changed = false;
	if (look(u, &l, &f, e) < 0)
		return -1;
	if (f.todo == FMUNIT_WRITE)
		r = fs_ensure(PATH_FABRICMANAGER_COPY, 0644, l.text, NULL, e);
	else if (f.todo == FMUNIT_REMOVE)
		r = fs_unlink(PATH_FABRICMANAGER_COPY, e);
	if (r < 0)
		return -1;
	if (f.todo == FMUNIT_NOTHING)
		return f.behind[0] ? fmunit_refuse(f.behind, e) : 0;
	*ret_changed = true;
	return units_reload(u, e) < 0 || judge(u, e) < 0 ? -1 : 0;
}
