/* What the status is told of steps for which nothing was run, and of a machine that is ready. */
#include "core/fs.h"
#include "core/str.h"
#include "engine_inside.h"
#include "paths.h"
#include "steps/all.h"

void engine_note_blocked(struct engine *g)
{
	for (size_t i = 0; i < STEP_MAX; i++) {
		struct status_step *st = &g->status.steps[i];
		const struct plan_row *row = &g->plan.rows[i];

		if (row->action != PLAN_BLOCKED || g->tasks[i].failed || g->tasks[i].done ||
		    !engine_needs_met(g, &steps[i]))
			continue;
		engine_record_failure(g, i, &row->r.err);
		st->state = STATE_BLOCKED;
		str_copy(st->reason, sizeof(st->reason), row->r.reason);
	}
}

void engine_note_found(struct engine *g)
{
	for (size_t i = 0; i < STEP_MAX; i++) {
		struct status_step *st = &g->status.steps[i];
		const struct plan_row *row = &g->plan.rows[i];

		if (g->tasks[i].done || g->tasks[i].failed || g->tasks[i].slot.pid ||
		    g->tasks[i].retry)
			continue;
		if (row->action == PLAN_DONE || row->action == PLAN_SKIP) {
			bool news = st->state != STATE_DONE && st->state != STATE_SKIPPED;

			/* Its turn has not come: what it looks like then is said then. */
			if (!engine_satisfied(g, i))
				continue;

			st->state = row->action == PLAN_DONE ? STATE_DONE : STATE_SKIPPED;
			st->attempts = 0;
			st->error = (struct status_error){ 0 };
			if (news && row->action == PLAN_DONE)
				journal_found(&g->journal, &steps[i], row->r.reason);
			/* A verdict keeps the words of the run that reached it. */
			if (news || !steps[i].verifies)
				str_copy(st->reason, sizeof(st->reason), row->r.reason);
		} else if (st->state != STATE_BLOCKED) {
			st->state = STATE_TODO;
			st->error = (struct status_error){ 0 };
			str_copy(st->reason, sizeof(st->reason), row->r.reason);
		}
	}
}

/* What owners have set for units, which gn8v leaves as it is. */
static void note_units(struct json_object *notes, const struct config *c, const struct facts *f)
{
	const struct unitfile_others *o = &f->units.persistenced;
	const char *masked[FACTS_UNITS_MAX];
	char text[STEP_NAMES_SIZE];
	size_t n = 0;

	if (o->harmless[0]) {
		_cleanup_free_ char *note = xasprintf(
			"drop-ins of " UNIT_PERSISTENCED " that are not gn8v's: %s", o->harmless);

		json_object_array_add(notes, json_object_new_string(note));
	}
	for (size_t i = 0; i < f->units.n; i++) {
		const struct facts_unit *u = &f->units.v[i];

		if (unitfile_is_masked(&u->state) && (strlist_has(&c->services_gpu, u->name) ||
						      strlist_has(&c->services_hold, u->name) ||
						      strlist_has(&c->services_disable, u->name) ||
						      strlist_has(&c->gate_units, u->name)))
			masked[n++] = u->name;
	}
	if (n > 0) {
		_cleanup_free_ char *note = NULL;

		step_names(masked, n, text);
		note = xasprintf("masked by their owner, and left alone: %s", text);
		json_object_array_add(notes, json_object_new_string(note));
	}
}

void engine_note_for_owner(struct engine *g)
{
	const struct config *c = g->config;
	const struct {
		bool on;
		const char *name;
	} reductions[] = {
		{!c->time_sync_required, "time_sync.required"},
		{ str_eq(c->attest_ocsp, "off"),		 "attest.ocsp" },
		{ !c->attest_ocsp_nonce,			 "attest.ocsp_nonce"		     },
		{ c->attest_allow_hold,			"attest.allow_hold"  },
		{ c->attest_allow_expired_rim,		       "attest.allow_expired_rim"		  },
		{ c->fabric_allow_unhealthy,		     "fabric.allow_unhealthy"    },
		{ *c->attest_device_root,			  "attest.device_root"	       },
		{ *c->attest_rim_root,		       "attest.rim_root"	 },
	};
	char note[FACTS_NOTE_SIZE];
	struct json_object *notes = json_object_new_array(), *reduced = json_object_new_array();
	char line[400];

	if (g->facts.instance.shape == SHAPE_SINGLE && str_starts(c->cuda_version, "12.4.") &&
	    !g->facts.software.cublas)
		json_object_array_add(
			notes,
			json_object_new_string(
				"R22: cuBLAS of CUDA 12.4 has a known fault in CC mode: in the Python "
				"environment that uses it, pip3 install nvidia-cublas-cu12==12.4.5.8"));
	if (fs_read_line(PATH_CLOUD_NOTE, line, sizeof(line)) && *line) {
		str_sanitise(line);
		json_object_array_add(notes, json_object_new_string(line));
	}
	facts_instance_note(&g->facts.instance, note, sizeof(note));
	if (note[0])
		json_object_array_add(notes, json_object_new_string(note));
	note_units(notes, c, &g->facts);
	for (size_t i = 0; i < ARRAY_SIZE(reductions); i++)
		if (reductions[i].on)
			json_object_array_add(reduced, json_object_new_string(reductions[i].name));
	status_set_data(&g->status, "notes", notes);
	status_set_data(&g->status, "reduced", reduced);
}
