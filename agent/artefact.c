#include "artefact.h"

#include "cache.h"
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "download.h"
#include "net/hash.h"
#include "paths.h"
#include "rpmname.h"
#include "rpmsig.h"
#include "steps/all.h"
#include "sys/run.h"

#define KEY_MAX	 65536
#define MIB	 (1024.0 * 1024.0)
#define FILE_MAX (16ull << 30) /* larger than any driver or toolkit */

static void add_url(struct artefact *a, const char *template, const char *driver,
		    const char *release)
{
	_cleanup_free_ char *branch = xstrndup(a->version, strcspn(a->version, "."));

	a->urls.v = xrealloc(a->urls.v, (a->urls.n + 2) * sizeof(char *));
	a->urls.v[a->urls.n++] =
		str_expand(template, "version", a->version, "driver", driver, "branch", branch,
			   "package", a->package ? a->package : "", "release", release, NULL);
	a->urls.v[a->urls.n] = NULL;
}

/* One with {release} stands for as many as there may be. */
static void set_urls(struct artefact *a, const struct strlist *templates, const char *driver)
{
	for (size_t i = 0; i < templates->n; i++) {
		const char *const *r = a->releases;

		if (!r || !strstr(templates->v[i], "{release}"))
			add_url(a, templates->v[i], driver, "");
		else
			for (; *r; r++)
				add_url(a, templates->v[i], driver, *r);
	}
}

/* The last component of a URL's path. */
static char *file_of(const char *url)
{
	size_t n = strcspn(url, "?#");
	const char *end = url + n, *start = end;

	while (start > url && start[-1] != '/')
		start--;
	return xstrndup(start, (size_t)(end - start));
}

/* A configured digest belongs to the configured version; a URL that does not name the version leads to
 * the configured file, which is not the one that is wanted beside a newer driver. */
static void set_digest(struct artefact *a, const struct config *c)
{
	const char *const digests[] = { c->driver_sha256, c->cuda_sha256, c->fabricmanager_sha256,
					c->nscq_sha256 };
	const struct config_known_file *known = config_known_file(a->file);
	bool kept = a->kind == ARTEFACT_DRIVER && !str_eq(a->version, c->driver_version);

	if (*digests[a->kind] && !kept) {
		a->sha256 = digests[a->kind];
	} else if (known && (!kept || strstr(a->file, a->version))) {
		a->sha256 = known->sha256;
		a->size = known->size;
	}
}

void artefact_init(struct artefact *a, enum artefact_kind kind, const struct config *c,
		   const struct facts *f)
{
	const struct strlist *const urls[] = { &c->driver_urls, &c->cuda_urls,
					       &c->fabricmanager_urls, &c->nscq_urls };

	*a = (struct artefact){ .kind = kind };
	str_copy(a->version, sizeof(a->version),
		 kind == ARTEFACT_CUDA ? c->cuda_version : facts_driver_version(f, c));
	if (kind == ARTEFACT_FABRICMANAGER)
		a->package = rpmname_package(RPMNAME_FABRICMANAGER, c, a->version);
	else if (kind == ARTEFACT_NSCQ)
		a->package = rpmname_package(RPMNAME_NSCQ, c, a->version);
	if (a->package)
		a->releases = rpmname_releases(a->version);
	set_urls(a, urls[kind], c->cuda_driver);
	a->file = file_of(a->urls.v[0]);
	a->path = xasprintf("%s/%s", c->fetch_dir, a->file);
	set_digest(a, c);
}

void artefact_done(struct artefact *a)
{
	for (size_t i = 0; i < a->urls.n; i++)
		free(a->urls.v[i]);
	free(a->urls.v);
	free(a->file);
	free(a->path);
	free(a->package);
	*a = (struct artefact){ 0 };
}

int artefact_judgeable(const struct artefact *a, struct err *e)
{
	if (a->sha256 || a->package)
		return 0;
	err_set(e, &CODE_DIGEST_UNKNOWN,
		"no SHA-256 is known for %s (version %s), and it is not signed", a->file,
		a->version);
	return err_hint(
		e,
		"set \"%s\": {\"version\": \"%s\", \"sha256\": \"<64 hexadecimal digits>\"} in "
		"/etc/gn8v/config.json, with what sha256sum says of the genuine file",
		a->kind == ARTEFACT_DRIVER ? "driver" : "cuda", a->version);
}

/* --- signed RPMs ------------------------------------------------------------------------------ */

