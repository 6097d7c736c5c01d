#include "unitfile.h"

#include "core/fs.h"
#include "core/str.h"
#include "paths.h"

#define TEMPLATE_MAX  65536
#define SERVICES_MARK "@GPU_SERVICES@"

static const char *const dropin_names[] = {
	[UNITFILE_HOLD] = "10-gn8v-hold.conf",
	[UNITFILE_ORDER] = "50-gn8v-order.conf",
	[UNITFILE_TIMEOUT] = "50-gn8v-timeout.conf",
	[UNITFILE_GATE] = "60-gn8v-gate.conf",
};

static int read_template(const char *name, char **ret_text, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(PATH_TEMPLATES "/%s", name);

	if (fs_read(path, TEMPLATE_MAX, ret_text, NULL, e) < 0) {
		err_hint(e, "install gn8v again: its template %s is missing or unreadable", path);
		return -1;
	}
	return 0;
}

char *unitfile_dropin_path(enum unitfile_dropin kind, const char *unit)
{
	return xasprintf(PATH_ETC_UNITS "/%s.d/%s", unit, dropin_names[kind]);
}

int unitfile_gated(struct fs_names *ret_units, struct err *e)
{
	struct fs_names dirs, units = { 0 };

	if (fs_list(PATH_ETC_UNITS, &dirs, e) < 0)
		return -1;
	for (size_t i = 0; i < dirs.n; i++) {
		_cleanup_free_ char *unit = NULL, *path = NULL;
		size_t n = strlen(dirs.v[i]);

		if (n < 3 || !str_ends(dirs.v[i], ".d"))
			continue;
		unit = xstrndup(dirs.v[i], n - 2);
		path = unitfile_dropin_path(UNITFILE_GATE, unit);
		if (!fs_exists(path))
			continue;
		units.v = xrealloc(units.v, (units.n + 1) * sizeof(*units.v));
		units.v[units.n++] = TAKE_PTR(unit);
	}
	fs_names_done(&dirs);
	*ret_units = units;
	return 0;
}

int unitfile_dropin_text(enum unitfile_dropin kind, char **ret_text, struct err *e)
{
	return read_template(dropin_names[kind], ret_text, e);
}

bool unitfile_orderable(const char *unit)
{
	return !str_ends(unit, ".path") && !str_ends(unit, ".socket");
}

static void list_orderable(struct strbuf *out, const struct strlist *units)
{
	const char *between = "";

	for (size_t i = 0; i < units->n; i++) {
		if (!unitfile_orderable(units->v[i]))
			continue;
		strbuf_printf(out, "%s%s", between, units->v[i]);
		between = " ";
	}
}

static void drop_line(char *text, const char *line)
{
	char *at = strstr(text, line);

	if (at)
		memmove(at, at + strlen(line), strlen(at + strlen(line)) + 1);
}

int unitfile_persistenced(const struct config *c, char **ret_text, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strbuf_ struct strbuf out = { 0 };
	const char *name = c->for_shape == SHAPE_MULTI ? "persistenced-multi.service"
						       : "persistenced-single.service";
	char *mark;

	if (read_template(name, &text, e) < 0)
		return -1;
	mark = strstr(text, SERVICES_MARK);
	if (!mark)
		return err_set(e, &ERR_FORMAT, PATH_TEMPLATES "/%s: no " SERVICES_MARK " in it",
			       name);
	strbuf_add(&out, text, (size_t)(mark - text));
	list_orderable(&out, &c->services_gpu);
	strbuf_printf(&out, "%s", mark + strlen(SERVICES_MARK));
	if (str_eq(c->attest_ready, "after-attestation"))
		drop_line(out.s, "ExecStartPost=/usr/bin/nvidia-smi conf-compute -srs 1\n");
	*ret_text = TAKE_PTR(out.s);
	return 0;
}

int unitfile_dropin_write(enum unitfile_dropin kind, const char *unit, bool *ret_changed,
			  struct err *e)
{
	_cleanup_free_ char *path = unitfile_dropin_path(kind, unit), *text = NULL;
	bool changed;

	if (unitfile_dropin_text(kind, &text, e) < 0 ||
	    fs_ensure(path, 0644, text, &changed, e) < 0)
		return -1;
	if (changed && ret_changed)
		*ret_changed = true;
	return 0;
}

int unitfile_dropin_remove(enum unitfile_dropin kind, const char *unit, bool *ret_changed,
			   struct err *e)
{
	_cleanup_free_ char *path = unitfile_dropin_path(kind, unit);

	if (!fs_exists(path))
		return 0;
	if (fs_unlink(path, e) < 0)
		return -1;
	if (ret_changed)
		*ret_changed = true;
	return 0;
}
