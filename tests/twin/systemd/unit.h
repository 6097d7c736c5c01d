/*
 * A unit: its definition, as read from unit file and drop-ins, and its state.
 *
 * As in systemd, a definition is read when the unit is first named and again only by Reload.
 * Paths in a definition are those inside the machine, without DIR/root.
 */
#pragma once

#include <sys/types.h>
#include <time.h>

#include "twin.h"

#define UNIT_OBJECTS	  "/org/freedesktop/systemd1/unit"
#define START_LIMIT_BURST 5 /* systemd's DefaultStartLimitBurst= */

enum service_type { SERVICE_SIMPLE, SERVICE_FORKING, SERVICE_ONESHOT };
enum exec_list { EXEC_START_PRE, EXEC_START, EXEC_START_POST, EXEC_STOP, EXEC_STOP_POST, EXEC_MAX };

struct command {
	char *path;
	struct strv argv;
	bool ignore_failure;
};

struct commands {
	struct command *v;
	size_t n;
};

struct definition {
	const char *load_state; /* loaded, not-found, masked, bad-setting */
	char *fragment;
	struct strv drop_ins;
	uint64_t fingerprint; /* of the names and bytes of all of them */

	char *description;
	struct strv after, before, requires, wants, part_of;
	struct strv conditions, asserts; /* paths, a leading ! negates */
	bool default_dependencies, refuse_manual_start, refuse_manual_stop;

	enum service_type type;
	bool type_named;
	struct commands exec[EXEC_MAX];
	struct strv environment;
	char *pid_file;
	double timeout_start_s, timeout_stop_s;
	bool remain_after_exit;

	struct strv watched; /* PathChanged= */
	char *triggers;	     /* Unit= of a .path */

	struct strv wanted_by, aliases;
	bool has_install;
};

struct unit {
	struct unit *next;
	struct twin *twin;
	char *name, *object;
	struct definition def;
	bool preset;	  /* systemd.json says how it begins; it may have no file */
	char *file_state; /* as GetUnitFileState said last; forgotten by Reload */

	const char *active, *sub;
	bool condition_result, assert_result;
	uint64_t active_enter, inactive_exit; /* CLOCK_MONOTONIC, microseconds */
	struct job *job;

	const char *result;
	int main_status;
	pid_t main_pid, control_pid;
	enum exec_list list; /* the list of commands that runs, ... */
	size_t at;	     /* ... and the place in it */
	bool ignore_failure;
	sd_event_source *timer; /* of the state that the service is in */
	double starts[START_LIMIT_BURST];

	struct strv watch_marks; /* what each watched path looked like last */
	sd_event_source **watches;
	size_t n_watches;

	sd_event_source *preset_timer;
	struct json_object *preset_next;
};

extern const char *const unit_dirs[]; /* the search path, first one wins, NULL at the end */

bool unit_name_valid(const char *name);
struct unit *unit_find(struct twin *t, const char *name); /* only if it is loaded */
struct unit *unit_get(struct twin *t, const char *name);  /* loads it; an alias leads to its unit */
void unit_reload(struct unit *u);
bool unit_changed_on_disk(const struct unit *u);
bool unit_is(const struct unit *u, const char *active);
bool unit_is_down(const struct unit *u);       /* inactive or failed */
bool unit_run_elsewhere(const struct unit *u); /* the harness runs its process */
bool unit_after(const struct unit *u, const struct unit *other);
bool unit_paths_hold(const struct unit *u, const struct strv *checks);
void unit_set_state(struct unit *u, const char *active, const char *sub);
void unit_write_state(const struct twin *t, const char *name, const char *active);

/* definition.c */
void definition_load(struct twin *t, const char *name, struct definition *ret);
void definition_done(struct definition *d);
char *definition_fragment(const struct twin *t, const char *name); /* NULL when there is none */
uint64_t definition_fingerprint(const struct twin *t, const char *name);
