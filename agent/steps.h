/* THE table: what the machine will do. Each row is a step: what it needs, a probe that looks at
 * facts and says whether it is done, and an apply that moves towards done and may be cut off at any
 * instruction. To add one: a row in steps.c and a file in steps/. */
#ifndef GN8V_STEPS_H
#define GN8V_STEPS_H

#include "facts.h"

struct worker;

enum step_id {
	STEP_PREFLIGHT,
	STEP_KERNEL_ARGS,
	STEP_LKCA,
	STEP_INITRAMFS,
	STEP_RESTART,
	STEP_TIME_SYNC,
	STEP_PACKAGES,
	STEP_FETCH_DRIVER,
	STEP_FETCH_CUDA,
	STEP_FETCH_FABRICMANAGER,
	STEP_FETCH_NSCQ,
	STEP_SERVICE_ORDER,
	STEP_HOLD_SERVICES,
	STEP_PERSISTENCED_UNIT,
	STEP_FABRICMANAGER,
	STEP_DRIVER,
	STEP_CUDA,
	STEP_NSCQ,
	STEP_VERIFIER,
	STEP_CUBLAS,
	STEP_FABRICMANAGER_START,
	STEP_PERSISTENCED_START,
	STEP_RELEASE_SERVICES,
	STEP_TDX,
	STEP_DEVICES,
	STEP_FABRIC,
	STEP_CC_MODE,
	STEP_ATTEST,
	STEP_READY,
	STEP_MAX,
};

enum probe { PROBE_DONE, PROBE_TODO, PROBE_BLOCKED };

struct probe_result {
	enum probe probe;
	char reason[256]; /* for people: why it is done, or what is to be done */
	struct err err;	  /* of PROBE_BLOCKED */
};

#define NEEDS_NOTHING ((const enum step_id[]){ STEP_MAX })
#define NEEDS(...)    ((const enum step_id[]){ __VA_ARGS__, STEP_MAX })

enum step_shapes { STEP_BOTH, STEP_ONLY_SINGLE, STEP_ONLY_MULTI };

struct step {
	const char *id;
	const char *rows;  /* of the procedure */
	const char *title; /* what is true when it is done */
	enum step_shapes shapes;
	const enum step_id *needs;	 /* ended by STEP_MAX; see step_needs */
	const enum step_id *needs_early; /* instead, with fetch.before_restart; NULL: the same */
	bool (*wanted)(const struct config *c, const struct facts *f); /* NULL: always */
	void (*probe)(const struct config *c, const struct facts *f, struct probe_result *r);
	int (*apply)(struct worker *w,
		     struct err *e); /* NULL: there is nothing to do but wait or refuse */
	unsigned int timeout_s;
	unsigned int (*waits_s)(const struct config *c); /* more, by configuration; NULL: none */
	unsigned int attempts; /* in one run, when the error may pass by itself; see patience_s */
	unsigned int
		patience_s; /* of a step that waits for others: so long after its first failure it is begun
				  * again, whatever the count; 0: `attempts` counts */
	unsigned int every_s; /* between two tries of it; 0: longer each time */
	unsigned int changes; /* groups of facts that are read again after apply */
	bool verifies;	      /* looks again at every boot and changes nothing */
	bool transient; /* what it does shows nowhere until another step used it: apply judges itself */
	bool downloads; /* shares fetch.total_deadline_s with the others that do */
	bool restarts;	/* ends in a restart of the machine */
	bool recorded; /* a run of it that did not end is on record (intent.h), and its probe looks there */
	const struct err_kind *on_timeout;		     /* NULL: CODE_STEP_TIMEOUT */
	unsigned int (*retry_for_s)(const struct config *c); /* instead of patience_s */
};

extern const struct step steps[STEP_MAX];

const struct step *step_by_id(const char *id); /* NULL if there is none */

/* What it needs under this configuration, ended by STEP_MAX. */
const enum step_id *step_needs(const struct step *s, const struct config *c);

/* How long its apply may take: steps.<id>.timeout_s of the configuration, else timeout_s and what
 * it is configured to wait. */
unsigned int step_deadline_s(const struct step *s, const struct config *c);

/* The step looks done and may be half done: the status says that it was cut off, no record says more, and it is not a
 * package's by now. */
bool step_cut_off(const struct step *s, const struct facts *f);

/* How long after its first failure it is begun again: steps.<id>.patience_s of the configuration, else its own. 0: not
 * by time, because it has none or because steps.<id>.attempts alone is configured. */
unsigned int step_patience_s(const struct step *s, const struct config *c);

/* Whether a step that has failed `tries` times, the first time since_us before the next try, is begun again. */
bool step_tries_again(const struct step *s, const struct config *c, unsigned int tries,
		      uint64_t since_us);

/* What passes before its next try: never less than a second. */
uint64_t step_pause_us(const struct step *s, unsigned int tries);

bool step_applies(const struct step *s, const struct config *c, const struct facts *f);

/* Helpers of probes. */
void probe_done(struct probe_result *r, const char *fmt, ...) PRINTF(2, 3);
void probe_todo(struct probe_result *r, const char *fmt, ...) PRINTF(2, 3);
void probe_blocked(struct probe_result *r, const struct err_kind *kind, const char *fmt, ...)
	PRINTF(3, 4);
/* True, with r filled in, when a group that the probe needs could not be read. */
bool probe_cannot(struct probe_result *r, const struct facts *f, enum facts_group group);

#endif
