/* gn8v verify: attests now, live. Opens and closes nothing. */
#include "cli/cli.h"
#include "attest.h"
#include "codes.h"
#include "core/str.h"
#include "paths.h"

static enum exit_code code_of(enum verdict v)
{
	return v == VERDICT_ACCEPTED ? EXIT_READY : v == VERDICT_REJECTED ? EXIT_FAILED : EXIT_CANNOT_TELL;
}

static void print_checks(const struct check *checks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("    %-18s %-8s %s\n", checks[i].name, check_result_name(checks[i].result), checks[i].note);
}

static void print(const struct appraisal *a)
{
	printf("%s by %s\n", verdict_name(a->verdict), a->decided_by);
	for (size_t i = 0; i < a->devices_n; i++) {
		const struct device_verdict *d = &a->devices[i];

		printf("  %s %u %s: %s\n", device_type_name(d->type), d->index, d->id, verdict_name(d->verdict));
		print_checks(d->checks, d->checks_n);
	}
	print_checks(a->checks, a->checks_n);
}

enum exit_code cli_verify(const struct cli_options *o)
{
	_cleanup_free_ struct appraisal *a = xcalloc(1, sizeof(*a));
	_cleanup_free_ struct worker *w = xcalloc(1, sizeof(*w));
	_cleanup_free_ char *output = NULL;
	struct config c;
	struct err e = ERR_INIT;
	enum exit_code code;

	if (cli_config(o, &c) < 0)
		return EXIT_CANNOT_TELL;
	*w = (struct worker){ .step = &steps[STEP_ATTEST], .config = &c, .fd = -1,
			      .timeout_s = steps[STEP_ATTEST].timeout_s };
	facts_collect(&w->facts, &c, FACTS_MACHINE | FACTS_INSTANCE);
	if (w->facts.instance.shape != SHAPE_UNKNOWN)
		config_set_shape(&c, w->facts.instance.shape);
	if (facts_error(&w->facts, FACTS_INSTANCE)) {
		code = cli_fail(facts_error(&w->facts, FACTS_INSTANCE), EXIT_CANNOT_TELL);
	} else if (attest_run(w, a, &output, &e) < 0) {
		code = cli_fail(&e, EXIT_CANNOT_TELL);
	} else {
		if (o->json)
			cli_print_json(appraisal_to_json(a));
		else
			print(a);
		code = code_of(a->verdict);
	}
	config_done(&c);
	return code;
}
