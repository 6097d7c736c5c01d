/* A verdict for people: what passed is not worth a line, what did not is worth several. */
#include "cli/cli.h"
#include "core/str.h"

static void print_words(const char *what, const char *words)
{
	if (words[0])
		printf("      %-9s %s\n", what, words);
}

static void print_check(const struct check *c)
{
	printf("    %-17s %s\n", c->name, check_result_name(c->result));
	if (c->result == CHECK_PASSED)
		return;
	if (c->cause)
		print_words("cause", check_cause_name(c->cause));
	print_words("expected", c->expected);
	print_words("found", c->found);
	print_words("note", c->note);
}

/* What was not run has nothing to say but that. */
static bool is_mute(const struct check *c)
{
	return c->result == CHECK_NOT_RUN && !c->expected[0] && !c->found[0] && !c->note[0];
}

static void print_device(const struct device_verdict *d)
{
	_cleanup_strbuf_ struct strbuf mute = { 0 };

	printf("%s %u%s%s: %s\n", device_type_name(d->type), d->index, d->id[0] ? " " : "", d->id,
	       verdict_name(d->verdict));
	for (size_t i = 0; i < d->checks_n; i++) {
		if (is_mute(&d->checks[i]))
			strbuf_printf(&mute, "%s%s", mute.s ? " " : "", d->checks[i].name);
		else if (d->checks[i].result != CHECK_PASSED)
			print_check(&d->checks[i]);
	}
	if (mute.s)
		printf("    %-17s %s\n", "not run", mute.s);
}

static void note_skipped(const struct check *checks, size_t n, struct strbuf *b)
{
	for (size_t i = 0; i < n; i++)
		if (checks[i].result == CHECK_SKIPPED &&
		    !(b->s && str_has_word(b->s, checks[i].name)))
			strbuf_printf(b, " %s", checks[i].name);
}

void cli_print_verdict(const struct appraisal *a)
{
	_cleanup_strbuf_ struct strbuf skipped = { 0 };

	for (size_t i = 0; i < a->devices_n; i++) {
		print_device(&a->devices[i]);
		note_skipped(a->devices[i].checks, a->devices[i].checks_n, &skipped);
	}
	if (a->checks_n)
		printf("machine\n");
	for (size_t i = 0; i < a->checks_n; i++)
		print_check(&a->checks[i]);
	note_skipped(a->checks, a->checks_n, &skipped);
	printf("%s by %s", verdict_name(a->verdict), a->decided_by);
	if (a->custom_anchors)
		printf(", under custom roots that are NOT NVIDIA's");
	if (skipped.s)
		printf(", skipped:%s", skipped.s);
	printf("\n");
}
