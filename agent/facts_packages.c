/* Facts about packages, by RPM's database. A program that fails or is silent has not said that a package is installed, nor
 * that it is not: then the database cannot be read, and that is told. */
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "facts.h"
#include "package_db.h"
#include "paths.h"
#include "rpmname.h"
#include "rpmsig.h"
#include "sys/run.h"

#define RPM_FORMAT "%{NAME} %{VERSION}-%{RELEASE}.%{ARCH}\\n"
#define NAMES_MAX  (FACTS_PACKAGES_MAX + 2 * RPMNAME_MAX)

#define TROUBLE_MAX 400

/* The lines that speak of trouble with the database; the end of the output may not have them. */
static void find_trouble(const char *line, void *data)
{
	struct strbuf *trouble = data;

	if (rpmsig_blames_database(line) && trouble->len < TROUBLE_MAX)
		strbuf_printf(trouble, "%s%s", trouble->len ? "; " : "", line);
}

/* Where the line goes on behind a text, or NULL. */
static const char *behind(const char *line, const char *text, size_t n)
{
	return strncmp(line, text, n) == 0 ? line + n : NULL;
}

/* Whether "NAME VERSION-RELEASE.ARCH" is what was asked for: as NAME, with a version behind it, or an architecture. */
static bool line_is_of(const char *line, const char *spec)
{
	size_t name = strcspn(line, " \n");
	const char *evr = line + name + 1, *rest;
	size_t version, all;

	if (line[name] != ' ' || strncmp(line, spec, name) != 0)
		return false;
	rest = spec + name;
	version = strcspn(evr, "-\n");
	all = strcspn(evr, "\n");
	return !*rest || (*rest == '-' && strncmp(evr, rest + 1, version) == 0) ||
	       (*rest == '.' && strlen(rest + 1) < all &&
		str_starts(evr + all - strlen(rest + 1), rest + 1));
}

/* "package NAME is not installed", or a line of the package itself. */
static bool is_answer(const char *line, const char *spec)
{
	static const char package[] = "package ", missing[] = " is not installed";
	const char *p = behind(line, package, sizeof(package) - 1);

	p = p ? behind(p, spec, strlen(spec)) : NULL;
	p = p ? behind(p, missing, sizeof(missing) - 1) : NULL;
	return (p && (*p == '\n' || !*p)) || line_is_of(line, spec);
}

static bool is_answered(const char *text, const char *spec)
{
	for (const char *line = text; *line; line += line[0] == '\n') {
		if (is_answer(line, spec))
			return true;
		line += strcspn(line, "\n");
	}
	return false;
}

/* `rpm -q` exits with the number of packages that are not installed, so the status says nothing
 * about trouble; its words do. It has a line for each name: what it is silent about is not known. */
static int judge_answer(const struct run *r, int ok, const char *trouble, const char *const *names,
			size_t n, struct err *e)
{
	if (trouble)
		return err_set(e, &CODE_RPM_DATABASE,
			       "rpm -q cannot read the package database: %.500s", trouble);
	if (ok < 0 && (r->status < 1 || r->status > (int)n)) {
		err_wrap(e, "package database");
		if (e->kind == &ERR_TIMEOUT)
			return package_db_unanswered(e);
		return e->kind == &ERR_CHILD ? err_rekind(e, &CODE_RPM_DATABASE) : -1;
	}
	for (size_t i = 0; i < n; i++)
		if (!is_answered(r->output, names[i]))
			return err_set(
				e, &CODE_RPM_DATABASE,
				"rpm -q was asked for %zu packages, ended with exit status %d, and did not say "
				"whether %s is installed",
				n, r->status, names[i]);
	return 0;
}

/* `rpm -qf` says a line for each file: its package, or that none owns it. The exit status counts the latter. */
static size_t read_owners(char *text, const char *const *files, size_t n, char *owner,
			  size_t owner_size, const char **ret_file)
{
	size_t answered = 0;
	char *line;

	while (answered < n && (line = strsep(&text, "\n"))) {
		bool owned = *line && !strchr(line, ' ');

		if (owned && !*owner) {
			str_copy(owner, owner_size, line);
			if (ret_file)
				*ret_file = files[answered];
		}
		answered += owned || strstr(line, " is not owned by any package");
	}
	return answered;
}

int facts_rpm_owner(const char *const *files, size_t n, char *owner, size_t owner_size,
		    const char **ret_file, struct err *e)
{
	const char *argv[FACTS_OWNED_MAX + 5] = { PROG_RPM, "-qf", "--qf",
						  "%{NAME}-%{VERSION}-%{RELEASE}\\n" };
	_cleanup_strbuf_ struct strbuf trouble = { 0 };
	struct run r = { .argv = argv,
			 .timeout_s = 120,
			 .output_max = 65536,
			 .on_line = find_trouble,
			 .on_line_data = &trouble };
	struct err failure = ERR_INIT;
	size_t answered = 0;
	int ok;

	*owner = '\0';
	for (size_t i = 0; i < n; i++)
		argv[4 + i] = files[i];
	ok = n ? run_wait(&r, &failure) : 0;
	if (ok == 0 || (r.status >= 1 && r.status <= (int)n))
		answered = read_owners(r.output, files, n, owner, owner_size, ret_file);
	run_done(&r);
	/* With a database that it cannot open, rpm says of each file that nobody owns it. */
	if (*owner || (answered == n && !trouble.s))
		return 0;
	if (failure.kind == &ERR_TIMEOUT) {
		*e = failure;
		return package_db_unanswered(e);
	}
	return err_set(e, &CODE_RPM_DATABASE, "rpm -qf did not say whose %s is: %.300s", files[0],
		       trouble.s      ? trouble.s
		       : failure.kind ? failure.msg
				      : "it was silent");
}

