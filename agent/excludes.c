#include "excludes.h"

#include <ctype.h>
#include <fnmatch.h>

#include "core/fs.h"
#include "core/str.h"
#include "paths.h"

#define FILE_MAX  (1024 * 1024)
#define FILES_MAX 1000

struct search {
	const char *const *packages;
	size_t n;
	enum excludes_scope scope;
	struct exclude *ret;
	const char *file;
	unsigned int line;
	bool found;
};

/* One section of a file. Its exclude= counts only once its end shows that it is enabled. */
struct section {
	bool main, in_list, off, hit;
	struct exclude exclude;
};

/* A pattern is held against the name alone and against the forms with version, release and architecture. What yum is asked
 * for may be any of these: its shorter forms are found by cutting it. */
static bool hides(const char *pattern, const char *package)
{
	_cleanup_free_ char *form = xstrdup(package), *with_arch = NULL;
	char *cut;

	if (fnmatch(pattern, form, 0) == 0)
		return true;
	if (str_ends(form, ".x86_64") || str_ends(form, ".noarch")) {
		form[strlen(form) - 7] = '\0';
		if (fnmatch(pattern, form, 0) == 0)
			return true;
	}
	while ((cut = strrchr(form, '-')) && isdigit((unsigned char)cut[1])) {
		*cut = '\0';
		if (fnmatch(pattern, form, 0) == 0)
			return true;
	}
	with_arch = xasprintf("%s.x86_64", form);
	return fnmatch(pattern, with_arch, 0) == 0;
}

/* The words of a value, separated by blanks or commas. */
static void take_patterns(struct search *s, struct section *in, char *value)
{
	char *word;

	while ((word = strsep(&value, " \t,"))) {
		for (size_t i = 0; *word && !in->hit && i < s->n; i++) {
			if (!hides(word, s->packages[i]))
				continue;
			in->hit = true;
			str_copy(in->exclude.package, sizeof(in->exclude.package), s->packages[i]);
			str_copy(in->exclude.pattern, sizeof(in->exclude.pattern), word);
			snprintf(in->exclude.where, sizeof(in->exclude.where), "%s, line %u",
				 s->file, s->line);
			str_sanitise(in->exclude.pattern);
			str_sanitise(in->exclude.where);
		}
	}
}

static bool is_no(const char *value)
{
	static const char *const words[] = { "0", "no", "false", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(value, words[i]) == 0)
			return true;
	return false;
}

static void take_key(struct search *s, struct section *in, const char *key, char *value)
{
	in->in_list = str_eq(key, "exclude") || str_eq(key, "excludepkgs");
	if (in->in_list)
		take_patterns(s, in, value);
	else if (str_eq(key, "enabled") && !in->main)
		in->off = is_no(value);
	else if (str_eq(key, "disable_excludes") && in->main)
		in->off = strstr(value, "all") || strstr(value, "main") || strchr(value, '*');
}

static void end_section(struct search *s, struct section *in)
{
	bool counts = in->main || s->scope == EXCLUDES_ANY_REPOSITORY;

	if (in->hit && !in->off && counts && !s->found) {
		s->found = true;
		*s->ret = in->exclude;
	}
	*in = (struct section){ 0 };
}

/* INI as Python's ConfigParser and libdnf read it: a line that begins with a blank continues the value before. */
static void take_line(struct search *s, struct section *in, char *line)
{
	bool continues = *line == ' ' || *line == '\t';
	char *text = str_trim(line), *equals = strchr(text, '=');

	if (*text == '#' || *text == ';' || !*text)
		return;
	if (continues) {
		if (in->in_list)
			take_patterns(s, in, text);
		return;
	}
	if (*text == '[') {
		end_section(s, in);
		in->main = str_starts(text, "[main]");
		return;
	}
	if (!equals)
		return;
	*equals = '\0';
	take_key(s, in, str_trim(text), str_trim(equals + 1));
}

static void search_file(struct search *s, const char *path)
{
	_cleanup_free_ char *text = NULL;
	struct section in = { 0 };
	char *rest, *line;

	if (s->found || fs_read(path, FILE_MAX, &text, NULL, NULL) < 0)
		return;
	s->file = path;
	s->line = 0;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		s->line++;
		take_line(s, &in, line);
	}
	end_section(s, &in);
}

bool excludes_find(const char *const *packages, size_t n, enum excludes_scope scope,
		   struct exclude *ret)
{
	struct search s = { .packages = packages, .n = n, .scope = scope, .ret = ret };
	struct fs_names names;

	/* yum.conf is a link to dnf.conf, or is not read by the yum that is dnf. */
	search_file(&s, fs_exists(PATH_DNF_CONF) ? PATH_DNF_CONF : PATH_YUM_CONF);
	if (s.found || scope == EXCLUDES_ALL_REPOSITORIES ||
	    fs_list(PATH_YUM_REPOS, &names, NULL) < 0)
		return s.found;
	for (size_t i = 0; i < names.n && i < FILES_MAX; i++) {
		_cleanup_free_ char *path = xasprintf(PATH_YUM_REPOS "/%s", names.v[i]);

		if (str_ends(names.v[i], ".repo"))
			search_file(&s, path);
	}
	fs_names_done(&names);
	return s.found;
}
