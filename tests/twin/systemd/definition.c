/*
 * Reading unit files: the keys of the table below, from the fragment and its drop-ins. Other keys
 * are passed over.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

const char *const unit_dirs[] = { "/etc/systemd/system", "/run/systemd/system",
				  "/usr/lib/systemd/system", NULL };

enum kind { WORDS, ITEM, TEXT, BOOL, SECONDS, COMMAND, TYPE, ASSIGNMENTS };

/* clang-format off */
static const struct key {
	const char *section, *name;
	enum kind kind;
	size_t offset;
} keys[] = {
#define AT(field) offsetof(struct definition, field)
	{ "Unit",    "Description",         TEXT,    AT(description) },
	{ "Unit",    "After",               WORDS,   AT(after) },
	{ "Unit",    "Before",              WORDS,   AT(before) },
	{ "Unit",    "Requires",            WORDS,   AT(requires) },
	{ "Unit",    "Wants",               WORDS,   AT(wants) },
	{ "Unit",    "PartOf",              WORDS,   AT(part_of) },
	{ "Unit",    "ConditionPathExists", ITEM,    AT(conditions) },
	{ "Unit",    "AssertPathExists",    ITEM,    AT(asserts) },
	{ "Unit",    "DefaultDependencies", BOOL,    AT(default_dependencies) },
	{ "Unit",    "RefuseManualStart",   BOOL,    AT(refuse_manual_start) },
	{ "Unit",    "RefuseManualStop",    BOOL,    AT(refuse_manual_stop) },
	{ "Service", "Type",                TYPE,    AT(type) },
	{ "Service", "ExecStartPre",        COMMAND, AT(exec[EXEC_START_PRE]) },
	{ "Service", "ExecStart",           COMMAND, AT(exec[EXEC_START]) },
	{ "Service", "ExecStartPost",       COMMAND, AT(exec[EXEC_START_POST]) },
	{ "Service", "ExecStop",            COMMAND, AT(exec[EXEC_STOP]) },
	{ "Service", "ExecStopPost",        COMMAND, AT(exec[EXEC_STOP_POST]) },
	{ "Service", "Environment",         ASSIGNMENTS, AT(environment) },
	{ "Service", "PIDFile",             TEXT,    AT(pid_file) },
	{ "Service", "TimeoutStartSec",     SECONDS, AT(timeout_start_s) },
	{ "Service", "TimeoutStopSec",      SECONDS, AT(timeout_stop_s) },
	{ "Service", "RemainAfterExit",     BOOL,    AT(remain_after_exit) },
	{ "Path",    "PathChanged",         ITEM,    AT(watched) },
	{ "Path",    "Unit",                TEXT,    AT(triggers) },
	{ "Install", "WantedBy",            WORDS,   AT(wanted_by) },
	{ "Install", "Alias",               WORDS,   AT(aliases) },
};
/* clang-format on */

/* "90", "1min 30s", "500ms", "infinity" */
static double seconds_of(const char *p)
{
	static const struct {
		const char *name;
		double s;
	} units[] = {
		{"ms",	1e-3},
		{ "us",	1e-6},
		{ "min", 60  },
		       { "m",   60	 },
		{ "sec", 1   },
		{ "s",   1	 },
		{ "h",   3600},
	};
	double total = 0;

	if (strcmp(p, "infinity") == 0)
		return INFINITY;
	while (*(p += strspn(p, " "))) {
		char *end;
		double value = strtod(p, &end), scale = 1;
		size_t n;

		if (end == p)
			return total;
		n = strspn(end, "abcdefghijklmnopqrstuvwxyz");
		for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
			if (n == strlen(units[i].name) && strncmp(end, units[i].name, n) == 0)
				scale = units[i].s;
		total += value * scale;
		p = end + n;
	}
	return total;
}

/* The specifiers that units of this machine use: %n %N %p %v %%. */
static char *expand(const struct twin *t, const char *name, const char *value)
{
	char *out = copy("");

	for (const char *p = value; *p; p++) {
		_cleanup_free_ char *kernel = NULL;
		char *next;

		if (*p != '%' || !p[1]) {
			next = fmt("%s%c", out, *p);
		} else if (*++p == 'v') {
			kernel = twin_kernel(t);
			next = fmt("%s%s", out, kernel);
		} else if (*p == 'n') {
			next = fmt("%s%s", out, name);
		} else if (*p == 'N' || *p == 'p') {
			next = fmt("%s%.*s", out, (int)(strrchr(name, '.') - name), name);
		} else {
			next = *p == '%' ? fmt("%s%%", out) : fmt("%s%%%c", out, *p);
		}
		free(out);
		out = next;
	}
	return out;
}

