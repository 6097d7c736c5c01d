/* What the procedure puts on the kernel's command line and into modprobe.d (R4, R5). */
#ifndef GN8V_KERNELARGS_H
#define GN8V_KERNELARGS_H

#include "config.h"

/* R5, byte for byte. */
#define KERNELARGS_LKCA                                                                     \
	"install nvidia /sbin/modprobe ecdsa_generic; /sbin/modprobe ecdh; /sbin/modprobe " \
	"--ignore-install nvidia\n"                                                         \
	"options nvidia NVreg_RegistryDwords=\"RmEnableProtectedPcie=0x1\"\n"

/* kernel.blacklist_nouveau: keeps it out of the initramfs, of modprobe and of the console. */
#define KERNELARGS_NOUVEAU \
	"rd.driver.blacklist=nouveau modprobe.blacklist=nouveau nouveau.modeset=0"

bool kernelargs_has_swiotlb(const struct config *c, const char *args);
bool kernelargs_has_nouveau(const char *args);

/* Bytes that kernel.swiotlb asks for: slots of 2 KiB (IO_TLB_SHIFT 11). */
uint64_t kernelargs_swiotlb_bytes(const struct config *c);

/* What was written for the boot loader is on the disk: in /boot, and where grubenv lies, which may be a link to the EFI
 * system partition. */
int kernelargs_sync(struct err *e);

#endif
