#include "kernelargs.h"

#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "sys/kernel.h"

bool kernelargs_has_swiotlb(const struct config *c, const char *args)
{
	char value[128];

	return kernel_cmdline_get(args, "swiotlb", value, sizeof(value)) &&
	       str_eq(value, c->kernel_swiotlb);
}

bool kernelargs_has_nouveau(const char *args)
{
	return str_has_word(args, "rd.driver.blacklist=nouveau") &&
	       str_has_word(args, "modprobe.blacklist=nouveau") &&
	       str_has_word(args, "nouveau.modeset=0");
}

uint64_t kernelargs_swiotlb_bytes(const struct config *c)
{
	return strtoull(c->kernel_swiotlb, NULL, 10) * 2048;
}

int kernelargs_sync(struct err *e)
{
	if (fs_sync_fs(PATH_BOOT, e) < 0)
		return -1;
	return fs_exists(PATH_GRUBENV) ? fs_sync_fs(PATH_GRUBENV, e) : 0;
}