static void commands_done(struct commands *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].path);
		strv_done(&l->v[i].argv);
	}
	free(l->v);
	*l = (struct commands){ 0 };
}

static void command_add(struct commands *l, const char *value)
{
	struct command c = { 0 };
	bool own_name = false;

	for (; *value && strchr("-@:+!", *value); value++) {
		c.ignore_failure |= *value == '-';
		own_name |= *value == '@';
	}
	strv_words(&c.argv, value);
	if (c.argv.n == 0 || (own_name && c.argv.n < 2)) {
		strv_done(&c.argv);
		return;
	}
	c.path = copy(c.argv.v[0]);
	if (own_name) { /* "@program name": the second word is what the program sees as argv[0] */
		free(c.argv.v[0]);
		memmove(c.argv.v, c.argv.v + 1, c.argv.n * sizeof(*c.argv.v));
		c.argv.n--;
	}
	l->v = must(realloc(l->v, (l->n + 1) * sizeof(*l->v)));
	l->v[l->n++] = c;
}

static void type_set(struct definition *d, const char *value)
{
	d->type_named = true;
	if (strcmp(value, "simple") == 0 || strcmp(value, "exec") == 0)
		d->type = SERVICE_SIMPLE;
	else if (strcmp(value, "forking") == 0)
		d->type = SERVICE_FORKING;
	else if (strcmp(value, "oneshot") == 0)
		d->type = SERVICE_ONESHOT;
	else
		d->load_state = "bad-setting";
}

static void key_set(struct definition *d, const struct key *k, const char *value)
{
	void *field = (char *)d + k->offset;

	switch (k->kind) {
	case TEXT:
		free(*(char **)field);
		*(char **)field = *value ? copy(value) : NULL;
		break;
	case WORDS: /* the lists of units cannot be emptied: systemd.unit(5) */
		strv_words(field, value);
		break;
	case ITEM:
	case ASSIGNMENTS:
		if (!*value)
			strv_done(field);
		else if (k->kind == ITEM)
			strv_add(field, value);
		else
			strv_words(field, value);
		break;
	case BOOL:
		*(bool *)field =
			*value && strchr("1yYtT", *value) ? true : strcasecmp(value, "on") == 0;
		break;
	case SECONDS: *(double *)field = seconds_of(value); break;
	case COMMAND:
		if (!*value)
			commands_done(field);
		else
			command_add(field, value);
		break;
	case TYPE: type_set(d, value); break;
	}
}

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return s + strspn(s, " \t");
}

static void line_read(const struct twin *t, const char *name, struct definition *d, char *section,
		      char *line)
{
	char *equals, *key;
	_cleanup_free_ char *value = NULL;

	line = trim(line);
	if (*line == '[') {
		snprintf(section, 32, "%.*s", (int)strcspn(line + 1, "]"), line + 1);
		d->has_install |= strcmp(section, "Install") == 0;
		return;
	}
	if (!*line || *line == '#' || *line == ';' || !(equals = strchr(line, '=')))
		return;
	*equals = '\0';
	key = trim(line);
	value = expand(t, name, trim(equals + 1));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, key) == 0)
			key_set(d, &keys[i], value);
}

static void text_read(const struct twin *t, const char *name, struct definition *d, char *text)
{
	char section[32] = "";

	for (char *p; (p = strstr(text, "\\\n"));) /* a line goes on after a backslash */
		p[0] = p[1] = ' ';
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line_read(t, name, d, section, line);
	}
}

