#include "core/redact.h"

#include <ctype.h>
#include <strings.h>

#define SECRET_MIN 8
#define TAIL_MAX   32 /* of the rest of a name behind its telling part */
#define BLANKS	   " \t"

/* Names whose value is secret, as a part of the name; the least length of such a value. */
/* clang-format off */
static const struct {
	const char *part;
	const char *ends; /* what may stand between name and value */
	bool whole_line;
	size_t min;
} names[] = {
	{ "authorization", ":=", true, 1 },
	{ "cookie", ":=", true, 1 },
	{ "password", ":=", false, 1 },
	{ "passwd", ":=", false, 1 },
	{ "secret", ":=", false, 1 },
	{ "credential", ":=", false, 1 },
	{ "api-key", ":=", false, 1 },
	{ "api_key", ":=", false, 1 },
	{ "apikey", ":=", false, 1 },
	{ "access-key", ":=", false, 1 },
	{ "access_key", ":=", false, 1 },
	{ "accesskey", ":=", false, 1 },
	{ "signature", "=", false, SECRET_MIN }, /* of a URL; not what is said of one */
	{ "token", ":=", false, SECRET_MIN },
};
/* clang-format on */

void redact_secret(struct redact *r, const char *text)
{
	if (!text || strlen(text) < SECRET_MIN)
		return;
	r->v = xrealloc(r->v, (r->n + 1) * sizeof(*r->v));
	r->v[r->n++] = xstrdup(text);
}

void redact_done(struct redact *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i]);
	free(r->v);
	*r = (struct redact){ 0 };
}

static size_t named_secret(const struct redact *r, const char *p)
{
	for (size_t i = 0; r && i < r->n; i++)
		if (str_starts(p, r->v[i]))
			return strlen(r->v[i]);
	return 0;
}

/* Behind "://": the length up to and with the '@' of a user and password. A password may have a
 * slash in it: what follows a colon and is no port number is none either. */
static size_t user_of_url(const char *p)
{
	size_t word = strcspn(p, " \t\"'<>,"), host = strcspn(p, "/?# \t\"'<>,"), end = 0;
	const char *colon = memchr(p, ':', host);

	if (colon && p + host > colon + 1 && !isdigit((unsigned char)colon[1]))
		host = word;
	for (size_t i = 0; i < host; i++)
		if (p[i] == '@')
			end = i + 1;
	return end;
}

/* Where the value begins that belongs to a name at p, NULL if it is none. */
static const char *value_of(const char *p, size_t i)
{
	const char *at = p + strlen(names[i].part);

	if (strncasecmp(p, names[i].part, strlen(names[i].part)) != 0)
		return NULL;
	for (int n = 0; n < TAIL_MAX && (isalnum((unsigned char)*at) || *at == '_' || *at == '-');
	     n++)
		at++;
	at += *at == '\\';
	at += *at == '"' || *at == '\'';
	at += strspn(at, BLANKS);
	if (!*at || !strchr(names[i].ends, *at))
		return NULL;
	at++;
	return at + strspn(at, BLANKS);
}

static size_t quoted(const char *p, char quote)
{
	size_t n = 0;

	while (p[n] && p[n] != quote)
		n += p[n] == '\\' && p[n + 1] ? 2 : 1;
	return n;
}

static bool says_nothing(const char *value, size_t n)
{
	static const char *const words[] = { "null", "true", "false", REDACT_REMOVED };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (n == strlen(words[i]) && strncmp(value, words[i], n) == 0)
			return true;
	return n == 0 || *value == '{' || *value == '[';
}

/* Whether a string in double quotes is open before p: it ends what would go on to the end of the line. */
static bool in_quotes(const char *line, const char *p)
{
	bool open = false;

	for (; line < p; line++)
		if (*line == '"')
			open = !open;
	return open;
}

static size_t value_length(const char *line, const char *value, bool whole_line)
{
	if (!whole_line)
		return strcspn(value, " \t\"'&,;");
	return in_quotes(line, value) ? strcspn(value, "\"") : strlen(value);
}

/* Whether the name between p and its value has a part whose value is the rest of the line. */
static bool is_whole_line(const char *p, const char *value)
{
	for (; p < value; p++)
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (names[i].whole_line &&
			    strncasecmp(p, names[i].part, strlen(names[i].part)) == 0)
				return true;
	return false;
}

