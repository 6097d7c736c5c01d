/* kernel-args (R4): swiotlb= in every boot entry, and nouveau's blacklist if configured. */
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "kernelargs.h"
#include "paths.h"
#include "steps/all.h"

static bool nouveau_wanting(const struct config *c, const struct facts *f)
{
	return c->kernel_blacklist_nouveau && !f->boot.nouveau_everywhere;
}

PROBE(kernel_args)
{
	char strangers[FACTS_STRANGERS_SIZE];

	if (probe_cannot(r, f, FACTS_BOOT))
		return;
	facts_strangers_text(&f->boot.entries, "its kernel is gone", strangers);
	if (!f->boot.swiotlb_everywhere)
		probe_todo(r, "put swiotlb=%s into every boot entry%s", c->kernel_swiotlb,
			   strangers);
	else if (nouveau_wanting(c, f))
		probe_todo(r, "put the blacklist of nouveau into every boot entry%s", strangers);
	else
		probe_done(r, "every boot entry has swiotlb=%s%s", c->kernel_swiotlb, strangers);
}

static struct json_object *measured(const struct worker *w)
{
	struct json_object *o = json_object_new_object();

	/* The command line is measured into RTMRs: whoever compares them wants to know both. */
	json_set_str(o, "cmdline_before", w->facts.machine.cmdline);
	if (w->facts.boot.swiotlb_known)
		json_set_int(o, "swiotlb_bytes_before", (int64_t)w->facts.boot.swiotlb_bytes);
	return o;
}

APPLY(kernel_args)
{
	_cleanup_free_ char *swiotlb = xasprintf("--args=swiotlb=%s", w->config->kernel_swiotlb);

	worker_data(w, "measured", measured(w));
	if (!w->facts.boot.swiotlb_everywhere &&
	    step_run(w, ARGV(PROG_GRUBBY, "--update-kernel=ALL", swiotlb), NULL, &CODE_BOOT_ENTRY,
		     e) < 0)
		return -1;
	if (nouveau_wanting(w->config, &w->facts) &&
	    step_run(w, ARGV(PROG_GRUBBY, "--update-kernel=ALL", "--args=" KERNELARGS_NOUVEAU),
		     NULL, &CODE_BOOT_ENTRY, e) < 0)
		return -1;
	/* grubby rewrites entries and grubenv in place: a power cut must not find them half-written. */
	return kernelargs_sync(e);
}
