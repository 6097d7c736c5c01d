/* driver (R12): the installer with the procedure's options. */
#include "artefact.h"
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "steps/all.h"
#include "sys/units.h"

PROBE(driver)
{
	const char *want = facts_driver_version(f, c);

	if (probe_cannot(r, f, FACTS_SOFTWARE) || probe_cannot(r, f, FACTS_MACHINE))
		return;
	if (!str_eq(f->software.module, want))
		probe_todo(
			r,
			f->software.module[0] || f->software.userspace[0]
				? "install driver %s: its module for kernel %s is missing or another version"
				: "install driver %s for kernel %s",
			want, f->machine.kernel);
	else if (!str_eq(f->software.userspace, want) || !f->software.driver_programs)
		probe_todo(r, "install driver %s: its libraries or programs are missing", want);
	else
		probe_done(r, "driver %s is installed, its module built for kernel %s", want,
			   f->machine.kernel);
}

/* A newer driver over a running one: the module must not be in use, nor about to be. What the boot began may have
 * come on since the facts were read; a start that is under way is not cut off, which could lose a GPU. */
static int stop_users(struct worker *w, struct err *e)
{
	static const char *const names[] = { UNIT_PERSISTENCED, UNIT_FABRICMANAGER };
	_cleanup_(units_close_p) struct units *u = NULL;

	if (units_open(&u, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct unit_state s;

		if (units_get(u, names[i], &s, e) < 0)
			return -1;
		if (!units_is_idle(&s) && (step_settle_unit(w, u, names[i], e) < 0 ||
					   step_stop_unit(w, u, names[i], e) < 0))
			return err_rekind(e, &CODE_HOLD);
	}
	return 0;
}

APPLY(driver)
{
	const struct strlist *args = &w->config->driver_args;
	const char **argv = xcalloc(args->n + 4, sizeof(*argv));
	struct artefact a;
	size_t n = 0;
	int r;

	artefact_init(&a, ARTEFACT_DRIVER, w->config, &w->facts);
	argv[n++] = PROG_BASH;
	argv[n++] = a.file;
	for (size_t i = 0; i < args->n; i++)
		argv[n++] = args->v[i];
	if (w->config->driver_skip_module_load)
		argv[n++] = "--skip-module-load";
	r = artefact_check(w, &a, e);
	if (r == 0)
		r = stop_users(w, e);
	if (r == 0)
		r = lkca_not_ahead(e); /* the installer rebuilds the initramfs */
	if (r == 0)
		r = step_run(w, argv, w->config->fetch_dir, &CODE_DRIVER, e);
	/* --rebuild-initramfs wrote to /boot; the module and its libraries must survive a power cut. */
	if (r == 0)
		r = fs_sync_fs(PATH_BOOT, e);
	if (r == 0)
		r = fs_sync_fs(PATH_LIB64, e);
	if (r == 0)
		r = artefact_forget(w, &a, e);
	artefact_done(&a);
	free(argv);
	return r;
}
