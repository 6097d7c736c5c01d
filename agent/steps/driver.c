/* driver (R12): the installer with the procedure's options. */
#include "artefact.h"
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "installer_log.h"
#include "intent.h"
#include "paths.h"
#include "steps/all.h"
#include "sys/holders.h"
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
	else if (f->software.driver_begun && !f->software.driver_proven &&
		 !facts_driver_packaged(f))
		probe_todo(r, "install driver %s again: its installer began and did not end well",
			   want);
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

/* What holds the loaded driver is told by name: the installer only says that something does. */
static void name_holders(struct err *e)
{
	char text[HOLDERS_TEXT_SIZE], words[sizeof(e->msg)];
	struct holders h;

	holders_find(&h, "/dev/nvidia");
	if (h.all == 0) {
		err_hint(e, "lsmod | grep nvidia shows what uses the loaded driver; unload it, or "
			    "restart the instance; then: systemctl restart gn8v-agent");
		return;
	}
	holders_text(&h, text);
	str_copy(words, sizeof(words), e->msg);
	err_set(e, e->kind, "%s; the loaded driver is held by %s", words, text);
	if (*h.v[0].unit)
		err_hint(e,
			 "systemctl stop %s, and end what else is named; then: systemctl restart "
			 "gn8v-agent",
			 h.v[0].unit);
	else
		err_hint(e, "end what is named (kill %d); then: systemctl restart gn8v-agent",
			 h.v[0].pid);
}

/* The words of the installer's log, if it is of this run, in the place of the last line that it printed. */
static void name_reason(const struct run *r, const struct installer_log *log, struct err *e)
{
	if (!*log->reason)
		return;
	err_set(e, e->kind,
		"%s ended with exit status %d: %s (first of %u error%s in " PATH_INSTALLER_LOG ")",
		r->argv[1], r->status, log->reason, log->errors, log->errors == 1 ? "" : "s");
	if (log->in_use)
		name_holders(e);
}

/* The last that the installer does is to load a module more; without it, all may be there and work. */
static bool is_proven(struct worker *w)
{
	struct probe_result probe = { 0 };

	facts_collect(&w->facts, w->config, FACTS_SOFTWARE);
	driver_probe(w->config, &w->facts, &probe);
	return w->facts.software.driver_proven && probe.probe == PROBE_DONE;
}

static int judge_end(struct worker *w, const struct run *r, const struct installer_log_mark *before,
		     int ok, struct err *e)
{
	struct installer_log log = { 0 };
	bool is_new = installer_log_is_new(before);

	if (is_new)
		installer_log_read(&log);
	if (ok == 0) {
		if (*log.reason)
			worker_event(w, "the installer ended well, and its log names an error: %s",
				     log.reason);
		return 0;
	}
	if (e->kind != &CODE_DRIVER)
		return -1;
	if (!is_new)
		return step_hint_command(e, r->argv, r->cwd);
	name_reason(r, &log, e);
	if (r->status != 1 || w->cut_off || !is_proven(w))
		return -1;
	worker_event(w, "%s; all that it installs is there, and its module is loaded", e->msg);
	*e = (struct err)ERR_INIT;
	return 0;
}

static int install(struct worker *w, const char *const *argv, struct err *e)
{
	_cleanup_free_ char *record = xasprintf("%s\n", facts_driver_version(&w->facts, w->config));
	struct run r = { .argv = argv };
	struct installer_log_mark before;
	int ok;

	if (intent_begin(INTENT_DRIVER, record, e) < 0)
		return -1;
	installer_log_mark(&before);
	ok = step_install(w, &r, STEP_TMPDIR_TWO_WORDS, &CODE_DRIVER, e);
	return judge_end(w, &r, &before, ok, e);
}

/* dracut deletes an image that it cannot copy to /boot, and the installer goes on without a word to its caller: the machine would
 * not start again. */
static int keep_initramfs(struct worker *w, struct err *e)
{
	if (!facts_initramfs_gone(w->facts.machine.kernel))
		return 0;
	worker_event(w, "the initramfs of the running kernel is gone, and is made again");
	return step_run(w, ARGV(PROG_DRACUT, "-f"), NULL, &CODE_INITRAMFS, e);
}

/* --rebuild-initramfs wrote to /boot; the module and its libraries must survive a power cut. */
static int settle(struct worker *w, struct err *e)
{
	if (keep_initramfs(w, e) < 0 || fs_sync_fs(PATH_BOOT, e) < 0 ||
	    fs_sync_fs(PATH_LIB64, e) < 0)
		return -1;
	return intent_end(INTENT_DRIVER, e);
}

APPLY(driver)
{
	const struct strlist *args = &w->config->driver_args;
	_cleanup_free_ const char **argv = xcalloc(args->n + 4, sizeof(*argv));
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
		r = install(w, argv, e);
	if (r == 0)
		r = settle(w, e);
	if (r == 0)
		r = artefact_forget(w, &a, e);
	artefact_done(&a);
	return r;
}
