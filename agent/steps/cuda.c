/* cuda (R13) after the driver: both unpack gigabytes and run ldconfig; cublas (R22) when asked for.
 *
 * The runfile counts what a cut-off run of it left as an existing installation, and whether --silent then goes on, ends or
 * fails is written nowhere. So it is run into nothing: the half that our own run left is removed before the next, and nothing
 * else is ever removed. Our run is known by its record (intent.h), which is written before it begins and ended when the runfile
 * ended well. What looks finished is moved aside, and not removed, for it may be the owner's. A toolkit of others is refused, or
 * with cuda.replace moved aside: a mixture of two would be what --override over it leaves, and its owner may want it back. A run
 * that is not the first gets --override, in case the runfile keeps count elsewhere. */
#include <errno.h>
#include <fcntl.h>

#include "artefact.h"
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "intent.h"
#include "paths.h"
#include "steps/all.h"

#define OVERRIDE  "--override"
#define ASIDE_MAX 9
#define LOG_MAX	  (4 * 1024 * 1024)
#define CUDA_LEFT_HINT                                                                       \
	"less " PATH_CUDA_LOG                                                                \
	"; cat %s/version.json; where its nvidia_driver is right, set cuda.driver to it in " \
	"/etc/gn8v/config.json; else move the folder elsewhere; then: systemctl restart gn8v-agent"

bool cuda_in_the_way(const struct config *c, const struct facts_software *s, struct probe_result *r)
{
	_cleanup_free_ char *folder = facts_cuda_folder(c);
	bool packaged = *s->cuda_package;
	const char *whose = "";

	/* What our own runfile left would come again, and be moved aside again. */
	if (s->cuda_folder != FACTS_CUDA_FOREIGN || (c->cuda_replace && !s->cuda_left))
		return false;
	if (s->cuda_left)
		whose = "; gn8v installed it from cuda.urls";
	else if (packaged)
		whose = "; it belongs to the package ";
	probe_blocked(r, &CODE_CUDA_FOREIGN, "%s is in the way of CUDA %s: %s%s%s", folder,
		      c->cuda_version, s->cuda_said, whose, s->cuda_left ? "" : s->cuda_package);
	if (s->cuda_left)
		err_hint(&r->err, CUDA_LEFT_HINT, folder);
	else if (packaged)
		err_hint(
			&r->err,
			"yum remove %s, or set \"cuda\": {\"replace\": true} in /etc/gn8v/config.json, which moves the "
			"folder aside, or another cuda.version; then: systemctl restart gn8v-agent",
			s->cuda_package);
	return true;
}

PROBE(cuda)
{
	const struct facts_software *s = &f->software;
	_cleanup_free_ char *folder = facts_cuda_folder(c);

	if (probe_cannot(r, f, FACTS_SOFTWARE) || cuda_in_the_way(c, s, r))
		return;
	if (s->cuda)
		probe_done(r, "CUDA %s is installed", c->cuda_version);
	else if (s->cuda_folder == FACTS_CUDA_BEGUN)
		probe_todo(r, "install CUDA %s: an installation in %s did not end, and is %s",
			   c->cuda_version, folder, s->cuda_ended ? "moved aside" : "removed");
	else if (s->cuda_folder == FACTS_CUDA_FOREIGN)
		probe_todo(r, "install CUDA %s: what is in %s is moved aside", c->cuda_version,
			   folder);
	else
		probe_todo(r, "install CUDA %s", c->cuda_version);
}

static bool is_absent(const char *path)
{
	_cleanup_fd_ int fd = fs_open(path, O_PATH | O_NOFOLLOW, 0);

	return fd < 0 && errno == ENOENT;
}

/* Its new name begins otherwise: programs look for toolkits in /usr/local/cuda-*. */
static int move_aside(struct worker *w, const char *folder, const char *why, struct err *e)
{
	const char *name = facts_cuda_name(folder);

	for (unsigned int i = 1; i <= ASIDE_MAX; i++) {
		_cleanup_free_ char *number = i > 1 ? xasprintf("-%u", i) : xstrdup("");
		_cleanup_free_ char *to = xasprintf("%.*sgn8v-replaced-%s%s", (int)(name - folder),
						    folder, name, number);

		if (!is_absent(to))
			continue;
		if (fs_rename(folder, to, e) < 0)
			return err_rekind(e, &CODE_CUDA_FOREIGN);
		worker_event(w, "%s: %s is now %s", why, folder, to);
		return 0;
	}
	err_set(e, &CODE_CUDA_FOREIGN, "%s cannot be moved aside: %u were before it", folder,
		ASIDE_MAX);
	return err_hint(e,
			"remove what is not needed of /usr/local/gn8v-replaced-%s*; then: "
			"systemctl restart gn8v-agent",
			name);
}

/* Without version.json what is left of it is no toolkit, even where our record is lost before all of it is gone. */
static int remove_begun(struct worker *w, const char *folder, struct err *e)
{
	_cleanup_free_ char *version = xasprintf("%s/version.json", folder);

	worker_event(w, "removing %s: an installation of ours in it did not end", folder);
	return fs_unlink(version, e) < 0 ? -1 : fs_remove_tree(folder, e);
}

static int make_room(struct worker *w, const struct facts_software *now, const char *folder,
		     struct err *e)
{
	struct probe_result r = { 0 };

