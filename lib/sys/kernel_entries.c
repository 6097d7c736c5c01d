#include <ctype.h>
#include <errno.h>
#include <limits.h>

#include "core/str.h"
#include "sys/kernel.h"

/* One block per entry:
 *	index=0
 *	kernel="/boot/vmlinuz-5.10.134-18.al8.x86_64"
 *	args="ro rhgb quiet"
 *	root="UUID=..."		and further keys
 * or, for what is no Linux:
 *	index=1
 *	non linux entry
 */

struct parser {
	struct kernel_entries *entries;
	struct kernel_entry *entry; /* NULL: before the first, or in one that is no Linux */
	bool started;
	bool foreign;
	unsigned int line;
	struct err *e;
};

static int bad(struct parser *p, const char *what)
{
	return err_set(p->e, &ERR_FORMAT, "boot entries of grubby, line %u: %s", p->line, what);
}

static int finish_entry(struct parser *p)
{
	if (p->entry && !*p->entry->kernel)
		return bad(p, "the entry before it has no kernel");
	p->entry = NULL;
	return 0;
}

static int start_entry(struct parser *p, const char *value)
{
	unsigned long index;
	char *end;

	if (finish_entry(p) < 0)
		return -1;
	errno = 0;
	index = strtoul(value, &end, 10);
	if (!isdigit((unsigned char)*value) || *end || errno || index > UINT_MAX)
		return bad(p, "index is not a number");
	if (p->entries->n == KERNEL_ENTRIES_MAX)
		return err_set(p->e, &ERR_TOO_LARGE, "more than %d boot entries",
			       KERNEL_ENTRIES_MAX);
	p->entry = &p->entries->v[p->entries->n++];
	p->entry->index = (unsigned int)index;
	p->started = true;
	p->foreign = false;
	return 0;
}

static int drop_entry(struct parser *p)
{
	if (!p->entry || *p->entry->kernel)
		return bad(p, "\"non linux entry\" in the wrong place");
	p->entries->n--;
	p->entry = NULL;
	p->foreign = true;
	return 0;
}

/* Only the outer quotes are grubby's: arguments may have their own inside. */
static int set_field(struct parser *p, char *dst, size_t dst_size, char *value)
{
	size_t len = strlen(value);

	if (!p->entry)
		return p->foreign ? 0 : bad(p, "a field in front of the first index");
	if (*dst)
		return bad(p, "a field twice in one entry");
	if (*value == '"') {
		if (len < 2 || value[len - 1] != '"')
			return bad(p, "a quote is not closed");
		value[len - 1] = '\0';
		value++;
	}
	if (!str_copy(dst, dst_size, value))
		return err_set(p->e, &ERR_TOO_LARGE,
			       "boot entries of grubby, line %u: longer than %zu bytes", p->line,
			       dst_size - 1);
	return 0;
}

static int parse_line(struct parser *p, char *line)
{
	char *value;

	if (!*line)
		return 0;
	if (str_eq(line, "non linux entry"))
		return drop_entry(p);
	value = strchr(line, '=');
	if (!value)
		return bad(p, "not key=value");
	*value++ = '\0';
	if (str_eq(line, "index"))
		return start_entry(p, value);
	if (str_eq(line, "kernel"))
		return set_field(p, p->entry ? p->entry->kernel : NULL, sizeof(p->entry->kernel),
				 value);
	if (str_eq(line, "args"))
		return set_field(p, p->entry ? p->entry->args : NULL, sizeof(p->entry->args),
				 value);
	return 0;
}

int kernel_entries_parse(const char *text, struct kernel_entries *ret, struct err *e)
{
	_cleanup_free_ struct kernel_entries *entries = xcalloc(1, sizeof(*entries));
	_cleanup_free_ char *copy = xstrdup(text);
	struct parser p = { .entries = entries, .e = e };
	char *rest = copy, *line;

	while ((line = strsep(&rest, "\n"))) {
		p.line++;
		if (parse_line(&p, str_trim(line)) < 0)
			return -1;
	}
	if (!p.started)
		return bad(&p, "there is no entry");
	if (finish_entry(&p) < 0)
		return -1;
	*ret = *entries;
	return 0;
}
