#include "hold.h"

/* What follows the unit's name in its line, or NULL. */
static const char *find(const char *text, const char *unit)
{
	size_t n = strlen(unit);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, unit, n) == 0 && line[n] == ' ')
			return line + n + 1;
	}
	return NULL;
}

bool hold_knows(const char *text, const char *unit)
{
	return find(text, unit) != NULL;
}

const char *hold_file_state(const struct unit_state *s)
{
	return s->file_state[0] ? s->file_state : "not-installed";
}

void hold_add(struct strbuf *text, const char *unit, const struct unit_state *s)
{
	strbuf_printf(text, "%s %s %s\n", unit, hold_file_state(s), s->active);
}

struct hold_before hold_recall(const char *text, const char *unit)
{
	const char *found = find(text, unit), *states = found ? found : "enabled";
	_cleanup_free_ char *line = xstrndup(states, strcspn(states, "\n"));

	return (struct hold_before){
		.enabled = str_has_word(line, "enabled"),
		.running = str_has_word(line, "active") || str_has_word(line, "activating") ||
			   str_has_word(line, "reloading"),
	};
}
