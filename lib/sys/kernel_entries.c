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
	struct kernel_entries entries;
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
	if (p->entry && (!p->entry->kernel || !*p->entry->kernel))
		return bad(p, "the entry before it has no kernel");
	p->entry = NULL;
	return 0;
}

static bool read_index(const char *text, unsigned int *ret_index)
{
	unsigned long index;
	char *end;

	errno = 0;
	index = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || index > UINT_MAX)
		return false;
	*ret_index = (unsigned int)index;
	return true;
}

static int start_entry(struct parser *p, const char *value)
{
	struct kernel_entries *all = &p->entries;
	unsigned int index;

	if (finish_entry(p) < 0)
		return -1;
	if (!read_index(value, &index))
		return bad(p, "index is not a number");
	all->v = xrealloc(all->v, (all->n + 1) * sizeof(*all->v));
	p->entry = &all->v[all->n++];
	*p->entry = (struct kernel_entry){ .index = index };
	p->started = true;
	p->foreign = false;
	return 0;
}

static int drop_entry(struct parser *p)
{
	if (!p->entry || p->entry->kernel)
		return bad(p, "\"non linux entry\" in the wrong place");
	free(p->entry->args);
	free(p->entry->initrd);
	p->entries.n--;
	p->entry = NULL;
	p->foreign = true;
	return 0;
}

/* Only the outer quotes are grubby's: arguments may have their own inside. */
static int set_field(struct parser *p, char **dst, char *value)
{
	size_t len = strlen(value);

	if (!p->entry)
		return p->foreign ? 0 : bad(p, "a field in front of the first index");
	if (*dst)
		return bad(p, "a field twice in one entry");
	if (*value == '"') {
		if (len < 2 || value[len - 1] != '"')
			return bad(p, "a quote is not closed");
		value[--len] = '\0';
		value++;
		len--;
	}
	if (len >= KERNEL_CMDLINE_SIZE)
		return err_set(p->e, &ERR_TOO_LARGE,
			       "boot entries of grubby, line %u: longer than %d bytes", p->line,
			       KERNEL_CMDLINE_SIZE - 1);
	*dst = xstrdup(value);
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
		return set_field(p, p->entry ? &p->entry->kernel : NULL, value);
	if (str_eq(line, "args"))
		return set_field(p, p->entry ? &p->entry->args : NULL, value);
	/* The first: nothing depends on how many there are. */
	if (str_eq(line, "initrd") && p->entry && !p->entry->initrd)
		return set_field(p, &p->entry->initrd, value);
	return 0;
}

static int parse_lines(struct parser *p, char *text)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		p->line++;
		if (parse_line(p, str_trim(line)) < 0)
			return -1;
	}
	return p->started ? finish_entry(p) : bad(p, "there is no entry");
}

int kernel_entries_parse(const char *text, struct kernel_entries *ret, struct err *e)
{
	_cleanup_free_ char *copy = xstrdup(text);
	struct parser p = { .e = e };

	if (parse_lines(&p, copy) < 0) {
		kernel_entries_done(&p.entries);
		return -1;
	}
	*ret = p.entries;
	return 0;
}

void kernel_entries_done(struct kernel_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++) {
		free(entries->v[i].kernel);
		free(entries->v[i].args);
		free(entries->v[i].initrd);
	}
	free(entries->v);
	*entries = (struct kernel_entries){ 0 };
}

int kernel_entries_default(const char *text, unsigned int *ret_index, struct err *e)
{
	_cleanup_free_ char *copy = xstrdup(text);
	const char *line = str_trim(copy);

	/* Silence is no empty line. */
	if (*text && !*line) {
		*ret_index = 0;
		return 0;
	}
	if (read_index(line, ret_index))
		return 0;
	str_sanitise(copy);
	return err_set(e, &ERR_FORMAT, "grubby --default-index: expected a number, found \"%.32s\"",
		       line);
}
