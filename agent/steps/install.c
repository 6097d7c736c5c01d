/* Installers that unpack themselves into a temporary folder and run from there: where that is not /tmp. */
#include "core/fs.h"
#include "core/str.h"
#include "intent.h"
#include "steps/all.h"

static size_t count(const char *const *argv)
{
	size_t n = 0;

	while (argv[n])
		n++;
	return n;
}

/* The owner's own word goes before ours. */
static bool has_tmpdir(const char *const *argv)
{
	for (; *argv; argv++)
		if (str_starts(*argv, "--tmpdir"))
			return true;
	return false;
}

int step_sweep_unpacked(struct err *e)
{
	_cleanup_free_ char *record = NULL;
	char *dir;

	if (intent_read(INTENT_UNPACK, &record, e) < 0)
		return -1;
	if (!record)
		return 0;
	dir = str_trim(record);
	if (str_ends(dir, "/" UNPACK_NAME) && fs_remove_tree(dir, e) < 0)
		return -1;
	return intent_end(INTENT_UNPACK, e);
}

/* The record comes before the folder: one that is there without it is somebody else's. */
static int make_folder(const char *dir, struct err *e)
{
	_cleanup_free_ char *record = xasprintf("%s\n", dir);

	if (step_sweep_unpacked(e) < 0)
		return -1;
	if (fs_exists(dir)) {
		err_set(e, &ERR_IO, "%s is there, and is not ours: installers would unpack in it",
			dir);
		return err_hint(e, "mv %s %s.old; then: systemctl restart gn8v-agent", dir, dir);
	}
	return intent_begin(INTENT_UNPACK, record, e) < 0 ? -1 : fs_mkdirs(dir, 0700, e);
}

static int play_in(struct worker *w, struct run *r, const char *dir, enum step_tmpdir form,
		   const struct err_kind *kind, struct err *e)
{
	_cleanup_free_ char *variable = xasprintf("TMPDIR=%s", dir),
			    *option = xasprintf("--tmpdir=%s", dir);
	const char *const env[] = { variable, NULL }, *const *asked = r->argv;
	size_t n = count(r->argv);
	_cleanup_free_ const char **argv = xcalloc(n + 3, sizeof(*argv));
	struct err left = ERR_INIT;
	int ok;

	memcpy(argv, r->argv, n * sizeof(*argv));
	if (form == STEP_TMPDIR_TWO_WORDS) {
		argv[n++] = "--tmpdir";
		argv[n] = dir;
	} else {
		argv[n] = option;
	}
	worker_event(w, "it unpacks in %s: %s", dir, w->facts.host.tmp_trouble);
	if (make_folder(dir, e) < 0)
		return -1;
	r->argv = argv;
	r->env = env;
	ok = step_play(w, r, kind, e);
	r->argv = asked;
	r->env = NULL;
	if (step_sweep_unpacked(&left) < 0)
		worker_event(w, "%s", left.msg);
	return ok;
}

int step_install(struct worker *w, struct run *r, enum step_tmpdir form,
		 const struct err_kind *kind, struct err *e)
{
	const struct facts_host *h = &w->facts.host;

	r->cwd = w->config->fetch_dir;
	if (!(w->facts.known & FACTS_HOST) || h->unpack != UNPACK_FOLDER || has_tmpdir(r->argv))
		return step_play(w, r, kind, e);
	return play_in(w, r, h->unpack_dir, form, kind, e);
}
