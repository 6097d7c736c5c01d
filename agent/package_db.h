/* RPM's database, safe from a power cut in the middle of a transaction. rpm writes it without waiting for the disk:
 * cut off, it can be left as something that rpm no longer opens, or know packages whose files never came to the disk.
 * So a copy is kept while a transaction runs. One that was cut off never happened, as far as the database knows: its
 * packages are installed anew. Copies are made and put back under rpm's own lock, so that nobody else's transaction is
 * torn; and what others installed meanwhile or since is not taken from them (package_note.h). What they removed comes
 * back into the database. */
#ifndef GN8V_PACKAGE_DB_H
#define GN8V_PACKAGE_DB_H

#include "core/err.h"

enum package_db_found {
	PACKAGE_DB_WHOLE,    /* no transaction of ours was cut off */
	PACKAGE_DB_PUT_BACK, /* one was, and never happened */
	PACKAGE_DB_MOVED_ON, /* one was, but somebody has installed packages since: left as it is */
};

/* Copies the database durably, before the transaction of argv. What an earlier one left is put back first. Waits for
 * whoever is in a transaction, after on_wait(data). */
int package_db_keep(const char *const *argv, void (*on_wait)(void *data), void *data,
		    struct err *e);

/* All that the transaction wrote is brought to the disk, then the copy is dropped. */
int package_db_settle(struct err *e);

/* Puts back the copy of a transaction that was cut off, if there is one: not when rpm can read the database and others
 * have installed packages since the copy was made. Waits for whoever is in a transaction, after on_wait(data);
 * ERR_TIMEOUT when a signal ends that. */
int package_db_put_back(enum package_db_found *ret, void (*on_wait)(void *data), void *data,
			struct err *e);

/* Of a query of rpm that did not end in time (*e is ERR_TIMEOUT), which says nothing about the database: CODE_RPM_BUSY, with
 * who it is, where somebody is in a transaction; else ERR_TIMEOUT with a hint. Always -1. */
int package_db_unanswered(struct err *e);

#endif
