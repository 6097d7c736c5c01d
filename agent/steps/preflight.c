/* preflight (R1, R2, R3, R15): refuse before anything is touched. */
#include "artefact.h"
#include "codes.h"
#include "core/str.h"
#include "kernelargs.h"
#include "steps/all.h"

static bool wrong_system(const struct config *c, const struct facts_machine *m,
			 struct probe_result *r)
{
	if (!str_eq(m->os_id, "alinux") || strncmp(m->os_version, "3", 1) != 0 ||
	    (m->os_version[1] && m->os_version[1] != '.')) {
		probe_blocked(
			r, &CODE_OS,
			"this is %s (ID %s, VERSION_ID %s): only Alibaba Cloud Linux 3 is supported",
			m->os_name[0] ? m->os_name : "an unknown system", m->os_id, m->os_version);
		return true;
	}
	if (!kernel_release_at_least(m->kernel, c->kernel_release_min)) {
		probe_blocked(r, &CODE_KERNEL, "kernel %s is running: %s or later is needed",
			      m->kernel, c->kernel_release_min);
		return true;
	}
	return false;
}

/* The instance type says how many: the guest's own count is not believed alone. */
static bool wrong_devices(const struct facts *f, struct probe_result *r)
{
	const struct pci_counts *n = &f->machine.pci;
	unsigned int gpus = f->instance.shape == SHAPE_MULTI ? 8 : 1;
	unsigned int switches = f->instance.shape == SHAPE_MULTI ? 4 : 0;
	char counts[PCI_COUNTS_TEXT_SIZE];

	if (f->instance.shape == SHAPE_UNKNOWN) {
		probe_blocked(r, &CODE_TYPE, "instance type %s is not one that this gn8v knows",
			      f->instance.type);
		return true;
	}
	if (n->gpus != gpus || n->nvswitches != switches) {
		pci_counts_text(gpus, switches, counts);
		probe_blocked(r, &CODE_PCI, "%s has %s, but PCI shows %u and %u", f->instance.type,
			      counts, n->gpus, n->nvswitches);
		return true;
	}
	return false;
}

static bool nouveau(const struct config *c, const struct facts *f, struct probe_result *r)
{
	/* With the option it is kept away by the restart that comes; afterwards it must be gone. */
	if (!f->machine.pci.gpus_on_nouveau ||
	    (c->kernel_blacklist_nouveau && !f->boot.nouveau_in_effect))
		return false;
	probe_blocked(r, &CODE_NOUVEAU,
		      "the nouveau driver holds %u GPU%s: the NVIDIA installer would fail",
		      f->machine.pci.gpus_on_nouveau,
		      f->machine.pci.gpus_on_nouveau == 1 ? "" : "s");
	return true;
}

/* R3: while the SWIOTLB is small, extra ENIs and data disks can use it up. What could not be read of the
 * two is told as that, and refused too. */
static bool extra_devices(const struct config *c, const struct facts *f, struct probe_result *r)
{
	const struct facts_instance *i = &f->instance;
	bool small = !f->boot.swiotlb_known || f->boot.swiotlb_bytes < kernelargs_swiotlb_bytes(c);
	char enis[32] = "an unknown number of";

	if (i->shape != SHAPE_MULTI || !small ||
	    (!i->enis_unknown && i->enis <= 1 && i->data_disks == 0))
		return false;
	if (!i->enis_unknown)
		snprintf(enis, sizeof(enis), "%u", i->enis);
	if (i->data_disks == 0 && i->enis_unknown)
		probe_blocked(
			r, &CODE_METADATA,
			"how many ENIs are attached is not known, and with a small SWIOTLB more than one "
			"could keep the instance from starting again: %s",
			i->why_not[0] ? i->why_not : "the metadata service lists none");
	else if (!f->boot.swiotlb_known)
		probe_blocked(
			r, &CODE_SWIOTLB_UNKNOWN,
			"how large the SWIOTLB is could not be read, and %s ENIs and %u data disks are "
			"attached: with a small one, a restart could leave the instance unable to start",
			enis, i->data_disks);
	else
		probe_blocked(
			r, &CODE_EXTRA,
			"%s ENIs and %u data disks are attached while the SWIOTLB is small (%.1f GiB): "
			"a restart could leave the instance unable to start",
			enis, i->data_disks, (double)f->boot.swiotlb_bytes / GIB);
	return true;
}

