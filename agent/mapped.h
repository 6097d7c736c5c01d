/* The SWIOTLB that the kernel mapped in this boot, kept in /run once it was read: debugfs may be shut off
 * later, and the kernel's log overwritten, and what is mapped stays mapped until the next boot. */
#ifndef GN8V_MAPPED_H
#define GN8V_MAPPED_H

#include "facts.h"

/* Keeps a value that was read from the kernel; does nothing where it is unknown, or was kept itself. */
int mapped_keep(const struct facts *f, struct err *e);

/* False when nothing is kept of this boot. */
bool mapped_kept(const char *boot_id, uint64_t *ret_bytes);

#endif
