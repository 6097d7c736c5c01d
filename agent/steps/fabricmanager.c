/* fabricmanager (R11) and nscq (R20): RPMs of the driver's exact version; fabricmanager-start (R14). */
#include "artefact.h"
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "steps/all.h"
#include "sys/units.h"

static void probe_rpm(const struct config *c, const struct facts *f, struct probe_result *r,
		      const char *name, const struct facts_rpm *rpm)
{
	const char *want = facts_driver_version(f, c), *installed = rpm->version;

	if (probe_cannot(r, f, FACTS_SOFTWARE))
		return;
	if (str_eq(installed, want))
		probe_done(r, "%s %s is installed", name, want);
	else if (installed[0])
		probe_todo(r, "%s %s is installed and must equal the driver's %s", name, installed,
			   want);
	else
		probe_todo(r, "install %s %s", name, want);
}

/* In the place of another version (--oldpackage for an older one, --replacepkgs for one that was cut off). One of a branch
 * that names the package otherwise goes too, if the new one says so; where it does not, the two have the same files. */
static int replace(struct worker *w, const struct artefact *a, const struct facts_rpm *rpm,
		   struct err *e)
{
	int r = packages_run(w, ARGV(PROG_RPM, "-Uvh", "--oldpackage", "--replacepkgs", a->file),
			     w->config->fetch_dir, &CODE_RPM_INSTALL, e);

	if (r < 0 && e->kind == &CODE_RPM_INSTALL && !str_eq(rpm->package, a->package))
		err_hint(e, "by hand: rpm -e %s; then: systemctl restart gn8v-agent", rpm->package);
	return r;
}

/* We judge the signature with a key of our own; where %_pkgverify_level is "signature" or "all", rpm judges it once more, by
 * the keys of the host. Whether NVIDIA's is among them is up to its owner. */
static int name_key(const struct worker *w, struct err *e)
{
	if (e->kind == &CODE_RPM_INSTALL && strstr(w->said, "does not verify") &&
	    strstr(w->said, "NOKEY"))
		err_hint(
			e,
			"this host's rpm wants the signer's key itself (rpm -E %%_pkgverify_level): "
			"rpm --import %s; then: systemctl restart gn8v-agent",
			w->config->rpm_key_url);
	return -1;
}

/* The procedure's `rpm -ivh FILE`, in the folder of the file. What is installed is in the way of -i. */
static int apply_rpm(struct worker *w, enum artefact_kind kind, const struct facts_rpm *rpm,
		     struct err *e)
{
	struct artefact a;
	int r;

	artefact_init(&a, kind, w->config, &w->facts);
	r = artefact_check(w, &a, e);
	if (r == 0 && rpm->version[0])
		r = replace(w, &a, rpm, e);
	else if (r == 0)
		r = packages_run(w, ARGV(PROG_RPM, "-ivh", a.file), w->config->fetch_dir,
				 &CODE_RPM_INSTALL, e);
	r = r == 0 ? artefact_forget(w, &a, e) : name_key(w, e);
	artefact_done(&a);
	return r;
}

PROBE(fabricmanager)
{
	probe_rpm(c, f, r, "Fabric Manager", &f->software.fabricmanager);
}

APPLY(fabricmanager)
{
	return apply_rpm(w, ARTEFACT_FABRICMANAGER, &w->facts.software.fabricmanager, e);
}

PROBE(nscq)
{
	probe_rpm(c, f, r, "NSCQ", &f->software.nscq);
}

APPLY(nscq)
{
	return apply_rpm(w, ARTEFACT_NSCQ, &w->facts.software.nscq, e);
}

PROBE(fabricmanager_start)
{
	const struct facts_unit *u;

	(void)c;
	if (probe_cannot(r, f, FACTS_UNITS))
		return;
	u = facts_unit(f, UNIT_FABRICMANAGER);
	if (f->units.fabricmanager.todo == FMUNIT_WRITE)
		probe_todo(r, "write " PATH_FABRICMANAGER_COPY
			      ": the package's unit is ordered after what waits for it");
	else if (f->units.fabricmanager.todo == FMUNIT_REMOVE)
		probe_todo(r, "remove " PATH_FABRICMANAGER_COPY ": the package's unit is in order");
	else if (u && str_eq(u->state.active, "active") && str_eq(u->state.file_state, "enabled"))
		probe_done(r, UNIT_FABRICMANAGER " is active and enabled");
	else
		probe_todo(r, "start and enable " UNIT_FABRICMANAGER);
}

APPLY(fabricmanager_start)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	struct unit_state s;
	bool mended;

	if (units_open(&u, e) < 0 || units_get(u, UNIT_FABRICMANAGER, &s, e) < 0)
		return -1;
	/* Its package may have just brought the unit file. One that systemd starts or has started it has read. */
	if (units_is_idle(&s) && units_reload(u, e) < 0)
		return -1;
	if (fmunit_mend(u, &mended, e) < 0)
		return -1;
	if (mended && fs_exists(PATH_FABRICMANAGER_COPY))
		worker_event(w, PATH_FABRICMANAGER_COPY
			     " written: its package orders " UNIT_FABRICMANAGER
			     " after units that wait for it");
	else if (mended)
		worker_event(w, PATH_FABRICMANAGER_COPY " removed: the package's unit is in order");
	if (step_start_unit(w, u, UNIT_FABRICMANAGER, e) < 0)
		return e->kind == &ERR_TIMEOUT ? -1 : err_rekind(e, &CODE_FABRICMANAGER);
	/* Its links lead to the file that it was enabled from. */
	if (mended && units_disable(u, UNIT_FABRICMANAGER, e) < 0)
		return -1;
	return units_enable(u, UNIT_FABRICMANAGER, e);
}
