#include "core/redact.h"

#include <ctype.h>
#include <strings.h>

#include "core/json.h"

#define SECRET_MIN 8
#define BLANKS	   " \t"
#define WORD_ENDS  " \t\"<>" /* no password in a URL has one of these as it is */
#define NAME_MARKS "-_."

/* How sure it is that the value of a name is secret. */
enum telling {
	NOTHING,
	SIGNATURE, /* a long value behind '=': much is said of signatures that is no secret */
	LIKELY,	   /* behind ':' it has to look like a secret, for a sentence may go on there */
	SURE,
	HEADER, /* the value is the rest of the line */
};

/* clang-format off */
static const struct {
	const char *word; /* '_' is any mark */
	bool whole; /* stands between the borders of a part, as in ssh-key, HF_KEY, apiKey; else anywhere */
	enum telling telling;
} words[] = { /* the first that a name has decides */
	{ "authorization", false, HEADER },
	{ "cookie", false, HEADER },
	{ "passw", false, SURE },
	{ "passphrase", false, SURE },
	{ "secret", false, SURE },
	{ "credential", false, SURE },
	{ "api_key", false, SURE }, { "apikey", false, SURE },
	{ "access_key", false, SURE }, { "accesskey", false, SURE },
	{ "sig", true, SIGNATURE },
	{ "signature", true, SIGNATURE },
	{ "token", false, LIKELY },
	{ "authkey", false, LIKELY },
	{ "rpm_key", true, NOTHING }, { "rpm_other_key", true, NOTHING }, { "public_key", true, NOTHING }, { "key_file", true, NOTHING },
	{ "key", true, LIKELY },
	{ "auth", true, LIKELY },
	{ "pass", true, LIKELY },
	{ "pwd", true, LIKELY },
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

/* The length of a word; a quote that ends it may have backslashes before it. */
static size_t word_length(const char *p, const char *ends)
{
	size_t n = strcspn(p, ends);

	while (p[n] == '"' && n > 0 && p[n - 1] == '\\')
		n--;
	return n;
}

size_t redact_url_user(const char *p)
{
	const char *at = memrchr(p, '@', word_length(p, WORD_ENDS));

	if (!at || (!memchr(p, ':', (size_t)(at - p)) && at > p + strcspn(p, "/?#")))
		return 0;
	return (size_t)(at - p);
}

/* What is secret behind "://" at p. A query that was taken for a password goes with what follows it. */
static size_t url_user(const char *p)
{
	size_t n = redact_url_user(p);

	return memchr(p, '?', n) ? word_length(p, WORD_ENDS) : n;
}

/* The same where a proxy is named without "http://": a user alone is then none, it could be a unit's name. */
static size_t proxy_user(const char *p)
{
	size_t n = redact_url_user(p);

	return memchr(p, ':', n) && !memmem(p, n, "://", 3) ? n : 0;
}

/* Whether the word up to p is the beginning of a URL. */
static bool in_url(const char *line, const char *p)
{
	while (p > line && !strchr(WORD_ENDS, p[-1])) {
		if (str_starts(--p, "://"))
			return true;
	}
	return false;
}

/* --- names --- */

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr(NAME_MARKS, c));
}

/* Whether a part of a name may begin at i: parts are divided by marks, and as in OSSAccessKeyId. */
static bool is_border(const char *name, size_t n, size_t i)
{
	if (i == 0 || i == n || !isalnum((unsigned char)name[i]) ||
	    !isalnum((unsigned char)name[i - 1]))
		return true;
	if (!isalpha((unsigned char)name[i]) != !isalpha((unsigned char)name[i - 1]))
		return true;
	return isupper((unsigned char)name[i]) &&
	       (islower((unsigned char)name[i - 1]) ||
		(i + 1 < n && islower((unsigned char)name[i + 1])));
}

static bool is_word(const char *p, const char *word)
{
	for (; *word; p++, word++)
		if (tolower((unsigned char)*p) != *word &&
		    (*word != '_' || !strchr(NAME_MARKS, *p)))
			return false;
	return true;
}

