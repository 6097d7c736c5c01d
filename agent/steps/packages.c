/* packages (R9): openssl3, a compiler, and kernel-devel of exactly the running kernel: another one
 * builds a module that does not load. */
#include "codes.h"
#include "core/str.h"
#include "paths.h"
#include "steps/all.h"

static bool is_python(const struct config *c, const char *name)
{
	return strlist_has(&c->attest_python, name);
}

/* The packages of this step that are missing; returns how many. */
static size_t missing(const struct config *c, const struct facts *f,
		      const char *dst[FACTS_PACKAGES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < f->software.missing_n; i++)
		if (!is_python(c, f->software.missing[i]))
			dst[n++] = f->software.missing[i];
	return n;
}

PROBE(packages)
{
	const char *names[FACTS_PACKAGES_MAX];
	char text[STEP_NAMES_SIZE];
	size_t n;

	if (probe_cannot(r, f, FACTS_SOFTWARE))
		return;
	n = missing(c, f, names);
	step_names(names, n, text);
	if (n)
		probe_todo(r, "install %s", text);
	else
		probe_done(r, "%zu packages are installed", c->packages.n);
}

static int install(struct worker *w, const char *const *names, size_t n, struct err *e)
{
	const char *argv[FACTS_PACKAGES_MAX + 4] = { PROG_YUM, "install", "-y" };

	for (size_t i = 0; i < n; i++)
		argv[3 + i] = names[i];
	return packages_run(w, argv, NULL, &CODE_PACKAGES, e);
}

/* What was there when the step was cut off. */
static int mend(struct worker *w, struct err *e)
{
	const struct strlist *packages = &w->config->packages;
	char *names[FACTS_PACKAGES_MAX];
	int r;

	for (size_t i = 0; i < packages->n; i++)
		names[i] = str_expand(packages->v[i], "kernel", w->facts.machine.kernel, NULL);
	r = packages_mend(w, (const char *const *)names, packages->n, e);
	for (size_t i = 0; i < packages->n; i++)
		free(names[i]);
	return r;
}

/* yum passes over a repository that it cannot reach, where skip_if_unavailable is set, and then finds no match for what
 * only that one has: whether there is such a package is not known. Words of dnf (base.py) and libdnf (Repo.cpp). */
static bool was_passed_over(const char *said)
{
	static const char *const words[] = { "Ignoring repositories", "Failed to download metadata",
					     "Errors during downloading" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(said, words[i]))
			return true;
	return false;
}

/* openssl3 by the procedure's own command; what we add, in a second one. */
APPLY(packages)
{
	const char *names[FACTS_PACKAGES_MAX];
	size_t n = missing(w->config, &w->facts, names);
	char words[sizeof(e->msg)];

	if (mend(w, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!str_eq(names[i], "openssl3"))
			continue;
		if (install(w, &names[i], 1, e) < 0)
			return host_name_exclude(w, &names[i], 1, e);
		memmove(&names[i], &names[i + 1], (--n - i) * sizeof(names[0]));
		break;
	}
	if (n == 0 || install(w, names, n, e) == 0)
		return 0;
	if (host_name_exclude(w, names, n, e) < 0 && e->kind != &CODE_PACKAGES)
		return -1;
	str_copy(words, sizeof(words), e->msg);
	if (strstr(words, "kernel-devel") && e->kind == &CODE_PACKAGES && !was_passed_over(w->said))
		for (size_t i = 0; i < n; i++)
			if (str_starts(names[i], "kernel-devel-") && strstr(words, "find a match"))
				return err_set(e, &CODE_KERNEL_DEVEL, "%s", words);
	return -1;
}
