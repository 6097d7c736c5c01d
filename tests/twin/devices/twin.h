/* The folder of a twin (../README.md) as a simulated library finds it: from its own path,
 * DIR/root/usr/lib64/NAME.so.VERSION. What the fakes written in Python do with it is done here in
 * the same way. */
#ifndef TWIN_DEVICES_TWIN_H
#define TWIN_DEVICES_TWIN_H

#include "core/json.h"

bool twin_find(void);		    /* false: this library does not lie in a twin */
void twin_use(const char *dir);	    /* a program that is told */
char *twin_state(const char *part); /* DIR/state/PART; caller frees */
char *twin_text(const char *path);  /* a whole file, terminated; NULL if there is none */
void twin_write(const char *path, const char *text);

struct json_object *twin_devices(void);				   /* devices.json; the caller's */
void twin_devices_set(const char *key, struct json_object *value); /* takes value */

/* Whether a fault is on; its argument, "" for none, into dst. */
bool twin_fault(const char *name, char *dst, size_t size);
bool twin_fault_at(const char *name, const char *argument); /* is on, and for that device */
/* Is on, and for what has the argument's text in its name, as the server (ledger.py) means it. */
bool twin_fault_on(const char *name, const char *subject);

/* Of the module that is loaded, "" for none; of this library. */
const char *twin_driver(void);
const char *twin_version(void);

/* Logs an open of the GPUs. Before nvidia-persistenced is active it costs the session. */
void twin_open(const char *what);
bool twin_session_lost(void);
void twin_misuse(const char *text);

/* Modes as the simulated nvidia-smi has them. */
bool twin_cc_on(void);
bool twin_ppcie_on(void);

void twin_hang(void) __attribute__((noreturn));

#endif
