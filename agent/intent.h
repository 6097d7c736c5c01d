/* Installers of ours, and dracut, that have begun and are not known to have ended well: one small file each in
 * /var/lib/gn8v/begun, written durably before they run. It outlives the status, which may be lost, and the boot. */
#ifndef GN8V_INTENT_H
#define GN8V_INTENT_H

#include "core/err.h"

#define INTENT_MAX	 4096
#define INTENT_DRIVER	 "driver"
#define INTENT_INITRAMFS "initramfs"
#define INTENT_UNPACK	 "unpack" /* where an installer unpacks, if not in /tmp */

/* Records that NAME ("cuda") begins; TEXT says in what, and is kept as it is. A record that is there already stays: it is of a
 * run that did not end, and says how things were before that one. */
int intent_begin(const char *name, const char *text, struct err *e);

/* *ret_text is the record, NULL when there is none. The caller frees it. */
int intent_read(const char *name, char **ret_text, struct err *e);

/* The installer ended well, or all that it installs was proven. */
int intent_end(const char *name, struct err *e);

#endif