/* A name and its value at p: the length of what stays, and of what goes behind it. */
static bool name_and_value(const char *line, const char *p, size_t *ret_stay, size_t *ret_go)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = value_of(p, i);
		size_t n;

		if (!value)
			continue;
		if (*value == '"' || *value == '\'') {
			n = quoted(value + 1, *value);
			value++;
		} else {
			n = value_length(line, value, is_whole_line(p, value));
		}
		if (says_nothing(value, n) || n < names[i].min)
			continue;
		*ret_stay = (size_t)(value - p);
		*ret_go = n;
		return true;
	}
	return false;
}

static size_t bearer(const char *p, size_t *ret_stay)
{
	size_t n;

	if (strncasecmp(p, "bearer ", 7) != 0)
		return 0;
	*ret_stay = 7 + strspn(p + 7, BLANKS);
	n = strcspn(p + *ret_stay, " \t\"',;");
	return n >= SECRET_MIN ? n : 0;
}

/* What is secret at p: `stay` characters, then `go` that are removed. */
static bool is_secret(const char *line, const char *p, size_t *ret_stay, size_t *ret_go)
{
	*ret_stay = *ret_go = 0;
	if (str_starts(p, "://")) {
		*ret_stay = 3;
		*ret_go = user_of_url(p + 3);
		if (*ret_go > 0) /* the '@' stays */
			--*ret_go;
	}
	if (*ret_go == 0)
		*ret_go = bearer(p, ret_stay);
	return *ret_go > 0 || name_and_value(line, p, ret_stay, ret_go);
}

/* Those that were named go first: they may stand in the midst of what looks like a name. */
static void add_without_named(const struct redact *r, const char *line, struct strbuf *out)
{
	const char *from = line;
	size_t go;

	for (const char *p = line; *p; p += go ? go : 1) {
		go = named_secret(r, p);
		if (go == 0)
			continue;
		strbuf_add(out, from, (size_t)(p - from));
		strbuf_add(out, REDACT_REMOVED, strlen(REDACT_REMOVED));
		from = p + go;
	}
	strbuf_add(out, from, strlen(from));
}

/* One line without its end. */
static void add_line(const struct redact *r, const char *text, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };
	const char *from;

	add_without_named(r, text, &line);
	from = line.s;
	for (const char *p = line.s; *p;) {
		size_t stay, go;

		if (!is_secret(line.s, p, &stay, &go)) {
			p++;
			continue;
		}
		strbuf_add(out, from, (size_t)(p - from) + stay);
		strbuf_add(out, REDACT_REMOVED, strlen(REDACT_REMOVED));
		from = p += stay + go;
	}
	strbuf_add(out, from, strlen(from));
}

/* Where a private key begins, NULL if none does. */
static char *find_key(char *line)
{
	char *begin = line, *end, *word;

	while ((begin = strstr(begin, "-----BEGIN "))) {
		end = strstr(begin + strlen("-----BEGIN "), "-----");
		word = strstr(begin, "PRIVATE KEY");
		if (word && (!end || word < end))
			return begin;
		begin++;
	}
	return NULL;
}

/* Takes private keys, or the part of one that this line has, out of the line; *inside says that one
 * goes on in the next. */
static void cut_keys(char *line, bool *inside)
{
	char *begin = *inside ? line : find_key(line), *end;

	while (begin) {
		end = strstr(begin, "-----END ");
		end = end ? strstr(end, "KEY-----") : NULL;
		*inside = !end;
		end = end ? end + strlen("KEY-----") : begin + strlen(begin);
		if ((size_t)(end - begin) >= strlen(REDACT_REMOVED)) {
			memcpy(begin, REDACT_REMOVED, strlen(REDACT_REMOVED));
			begin += strlen(REDACT_REMOVED);
		}
		memmove(begin, end, strlen(end) + 1);
		begin = find_key(line);
	}
}

void redact_text(const struct redact *r, const char *text, size_t len, struct strbuf *out)
{
	bool key = false;

	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		_cleanup_free_ char *line = xmalloc(n + 1);

		for (size_t i = 0; i < n; i++)
			line[i] = (char)(text[i] ? text[i] : '?');
		line[n] = '\0';
		cut_keys(line, &key);
		add_line(r, line, out);
		if (end)
			strbuf_add(out, "\n", 1);
		n += end != NULL;
		text += n;
		len -= n;
	}
}