/* What has been fetched already takes no more room, where it lies in that file system. */
static uint64_t fetched_bytes(const struct config *c, const struct facts *f)
{
	struct stat place, files, st;
	uint64_t bytes = 0;

	if (fs_stat(f->disk.where, &place) < 0 || fs_stat(c->fetch_dir, &files) < 0 ||
	    place.st_dev != files.st_dev)
		return 0;
	for (int kind = ARTEFACT_DRIVER; kind <= ARTEFACT_NSCQ; kind++) {
		_cleanup_free_ char *part = NULL;
		struct artefact a;

		artefact_init(&a, (enum artefact_kind)kind, c, f);
		part = xasprintf("%s/partial/%s.part", c->fetch_dir, a.file);
		if (fs_stat(a.path, &st) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
		if (fs_stat(part, &st) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
		artefact_done(&a);
	}
	return bytes;
}

/* The room is for all of it. It was there when an installer of ours began, whose leftovers go before it is run again. */
static bool disk_too_small(const struct config *c, const struct facts *f, struct probe_result *r)
{
	double free_gib = (double)f->disk.free_bytes / GIB;
	const struct facts_software *s = &f->software;

	if (all_installed(c, f) || s->driver_begun || s->cuda_begun ||
	    free_gib + (double)fetched_bytes(c, f) / GIB >= c->disk_free_min_gib)
		return false;
	probe_blocked(r, &CODE_DISK, "%.1f GiB are free for %s, %d GiB are needed to install",
		      free_gib, f->disk.where, c->disk_free_min_gib);
	return true;
}

/* Everything that will be installed can be judged: known before the first byte is fetched. */
static bool digest_unknown(const struct config *c, const struct facts *f, struct probe_result *r)
{
	static const struct {
		enum step_id fetch;
		enum artefact_kind kind;
	} files[] = {
		{STEP_FETCH_DRIVER, ARTEFACT_DRIVER},
		{ STEP_FETCH_CUDA,  ARTEFACT_CUDA	 }
	};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct probe_result fetch = { 0 };
		struct artefact a;
		int judged;

		steps[files[i].fetch].probe(c, f, &fetch);
		if (fetch.probe == PROBE_DONE)
			continue;
		artefact_init(&a, files[i].kind, c, f);
		judged = artefact_judgeable(&a, &e);
		artefact_done(&a);
		if (judged < 0) {
			probe_blocked(r, e.kind, "%s", e.msg);
			err_hint(&r->err, "%s", e.hint);
			return true;
		}
	}
	return false;
}

/* SELinux stops nothing here; a step that it stops later is understood with its mode. */
static void tell_fit(const struct config *c, const struct facts *f, struct probe_result *r)
{
	const char *selinux = *f->host.selinux ? f->host.selinux : "unknown";
	char counts[PCI_COUNTS_TEXT_SIZE];

	pci_counts_text(f->machine.pci.gpus, f->machine.pci.nvswitches, counts);
	if (f->host.unpack == UNPACK_FOLDER && !all_installed(c, f))
		probe_done(r,
			   "%s, kernel %s, %s, TDX guest, SELinux %s; installers unpack in %s: %s",
			   f->instance.type, f->machine.kernel, counts, selinux, f->host.unpack_dir,
			   f->host.tmp_trouble);
	else
		probe_done(r, "%s, kernel %s, %s, TDX guest, SELinux %s", f->instance.type,
			   f->machine.kernel, counts, selinux);
}

PROBE(preflight)
{
	if (probe_cannot(r, f, FACTS_MACHINE) || wrong_system(c, &f->machine, r))
		return;
	if (!f->machine.tdx_flag) {
		probe_blocked(r, &CODE_TDX,
			      "the CPU does not show the flag tdx_guest: this is no TDX guest");
		return;
	}
	if (probe_cannot(r, f, FACTS_INSTANCE) || wrong_devices(f, r) ||
	    probe_cannot(r, f, FACTS_BOOT) || nouveau(c, f, r) || extra_devices(c, f, r) ||
	    probe_cannot(r, f, FACTS_SOFTWARE) || cuda_in_the_way(c, &f->software, r) ||
	    probe_cannot(r, f, FACTS_UNITS) || units_in_the_way(f, r) ||
	    probe_cannot(r, f, FACTS_DISK) || disk_too_small(c, f, r) || host_refuses(c, f, r) ||
	    digest_unknown(c, f, r))
		return;
	tell_fit(c, f, r);
}
