#include "config.h"

#include <ctype.h>
#include <strings.h>

#include "codes.h"
#include "collateral.h"
#include "core/fs.h"
#include "core/str.h"
#include "pypackage.h"
#include "steps.h"

#define CONFIG_MAX (256 * 1024)
#define STRING_MAX 4096

const char *shape_name(enum shape shape)
{
	return shape == SHAPE_SINGLE ? "single" : shape == SHAPE_MULTI ? "multi" : NULL;
}

bool strlist_has(const struct strlist *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i], s))
			return true;
	return false;
}

static void strlist_add(struct strlist *l, const char *s, size_t n)
{
	l->v = xrealloc(l->v, (l->n + 2) * sizeof(*l->v));
	l->v[l->n++] = xstrndup(s, n);
	l->v[l->n] = NULL;
}

static void strlist_done(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strlist){ 0 };
}

/* --- judging what the file says ------------------------------------------------------------- */

static bool plain_text(const char *s)
{
	size_t n = strlen(s);

	if (n > STRING_MAX)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* systemd.unit(5): letters, digits and ":-_.\@", with a suffix. */
static bool unit_name(const char *s)
{
	static const char *const suffixes[] = { ".service", ".path", ".timer", ".socket",
						".target" };

	if (strlen(s) > 255 ||
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@")])
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (str_ends(s, suffixes[i]) && !str_eq(s, suffixes[i]))
			return true;
	return false;
}

static bool url_ok(const char *s, const char *rule)
{
	if (!*s)
		return str_has_word(rule, "optional");
	if (str_eq(s, "off"))
		return str_has_word(rule, "off");
	if (strpbrk(s, " \t\"<>\\^`|"))
		return false;
	return (str_starts(s, "https://") && s[8]) ||
	       (str_has_word(rule, "http") && str_starts(s, "http://") && s[7]);
}

/* The last component of the path becomes a file's name, and an argument of bash. Values that are
 * filled in begin with a digit or a letter and hold no '/', so that the text may be judged before they are. */
static bool url_names_file(const char *s)
{
	const char *path = strchr(s + strlen("https://"), '/'), *name;
	size_t n = path ? strcspn(path, "?#") : 0;

	if (n == 0 || strcspn(s, "?#") < (size_t)(path - s))
		return false;
	for (name = path + n; name[-1] != '/'; name--)
		;
	n -= (size_t)(name - path);
	return n > 0 && *name != '-' && !(n == 1 && *name == '.') &&
	       !(n == 2 && strncmp(name, "..", 2) == 0);
}

static bool has_rule(const struct config_key *k, const char *word)
{
	return k->rule && str_has_word(k->rule, word);
}

#define DIGITS "0123456789"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* name==version as in PEP 440, with one version only: no "*", no marker behind it. */
static bool pinned(const char *s)
{
	size_t name = strspn(s, LOWER UPPER DIGITS "._-[],"), version;

	if (name == 0 || !isalnum((unsigned char)*s) || !str_starts(s + name, "=="))
		return false;
	s += name + 2;
	version = strspn(s, LOWER UPPER DIGITS ".+!_-");
	return version > 0 && !s[version];
}

/* Names of header fields that belong to the transfer itself. */
static bool own_header(const char *name, size_t n)
{
	static const char *const own[] = { "Range",	   "If-Range",	       "Host",
					   "Connection",   "Accept-Encoding",  "Content-Length",
					   "Content-Type", "Transfer-Encoding" };

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (strlen(own[i]) == n && strncasecmp(own[i], name, n) == 0)
			return true;
	return false;
}

/* "HOST Name: value"; the name is a token of RFC 9110, 5.6.2. */
static bool header_ok(const char *s)
{
	size_t host = strspn(s, LOWER UPPER DIGITS ".-"), name;

	if (host == 0 || s[host] != ' ')
		return false;
	s += host + 1;
	name = strspn(s, LOWER UPPER DIGITS "!#$%&'*+-.^_`|~");
	return name > 0 && str_starts(s + name, ": ") && s[name + 2] > ' ' && !own_header(s, name);
}

/* As RPM allows it; it becomes a part of a file's name too. */
static bool package_name(const char *s)
{
	size_t n = strspn(s, LOWER UPPER DIGITS "+._-");

	return isalnum((unsigned char)*s) && !s[n] && n < FACTS_VERSION_SIZE;
}

/* What yum is asked for must be what rpm -q can be asked for too, and answers for by that name, or it would never be known as
 * installed: NAME, NAME-VERSION or NAME-VERSION-RELEASE, each with .ARCH or without. No file, pattern, epoch or group.
 * What stands for {kernel} is as long as releases are. */
static bool package_asked(const char *s, bool with_kernel)
{
	_cleanup_free_ char *name =
		with_kernel ? str_expand(s, "kernel", "5.10.134-18.al8.x86_64", NULL) : xstrdup(s);

	return package_name(name) && !str_ends(name, ".rpm");
}

/* Texts that end up on a command line, in a path or in a URL. */
static const char *string_fault(const struct config_key *k, const char *s)
{
	size_t digits = strspn(s, DIGITS);

	if (has_rule(k, "number") && !digits)
		return "text that begins with a number";
	if (has_rule(k, "version") && (!digits || s[strspn(s, DIGITS ".")]))
		return "a version of digits and dots";
	if (has_rule(k, "package") && *s && !package_name(s))
		return "the name of a package: letters, digits and \"+._-\"";
	if (has_rule(k, "swiotlb") && (!digits || s[strspn(s, DIGITS LOWER ",")]))
		return "a number, then words of lower-case letters and digits, separated by commas";
	if (has_rule(k, "asked") && !package_asked(s, has_rule(k, "kernel")))
		return "names of packages: NAME, NAME-VERSION or NAME-VERSION-RELEASE, each with .ARCH or without, of "
		       "letters, digits and \"+._-\" (no file, no pattern, no epoch)";
	if (has_rule(k, "header") && !header_ok(s))
		return "\"HOST Name: value\", with a name that is not the transfer's own (Range, Host, ...)";
	if (has_rule(k, "pinned"))
		return pinned(s) ? pypackage_fault(s) : "package==version";
	return NULL;
}

/* A string without a NUL inside, which would hide what follows it; else NULL. */
static const char *text_of(struct json_object *v)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

	return s && strlen(s) == (size_t)json_object_get_string_len(v) ? s : NULL;
}

/* What a text must be to be the value of a key; NULL if it is fine, else what was expected. */
static const char *text_fault(const struct config_key *k, const char *s)
{
	if (!plain_text(s))
		return "text of at most 4096 characters without control characters";
	if (!*s && *k->single && !has_rule(k, "optional"))
		return "text that is not empty";
	switch (k->type) {
	case CONFIG_STRING:
	case CONFIG_LIST: return string_fault(k, s);
	case CONFIG_CHOICE:
		return *s && !strchr(s, ' ') && str_has_word(k->rule, s) ? NULL : k->rule;
	case CONFIG_URL:
		return url_ok(s, k->rule) ? NULL
		       : has_rule(k, "off")
			       ? "a URL (https://host/... or http://host/...) or \"off\""
			       : "a URL (https://host/..., http:// where the manual allows it)";
	case CONFIG_URLS:
		return !url_ok(s, "")	   ? "https:// URLs"
		       : url_names_file(s) ? NULL
					   : "URLs of files, with a name at the end";
	case CONFIG_SHA256: return !*s || str_is_hex(s, 64) ? NULL : "64 hexadecimal digits";
	case CONFIG_PATH:
		return !*s || (*s == '/' && !strstr(s, "/../") && !str_ends(s, "/.."))
			       ? NULL
			       : "an absolute path without \"..\"";
	case CONFIG_UNITS: return unit_name(s) ? NULL : "unit names such as ollama.service";
	default: return NULL;
	}
}

static bool is_list(enum config_type type)
{
	return type == CONFIG_LIST || type == CONFIG_UNITS || type == CONFIG_URLS;
}

static int check_list(const struct config_key *k, struct json_object *v, const char *name,
		      struct err *e)
{
	if (!json_object_is_type(v, json_type_array))
		return err_set(e, &CODE_CONFIG, "%s: %s: expected a list of strings", name, k->key);
	if (json_count(v) > (size_t)k->max)
		return err_set(e, &CODE_CONFIG, "%s: %s: more than %ld entries", name, k->key,
			       k->max);
	if (k->type == CONFIG_URLS && json_count(v) == 0)
		return err_set(e, &CODE_CONFIG, "%s: %s: at least one URL is needed", name, k->key);
	for (size_t i = 0; i < json_count(v); i++) {
		const char *s = text_of(json_item(v, i));
		const char *fault = !s	  ? "a string"
				    : !*s ? "text that is not empty"
					  : text_fault(k, s);

		if (fault)
			return err_set(e, &CODE_CONFIG, "%s: %s[%zu]: expected %s", name, k->key, i,
				       fault);
	}
	return 0;
}

static int check_value(const struct config_key *k, struct json_object *v, const char *name,
		       struct err *e)
{
	const char *fault;
	int64_t n;

	if (is_list(k->type))
		return check_list(k, v, name, e);
	if (k->type == CONFIG_BOOL) {
		if (json_object_is_type(v, json_type_boolean))
			return 0;
		return err_set(e, &CODE_CONFIG, "%s: %s: expected true or false", name, k->key);
	}
	if (k->type == CONFIG_INT) {
		n = json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : -1;
		if (json_object_is_type(v, json_type_int) && n >= k->min && n <= k->max)
			return 0;
		return err_set(e, &CODE_CONFIG, "%s: %s: expected a whole number from %ld to %ld",
			       name, k->key, k->min, k->max);
	}
	if (!text_of(v))
		return err_set(e, &CODE_CONFIG, "%s: %s: expected a string", name, k->key);
	fault = text_fault(k, text_of(v));
	if (fault)
		return err_set(e, &CODE_CONFIG, "%s: %s: expected %s, found \"%.64s\"", name,
			       k->key, fault, json_object_get_string(v));
	return 0;
}

static const struct config_key *find_key(const char *key)
{
	for (size_t i = 0; i < config_keys_n; i++)
		if (str_eq(config_keys[i].key, key))
			return &config_keys[i];
	return NULL;
}

static bool is_section(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < config_keys_n; i++)
		if (str_starts(config_keys[i].key, name) && config_keys[i].key[n] == '.')
			return true;
	return false;
}