char *definition_fragment(const struct twin *t, const char *name)
{
	for (const char *const *dir = unit_dirs; *dir; dir++) {
		char *path = fmt("%s/%s", *dir, name);
		_cleanup_free_ char *host = twin_chase(t, path);

		if (access(host, F_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* Sorted by file name over all folders; of the same name the first folder's is taken. */
static void drop_ins_find(const struct twin *t, const char *name, struct strv *ret)
{
	struct strv names = { 0 };

	for (const char *const *dir = unit_dirs; *dir; dir++) {
		_cleanup_free_ char *path = fmt("%s%s/%s.d", t->root, *dir, name);
		struct strv here = { 0 };

		dir_names(path, &here);
		for (size_t i = 0; i < here.n; i++)
			if (ends_with(here.v[i], ".conf") && !strv_has(&names, here.v[i]))
				strv_add(&names, here.v[i]);
		strv_done(&here);
	}
	strv_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		for (const char *const *dir = unit_dirs; *dir; dir++) {
			char *path = fmt("%s/%s.d/%s", *dir, name, names.v[i]);
			_cleanup_free_ char *host = twin_chase(t, path);

			if (access(host, R_OK) == 0) {
				strv_take(ret, path);
				break;
			}
			free(path);
		}
	strv_done(&names);
}

static uint64_t hash_add(uint64_t h, const char *s) /* FNV-1a, the closing NUL included */
{
	do
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	while (*s++);
	return h;
}

static char *text_of(const struct twin *t, const char *path)
{
	_cleanup_free_ char *host = twin_chase(t, path);

	return file_read(host);
}

uint64_t definition_fingerprint(const struct twin *t, const char *name)
{
	_cleanup_free_ char *fragment = definition_fragment(t, name);
	struct strv files = { 0 };
	uint64_t h = 14695981039346656037u;

	if (fragment)
		strv_add(&files, fragment);
	drop_ins_find(t, name, &files);
	for (size_t i = 0; i < files.n; i++) {
		_cleanup_free_ char *text = text_of(t, files.v[i]);

		h = hash_add(hash_add(h, files.v[i]), text ? text : "");
	}
	strv_done(&files);
	return h;
}

static void wants_find(const struct twin *t, const char *name, struct strv *ret)
{
	for (const char *const *dir = unit_dirs; *dir; dir++) {
		_cleanup_free_ char *path = fmt("%s%s/%s.wants", t->root, *dir, name);
		struct strv here = { 0 };

		dir_names(path, &here);
		for (size_t i = 0; i < here.n; i++)
			if (!strv_has(ret, here.v[i]))
				strv_add(ret, here.v[i]);
		strv_done(&here);
	}
}

static void defaults_fill(struct definition *d, const char *name)
{
	if (!d->type_named && d->exec[EXEC_START].n == 0)
		d->type = SERVICE_ONESHOT; /* systemd.service(5), Type= */
	if (isnan(d->timeout_start_s))
		d->timeout_start_s = d->type == SERVICE_ONESHOT ? INFINITY : 90;
	if (!d->description)
		d->description = copy(name);
	if (ends_with(name, ".path") && !d->triggers)
		d->triggers = fmt("%.*s.service", (int)(strlen(name) - strlen(".path")), name);
}

void definition_load(struct twin *t, const char *name, struct definition *d)
{
	*d = (struct definition){ .load_state = "loaded",
				  .default_dependencies = true,
				  .timeout_start_s = NAN,
				  .timeout_stop_s = 90 };
	d->fragment = definition_fragment(t, name);
	d->fingerprint = definition_fingerprint(t, name);
	if (d->fragment) {
		_cleanup_free_ char *host = twin_chase(t, d->fragment), *text = file_read(host);

		if (strcmp(host, "/dev/null") == 0)
			d->load_state = "masked";
		text_read(t, name, d, text ? text : (text = copy("")));
	} else {
		d->load_state = "not-found";
	}
	drop_ins_find(t, name, &d->drop_ins);
	for (size_t i = 0; i < d->drop_ins.n; i++) {
		_cleanup_free_ char *text = text_of(t, d->drop_ins.v[i]);

		if (text)
			text_read(t, name, d, text);
	}
	wants_find(t, name, &d->wants);
	if (strcmp(name, "multi-user.target") ==
	    0) /* default.target is a link to it on these machines */
		wants_find(t, "default.target", &d->wants);
	defaults_fill(d, name);
}

void definition_done(struct definition *d)
{
	struct strv *lists[] = { &d->drop_ins,	  &d->after,   &d->before,     &d->requires,
				 &d->wants,	  &d->part_of, &d->conditions, &d->asserts,
				 &d->environment, &d->watched, &d->wanted_by,  &d->aliases };

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		strv_done(lists[i]);
	for (int i = 0; i < EXEC_MAX; i++)
		commands_done(&d->exec[i]);
	free(d->fragment);
	free(d->description);
	free(d->pid_file);
	free(d->triggers);
}
