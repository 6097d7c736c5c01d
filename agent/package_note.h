/* What lies beside a copy of RPM's database: the transactions that were known when it was made, and what ours asks for.
 * A later look tells from it what others have installed since. Transactions are compared by the ids that rpm gives them
 * and no time is: the clock may be wrong, and others may come between the copy and our transaction. Pure. */
#ifndef GN8V_PACKAGE_NOTE_H
#define GN8V_PACKAGE_NOTE_H

#include "core/base.h"

/* What rpm -qa is asked for; its answer is a listing. All packages of a transaction have the same id. */
#define PACKAGE_NOTE_FORM "%{INSTALLTID} %{NAME} %{NVRA}\n"

/* NULL if the listing is none. Caller frees. */
char *package_note_text(const char *const *argv, const char *listing);

/* The packages (NAME-VERSION-RELEASE.ARCH) of transactions that are new and that brought nothing which ours asks for:
 * NULL-terminated, in one piece of memory. NULL if the note or the listing is none. Caller frees. */
char **package_note_others(const char *note, const char *listing);

#endif