static int check_section(const char *section, struct json_object *o, const char *name,
			 struct err *e)
{
	if (!json_object_is_type(o, json_type_object))
		return err_set(e, &CODE_CONFIG, "%s: %s: expected an object", name, section);
	json_object_object_foreach(o, key, value)
	{
		_cleanup_free_ char *full = xasprintf("%s.%.100s", section, key);
		const struct config_key *k = find_key(full);

		if (!k)
			return err_set(e, &CODE_CONFIG, "%s: unknown key \"%s\"; see gn8v(8)", name,
				       full);
		if (check_value(k, value, name, e) < 0)
			return -1;
	}
	return 0;
}

static int check_step(const char *id, struct json_object *o, const char *name, struct err *e)
{
	if (!step_by_id(id))
		return err_set(e, &CODE_CONFIG,
			       "%s: steps.%.64s: no such step; gn8v plan lists them", name, id);
	if (!json_object_is_type(o, json_type_object))
		return err_set(e, &CODE_CONFIG, "%s: steps.%s: expected an object", name, id);
	json_object_object_foreach(o, key, value)
	{
		int64_t n = json_object_is_type(value, json_type_int) ? json_object_get_int64(value)
								      : 0;

		if (!str_eq(key, "timeout_s") && !str_eq(key, "attempts") &&
		    !str_eq(key, "patience_s"))
			return err_set(e, &CODE_CONFIG, "%s: unknown key \"steps.%s.%.64s\"", name,
				       id, key);
		if (n < 1 || n > 86400)
			return err_set(e, &CODE_CONFIG,
				       "%s: steps.%s.%s: expected a whole number from 1 to 86400",
				       name, id, key);
	}
	return 0;
}

