/* What systemd has read of a unit, and which units it waits for. */
#include "core/str.h"
#include "sys/units_inside.h"

/* A bound for what is walked through: a machine has some hundred units. */
#define BEHIND_MAX 1024

/* What every other unit comes after by default. Behind them is nothing that an ordinary boot waits for last. */
static const char *const early[] = { "sysinit.target", "basic.target" };

static void free_list(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}

void units_source_done(struct unit_source *s)
{
	free(s->fragment);
	free_list(s->dropins);
	free_list(s->after);
	*s = (struct unit_source){ 0 };
}

static int read_text(sd_bus_message *m, char **ret)
{
	const char *s;
	int r = sd_bus_message_read(m, "v", "s", &s);

	if (r <= 0)
		return r;
	free(*ret);
	*ret = xstrdup(s);
	return r;
}

static int read_list(sd_bus_message *m, char ***ret)
{
	char **list = NULL;
	int r = sd_bus_message_enter_container(m, 'v', "as");

	if (r > 0)
		r = sd_bus_message_read_strv(m, &list);
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	free_list(*ret);
	*ret = list;
	return r;
}

static int read_source(sd_bus_message *m, const char *key, void *data)
{
	struct unit_source *s = data;
	const char *id;
	int r;

	if (str_eq(key, "FragmentPath"))
		return read_text(m, &s->fragment);
	if (str_eq(key, "DropInPaths"))
		return read_list(m, &s->dropins);
	if (str_eq(key, "After"))
		return read_list(m, &s->after);
	if (str_eq(key, "InactiveExitTimestampMonotonic"))
		return sd_bus_message_read(m, "v", "t", &s->begun_us);
	if (!str_eq(key, "Id"))
		return sd_bus_message_skip(m, "v");
	r = sd_bus_message_read(m, "v", "s", &id);
	if (r > 0)
		str_copy(s->id, sizeof(s->id), id);
	return r;
}

int units_get_source(struct units *u, const char *name, struct unit_source *ret, struct err *e)
{
	struct unit_source s = { 0 };

	if (units_properties(u, name, read_source, &s, e) < 0) {
		units_source_done(&s);
		return -1;
	}
	if (!s.fragment)
		s.fragment = xstrdup("");
	*ret = s;
	return 0;
}

/* --- order -------------------------------------------------------------------------------------- */

/* Units that are to be looked at, and those that were. */
struct walk {
	char *v[BEHIND_MAX];
	size_t n;
};

static void walk_free(struct walk **w)
{
	for (size_t i = 0; i < (*w)->n; i++)
		free((*w)->v[i]);
	free(*w);
}

static bool is_listed(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n && list[i]; i++)
		if (str_eq(name, list[i]))
			return true;
	return false;
}

static int walk_add(struct walk *w, const char *name, struct err *e)
{
	if (is_listed(name, (const char *const *)w->v, w->n) ||
	    is_listed(name, early, ARRAY_SIZE(early)))
		return 0;
	if (w->n == BEHIND_MAX)
		return err_set(e, &ERR_TOO_LARGE,
			       "more than %d units are ordered before each other", BEHIND_MAX);
	w->v[w->n++] = xstrdup(name);
	return 0;
}

/* A name that systemd cannot load has no order. */
static int walk_on(struct units *u, struct walk *w, size_t at, const char *const *others,
		   bool *ret_yes, struct err *e)
{
	struct unit_source s = { 0 };
	struct err why = ERR_INIT;
	int r = 0;

	if (units_get_source(u, w->v[at], &s, &why) < 0) {
		if (units_error_is_missing(u) || units_error_is(u, SD_BUS_ERROR_INVALID_ARGS))
			return 0;
		if (e)
			*e = why;
		return -1;
	}
	*ret_yes = is_listed(s.id, others, SIZE_MAX);
	for (char **name = s.after; r == 0 && !*ret_yes && name && *name; name++)
		r = walk_add(w, *name, e);
	units_source_done(&s);
	return r;
}

int units_is_behind(struct units *u, const char *name, const char *const *others, bool *ret_yes,
		    struct err *e)
{
	_cleanup_(walk_free) struct walk *w = xcalloc(1, sizeof(*w));

	*ret_yes = false;
	if (walk_add(w, name, e) < 0)
		return -1;
	for (size_t i = 0; i < w->n && !*ret_yes; i++)
		if (walk_on(u, w, i, others, ret_yes, e) < 0)
			return err_wrap(e, "%s: what it is ordered after", name);
	return 0;
}