/* SHA-256 of a text as hexadecimal digits. */
static void hash_text(const char *text, size_t len, char dst[SHA256_HEX_SIZE])
{
	_cleanup_(hash_free_p) struct hash *h = hash_new();

	hash_add(h, text, len);
	if (!hash_hex(h, dst))
		abort();
}

/* The key file without the lines that begin "Version": the rule its published digest goes by. */
static void key_digest(const char *text, char dst[SHA256_HEX_SIZE])
{
	struct strbuf kept = { 0 };

	strbuf_begin(&kept);
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");

		n += line[n] == '\n';
		if (!str_starts(line, "Version"))
			strbuf_add(&kept, line, n);
		line += n;
	}
	hash_text(kept.s, kept.len, dst);
	strbuf_done(&kept);
}

/* Fetches a file into fetch.dir, by way of the folder for what is not whole yet. */
static int fetch_into(struct worker *w, struct download *d, const char *name, struct err *e)
{
	struct cache cache;
	_cleanup_free_ char *path = NULL;
	int r = cache_open(&cache, w->config->fetch_dir, CACHE_USER, e);

	if (r == 0 && !cache.given && !fs_has_root())
		worker_event(w, "downloads belong to root: no user " CACHE_USER " can come to %s",
			     cache.partial);
	d->path = path = xasprintf("%s/%s", cache.partial, name);
	if (r == 0)
		r = cache_enter(&cache, e);
	if (r == 0)
		r = download_run(w, d, e);
	d->path = NULL;
	cache_leave(&cache);
	if (r == 0)
		r = cache_take(&cache, name, e);
	cache_done(&cache);
	return r;
}

/* Fetches the key, judges it, and makes a database that holds nothing else. */
static int make_keyring(struct worker *w, const struct artefact *a, const char *db, struct err *e)
{
	const struct config *c = w->config;
	_cleanup_free_ char *name = xasprintf("%s.key", a->package);
	_cleanup_free_ char *key = xasprintf("%s/%s", c->fetch_dir, name);
	_cleanup_free_ char *text = NULL, *host_db = fs_host_path(db),
			    *host_key = fs_host_path(key);
	const struct strlist urls = { .v = (char *[]){ c->rpm_key_url }, .n = 1 };
	struct download d = { .urls = &urls, .size_max = KEY_MAX };
	char digest[SHA256_HEX_SIZE];

	if (fetch_into(w, &d, name, e) < 0 || fs_read(key, KEY_MAX, &text, NULL, e) < 0)
		return err_wrap(e, "RPM signing key");
	key_digest(text, digest);
	if (strcasecmp(digest, c->rpm_key_sha256) != 0) {
		fs_unlink(key, NULL);
		return err_set(
			e, &CODE_RPM_KEY,
			"the RPM signing key from %s has SHA-256 %s (without its Version lines), expected %s",
			c->rpm_key_url, digest, c->rpm_key_sha256);
	}
	/* The key is the right one: where it cannot be imported, that is no word against it. */
	if (fs_remove_files(db, e) < 0 || fs_mkdirs(db, 0700, e) < 0 ||
	    step_run_plain(w, ARGV(PROG_RPMKEYS, "--dbpath", host_db, "--import", host_key), NULL,
			   &ERR_CHILD, e) < 0)
		return -1;
	return fs_unlink(key, e);
}

/* What a program said, as one line. Caller frees. */
static char *joined(const char *lines)
{
	_cleanup_free_ char *copy = xstrdup(lines);
	struct strbuf text = { 0 };
	char *rest = copy, *line;

	strbuf_begin(&text);
	while ((line = strsep(&rest, "\n")))
		if (*(line = str_trim(line)))
			strbuf_printf(&text, "%s%s", text.len ? "; " : "", line);
	return text.s;
}

static int not_covered(const struct artefact *a, const char *key_id, const char *words,
		       struct err *e)
{
	_cleanup_free_ char *said = joined(words);

	err_set(e, &CODE_RPM_NOT_COVERED,
		"rpmkeys -Kv %s does not say that NVIDIA's key %s covers header and payload; it said: %s",
		a->file, key_id, *said ? said : "nothing");
	return err_hint(
		e,
		"rpm -Kv of the file shows what is missing; if you know the genuine file, set \"%s\": "
		"{\"sha256\": \"<64 hexadecimal digits>\"} in /etc/gn8v/config.json",
		a->kind == ARTEFACT_NSCQ ? "nscq" : "fabricmanager");
}

