/* What preflight asks of the host's own policy, and of a driver that others installed. */
#include "codes.h"
#include "core/str.h"
#include "paths.h"
#include "steps/all.h"

/* In the failure of a step other things were done before: nothing is refused any more. */
static const struct err_kind excluded_late = {
	"packages-excluded", ERR_CLASS_STOP, "operator",
	"dnf config-manager --dump | grep -i exclude; "
	"dnf versionlock list; take out what hides it, then: "
	"systemctl restart gn8v-agent"
};

static bool has_word(const struct strlist *args, const char *prefix)
{
	for (size_t i = 0; i < args->n; i++)
		if (str_starts(args->v[i], prefix))
			return true;
	return false;
}

static bool will_run(const struct config *c, const struct facts *f, enum step_id id)
{
	struct probe_result r = { 0 };

	steps[id].probe(c, f, &r);
	return r.probe != PROBE_DONE || step_cut_off(&steps[id], f);
}

/* As in preflight, what an installer of ours left where it was cut off is no reason to refuse the next. */
static bool tmp_unfit(const struct config *c, const struct facts *f, struct probe_result *r)
{
	const struct facts_host *h = &f->host;
	bool begun = f->software.driver_begun || f->software.cuda_begun;

	if (h->unpack == UNPACK_SMALL && begun)
		return false;
	if (h->unpack == UNPACK_TMP || h->unpack == UNPACK_FOLDER || all_installed(c, f) ||
	    (has_word(&c->driver_args, "--tmpdir") && has_word(&c->cuda_args, "--tmpdir")))
		return false;
	if (h->unpack == UNPACK_NOEXEC)
		probe_blocked(r, &CODE_TMP_NOEXEC,
			      "%s; %s and " PATH_STATE_DIR " are on file systems mounted noexec: "
			      "installers unpack themselves and run from there",
			      h->tmp_trouble, c->fetch_dir);
	else
		probe_blocked(r, &CODE_DISK,
			      "%s; %s and " PATH_STATE_DIR " have no more room, or are mounted "
			      "noexec: installers unpack up to 12 GiB and run from there",
			      h->tmp_trouble, c->fetch_dir);
	return true;
}

/* The package alone, as dnf takes it: NAME of NAME-VERSION-RELEASE. */
static void name_of(const char *package, char *dst, size_t dst_size)
{
	str_copy(dst, dst_size, package);
	for (int i = 0; i < 2; i++) {
		char *dash = strrchr(dst, '-');

		if (dash)
			*dash = '\0';
	}
}

static void foreign_hint(const struct facts *f, struct err *e)
{
	const struct facts_software *s = &f->software;
	char name[FACTS_VERSION_SIZE * 2], keep[160] = "";

	name_of(f->host.driver_owner, name, sizeof(name));
	if (*s->module && str_eq(s->module, s->userspace))
		snprintf(keep, sizeof(keep),
			 "; or keep it: set driver.version to %s in /etc/gn8v/config.json",
			 s->module);
	if (*name)
		err_hint(e, "dnf remove %s; then: systemctl restart gn8v-agent%s", name, keep);
	else
		err_hint(
			e,
			"rpm -qf " PATH_ALTERNATE_INSTALL
			", and dnf remove that package; if none owns it: rm " PATH_ALTERNATE_INSTALL
			"; then: systemctl restart gn8v-agent%s",
			keep);
}

/* nvidia-installer is stopped by the marker; without one it would overwrite the package's files. */
static bool driver_foreign(const struct config *c, const struct facts *f, struct probe_result *r)
{
	const struct facts_host *h = &f->host;

	if ((!h->driver_marker && !*h->driver_owner) || !will_run(c, f, STEP_DRIVER) ||
	    strlist_has(&c->driver_args, "--no-check-for-alternate-installs"))
		return false;
	if (*h->driver_owner)
		probe_blocked(r, &CODE_DRIVER_FOREIGN,
			      "package %s owns %s: driver %s is not installed over a packaged one",
			      h->driver_owner, h->driver_owned, facts_driver_version(f, c));
	else
		probe_blocked(
			r, &CODE_DRIVER_FOREIGN,
			PATH_ALTERNATE_INSTALL
			" says that the driver came by another way: NVIDIA's installer stops there");
	foreign_hint(f, &r->err);
	return true;
}

static void exclude_hint(const struct exclude *x, struct err *e)
{
	err_hint(e,
		 "take %s out of %s; or once by hand: yum install -y --disableexcludes=all %s; "
		 "then: systemctl restart gn8v-agent",
		 x->pattern, x->where, x->package);
}

static bool packages_excluded(const struct facts *f, struct probe_result *r)
{
	const struct exclude *x = &f->host.exclude;

	if (!f->host.excluded || !package_missing(f, x->package))
		return false;
	probe_blocked(r, &CODE_EXCLUDED, "%s is needed, and %s hides it from yum: %s", x->package,
		      x->pattern, x->where);
	exclude_hint(x, &r->err);
	return true;
}

bool host_refuses(const struct config *c, const struct facts *f, struct probe_result *r)
{
	return probe_cannot(r, f, FACTS_HOST) || packages_excluded(f, r) ||
	       driver_foreign(c, f, r) || tmp_unfit(c, f, r);
}

int host_name_exclude(const struct worker *w, const char *const *packages, size_t n, struct err *e)
{
	struct exclude x;
	char words[sizeof(e->msg)];

	if (e->kind != &CODE_PACKAGES || !strstr(w->said, "exclude filtering"))
		return -1;
	str_copy(words, sizeof(words), e->msg);
	if (!excludes_find(packages, n, EXCLUDES_ANY_REPOSITORY, &x))
		return err_set(e, &excluded_late, "%s; something hides what it needs (%s)", words,
			       "exclude filtering");
	err_set(e, &excluded_late, "%s: %s is hidden by %s: %s", words, x.package, x.pattern,
		x.where);
	exclude_hint(&x, e);
	return -1;
}
