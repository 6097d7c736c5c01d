/* The ledger of restarts that we asked for: /var/lib/gn8v/restarts, one line each. It stands apart
 * from the status on purpose: a status that is lost at every boot must not allow a loop. */
#ifndef GN8V_RESTARTS_H
#define GN8V_RESTARTS_H

#include "facts.h"

/* Adds "BOOT_ID INSTANCE_ID TIME" durably, once per boot. */
int restarts_add(const struct facts *f, struct err *e);

/* Boots of this instance in which a restart was asked for. */
unsigned int restarts_count(const struct facts *f);

/* Those of them that came before this boot. */
unsigned int restarts_earlier(const struct facts *f);

/* What they were for is in effect: the ledger is removed. */
void restarts_forget(void);

#endif
