/* lkca and initramfs (R5): the driver option for Protected PCIe, and every initramfs with it. Which is newer is told by
 * the times of the files, written before the clock is synchronised: where one of them must not be believed, the time of
 * the option's file is put right. */
#include "codes.h"
#include "core/clock.h"
#include "core/fs.h"
#include "intent.h"
#include "kernelargs.h"
#include "paths.h"
#include "steps/all.h"
#include "sys/kernel.h"

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
	char strangers[FACTS_STRANGERS_SIZE];

	(void)c;
	if (probe_cannot(r, f, FACTS_BOOT))
		return;
	facts_strangers_text(&f->boot.images, "its kernel has no modules", strangers);
	if (f->boot.lkca_ok && f->boot.initramfs_ok)
		probe_done(r, "every initramfs is newer than " PATH_MODPROBE_LKCA "%s", strangers);
	else
		probe_todo(r, "rebuild every initramfs%s%s",
			   f->boot.initramfs_begun ? ": the last time it did not end well" : "",
			   strangers);
}

/* After every initramfs that counts was made with the file in its place. The clock was put back meanwhile if one looks older; but not
 * if it is from before this boot: then that one was not made. */
static int lkca_older_than_images(struct err *e)
{
	struct timespec lkca, oldest, newest;
	int64_t boot_time;

	if (facts_initramfs_times(&oldest, &newest, NULL, e) < 0)
		return -1;
	if (!fs_mtime(PATH_MODPROBE_LKCA, &lkca) || !clock_is_before(&oldest, &lkca) ||
	    !kernel_boot_time(&boot_time) || oldest.tv_sec < boot_time)
		return 0;
	return fs_set_mtime(PATH_MODPROBE_LKCA, &oldest, e);
}

int lkca_not_ahead(struct err *e)
{
	struct timespec lkca, boot = { 0 };
	int64_t boot_time;

	if (!fs_mtime(PATH_MODPROBE_LKCA, &lkca) || lkca.tv_sec <= clock_wall_s() ||
	    !kernel_boot_time(&boot_time))
		return 0;
	boot.tv_sec = boot_time;
	return fs_set_mtime(PATH_MODPROBE_LKCA, &boot, e);
}

/* dracut copies over the images in their place, and deletes one that it cannot copy: who does not come to the end may leave a
 * new one that is half, or none, beside others that are new. So all are made again. */
APPLY(initramfs)
{
	static const char record[] = "dracut --regenerate-all\n";

	if (intent_begin(INTENT_INITRAMFS, record, e) < 0)
		return -1;
	if (step_run(w, ARGV(PROG_DRACUT, "--regenerate-all", "-f"), NULL, &CODE_INITRAMFS, e) <
		    0 ||
	    lkca_older_than_images(e) < 0 || kernelargs_sync(e) < 0)
		return -1;
	return intent_end(INTENT_INITRAMFS, e);
}
