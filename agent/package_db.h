/* RPM's database, safe from a power cut in the middle of a transaction. rpm writes it without waiting for the disk:
 * cut off, it can be left as something that rpm no longer opens, or know packages whose files never came to the disk.
 * So a copy is kept while a transaction runs. One that was cut off never happened, as far as the database knows: its
 * packages are installed anew. */
#ifndef GN8V_PACKAGE_DB_H
#define GN8V_PACKAGE_DB_H

#include "core/err.h"

/* Copies the database durably; before a transaction. What an earlier one left is put back first. */
int package_db_keep(struct err *e);

/* All that the transaction wrote is brought to the disk, then the copy is dropped. */
int package_db_settle(struct err *e);

/* Puts back the copy of a transaction that was cut off, if there is one. Nobody may run rpm meanwhile. */
int package_db_put_back(bool *ret_was_cut_off, struct err *e);

#endif