static int check_steps(struct json_object *o, const char *name, struct err *e)
{
	if (!json_object_is_type(o, json_type_object))
		return err_set(e, &CODE_CONFIG, "%s: steps: expected an object", name);
	json_object_object_foreach(o, id, value)
	{
		if (check_step(id, value, name, e) < 0)
			return -1;
	}
	return 0;
}

static int check_file(struct json_object *o, const char *name, struct err *e)
{
	if (!json_object_is_type(o, json_type_object))
		return err_set(e, &CODE_CONFIG, "%s: expected one JSON object", name);
	json_object_object_foreach(o, key, value)
	{
		const struct config_key *k = strchr(key, '.') ? NULL : find_key(key);
		int r;

		if (str_eq(key, "steps"))
			r = check_steps(value, name, e);
		else if (k)
			r = check_value(k, value, name, e);
		else if (is_section(key))
			r = check_section(key, value, name, e);
		else
			r = err_set(e, &CODE_CONFIG, "%s: unknown key \"%.64s\"; see gn8v(8)", name,
				    key);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* --- the environment ------------------------------------------------------------------------ */

/* The usual variables say what the file leaves out. Not HTTP_PROXY: a web server makes that of a header. */
static const char *const variables[][2] = {
	{"proxy.http",	"http_proxy" },
	  { "proxy.https",	   "https_proxy"},
	{ "proxy.https",	 "HTTPS_PROXY"},
	  { "proxy.no_proxy", "no_proxy"	 },
	{ "proxy.no_proxy", "NO_PROXY"   },
};

static const char *environment_value(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *v = str_eq(variables[i][0], key) ? getenv(variables[i][1]) : NULL;

		if (v && *v)
			return v;
	}
	return NULL;
}

static int check_environment(struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *v = getenv(variables[i][1]);
		const char *fault = v ? text_fault(find_key(variables[i][0]), v) : NULL;

		if (fault)
			return err_set(e, &CODE_CONFIG,
				       "environment: %s: expected %s, found \"%.64s\"",
				       variables[i][1], fault, v);
	}
	return 0;
}

