/* The status: the state that survives the restart and the public answer in one file,
 * /var/lib/gn8v/status.json, described by packaging/status.schema.json.
 *
 * It holds what the machine cannot tell by itself: attempts, times, errors, verdicts, events. It is
 * written at transitions only, atomically and durably, by the agent alone. Lost or garbled, it is
 * begun anew (the garbled one is kept as status.json.bad) and the rest is probed. */
#ifndef GN8V_STATUS_H
#define GN8V_STATUS_H

#include "core/clock.h"
#include "steps.h"

enum result {
	RESULT_PENDING,
	RESULT_RUNNING,
	RESULT_RESTARTING,
	RESULT_WAITING,
	RESULT_READY,
	RESULT_FAILED,
	RESULT_REFUSED,
	RESULT_MAX,
};

enum step_state {
	STATE_TODO,
	STATE_RUNNING,
	STATE_DONE,
	STATE_FAILED,
	STATE_INTERRUPTED,
	STATE_BLOCKED,
	STATE_SKIPPED,
	STATE_MAX,
};

#define STATUS_SCHEMA	  1
#define STATUS_EVENTS_MAX 200
#define STATUS_MAX	  (1024 * 1024)

struct status_error {
	char code[48]; /* "": no error */
	char class[8];
	char step[32];
	char message[768];
	char who[32];
	char hint[512];
	char at[CLOCK_TEXT_SIZE];
};

struct status_step {
	enum step_state state;
	char reason[256];
	unsigned int attempts; /* since it was last done */
	bool cut_off; /* began, did not end by itself, and did not end well since: what it left is not believed */
	char started[CLOCK_TEXT_SIZE], ended[CLOCK_TEXT_SIZE];
	double duration_s; /* of the last attempt */
	char boot_id[KERNEL_BOOT_ID_SIZE];
	struct status_error error;
	/* While it waits for its next try, else "": when that is, and after when there is none. */
	char next_try[CLOCK_TEXT_SIZE], gives_up[CLOCK_TEXT_SIZE];
};

struct status_event {
	char t[CLOCK_TEXT_SIZE];
	int level; /* LOG_INFO, ... */
	char step[32];
	char code[48];
	char text[400];
};

struct status {
	enum result result;
	char summary[640];
	char updated[CLOCK_TEXT_SIZE];
	char boot_id[KERNEL_BOOT_ID_SIZE];
	char instance_id[64], instance_type[64], region[64];
	enum facts_source type_from;
	char product[HASH_HEX_SIZE]; /* of the machine that it was written on: facts_instance */
	enum shape shape;
	char kernel[KERNEL_RELEASE_SIZE];
	unsigned int restarts;
	bool gate_open;
	struct status_error error;
	struct status_step steps[STEP_MAX];
	struct json_object
		*data; /* values of workers: attestation, measured, packages, services, notes */
	struct status_event events[STATUS_EVENTS_MAX];
	size_t events_n;
	char *saved; /* the text as it is on disk, so that nothing is written when nothing changed */
};

const char *result_name(enum result r);

void status_init(struct status *s);
void status_done(struct status *s);

/* Reads it. A missing file is a fresh status. What cannot be understood is moved aside and reported
 * in *ret_note (owned, NULL if all was well); that is no error. ERR_IO only if the disk fails. */
int status_load(struct status *s, char **ret_note, struct err *e);

/* Writes it if it differs from what is on disk. */
int status_save(struct status *s, struct err *e);

/* Round trip without a disk. */
struct json_object *status_to_json(const struct status *s);
int status_from_json(struct status *s, struct json_object *o, struct err *e);

/* Another instance (a custom image): attempts, errors, verdicts and events of the old one go. */
void status_adopt_instance(struct status *s, const struct facts *f);

/* Steps that were cut off, by bit. */
uint64_t status_cut_off(const struct status *s);

void status_event(struct status *s, int level, const char *step, const char *code,
		  const char *text);
void status_set_error(struct status_error *to, const char *step, const struct err *e);
/* Joins a worker's value to what is there: keys of an object, and items of a list by their first key;
 * an attestation replaces the one before. */
void status_merge(struct status *s, const char *key, struct json_object *value);

/* measured.cmdline and measured.swiotlb_bytes of this boot. */
void status_measure(struct status *s, const struct facts *f);

void status_set_data(struct status *s, const char *key,
		     struct json_object *value); /* takes value */

#endif
