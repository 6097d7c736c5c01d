/* Errors as values: a kind (stable code, class, who can mend it), words and a hint.
 *
 * The struct has a fixed size and is carried by the caller, so it works when memory is gone and
 * travels through a pipe as it is. Fallible functions return 0, or -1 with *e filled in; a third
 * outcome is an enum in a ret_ parameter. The words say what was attempted, on what, and what came
 * back, the outermost context first; the hint is what to type or do.
 *
 * A kind is a constant object: the library defines those below, its user may define more. */
#ifndef GN8V_CORE_ERR_H
#define GN8V_CORE_ERR_H

#include "core/base.h"

enum err_class {
	ERR_CLASS_RETRY,  /* may pass by itself: try again with backoff */
	ERR_CLASS_STOP,	  /* will not pass by itself: stop and show */
	ERR_CLASS_REFUSE, /* must not go on: nothing was or will be touched */
};

struct err_kind {
	const char *code; /* stable token, goes to status.json */
	enum err_class class;
	const char *who;  /* who can mend it: operator, alibaba-cloud, nvidia, network, gn8v */
	const char *hint; /* what to do when the caller knows nothing better */
};

struct err {
	const struct err_kind *kind; /* NULL: no error */
	char msg[768];
	char hint[512];
};

#define ERR_INIT             \
	{                    \
		.kind = NULL \
	}

extern const struct err_kind ERR_IO;	    /* a file or a system call failed */
extern const struct err_kind ERR_DISK_FULL; /* ENOSPC, EDQUOT */
extern const struct err_kind ERR_FORMAT;    /* input is not in the documented format */
extern const struct err_kind ERR_TOO_LARGE; /* input is larger than the limit */
extern const struct err_kind ERR_NETWORK;   /* the peer could not be reached, or broke off */
extern const struct err_kind ERR_HTTP;	    /* the peer answered with an error status */
extern const struct err_kind ERR_UNTRUSTED; /* a signature or certificate did not verify */
extern const struct err_kind ERR_DIGEST;    /* not the bytes that were pinned */
extern const struct err_kind ERR_CHILD;	    /* a program failed */
extern const struct err_kind ERR_TIMEOUT;   /* a deadline passed */
extern const struct err_kind ERR_BUS;	    /* systemd or the message bus refused or failed */
extern const struct err_kind ERR_ARGUMENT;  /* the caller asked for something that cannot be */
extern const struct err_kind ERR_INTERNAL;  /* a defect in this program */

const char *err_class_name(enum err_class class);

/* Always -1, so that a failure is one line: return err_set(e, &ERR_IO, ...). e may be NULL. */
int err_set(struct err *e, const struct err_kind *kind, const char *fmt, ...) PRINTF(3, 4);

/* The same from errno; ENOSPC and EDQUOT become ERR_DISK_FULL. ": strerror" is appended. */
int err_errno(struct err *e, int errnum, const char *fmt, ...) PRINTF(3, 4);

/* Puts context in front of the words of an error that is already set. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Gives an error that is already set another kind, keeping its words. */
int err_rekind(struct err *e, const struct err_kind *kind);

/* Replaces the kind's own hint. */
int err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* The hint to show: the caller's, or the kind's; never NULL. */
const char *err_hint_text(const struct err *e);

#endif
