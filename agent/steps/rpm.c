/* Packages by yum and rpm. They note a package as installed long before the kernel has written its
 * files: a power cut in between leaves one that counts as installed and is empty. */
#include "codes.h"
#include "core/str.h"
#include "package_db.h"
#include "package_verify.h"
#include "paths.h"
#include "rpmsig.h"
#include "steps/all.h"
#include "sys/run.h"

static void tell_wait(void *w)
{
	worker_event(w, "another program is installing packages: waiting for it");
}

/* A program that was ended by us, or by somebody else, was cut off as by a power cut. */
static void after_failure(struct worker *w)
{
	struct err e = ERR_INIT;
	enum package_db_found found;

	if ((w->cut_off ? package_db_put_back(&found, tell_wait, w, &e) : package_db_settle(&e)) <
	    0)
		worker_event(w, "%s", e.msg);
}

int packages_run(struct worker *w, const char *const *argv, const char *cwd,
		 const struct err_kind *kind, struct err *e)
{
	struct run r = { .argv = argv, .cwd = cwd };

	if (package_db_keep(argv, tell_wait, w, e) < 0)
		return -1;
	if (step_play(w, &r, kind, e) == 0)
		return package_db_settle(e);
	if (e->kind == kind && rpmsig_blames_database(r.tail))
		err_rekind(e, &CODE_RPM_DATABASE);
	else if (e->kind == kind)
		step_hint_command(e, argv, cwd);
	after_failure(w);
	/* Without a terminal, rpm does not wait for whoever was faster after packages_run had found nobody. */
	if (e->kind == &CODE_RPM_INSTALL && strstr(e->msg, "transaction lock"))
		err_rekind(e, &CODE_RPM_BUSY);
	return -1;
}

static int verify(struct worker *w, const char *name, bool *ret_damaged, struct err *e)
{
	const char *const *argv = ARGV(PROG_RPM, "-V", "--nodeps", "--noscripts", name);

	if (package_verify(argv, worker_left_s(w), ret_damaged, e) == 0)
		return 0;
	if (e->kind != &ERR_CHILD)
		return -1;
	err_rekind(e, &CODE_PACKAGES);
	return step_hint_command(e, argv, NULL);
}

static int mend(struct worker *w, const char *name, struct err *e)
{
	bool damaged;

	if (verify(w, name, &damaged, e) < 0)
		return -1;
	if (!damaged)
		return 0;
	worker_event(w, "%s is damaged: its installation was cut off; it is installed anew", name);
	/* One at a time: of several, yum passes over what no repository has and says that all is well. */
	if (packages_run(w, ARGV(PROG_YUM, "reinstall", "-y", name), NULL, &CODE_PACKAGES, e) < 0)
		return err_wrap(e, "%s is damaged", name);
	return 0;
}

bool package_missing(const struct facts *f, const char *name)
{
	for (size_t i = 0; i < f->software.missing_n; i++)
		if (str_eq(f->software.missing[i], name))
			return true;
	return false;
}

int packages_mend(struct worker *w, const char *const *names, size_t n, struct err *e)
{
	enum package_db_found found;

	if (!(w->facts.cut_off >> (w->step - steps) & 1))
		return 0;
	if (package_db_put_back(&found, tell_wait, w, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!package_missing(&w->facts, names[i]) && mend(w, names[i], e) < 0)
			return -1;
	return package_db_settle(e);
}
