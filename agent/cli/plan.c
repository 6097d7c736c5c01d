/* gn8v plan */
#include "plan.h"
#include "cli/cli.h"
#include "core/fs.h"
#include "core/str.h"

static struct json_object *needs_to_json(const struct step *s, const struct config *c)
{
	struct json_object *a = json_object_new_array();

	for (const enum step_id *n = step_needs(s, c); *n != STEP_MAX; n++)
		json_object_array_add(a, json_object_new_string(steps[*n].id));
	return a;
}

static struct json_object *to_json(const struct plan *p, const struct facts *f,
				   const struct config *c)
{
	struct json_object *o = json_object_new_object(), *a = json_object_new_array();

	json_set_int(o, "schema", 1);
	json_set_str(o, "instance_type", f->instance.type);
	json_set_str(o, "instance_type_from", facts_source_name(f->instance.from));
	json_set_str(o, "shape", shape_name(f->instance.shape));
	for (size_t i = 0; i < STEP_MAX; i++) {
		struct json_object *row = json_object_new_object();

		json_set_str(row, "id", steps[i].id);
		json_set_str(row, "rows", steps[i].rows);
		json_set_str(row, "title", steps[i].title);
		json_set(row, "needs", needs_to_json(&steps[i], c));
		json_set_str(row, "action", plan_action_name(p->rows[i].action));
		json_set_str(row, "reason", p->rows[i].r.reason);
		if (p->rows[i].action == PLAN_BLOCKED)
			json_set_str(row, "code", p->rows[i].r.err.kind->code);
		json_object_array_add(a, row);
	}
	json_set(o, "steps", a);
	json_set(o, "config", config_to_json(c));
	return o;
}

static void print(const struct plan *p, const struct facts *f)
{
	char note[FACTS_NOTE_SIZE];

	facts_instance_note(&f->instance, note, sizeof(note));
	printf("%s, %s\n%s%s\n", f->instance.type[0] ? f->instance.type : "unknown instance type",
	       shape_name(f->instance.shape) ? shape_name(f->instance.shape) : "shape unknown",
	       note, note[0] ? "\n" : "");
	printf("%-20s %-13s %-13s %s\n", "STEP", "ROWS", "WILL", "WHY");
	for (size_t i = 0; i < STEP_MAX; i++)
		printf("%-20s %-13s %-13s %s\n", steps[i].id, steps[i].rows,
		       plan_action_name(p->rows[i].action), p->rows[i].r.reason);
}

/* The first step that is blocked, said with its hint. */
static enum exit_code judge(const struct plan *p)
{
	for (size_t i = 0; i < STEP_MAX; i++)
		if (p->rows[i].action == PLAN_BLOCKED) {
			fflush(stdout);
			return cli_fail(&p->rows[i].r.err, EXIT_FAILED);
		}
	return EXIT_READY;
}

enum exit_code cli_plan(const struct cli_options *o)
{
	_cleanup_free_ struct facts *f = xcalloc(1, sizeof(*f));
	_cleanup_free_ struct plan *p = xcalloc(1, sizeof(*p));
	struct err e = ERR_INIT;
	struct config c;
	enum exit_code code;
	int deadline_s;

	if (geteuid() != 0 && !fs_has_root()) {
		err_set(&e, &ERR_ARGUMENT,
			"gn8v plan looks at what only root may read: boot entries, the mapped SWIOTLB");
		err_hint(&e, "sudo gn8v plan; gn8v status works for everybody");
		return cli_fail(&e, EXIT_CANNOT_TELL);
	}
	if (cli_config(o, &c) < 0)
		return EXIT_FAILED;
	deadline_s = cli_hurry(&c);
	facts_look(f, &c);
	c.metadata_deadline_s = deadline_s; /* as it is shown */
	plan_make(p, &c, f);
	if (o->json)
		cli_print_json(to_json(p, f, &c));
	else
		print(p, f);
	code = judge(p);
	config_done(&c);
	return code;
}
