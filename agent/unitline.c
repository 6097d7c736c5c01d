#include "unitline.h"

#include "core/str.h"

static bool is_comment(const char *line)
{
	line += strspn(line, " \t");
	return *line == '#' || *line == ';';
}

/* One line of the text without its end, and where the next begins. */
static size_t line_length(const char *line, const char **ret_next)
{
	size_t n = strcspn(line, "\n");

	*ret_next = line + n + (line[n] == '\n');
	return n > 0 && line[n - 1] == '\r' ? n - 1 : n;
}

/* The whole of an assignment, its continuations joined by blanks. */
static char *join(struct unitline *l)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	bool goes_on = true;

	strbuf_begin(&text);
	while (goes_on && *l->at) {
		const char *line = l->at;
		size_t n = line_length(line, &l->at);

		if (is_comment(line))
			continue;
		goes_on = n > 0 && line[n - 1] == '\\';
		strbuf_add(&text, line, goes_on ? n - 1 : n);
		strbuf_add(&text, " ", 1);
	}
	return TAKE_PTR(text.s);
}

static void take_section(struct unitline *l, const char *line)
{
	size_t n = strcspn(line + 1, "]");

	if (n >= sizeof(l->section))
		n = sizeof(l->section) - 1;
	memcpy(l->section, line + 1, n);
	l->section[n] = '\0';
}

void unitline_done(struct unitline *l)
{
	free(l->key);
	free(l->value);
	l->key = l->value = NULL;
}

bool unitline_next(struct unitline *l)
{
	_cleanup_free_ char *text = NULL;
	char *line, *equals;

	unitline_done(l);
	if (!*l->at)
		return false;
	l->raw = l->at;
	if (is_comment(l->at))
		line_length(l->at, &l->at);
	else
		text = join(l);
	l->raw_len = (size_t)(l->at - l->raw);
	line = text ? str_trim(text) : NULL;
	if (line && *line == '[')
		take_section(l, line);
	else if (line && (equals = strchr(line, '='))) {
		*equals = '\0';
		l->key = xstrdup(str_trim(line));
		l->value = xstrdup(str_trim(equals + 1));
	}
	return true;
}