static bool has_word(const char *name, size_t n, const char *word, bool whole)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= n; i++)
		if (is_word(name + i, word) &&
		    (!whole || (is_border(name, n, i) && is_border(name, n, i + len))))
			return true;
	return false;
}

static enum telling what_name_tells(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (has_word(name, n, words[i].word, words[i].whole))
			return words[i].telling;
	return NOTHING;
}

/* Options of curl and others whose value is USER:PASSWORD. */
static bool is_user_option(const char *name, size_t n)
{
	static const char *const options[] = { "-u", "-U", "--user", "--proxy-user" };

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (n == strlen(options[i]) && strncmp(name, options[i], n) == 0)
			return true;
	return false;
}

/* --- values --- */

/* Where a value is, what stands around it, and how long it is. */
struct value {
	const char *s;
	size_t n;
	char separator; /* ' ' between an option and its value */
	bool quoted, name_quoted;
};

/* The length of what is in quotes: before the quote that ends it stand as many backslashes as before the one
 * that began it. */
static size_t quoted_length(const char *p, char quote, size_t backslashes)
{
	size_t n = 0, run = 0;

	for (; p[n]; n++) {
		if (p[n] == quote && run % (2 * (backslashes + 1)) == backslashes)
			return n - backslashes;
		run = p[n] == '\\' ? run + 1 : 0;
	}
	return n;
}

/* The value of the name before p. */
static bool find_value(const char *p, bool option, struct value *ret)
{
	const char *at = p + strspn(p, "\\\"'");
	size_t backslashes;

	*ret = (struct value){ .name_quoted = at > p };
	at += strspn(at, BLANKS);
	if (*at == ':' || *at == '=')
		ret->separator = *at++;
	else if (option && *p && strchr("\\\"'" BLANKS, *p)) /* also among the strings of a list */
		ret->separator = ' ';
	else
		return false;
	at += ret->separator == '=' && *at == '>';
	at += strspn(at, ret->separator == ' ' ? ", \t" : BLANKS);
	backslashes = strspn(at, "\\");
	if (at[backslashes] == '"' || at[backslashes] == '\'') {
		ret->quoted = true;
		ret->s = at + backslashes + 1;
		ret->n = quoted_length(ret->s, ret->s[-1], backslashes);
	} else {
		ret->s = at;
		ret->n = word_length(at, " \t\"");
	}
	return ret->n > 0;
}

static bool says_nothing(const struct value *v)
{
	static const char *const no[] = { "null", "true", "false", REDACT_REMOVED };

	size_t n = v->quoted ? v->n : strcspn(v->s, ",;}] \t\"'");

	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (n == strlen(no[i]) && strncmp(v->s, no[i], n) == 0)
			return true;
	if (v->separator == ' ')
		return *v->s == '-';
	return v->separator == ':' && !v->quoted && (*v->s == '{' || *v->s == '[');
}

static bool looks_secret(const struct value *v)
{
	for (size_t i = 0; i < v->n && v->n >= SECRET_MIN; i++)
		if (isdigit((unsigned char)v->s[i]))
			return true;
	return false;
}

static bool is_secret_value(enum telling telling, const struct value *v)
{
	if (says_nothing(v))
		return false;
	if (telling == SIGNATURE)
		return v->separator != ':' && v->n >= SECRET_MIN;
	if (telling == LIKELY)
		return v->separator != ':' || v->quoted || v->name_quoted || looks_secret(v);
	return telling != NOTHING;
}

/* The value of a variable that stands in quotes together with its name ends with them: "NAME=one two". */
static size_t variable_length(const char *line, const char *name, const struct value *v)
{
	size_t backslashes = 0;

	if (name == line || !strchr("\"'", name[-1]) || v->quoted || v->s[-1] != '=')
		return v->n;
	for (const char *p = name - 1; p > line && p[-1] == '\\'; p--)
		backslashes++;
	return quoted_length(v->s, name[-1], backslashes);
}

