#include "restarts.h"

#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"

#define LEDGER_MAX 65536

/* Walks the lines of this instance; returns how many boots they name, and whether one is ours. */
static unsigned int read_ledger(const struct facts *f, bool *ret_this_boot)
{
	_cleanup_free_ char *text = NULL;
	unsigned int n = 0;
	char boot[64], instance[64];

	*ret_this_boot = false;
	if (fs_read_optional(PATH_RESTARTS, LEDGER_MAX, &text, NULL, NULL) < 0 || !text)
		return 0;
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%63[^ \n]%*[ ]%63[^ \n]", boot, instance) != 2 ||
		    !str_eq(instance, f->instance.id))
			continue;
		n++;
		if (str_eq(boot, f->machine.boot_id))
			*ret_this_boot = true;
	}
	return n;
}

int restarts_add(const struct facts *f, struct err *e)
{
	_cleanup_free_ char *old = NULL, *text = NULL;
	char at[CLOCK_TEXT_SIZE];
	bool this_boot;

	read_ledger(f, &this_boot);
	if (this_boot)
		return 0;
	if (fs_read_optional(PATH_RESTARTS, LEDGER_MAX, &old, NULL, e) < 0)
		return -1;
	clock_format(clock_wall_s(), at);
	text = xasprintf("%s%s%s %s %s\n", old ? old : "",
			 old && *old && !str_ends(old, "\n") ? "\n" : "", f->machine.boot_id,
			 f->instance.id, at);
	return fs_write_atomic(PATH_RESTARTS, 0644, text, strlen(text), e);
}

unsigned int restarts_count(const struct facts *f)
{
	bool this_boot;

	return read_ledger(f, &this_boot);
}

unsigned int restarts_earlier(const struct facts *f)
{
	bool this_boot;
	unsigned int n = read_ledger(f, &this_boot);

	return n - this_boot;
}

void restarts_forget(void)
{
	fs_unlink_atomic(PATH_RESTARTS, NULL);
}