/* --- values --------------------------------------------------------------------------------- */

static struct json_object *file_value(const struct config *c, const struct config_key *k)
{
	const char *dot = strchr(k->key, '.');
	_cleanup_free_ char *section = NULL;

	if (!dot)
		return json_get(c->json, k->key);
	section = xstrndup(k->key, (size_t)(dot - k->key));
	return json_get(json_get(c->json, section), dot + 1);
}

static void set_list(struct strlist *l, struct json_object *v, const char *text)
{
	strlist_done(l);
	*l = (struct strlist){ .v = xcalloc(1, sizeof(char *)) };
	if (v) {
		for (size_t i = 0; i < json_count(v); i++) {
			const char *s = json_object_get_string(json_item(v, i));

			strlist_add(l, s, strlen(s));
		}
		return;
	}
	for (const char *p = text; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		strlist_add(l, p, n);
		p += n;
	}
}

static void set_value(struct config *c, const struct config_key *k)
{
	const char *text = c->for_shape == SHAPE_MULTI && k->multi ? k->multi : k->single;
	struct json_object *v = file_value(c, k);
	const char *from_outside = environment_value(k->key);
	void *at = (char *)c + k->offset;

	if (is_list(k->type)) {
		set_list(at, v, text);
	} else if (k->type == CONFIG_BOOL) {
		*(bool *)at = v ? json_object_get_boolean(v) : str_eq(text, "true");
	} else if (k->type == CONFIG_INT) {
		*(int *)at = v ? json_object_get_int(v) : (int)strtol(text, NULL, 10);
	} else {
		free(*(char **)at);
		*(char **)at = xstrdup(v	      ? json_object_get_string(v)
				       : from_outside ? from_outside
						      : text);
	}
}

