/* lkca and initramfs (R5): the driver option for Protected PCIe, and every initramfs with it. */
#include "codes.h"
#include "core/fs.h"
#include "kernelargs.h"
#include "paths.h"
#include "steps/all.h"

PROBE(lkca)
{
	(void)c;
	if (probe_cannot(r, f, FACTS_BOOT))
		return;
	if (f->boot.lkca_ok)
		probe_done(r, PATH_MODPROBE_LKCA " is as it should be");
	else
		probe_todo(r, "write " PATH_MODPROBE_LKCA);
}

APPLY(lkca)
{
	(void)w;
	return fs_write_atomic(PATH_MODPROBE_LKCA, 0644, KERNELARGS_LKCA,
			       sizeof(KERNELARGS_LKCA) - 1, e);
}

PROBE(initramfs)
{
	(void)c;
	if (probe_cannot(r, f, FACTS_BOOT))
		return;
	if (f->boot.lkca_ok && f->boot.initramfs_ok)
		probe_done(r, "every initramfs is newer than " PATH_MODPROBE_LKCA);
	else
		probe_todo(r, "rebuild every initramfs");
}

APPLY(initramfs)
{
	if (step_run(w, ARGV(PROG_DRACUT, "--regenerate-all", "-f"), NULL, &CODE_INITRAMFS, e) < 0)
		return -1;
	return fs_sync_fs(PATH_BOOT, e);
}
