/* The unit files and drop-ins that the agent writes: the templates of systemd/ filled in. */
#ifndef GN8V_UNITFILE_H
#define GN8V_UNITFILE_H

#include "config.h"
#include "core/fs.h"
#include "sys/units.h"

enum unitfile_dropin {
	UNITFILE_HOLD,	  /* 10-gn8v-hold.conf: not while PATH_HOLD is there */
	UNITFILE_ORDER,	  /* 50-gn8v-order.conf: after nvidia-persistenced (R24) */
	UNITFILE_TIMEOUT, /* 50-gn8v-timeout.conf: for nvidia-persistenced, where its text has none */
	UNITFILE_GATE,	  /* 60-gn8v-gate.conf: behind gn8v-ready.target */
};

char *unitfile_dropin_path(enum unitfile_dropin kind, const char *unit); /* caller frees */
int unitfile_dropin_text(enum unitfile_dropin kind, char **ret_text, struct err *e);

/* The units that have our gate drop-in, whatever the configuration says now. */
int unitfile_gated(struct fs_names *ret_units, struct err *e);

/* Whether a unit may be ordered after nvidia-persistenced. A path or a socket may not: basic.target
 * waits for them, nvidia-persistenced for it, and systemd throws something out of such a circle. */
bool unitfile_orderable(const char *unit);

/* R10: nvidia-persistenced.service of the configuration's shape; Before= lists what of services.gpu may
 * be ordered. */
int unitfile_persistenced(const struct config *c, char **ret_text, struct err *e);

/* Writes or removes a drop-in; ret_changed (may be NULL) is only ever set to true. */
int unitfile_dropin_write(enum unitfile_dropin kind, const char *unit, bool *ret_changed,
			  struct err *e);
int unitfile_dropin_remove(enum unitfile_dropin kind, const char *unit, bool *ret_changed,
			   struct err *e);

/* The same path: systemd of a distribution where /lib leads to /usr/lib may say either. */
bool unitfile_is_path(const char *a, const char *b);

/* Masked, by what systemd has read or by what lies on the disk: it will not start. */
bool unitfile_is_masked(const struct unit_state *s);

/* What systemd uses of nvidia-persistenced's files, beside ours. */
struct unitfile_others {
	bool in_use; /* PATH_PERSISTENCED_UNIT is what systemd has read, and nothing changes what it runs */
	char path
		[256]; /* a unit file that is used in its place, or a drop-in that changes what it runs; "" */
	char sets[32]; /* that drop-in's setting; "" of a unit file */
	unsigned int
		start_s; /* the time that is in effect, where that drop-in makes it too short; 0: it is not */
	char behind[256];   /* a unit that it is ordered after although it must not be; "" */
	char harmless[256]; /* other drop-ins that are not ours, separated by blanks; "" */
};
int unitfile_others(struct units *u, struct unitfile_others *ret, struct err *e);

/* Pure: the first setting in a drop-in's text that changes what nvidia-persistenced.service runs, or as whom; false when there
 * is none. */
bool unitfile_decides(const char *text, char dst[32]);

/* Pure: whether it sets the time for the start, and by which setting, the last one; and whether it orders it after a unit. */
bool unitfile_sets_timeout(const char *text, char dst[32]);
bool unitfile_orders(const char *text, const char *after);

#endif