/* A name and its value at p: the length of what stays, and of what goes behind it. */
static bool name_and_value(const char *line, const char *p, size_t *ret_stay, size_t *ret_go)
{
	size_t n = 0;
	enum telling telling;
	struct value v;

	if (!is_name_char(*p) || (p > line && is_name_char(p[-1])))
		return false;
	while (is_name_char(p[n]))
		n++;
	if (!find_value(p + n, *p == '-', &v))
		return false;
	telling = what_name_tells(p, n);
	if (is_user_option(p, n))
		telling = memchr(v.s, ':', v.n - 1) ? SURE : NOTHING;
	else if (str_starts(p, "-u") && v.separator == ':' && v.s == p + n + 1)
		telling = SURE;
	if (!is_secret_value(telling, &v))
		return false;
	*ret_stay = (size_t)(v.s - p);
	*ret_go = telling == HEADER && !v.quoted ? strlen(v.s) : variable_length(line, p, &v);
	return true;
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
		*ret_go = url_user(p + 3);
	} else if (*p == '=') {
		*ret_stay = 1;
		*ret_go = proxy_user(p + 1);
	} else if (*p == '?' && in_url(line, p)) {
		*ret_stay = 1;
		*ret_go = word_length(p + 1, WORD_ENDS);
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

/* --- JSON --- */

static struct json_object *without_secrets(const struct redact *r, struct json_object *o,
					   enum telling telling);

static struct json_object *clean_string(const struct redact *r, const char *s, size_t n,
					enum telling telling)
{
	_cleanup_strbuf_ struct strbuf clean = { 0 };
	struct value v = { .s = s, .n = n, .separator = '=', .quoted = true };

	if (n > 0 && is_secret_value(telling, &v))
		return json_object_new_string(REDACT_REMOVED);
	strbuf_begin(&clean);
	redact_text(r, s, n, &clean);
	return json_object_new_string(clean.s);
}

static struct json_object *clean_object(const struct redact *r, struct json_object *o,
					enum telling telling)
{
	struct json_object *clean = json_object_new_object();

	json_object_object_foreach(o, key, value)
	{
		enum telling own = what_name_tells(key, strlen(key));
		_cleanup_strbuf_ struct strbuf name = { 0 };

		strbuf_begin(&name);
		redact_text(r, key, strlen(key), &name);
		json_set(clean, name.s, without_secrets(r, value, own > telling ? own : telling));
	}
	return clean;
}

/* An option among strings tells of the one behind it. */
static struct json_object *clean_array(const struct redact *r, struct json_object *o,
				       enum telling telling)
{
	struct json_object *clean = json_object_new_array();
	enum telling before = NOTHING;

	for (size_t i = 0; i < json_count(o); i++) {
		struct json_object *item = json_item(o, i);
		const char *s = json_object_is_type(item, json_type_string)
					? json_object_get_string(item)
					: "";

		json_object_array_add(
			clean, without_secrets(r, item, before > telling ? before : telling));
		before = *s != '-'			? NOTHING
			 : is_user_option(s, strlen(s)) ? SURE
							: what_name_tells(s, strlen(s));
	}
	return clean;
}

static struct json_object *without_secrets(const struct redact *r, struct json_object *o,
					   enum telling telling)
{
	switch (json_object_get_type(o)) {
	case json_type_object: return clean_object(r, o, telling);
	case json_type_array: return clean_array(r, o, telling);
	case json_type_string:
		return clean_string(r, json_object_get_string(o),
				    (size_t)json_object_get_string_len(o), telling);
	case json_type_int:
	case json_type_double:
		if (telling != NOTHING)
			return json_object_new_string(REDACT_REMOVED);
		return json_object_get(o);
	default: return json_object_get(o);
	}
}

void redact_file(const struct redact *r, const char *text, size_t len, struct strbuf *out)
{
	_cleanup_json_ struct json_object *o = NULL, *clean = NULL;
	struct err ignored = ERR_INIT;

	if (text[strspn(text, " \t\r\n")] != '{' || json_parse(text, len, "", &o, &ignored) < 0) {
		redact_text(r, text, len, out);
		return;
	}
	clean = without_secrets(r, o, NOTHING);
	strbuf_printf(out, "%s\n",
		      json_object_to_json_string_ext(
			      clean, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					     JSON_C_TO_STRING_NOSLASHESCAPE));
}
