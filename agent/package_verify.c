#include "package_verify.h"

#include "codes.h"
#include "core/str.h"
#include "rpmsig.h"
#include "sys/run.h"

struct verified {
	bool judged;   /* rpm said something about a file */
	bool damaged;  /* a file is not what was packaged */
	bool database; /* rpm had trouble with the database */
};

/* "S.5....T.    /usr/bin/gcc", "missing     /usr/bin/gcc", and a letter before the path where it is of configuration,
 * documentation and the like. */
static void judge_line(const char *line, void *data)
{
	struct verified *v = data;
	size_t n = strcspn(line, " ");
	const char *path = line + n + strspn(line + n, " ");
	bool missing = str_starts(line, "missing ");

	v->database |= rpmsig_blames_database(line);
	if (!missing && (n == 0 || strspn(line, ".SM5DLUGTP?") != n))
		return;
	v->judged = true;
	if (*path == '/' && (missing || strcspn(line, "S5L?") < n))
		v->damaged = true;
}

int package_verify(const char *const *argv, unsigned int timeout_s, bool *ret_damaged,
		   struct err *e)
{
	struct verified v = { 0 };
	struct run r = {
		.argv = argv, .timeout_s = timeout_s, .on_line = judge_line, .on_line_data = &v
	};
	int ok = run_wait(&r, e);

	run_done(&r);
	*ret_damaged = v.damaged;
	if (v.database)
		return err_set(e, &CODE_RPM_DATABASE,
			       "rpm -V cannot read the package database: exit status %d", r.status);
	return ok == 0 || (r.status > 0 && v.judged) ? 0 : -1;
}
