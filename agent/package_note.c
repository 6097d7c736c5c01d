#include "package_note.h"

#include "core/str.h"

/* A note is two lines: this, and words with a blank in front of each. */
#define ASKED "asked"
#define KNOWN "known"

/* yum imports the keys of its repositories, outside of transactions: nobody misses them. */
#define KEY "gpg-pubkey"

struct package {
	const char *id, *name, *nvra;
};

struct listing {
	char *text; /* cut up */
	struct package *v;
	size_t n;
};

static void listing_done(struct listing *l)
{
	free(l->text);
	free(l->v);
}

/* Cuts the next word off *p, up to and with the character behind it; false if it is empty or something else ends it. */
static bool cut(char **p, const char **ret_word, char end)
{
	size_t n = strcspn(*p, " \n");

	if (n == 0 || (*p)[n] != end)
		return false;
	*ret_word = *p;
	(*p)[n] = '\0';
	*p += n + 1;
	return true;
}

static bool listing_read(struct listing *l, const char *text)
{
	char *p = xstrdup(text);
	size_t lines = 0;

	for (const char *q = text; (q = strchr(q, '\n')); q++)
		lines++;
	*l = (struct listing){ .text = p, .v = xcalloc(lines + 1, sizeof(*l->v)) };
	for (; *p; l->n++)
		if (!cut(&p, &l->v[l->n].id, ' ') || !cut(&p, &l->v[l->n].name, ' ') ||
		    !cut(&p, &l->v[l->n].nvra, '\n'))
			return false;
	return true;
}

/* What is no option; the word of what to do names no package. */
static void add_asked(struct strbuf *b, const char *const *argv)
{
	strbuf_printf(b, ASKED);
	for (size_t i = 1; argv[i]; i++)
		if (argv[i][0] != '-' && !strpbrk(argv[i], "\r\n"))
			strbuf_printf(b, " %s", argv[i]);
	strbuf_printf(b, "\n");
}

static void add_known(struct strbuf *b, const struct listing *l)
{
	struct strbuf ids = { 0 };

	strbuf_begin(&ids);
	for (size_t i = 0; i < l->n; i++)
		if (!str_has_word(ids.s, l->v[i].id))
			strbuf_printf(&ids, " %s", l->v[i].id);
	strbuf_printf(b, KNOWN "%s\n", ids.s);
	strbuf_done(&ids);
}

char *package_note_text(const char *const *argv, const char *listing)
{
	_cleanup_(listing_done) struct listing l = { 0 };
	struct strbuf b = { 0 };

	if (!listing_read(&l, listing))
		return NULL;
	add_asked(&b, argv);
	add_known(&b, &l);
	return b.s;
}

/* The words of a line of the note; moves *p behind it. NULL if it is not there. Caller frees. */
static char *note_line(const char **p, const char *name)
{
	size_t skip = strlen(name), n = strcspn(*p, "\n");
	const char *line = *p;

	if (!str_starts(line, name) || (line[skip] != ' ' && skip != n) || line[n] != '\n')
		return NULL;
	*p += n + 1;
	return xstrndup(line + skip, n - skip);
}

/* Whether a word that yum or rpm was asked for means the package: NAME, a longer beginning of its full name, or the
 * path of a file that is called so. "kernel-devel-5.10.134-18.al8" means no package "kernel". */
static bool is_meant(const struct package *p, const char *word, size_t n)
{
	size_t name_n = strlen(p->name);

	for (size_t i = n; i > 0; i--)
		if (word[i - 1] == '/') {
			word += i;
			n -= i;
			break;
		}
	if (n > 4 && strncmp(word + n - 4, ".rpm", 4) == 0)
		n -= 4;
	if (n < name_n || strncmp(word, p->name, name_n) != 0)
		return false;
	return n == name_n || (word[name_n] == '-' && strncmp(word, p->nvra, n) == 0);
}

static bool is_asked(const struct package *p, const char *asked)
{
	for (; *asked; asked += strcspn(asked, " ")) {
		asked += strspn(asked, " ");
		if (is_meant(p, asked, strcspn(asked, " ")))
			return true;
	}
	return false;
}

static bool is_ours(const struct listing *l, const char *id, const char *asked)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i].id, id) && is_asked(&l->v[i], asked))
			return true;
	return false;
}

static bool is_theirs(const struct listing *l, const struct package *p, const char *asked,
		      const char *known)
{
	return !str_eq(p->name, KEY) && !str_has_word(known, p->id) && !is_ours(l, p->id, asked);
}

/* The pointers, then what they point to. */
static char **pack(const char *const *names, size_t n)
{
	size_t size = (n + 1) * sizeof(char *);
	char **ret, *p;

	for (size_t i = 0; i < n; i++)
		size += strlen(names[i]) + 1;
	ret = xmalloc(size);
	p = (char *)(ret + n + 1);
	for (size_t i = 0; i < n; i++) {
		ret[i] = p;
		p = stpcpy(p, names[i]) + 1;
	}
	ret[n] = NULL;
	return ret;
}

char **package_note_others(const char *note, const char *listing)
{
	_cleanup_free_ char *asked = note_line(&note, ASKED);
	_cleanup_free_ char *known = asked ? note_line(&note, KNOWN) : NULL;
	_cleanup_(listing_done) struct listing l = { 0 };
	_cleanup_free_ const char **names = NULL;
	size_t n = 0;

	if (!known || *note || !listing_read(&l, listing))
		return NULL;
	names = xcalloc(l.n, sizeof(*names));
	for (size_t i = 0; i < l.n; i++)
		if (is_theirs(&l, &l.v[i], asked, known))
			names[n++] = l.v[i].nvra;
	return pack(names, n);
}