	if (cuda_in_the_way(w->config, now, &r)) {
		*e = r.err;
		return -1;
	}
	if (now->cuda_folder == FACTS_CUDA_ABSENT)
		return 0;
	if (now->cuda_folder == FACTS_CUDA_BEGUN && !now->cuda_ended)
		return remove_begun(w, folder, e);
	return move_aside(w, folder,
			  now->cuda_folder == FACTS_CUDA_BEGUN ? "an installation did not end"
							       : "cuda.replace",
			  e);
}

/* Nothing is in the folder now. A record that says anything else is of no use. */
static int begin(const char *folder, struct err *e)
{
	_cleanup_free_ char *text = facts_cuda_record(folder), *old = NULL;
	const char *name = facts_cuda_name(folder);

	if (intent_read(name, &old, e) < 0)
		return -1;
	if (old && !str_eq(old, text) && intent_end(name, e) < 0)
		return -1;
	return intent_begin(name, text, e);
}

/* The runfile prints that it failed, and writes into its log why. A log that it did not touch is of another run. */
static void say_why(const struct timespec *before, struct err *e)
{
	_cleanup_free_ char *log = NULL, *said = xstrdup(e->msg);
	struct timespec now;
	char *line;

	if (!fs_mtime(PATH_CUDA_LOG, &now) || memcmp(&now, before, sizeof(now)) == 0 ||
	    fs_read(PATH_CUDA_LOG, LOG_MAX, &log, NULL, NULL) < 0)
		return;
	line = strstr(log, "[ERROR]");
	if (!line)
		return;
	line[strcspn(line, "\n")] = '\0';
	str_sanitise(line);
	err_set(e, e->kind, "%s; its log: %.300s", said, line);
}

static int run_runfile(struct worker *w, const struct artefact *a, bool again, struct err *e)
{
	const struct strlist *args = &w->config->cuda_args;
	const char **argv = xcalloc(args->n + 4, sizeof(*argv));
	struct run run = { .argv = argv };
	struct timespec before = { 0 };
	size_t n = 0;
	int r;

	argv[n++] = PROG_BASH;
	argv[n++] = a->file;
	for (size_t i = 0; i < args->n; i++)
		argv[n++] = args->v[i];
	if (again && !strlist_has(args, OVERRIDE))
		argv[n++] = OVERRIDE;
	fs_mtime(PATH_CUDA_LOG, &before);
	r = step_install(w, &run, STEP_TMPDIR_EQUALS, &CODE_CUDA, e);
	if (r < 0 && e->kind == &CODE_CUDA)
		say_why(&before, e);
	free(argv);
	return r;
}

/* The runfile ended well, and its work is on disk: what it left is never removed, whatever it is. */
static int prove(const struct worker *w, const struct artefact *a, const char *folder,
		 struct err *e)
{
	_cleanup_free_ char *ended = facts_cuda_record_ended(folder);
	char said[sizeof(w->facts.software.cuda_said)];
	bool whole;

	if (fs_sync_fs("/usr/local", e) < 0 ||
	    facts_cuda_whole(folder, w->config, &whole, said, sizeof(said), e) < 0 ||
	    intent_end(facts_cuda_name(folder), e) < 0)
		return -1;
	if (whole)
		return 0;
	if (intent_begin(facts_cuda_name(folder), ended, e) < 0)
		return -1;
	err_set(e, &CODE_NO_EFFECT, "cuda: %s ended without an error, but CUDA %s is not in %s: %s",
		a->file, a->version, folder, said);
	return err_hint(e, CUDA_LEFT_HINT, folder);
}

/* The folder counts as it is now, not as it was when the worker began. */
static int install(struct worker *w, struct artefact *a, const char *folder, struct err *e)
{
	struct facts_software now = { 0 };
	bool again;

	if (artefact_check(w, a, e) < 0 || facts_read_cuda(&now, w->config, e) < 0)
		return -1;
	if (now.cuda)
		return artefact_forget(w, a, e);
	again = now.cuda_begun || now.cuda_folder != FACTS_CUDA_ABSENT;
	if (make_room(w, &now, folder, e) < 0 || begin(folder, e) < 0)
		return -1;
	if (run_runfile(w, a, again, e) < 0) {
		if (is_absent(folder)) /* what comes there later is not ours */
			intent_end(facts_cuda_name(folder), NULL);
		return -1;
	}
	return prove(w, a, folder, e) < 0 ? -1 : artefact_forget(w, a, e);
}

APPLY(cuda)
{
	_cleanup_free_ char *folder = facts_cuda_folder(w->config);
	struct artefact a;
	int r;

	artefact_init(&a, ARTEFACT_CUDA, w->config, &w->facts);
	r = install(w, &a, folder, e);
	artefact_done(&a);
	return r;
}

PROBE(cublas)
{
	(void)c;
	if (probe_cannot(r, f, FACTS_SOFTWARE))
		return;
	if (f->software.cublas)
		probe_done(r, "nvidia-cublas-cu12 12.4.5.8 is installed");
	else
		probe_todo(r, "install nvidia-cublas-cu12 12.4.5.8");
}

APPLY(cublas)
{
	int r = step_run(w,
			 ARGV(w->config->cublas_python, "-m", "pip", "install",
			      "nvidia-cublas-cu12==12.4.5.8"),
			 NULL, &CODE_VERIFIER, e);

	return r < 0 ? -1 : fs_sync_fs("/usr/local", e);
}
