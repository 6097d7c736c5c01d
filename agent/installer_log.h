/* What the driver's installer says in its log: it tells why it failed nowhere else. */
#ifndef GN8V_INSTALLER_LOG_H
#define GN8V_INSTALLER_LOG_H

#include "core/base.h"

#include <sys/stat.h>

#define INSTALLER_LOG_REASON 400

struct installer_log {
	char version[32];    /* of the installer, which is the driver's */
	bool in_use;	     /* it found a module that it could not unload */
	bool files_in_place; /* every file was installed; what follows only loads the module */
	bool complete;	     /* it came to its end */
	unsigned int errors; /* but the one that says that there were errors */
	char reason[INSTALLER_LOG_REASON]; /* the first of them, in one line; "" without any */
};

/* Reads the log; one that is missing or cannot be read says nothing. Of a very large one only the beginning counts. */
void installer_log_read(struct installer_log *l);

/* Which log is there: the installer begins a new one each time, so another one is of the run in between. */
struct installer_log_mark {
	bool there;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};
void installer_log_mark(struct installer_log_mark *m);
bool installer_log_is_new(const struct installer_log_mark *before);

#endif
