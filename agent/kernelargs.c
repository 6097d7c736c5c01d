#include "kernelargs.h"

#include "core/str.h"
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