static int judge_signature(struct worker *w, const struct artefact *a, const char *db,
			   struct err *e)
{
	_cleanup_free_ char *host_db = fs_host_path(db), *host_file = fs_host_path(a->path);
	struct run r = { .argv = ARGV(PROG_RPMKEYS, "--dbpath", host_db, "-Kv", host_file),
			 .timeout_s = worker_left_s(w),
			 .output_max = 65536 };
	enum rpmsig sig;

	if (run_wait(&r, e) < 0 && e->kind != &ERR_CHILD) {
		run_done(&r);
		return -1;
	}
	sig = rpmsig_judge(r.output ? r.output : "", r.status, w->config->rpm_key_id);
	run_done(&r);
	if (sig == RPMSIG_NOT_COVERED && r.status != 0 && rpmsig_blames_file(r.tail))
		sig = RPMSIG_CORRUPT;
	if (sig == RPMSIG_UNSIGNED)
		return err_set(e, &CODE_RPM_UNSIGNED, "%s carries no signature", a->file);
	if (sig == RPMSIG_OTHER_KEY)
		return err_set(e, &CODE_RPM_OTHER_KEY, "%s is not signed by NVIDIA's key %s",
			       a->file, w->config->rpm_key_id);
	if (sig == RPMSIG_CORRUPT)
		return err_set(e, &CODE_RPM_CORRUPT,
			       "%s: a digest or signature in it does not fit its contents",
			       a->file);
	return sig == RPMSIG_GOOD ? 0 : not_covered(a, w->config->rpm_key_id, r.tail, e);
}

/* A package of the name, version and architecture that were asked for, and of a release that NVIDIA gives it. */
static bool is_asked_for(const struct artefact *a, const char *found)
{
	for (const char *const *r = a->releases; *r; r++) {
		_cleanup_free_ char *wanted =
			xasprintf("%s-%s-%s.x86_64", a->package, a->version, *r);

		if (str_eq(found, wanted))
			return true;
	}
	return false;
}

/* rpm fails for reasons of its own too: the file is only blamed where rpm does. */
static int identity_unknown(const struct artefact *a, const struct run *r, struct err *e)
{
	if (e->kind != &ERR_CHILD)
		return -1;
	if (rpmsig_blames_database(r->tail))
		return err_rekind(e, &CODE_RPM_DATABASE);
	if (rpmsig_blames_file(r->tail))
		return err_rekind(e, &CODE_RPM_CORRUPT);
	err_wrap(e, "%s: its name and version cannot be told", a->file);
	return step_hint_command(e, ARGV(PROG_RPM, "-qp", a->path), NULL);
}

/* A genuine package of another version is not what was asked for. */
static int judge_identity(struct worker *w, const struct artefact *a, struct err *e)
{
	_cleanup_free_ char *host_file = fs_host_path(a->path);
	struct run r = { .argv = ARGV(PROG_RPM, "-qp", "--qf",
				      "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}", host_file),
			 .timeout_s = worker_left_s(w),
			 .output_max = 4096 };
	const char *found;
	int ok = 0;

	if (run_wait(&r, e) < 0) {
		run_done(&r);
		return identity_unknown(a, &r, e);
	}
	found = str_trim(r.output);
	if (!*found)
		ok = err_set(e, &ERR_CHILD, "rpm -qp %s: exit status 0, and it said nothing",
			     a->file);
	else if (!is_asked_for(a, found))
		ok = err_set(e, &CODE_RPM_VERSION,
			     "%s contains package %.200s, and %s-%s-%s.x86_64 was asked for",
			     a->file, found, a->package, a->version, a->releases[0]);
	run_done(&r);
	return ok;
}

static int judge_rpm(struct worker *w, const struct artefact *a, struct err *e)
{
	_cleanup_free_ char *db = xasprintf(PATH_RPM_DB "/%s", a->package);

	if (!a->sha256 && (make_keyring(w, a, db, e) < 0 || judge_signature(w, a, db, e) < 0))
		return -1;
	return judge_identity(w, a, e);
}

/* --- any artefact ----------------------------------------------------------------------------- */

static void throw_away(const struct artefact *a, const struct err *e)
{
	/* A file at its name that could not be judged is kept, where the trouble may be ours or the key's. One that nothing
	 * vouches for is not: it is fetched again, and its name is for files that are good. */
	const struct err_kind *const bad[] = { &CODE_RPM_UNSIGNED, &CODE_RPM_OTHER_KEY,
					       &CODE_RPM_CORRUPT,  &CODE_RPM_NOT_COVERED,
					       &CODE_RPM_VERSION,  &ERR_DIGEST };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (e->kind == bad[i])
			fs_unlink(a->path, NULL);
}

