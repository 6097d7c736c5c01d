#include "core/json.h"

#include <ctype.h>
#include <math.h>

#include "core/fs.h"
#include "core/str.h"

#define JSON_DEPTH_MAX 32

static size_t parsed_bytes(struct json_tokener *tok)
{
#if JSON_C_VERSION_NUM >= ((0 << 16) | (14 << 8))
	return json_tokener_get_parse_end(tok);
#else
	return (size_t)tok->char_offset;
#endif
}

static void place(const char *text, size_t at, unsigned int *ret_line, unsigned int *ret_column)
{
	*ret_line = *ret_column = 1;
	for (size_t i = 0; i < at; i++) {
		(*ret_column)++;
		if (text[i] == '\n') {
			(*ret_line)++;
			*ret_column = 1;
		}
	}
}

int json_parse(const char *text, size_t len, const char *name, struct json_object **ret,
	       struct err *e)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH_MAX);
	_cleanup_json_ struct json_object *o = NULL;
	enum json_tokener_error error;
	unsigned int line, column;
	size_t end;

	if (!tok)
		abort();
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	/* The terminating NUL ends numbers and makes an unfinished text an error. */
	o = json_tokener_parse_ex(tok, text, (int)len + 1);
	error = json_tokener_get_error(tok);
	end = parsed_bytes(tok);
	json_tokener_free(tok);
	if (end > len)
		end = len;
	while (error == json_tokener_success && end < len && isspace((unsigned char)text[end]))
		end++;
	place(text, end, &line, &column);
	if (error != json_tokener_success)
		return err_set(e, &ERR_FORMAT, "%s: line %u, column %u: not valid JSON (%s)", name,
			       line, column, json_tokener_error_desc(error));
	if (end < len)
		return err_set(e, &ERR_FORMAT,
			       "%s: line %u, column %u: something follows the value", name, line,
			       column);
	*ret = TAKE_PTR(o);
	return 0;
}

/* A key where it stands, and the object it belongs to by the place of its brace. */
struct key {
	const char *s;
	size_t len, object;
};

static const struct key *earlier(const struct key *keys, size_t n, const struct key *k)
{
	for (size_t i = 0; i < n; i++)
		if (keys[i].object == k->object && keys[i].len == k->len &&
		    memcmp(keys[i].s, k->s, k->len) == 0)
			return &keys[i];
	return NULL;
}

/* The end of a string whose quote p is behind. */
static const char *string_end(const char *p)
{
	while (*p && *p != '"')
		p += *p == '\\' && p[1] ? 2 : 1;
	return p;
}

int json_check_keys(const char *text, size_t len, const char *name, struct err *e)
{
	size_t open[JSON_DEPTH_MAX + 1] = { 0 }, depth = 0, n = 0;
	_cleanup_free_ struct key *keys = NULL;
	unsigned int line, column;
	bool escaped;

	for (const char *p = text; p < text + len; p++) {
		struct key k = { .s = p + 1, .object = open[depth] };

		if ((*p == '{' || *p == '[') && depth < JSON_DEPTH_MAX)
			open[++depth] = (size_t)(p - text);
		else if ((*p == '}' || *p == ']') && depth > 0)
			depth--;
		if (*p != '"')
			continue;
		p = string_end(k.s);
		k.len = (size_t)(p - k.s);
		if (p == text + len || p[1 + strspn(p + 1, " \t\r\n")] != ':')
			continue;
		escaped = memchr(k.s, '\\', k.len);
		if (escaped || earlier(keys, n, &k)) {
			place(text, (size_t)(k.s - text), &line, &column);
			return err_set(
				e, &ERR_FORMAT, "%s: line %u, column %u: the key \"%.*s\" %s", name,
				line, column, (int)(k.len < 100 ? k.len : 100), k.s,
				escaped ? "has a backslash in it" : "stands twice in one object");
		}
		keys = xrealloc(keys, (n + 1) * sizeof(*keys));
		keys[n++] = k;
	}
	return 0;
}

int json_read(const char *path, size_t max, struct json_object **ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (fs_read(path, max, &text, &len, e) < 0)
		return -1;
	return json_parse(text, len, path, ret, e);
}

int json_write(const char *path, mode_t mode, struct json_object *o, struct err *e)
{
	_cleanup_free_ char *text =
		xasprintf("%s\n", json_object_to_json_string_ext(
					  o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						     JSON_C_TO_STRING_NOSLASHESCAPE));

	return fs_write_atomic(path, mode, text, strlen(text), e);
}

struct json_object *json_get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (o && json_object_is_type(o, json_type_object))
		json_object_object_get_ex(o, key, &v);
	return v;
}

const char *json_str(struct json_object *o, const char *key, const char *fallback)
{
	struct json_object *v = json_get(o, key);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : fallback;
}

int64_t json_int(struct json_object *o, const char *key, int64_t fallback)
{
	struct json_object *v = json_get(o, key);

	return json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : fallback;
}

double json_num(struct json_object *o, const char *key, double fallback)
{
	struct json_object *v = json_get(o, key);

	if (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))
		return fallback;
	/* json-c takes NaN and Infinity, and would write them in a form that nobody takes. */
	return isfinite(json_object_get_double(v)) ? json_object_get_double(v) : fallback;
}

bool json_flag(struct json_object *o, const char *key, bool fallback)
{
	struct json_object *v = json_get(o, key);

	return json_object_is_type(v, json_type_boolean) ? json_object_get_boolean(v) : fallback;
}

size_t json_count(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? (size_t)json_object_array_length(array)
							   : 0;
}

struct json_object *json_item(struct json_object *array, size_t i)
{
	/* The index is an int or a size_t, depending on json-c's age. */
	return json_object_array_get_idx(array, (unsigned int)i);
}

void json_set(struct json_object *o, const char *key, struct json_object *value)
{
	if (json_object_object_add(o, key, value) < 0)
		abort();
}

/* RFC 3629, less its rules on overlong forms: those are of no harm to a reader. */
static bool is_utf8(const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		int more = *p < 0x80		     ? 0
			   : *p >= 0xc2 && *p < 0xe0 ? 1
			   : (*p & 0xf0) == 0xe0     ? 2
			   : *p >= 0xf0 && *p < 0xf5 ? 3
						     : -1;

		if (more < 0)
			return false;
		for (; more > 0; more--)
			if ((*++p & 0xc0) != 0x80)
				return false;
	}
	return true;
}

void json_set_str(struct json_object *o, const char *key, const char *value)
{
	_cleanup_free_ char *clean = value ? xstrdup(value) : NULL;

	/* JSON is UTF-8: what is not, or was cut in the middle of a character, becomes ASCII. */
	if (clean && !is_utf8(clean))
		str_sanitise(clean);
	json_set(o, key, clean ? json_object_new_string(clean) : NULL);
}

void json_set_int(struct json_object *o, const char *key, int64_t value)
{
	json_set(o, key, json_object_new_int64(value));
}

void json_set_num(struct json_object *o, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", value);
	json_set(o, key, json_object_new_double_s(value, text));
}

void json_set_bool(struct json_object *o, const char *key, bool value)
{
	json_set(o, key, json_object_new_boolean(value));
}