void config_set_shape(struct config *c, enum shape shape)
{
	c->for_shape = shape;
	for (size_t i = 0; i < config_keys_n; i++)
		set_value(c, &config_keys[i]);
}

int config_parse(struct config *c, const char *text, size_t len, const char *name, struct err *e)
{
	_cleanup_json_ struct json_object *o = NULL;

	*c = (struct config){ 0 };
	if (json_parse(text, len, name, &o, e) < 0)
		return err_rekind(e, &CODE_CONFIG);
	if (json_check_keys(text, len, name, e) < 0)
		return err_rekind(e, &CODE_CONFIG);
	if (check_file(o, name, e) < 0)
		return -1;
	c->json = TAKE_PTR(o);
	config_set_shape(c, SHAPE_SINGLE);
	return 0;
}

/* Whoever may write the configuration, or put another in its place, decides what root runs. */
static int check_owner(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir =
		!slash ? xstrdup(".") : xstrndup(path, (size_t)(slash - path) + (slash == path));
	struct stat st;

	if (fs_private_dir(dir, e) < 0)
		return err_rekind(e, &CODE_CONFIG);
	if (fs_has_root() || fs_stat(path, &st) < 0 || (st.st_uid == 0 && !(st.st_mode & 022)))
		return 0;
	err_set(e, &CODE_CONFIG, "%s: others than root may write it", path);
	err_hint(e, "chown root %s && chmod go-w %s; look at what it says first", path, path);
	return -1;
}

int config_load(struct config *c, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	*c = (struct config){ 0 };
	if (check_owner(path, e) < 0 || check_environment(e) < 0)
		return -1;
	if (fs_read_optional(path, CONFIG_MAX, &text, &len, e) < 0)
		return err_rekind(e, &CODE_CONFIG);
	if (!text) {
		config_set_shape(c, SHAPE_SINGLE);
		return 0;
	}
	if (config_parse(c, text, len, path, e) < 0)
		return -1;
	if (collateral_key_check(c->attest_rim_key_file, c->attest_rim_url, e) < 0) {
		config_done(c);
		return err_wrap(e, "%s", path);
	}
	/* What lies there is run as root. */
	if (fs_private_dir(c->fetch_dir, e) < 0) {
		config_done(c);
		err_rekind(e, &CODE_CONFIG);
		return err_wrap(e, "%s: fetch.dir", path);
	}
	return 0;
}

void config_done(struct config *c)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		void *at = (char *)c + config_keys[i].offset;

		if (is_list(config_keys[i].type))
			strlist_done(at);
		else if (config_keys[i].type != CONFIG_BOOL && config_keys[i].type != CONFIG_INT)
			free(*(char **)at);
	}
	json_object_put(c->json);
	*c = (struct config){ 0 };
}

unsigned int config_step(const struct config *c, const char *step, const char *what,
			 unsigned int fallback)
{
	struct json_object *o = json_get(json_get(c->json, "steps"), step);

	return (unsigned int)json_int(o, what, fallback);
}

static struct json_object *value_to_json(const struct config *c, const struct config_key *k)
{
	const void *at = (const char *)c + k->offset;
	const struct strlist *l = at;
	struct json_object *a;

	if (k->type == CONFIG_BOOL)
		return json_object_new_boolean(*(const bool *)at);
	if (k->type == CONFIG_INT)
		return json_object_new_int(*(const int *)at);
	if (!is_list(k->type))
		return json_object_new_string(*(char *const *)at);
	a = json_object_new_array();
	for (size_t i = 0; i < l->n; i++)
		json_object_array_add(a, json_object_new_string(l->v[i]));
	return a;
}

struct json_object *config_to_json(const struct config *c)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];
		const char *dot = strchr(k->key, '.');
		_cleanup_free_ char *section =
			dot ? xstrndup(k->key, (size_t)(dot - k->key)) : NULL;

		if (section && !json_get(o, section))
			json_set(o, section, json_object_new_object());
		json_set(section ? json_get(o, section) : o, dot ? dot + 1 : k->key,
			 value_to_json(c, k));
	}
	return o;
}