int artefact_check(struct worker *w, struct artefact *a, struct err *e)
{
	char digest[SHA256_HEX_SIZE];

	if (a->sha256) {
		if (fetch_file_sha256(a->path, digest, e) < 0)
			return -1;
		if (strcasecmp(digest, a->sha256) != 0) {
			err_set(e, &ERR_DIGEST, "%s has SHA-256 %s, expected %s", a->path, digest,
				a->sha256);
			throw_away(a, e);
			return -1;
		}
	}
	if (a->package && judge_rpm(w, a, e) < 0) {
		throw_away(a, e);
		return -1;
	}
	return 0;
}

/* status.packages: what was fetched, by digest, also where a signature was judged. */
static void record(struct worker *w, const struct artefact *a)
{
	struct json_object *list = json_object_new_array(), *o = json_object_new_object();
	char digest[SHA256_HEX_SIZE] = "";
	struct err ignored = ERR_INIT;

	if (a->sha256)
		str_copy(digest, sizeof(digest), a->sha256);
	else
		fetch_file_sha256(a->path, digest, &ignored);
	json_set_str(o, "file", a->file);
	json_set_str(o, "sha256", digest);
	json_object_array_add(list, o);
	worker_data(w, "packages", list);
}

/* A file without a digest cannot be recognised as whole: it is fetched again. */
static bool is_there(struct worker *w, struct artefact *a)
{
	struct err ignored = ERR_INIT;
	struct stat st;

	/* A power cut may have come between its move out of the downloads and its being made ours. */
	return a->sha256 && fs_private_dir(w->config->fetch_dir, &ignored) == 0 &&
	       fs_stat(a->path, &st) == 0 && st.st_uid == geteuid() && st.st_nlink == 1 &&
	       artefact_check(w, a, &ignored) == 0;
}

/* A package gets its name when its signature and its identity were judged. */
static int fetch_package(struct worker *w, struct artefact *a, struct download *d, struct err *e)
{
	_cleanup_free_ char *name = xasprintf(".%s.unjudged", a->file);
	_cleanup_free_ char *path = xasprintf("%s/%s", w->config->fetch_dir, name);
	char *judged = a->path;
	int r;

	if (fetch_into(w, d, name, e) < 0)
		return -1;
	a->path = path;
	r = artefact_check(w, a, e);
	a->path = judged;
	if (r == 0)
		r = fs_rename(path, judged, e);
	if (r < 0)
		fs_unlink(path, NULL);
	return r;
}

static int fetch(struct worker *w, struct artefact *a, struct download *d, struct err *e)
{
	*d = (struct download){
		.urls = &a->urls, .sha256 = a->sha256, .size = a->size, .size_max = FILE_MAX
	};
	if (a->kind == ARTEFACT_DRIVER && *w->config->driver_referer)
		d->referer = w->config->driver_referer;
	return a->package ? fetch_package(w, a, d, e) : fetch_into(w, d, a->file, e);
}

static void say_found(struct worker *w, const struct artefact *a, const struct download *d)
{
	_cleanup_free_ char *kept =
		d->kept ? xasprintf("; %.1f MiB of it were here from an earlier try, %.1f MiB came",
				    (double)d->kept / MIB, (double)d->received / MIB)
			: xstrdup("");

	worker_found(w, "%s is verified: %s%s", a->file,
		     a->sha256 ? "its SHA-256 is the pinned one" : "it is signed by NVIDIA's key",
		     kept);
}

int artefact_fetch(struct worker *w, struct artefact *a, struct err *e)
{
	struct download d = { 0 };

	if (artefact_judgeable(a, e) < 0 || (!is_there(w, a) && fetch(w, a, &d, e) < 0))
		return -1;
	record(w, a);
	say_found(w, a, &d);
	return 0;
}

int artefact_forget(struct worker *w, struct artefact *a, struct err *e)
{
	return w->config->cache_keep ? 0 : fs_unlink(a->path, e);
}

int artefact_sweep(const struct config *c, struct json_object *packages, struct err *e)
{
	if (cache_sweep(c->fetch_dir, e) < 0)
		return -1;
	for (size_t i = 0; !c->cache_keep && i < json_count(packages); i++) {
		const char *file = json_str(json_item(packages, i), "file", "");
		_cleanup_free_ char *path = xasprintf("%s/%s", c->fetch_dir, file);

		if (*file && !strchr(file, '/') && fs_unlink(path, e) < 0)
			return -1;
	}
	return 0;
}