static int query_rpm(const char *const *names, size_t n, char **ret_text, struct err *e)
{
	const char *argv[NAMES_MAX + 5] = { PROG_RPM, "-q", "--qf", RPM_FORMAT };
	_cleanup_strbuf_ struct strbuf trouble = { 0 };
	struct run r = { .argv = argv,
			 .timeout_s = 120,
			 .output_max = 256 * 1024,
			 .on_line = find_trouble,
			 .on_line_data = &trouble };
	int ok;

	for (size_t i = 0; i < n; i++)
		argv[4 + i] = names[i];
	ok = run_wait(&r, e);
	ok = judge_answer(&r, ok, trouble.s, names, n, e);
	if (ok == 0)
		*ret_text = TAKE_PTR(r.output);
	run_done(&r);
	return ok;
}

/* The version in "NAME VERSION-RELEASE.ARCH", without release; "" when it is not installed. */
static void version_of(const char *text, const char *name, char *dst, size_t dst_size)
{
	size_t n = strlen(name);

	dst[0] = '\0';
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) == 0 && line[n] == ' ') {
			str_copy(dst, dst_size, line + n + 1);
			dst[strcspn(dst, "-\n")] = '\0';
			return;
		}
	}
}

/* The first of its names that is installed. */
static void find_rpm(const char *text, char *const *names, size_t n, struct facts_rpm *rpm)
{
	for (size_t i = 0; i < n && !rpm->version[0]; i++) {
		str_copy(rpm->package, sizeof(rpm->package), names[i]);
		version_of(text, names[i], rpm->version, sizeof(rpm->version));
	}
}

/* What yum is asked for may carry a version ("kernel-devel-5.10..."): rpm takes it the same way
 * and says "package X is not installed" for each that is missing. */
static void find_missing(const char *text, const char *const *names, size_t n,
			 struct facts_software *s)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *line = xasprintf("package %s is not installed", names[i]);

		if (strstr(text, line))
			str_copy(s->missing[s->missing_n++], FACTS_VERSION_SIZE, names[i]);
	}
}

/* What is asked for: the packages of yum first, then those that go with the driver, by all their names. */
struct asked {
	char *v[NAMES_MAX];
	size_t n, of_yum, fabricmanager, nscq;
};

/* The version in libnvidia-nscq.so.VERSION, the newest of several; "" without one. It tells the name of a package of another
 * branch, when the driver of that branch has gone already. */
static int find_nscq(char dst[FACTS_VERSION_SIZE], struct err *e)
{
	static const char prefix[] = "libnvidia-nscq.so.";
	struct fs_names names;

	*dst = '\0';
	if (fs_list(PATH_LIB64, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		const char *version = names.v[i] + sizeof(prefix) - 1;

		if (str_starts(names.v[i], prefix) && kernel_version_compare(version, dst) > 0)
			str_copy(dst, FACTS_VERSION_SIZE, version);
	}
	fs_names_done(&names);
	return 0;
}

static int ask(struct asked *a, const struct facts_software *s, const struct config *c,
	       const struct facts_machine *m, struct err *e)
{
	const char *driver = facts_software_driver(s, c);
	char there[FACTS_VERSION_SIZE];

	if (find_nscq(there, e) < 0)
		return -1;
	for (size_t i = 0; i < c->packages.n; i++)
		a->v[a->n++] = str_expand(c->packages.v[i], "kernel", m->kernel, NULL);
	for (size_t i = 0; i < c->attest_python.n; i++)
		a->v[a->n++] = xstrdup(c->attest_python.v[i]);
	a->of_yum = a->n;
	a->fabricmanager = rpmname_all(RPMNAME_FABRICMANAGER, c, driver, "", a->v + a->n);
	a->n += a->fabricmanager;
	a->nscq = rpmname_all(RPMNAME_NSCQ, c, driver, there, a->v + a->n);
	a->n += a->nscq;
	return 0;
}

static void asked_done(struct asked *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i]);
}

int facts_read_packages(struct facts_software *s, const struct config *c,
			const struct facts_machine *m, struct err *e)
{
	_cleanup_(asked_done) struct asked a = { 0 };
	_cleanup_free_ char *text = NULL;

	if (ask(&a, s, c, m, e) < 0 || query_rpm((const char *const *)a.v, a.n, &text, e) < 0)
		return -1;
	find_missing(text, (const char *const *)a.v, a.of_yum, s);
	find_rpm(text, a.v + a.of_yum, a.fabricmanager, &s->fabricmanager);
	find_rpm(text, a.v + a.of_yum + a.fabricmanager, a.nscq, &s->nscq);
	return 0;
}
