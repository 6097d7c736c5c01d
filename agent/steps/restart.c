/* restart (R6): only for something that needs it, never twice for nothing. What counts as in effect
 * is the SWIOTLB that the kernel mapped, not the words on its command line. */
#include "codes.h"
#include "core/fs.h"
#include "kernelargs.h"
#include "paths.h"
#include "restarts.h"
#include "steps/all.h"
#include "sys/units.h"

/* A start that is queued begins within moments. What it may wait for besides is nothing that a restart waits for. */
#define QUEUED_S 30

/* Written in this boot. A time in the future is a clock that was wrong, not evidence. */
static bool since_boot(const struct facts *f, int64_t t)
{
	return t > f->machine.boot_time && t <= f->boot.now;
}

static const char *pending(const struct config *c, const struct facts *f)
{
	if (!f->boot.swiotlb_in_effect && (f->boot.swiotlb_next || f->boot.next_gone))
		return "swiotlb= in the boot entry takes effect";
	if (c->kernel_blacklist_nouveau && !f->boot.nouveau_in_effect && f->boot.nouveau_next)
		return "the blacklist of nouveau takes effect";
	if (f->instance.shape == SHAPE_MULTI && since_boot(f, f->boot.lkca_time))
		return "the driver option for Protected PCIe takes effect";
	/* Once the driver is there, its own installer rebuilds the initramfs: no reason for us. */
	if (f->instance.shape == SHAPE_MULTI && !f->software.module[0] &&
	    since_boot(f, f->boot.initramfs_time))
		return "the new initramfs takes effect";
	return NULL;
}

static void judge_swiotlb(const struct config *c, const struct facts *f, struct probe_result *r)
{
	double want = (double)kernelargs_swiotlb_bytes(c) / GIB;

	if (!f->boot.swiotlb_in_effect)
		probe_blocked(
			r, &CODE_RESTART_NO_EFFECT,
			"swiotlb=%s is in the boot entries, but neither on this kernel's command line nor in the default entry",
			c->kernel_swiotlb);
	else if (!f->boot.swiotlb_known)
		probe_blocked(
			r, &CODE_SWIOTLB_UNKNOWN,
			"the kernel was asked for %.0f GiB of SWIOTLB; how much it mapped could not be read",
			want);
	else if (f->boot.swiotlb_bytes < kernelargs_swiotlb_bytes(c))
		probe_blocked(r, &CODE_SWIOTLB,
			      "the kernel was asked for %.0f GiB of SWIOTLB and mapped %.2f GiB",
			      want, (double)f->boot.swiotlb_bytes / GIB);
	else
		probe_done(r, "the kernel mapped %.0f GiB of SWIOTLB%s",
			   (double)f->boot.swiotlb_bytes / GIB,
			   f->boot.swiotlb_kept ? ", as was read earlier in this boot" : "");
}

static void no_return(struct probe_result *r)
{
	probe_blocked(r, &CODE_BOOT_DEFAULT,
		      "a restart is needed, and the kernel of the default boot entry is gone: "
		      "the machine might not come back");
}

static void without_initramfs(struct probe_result *r)
{
	probe_blocked(r, &CODE_INITRAMFS,
		      "a restart is needed, and the initramfs of the default boot entry is gone: "
		      "the machine might not come back");
}

PROBE(restart)
{
	const char *why;

	if (probe_cannot(r, f, FACTS_BOOT) || probe_cannot(r, f, FACTS_INSTANCE))
		return;
	why = pending(c, f);
	if (!f->boot.swiotlb_everywhere || (f->instance.shape == SHAPE_MULTI && !f->boot.lkca_ok))
		probe_todo(r, "restart once the boot entries are complete");
	else if (!why)
		judge_swiotlb(c, f, r);
	else if (restarts_earlier(f) && !f->boot.swiotlb_in_effect)
		probe_blocked(
			r, &CODE_RESTART_NO_EFFECT,
			"the machine was restarted for swiotlb=%s, and this boot does not have it",
			c->kernel_swiotlb);
	else if (restarts_earlier(f) >= (unsigned int)c->restart_max)
		probe_blocked(r, &CODE_RESTART_LIMIT,
			      "%u restarts were made, and one more would be needed: %s",
			      restarts_earlier(f), why);
	else if (f->boot.next_gone)
		no_return(r);
	else if (f->boot.next_bare && (f->instance.shape == SHAPE_SINGLE || f->boot.initramfs_ok))
		without_initramfs(r);
	else
		probe_todo(r, "restart, so that %s", why);
}

/* cloud-init loses work when it is cut off: wait until none of its units is busy, then go anyway. */
static int wait_for_cloud_init(struct worker *w, struct units *u, struct err *e)
{
	static const char *const names[] = { "cloud-init-local.service", "cloud-init.service",
					     "cloud-config.service", "cloud-final.service" };
	bool idle;

	worker_progress(w, "waiting for cloud-init to end");
	if (units_wait_idle(u, names, ARRAY_SIZE(names),
			    (unsigned int)w->config->restart_cloud_init_wait_s, &idle, e) < 0)
		return -1;
	worker_event(w,
		     idle ? "cloud-init is idle"
			  : "cloud-init is still busy after %d s: going on anyway",
		     w->config->restart_cloud_init_wait_s);
	return 0;
}

static int let_start_end(struct worker *w, struct units *u, const char *name, struct err *e)
{
	struct unit_state s;
	bool idle;

	if (units_get(u, name, &s, e) < 0)
		return -1;
	if (s.job[0] && !units_is_starting(&s) &&
	    units_wait_idle(u, &name, 1, QUEUED_S, &idle, e) < 0)
		return -1;
	return step_settle_unit(w, u, name, e);
}

/* A GPU whose initialisation is cut off can be lost until it is reset, and a restart sends SIGTERM. Fabric Manager comes first:
 * its end lets nvidia-persistenced begin. */
static int let_starts_end(struct worker *w, struct units *u, struct err *e)
{
	if (let_start_end(w, u, UNIT_FABRICMANAGER, e) < 0)
		return -1;
	return let_start_end(w, u, UNIT_PERSISTENCED, e);
}

APPLY(restart)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	enum units_restart_path path;

	if (units_open(&u, e) < 0 || wait_for_cloud_init(w, u, e) < 0 ||
	    let_starts_end(w, u, e) < 0 || kernelargs_sync(e) < 0 ||
	    fs_sync_fs(PATH_STATE_DIR, e) < 0)
		return -1;
	worker_restarts(w);
	if (units_restart_machine(u, &path, e) < 0)
		return -1;
	worker_event(w, "restart asked for through %s",
		     path == UNITS_RESTART_LOGIND ? "logind" : "reboot.target");
	worker_found(w, "the machine is restarting");
	return 0;
}
