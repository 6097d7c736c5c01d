/* gn8v collect-logs: what is known of this machine, without secrets, in one archive. It only looks; the
 * table is in answers.c. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <strings.h>

#include "cli/answers.h"
#include "cli/archive.h"
#include "cli/cli.h"
#include "core/clock.h"
#include "core/fs.h"
#include "gpu.h"
#include "paths.h"
#include "sys/imds.h"
#include "sys/run.h"

#define SUFFIX	    ".tar.gz"
#define SECOND_US   1000000ULL
#define TOTAL_S	    600 /* for all programs together */
#define MATCHES_MAX 64
#define METADATA_S  6

struct logs {
	struct config config;
	struct archive archive;
	uint64_t end_us;
	struct imds *imds;
	struct err imds_err; /* why there is none: said for each item, found out once */
};

/* --- files --- */

/* The beginning of a file or, with from_end, its end; *ret_whole is the size of the whole where it is
 * larger, else 0. */
static int read_part(const char *path, size_t max, bool from_end, struct strbuf *out,
		     off_t *ret_whole, struct err *e)
{
	_cleanup_fd_ int fd = fs_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	char data[16384];
	struct stat st;
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, &ERR_ARGUMENT, "%s is not a regular file", path);
	*ret_whole = st.st_size > (off_t)max ? st.st_size : 0;
	if (*ret_whole && from_end && lseek(fd, st.st_size - (off_t)max, SEEK_SET) < 0)
		return err_errno(e, errno, "%s", path);
	strbuf_begin(out);
	while (n > 0 && out->len < max) {
		size_t room = max - out->len;

		n = read(fd, data, room < sizeof(data) ? room : sizeof(data));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			return err_errno(e, errno, "reading %s", path);
		else
			strbuf_add(out, data, (size_t)n);
	}
	return 0;
}

static void copy(struct logs *l, const struct answer *a, const char *file, const char *path)
{
	_cleanup_strbuf_ struct strbuf data = { 0 };
	size_t max = a->max ? a->max : ANSWER_MAX;
	bool from_end = a->flags & ANSWER_END;
	struct err e = ERR_INIT;
	off_t whole = 0;

	if (read_part(path, max, from_end, &data, &whole, &e) < 0 ||
	    !archive_add(&l->archive, file, data.s, data.len, &e))
		archive_tell(&l->archive, file, false, "%s", e.msg);
	else if (whole)
		archive_tell(&l->archive, file, true, "%s, its %s %zu of %lld bytes", path,
			     from_end ? "last" : "first", max, (long long)whole);
	else
		archive_tell(&l->archive, file, true, "%s", path);
}

/* --- programs --- */

struct lines {
	const char *keep;
	struct strbuf text;
	size_t max;
	bool cut;
};

/* Whether a line has one of the words, which '|' separates. */
static bool has_word(const char *line, const char *words)
{
	while (*words) {
		size_t n = strcspn(words, "|");

		for (const char *p = line; *p; p++)
			if (strncasecmp(p, words, n) == 0)
				return true;
		words += n + (words[n] == '|');
	}
	return false;
}

static void keep_line(const char *line, void *data)
{
	struct lines *k = data;

	if (!has_word(line, k->keep))
		return;
	k->cut |= k->text.len + strlen(line) >= k->max;
	if (!k->cut)
		strbuf_printf(&k->text, "%s\n", line);
}

/* The arguments with the file in its place; borrowed strings in an array that the caller frees. */
static const char **arguments(const char *const *argv, const char *path)
{
	size_t n = 0;
	const char **list;

	while (argv[n])
		n++;
	list = xcalloc(n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i] = path && str_eq(argv[i], "{file}") ? path : argv[i];
	return list;
}

static void command_line(const char *const *argv, struct strbuf *out)
{
	strbuf_begin(out);
	for (size_t i = 0; argv[i]; i++)
		strbuf_printf(out, "%s%s", i ? " " : "", argv[i]);
}

/* Lines that begin with '#' say what was run and how it ended; what it printed is behind them. */
static void run(struct logs *l, const struct answer *a, const char *file, const char *path)
{
	_cleanup_free_ const char **argv = arguments(a->argv, path);
	_cleanup_strbuf_ struct strbuf command = { 0 }, text = { 0 };
	struct lines k = { .keep = a->keep, .max = a->max ? a->max : ANSWER_MAX };
	struct run r = { .argv = argv,
			 .timeout_s = a->timeout_s ? a->timeout_s : ANSWER_TIMEOUT_S };
	struct err e = ERR_INIT;
	char end[400];

	command_line(argv, &command);
	if (clock_monotonic_us() > l->end_us) {
		archive_tell(&l->archive, file, false,
			     "not run, the %d s for all programs are over: %s", TOTAL_S, command.s);
		return;
	}
	strbuf_begin(&k.text);
	if (a->keep) {
		r.on_line = keep_line;
		r.on_line_data = &k;
	} else {
		r.output_max = k.max;
		r.output_both = true;
	}
	run_wait(&r, &e);
	if (r.status >= 0)
		snprintf(end, sizeof(end), "exit status %d", r.status);
	else
		snprintf(end, sizeof(end), "%.*s", (int)strcspn(e.msg, "\n"), e.msg);
	strbuf_printf(&text, "# %s\n# %s%s\n", command.s, end,
		      r.output_cut || k.cut ? "; cut" : "");
	if (a->keep)
		strbuf_printf(&text, "# only lines with: %s\n", a->keep);
	if (a->keep && r.status != 0)
		strbuf_printf(&text, "# its last words: %s\n", r.tail);
	strbuf_printf(&text, "# ---\n%s", a->keep ? k.text.s : r.output ? r.output : "");
	if (!archive_add(&l->archive, file, text.s, text.len, &e))
		archive_tell(&l->archive, file, false, "%s", e.msg);
	else
		archive_tell(&l->archive, file, true, "%s: %s", command.s, end);
	strbuf_done(&k.text);
	run_done(&r);
}

/* --- metadata --- */

/* The answer of the service to the request of the row; *ret_how is that request. */
static int ask_service(struct logs *l, const struct answer *a, struct strbuf *ret, char **ret_how,
		       struct err *e)
{
	const char *url = l->config.metadata_url;
	long token, plain;
	char value[256];

	*ret_how = xasprintf("GET %s/latest/meta-data/%s", url, a->item);
	if (a->flags & ANSWER_SET) {
		if (imds_statuses(l->imds, a->item, &token, &plain, e) < 0)
			return -1;
		strbuf_printf(
			ret,
			"PUT %s/latest/api/token: status %ld\n%s without a token: status %ld\n",
			url, token, *ret_how, plain);
		return 0;
	}
	if (str_ends(a->item, "/"))
		return imds_list(l->imds, a->item, ret, e);
	if (imds_get(l->imds, a->item, value, sizeof(value), e) < 0)
		return -1;
	strbuf_add(ret, value, strlen(value));
	return 0;
}

static void ask(struct logs *l, const struct answer *a)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_free_ char *how = NULL;
	struct err e = ERR_INIT;

	if (!l->imds && !l->imds_err.kind)
		imds_open(l->config.metadata_url, METADATA_S, &l->imds, &l->imds_err);
	if (!l->imds) {
		archive_tell(&l->archive, a->file, false, "%s", l->imds_err.msg);
		return;
	}
	strbuf_begin(&text);
	if (ask_service(l, a, &text, &how, &e) == 0 &&
	    archive_add(&l->archive, a->file, text.s, text.len, &e)) {
		archive_tell(&l->archive, a->file, true, "%s", how);
		return;
	}
	archive_tell(&l->archive, a->file, false, "%s", e.msg);
	if (e.kind == &ERR_NETWORK) {
		imds_close(TAKE_PTR(l->imds));
		l->imds_err = e;
	}
}

/* --- one row --- */

/* R23 holds for every single program and file: persistenced may end while we work. */
static void look_at(struct logs *l, const struct answer *a, const char *file, const char *path)
{
	struct err e = ERR_INIT;

	if (a->argv && !fs_exists(a->argv[0]))
		archive_tell(&l->archive, file, false, "no such program: %s", a->argv[0]);
	else if ((a->flags & ANSWER_GPU) && gpu_guard(&e) < 0)
		archive_tell(&l->archive, file, false, "not asked: %s", e.msg);
	else if (a->argv)
		run(l, a, file, path);
	else
		copy(l, a, file, path);
}

static size_t expand(struct logs *l, const struct answer *a, const char *path, const char *star);

/* Each name in the folder that the first part with a `*` may be. */
static size_t expand_part(struct logs *l, const struct answer *a, const char *path,
			  const char *star)
{
	const char *at = strchr(path, '*'), *end = at + strcspn(at, "/"), *begin = at;
	_cleanup_(fs_names_done) struct fs_names names = { 0 };
	_cleanup_free_ char *dir = NULL, *part = NULL;
	struct err e = ERR_INIT;
	size_t found = 0;

	while (begin[-1] != '/')
		begin--;
	dir = xstrndup(path, (size_t)(begin - path - 1));
	part = xstrndup(begin, (size_t)(end - begin));
	if (fs_list(dir, &names, &e) < 0)
		return 0;
	for (size_t i = 0; i < names.n && found < MATCHES_MAX; i++) {
		_cleanup_free_ char *one = xasprintf("%s/%s%s", dir, names.v[i], end);
		_cleanup_free_ char *stars =
			xasprintf("%s%s%s", star, *star ? "-" : "", names.v[i]);

		if (!strchr(names.v[i], '*') && fnmatch(part, names.v[i], FNM_PERIOD) == 0)
			found += expand(l, a, one, stars);
	}
	return found;
}

static size_t expand(struct logs *l, const struct answer *a, const char *path, const char *star)
{
	const char *in_name = strchr(a->file, '*');
	_cleanup_free_ char *file = NULL;

	if (strchr(path, '*'))
		return expand_part(l, a, path, star);
	if (!fs_exists(path))
		return 0;
	file = in_name ? xasprintf("%.*s%s%s", (int)(in_name - a->file), a->file, star, in_name + 1)
		       : xstrdup(a->file);
	str_sanitise(file);
	look_at(l, a, file, path);
	return 1;
}

static void answer(struct logs *l, const struct answer *a)
{
	if (a->need && !fs_exists(a->need)) {
		archive_tell(&l->archive, a->file, false, "not there: %s", a->need);
	} else if (a->item) {
		ask(l, a);
	} else if (a->path) {
		_cleanup_free_ char *path = str_expand(a->path, "fetch", l->config.fetch_dir, NULL);

		if (expand(l, a, path, "") == 0)
			archive_tell(&l->archive, a->file, false, "not there: %s", path);
	} else {
		look_at(l, a, a->file, NULL);
	}
}

/* --- the configuration, and what in it is secret --- */

/* The user and password of a URL, and the password alone: programs may print either. */
static void url_secrets(struct logs *l, const char *text)
{
	const char *user = strstr(text, "://");
	_cleanup_free_ char *both = NULL;
	char *colon;

	if (!user || redact_url_user(user + 3) == 0)
		return;
	both = xstrndup(user + 3, redact_url_user(user + 3));
	redact_secret(&l->archive.secrets, both);
	colon = strchr(both, ':');
	if (colon)
		redact_secret(&l->archive.secrets, colon + 1);
}

/* A header "HOST Name: value" without its value. */
static struct json_object *header_without_value(struct logs *l, const char *text)
{
	const char *colon = strchr(text, ':');
	_cleanup_free_ char *said = NULL;

	if (!colon)
		return json_object_new_string(REDACT_REMOVED);
	redact_secret(&l->archive.secrets, colon + 1 + strspn(colon + 1, " "));
	said = xasprintf("%.*s: " REDACT_REMOVED, (int)(colon - text), text);
	return json_object_new_string(said);
}

/* Notes the secrets below o; of headers it leaves the names. */
static void find_secrets(struct logs *l, struct json_object *o, bool headers)
{
	if (json_object_is_type(o, json_type_string)) {
		url_secrets(l, json_object_get_string(o));
	} else if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value)
		{
			find_secrets(l, value, str_ends(key, "headers"));
		}
	}
	for (size_t i = 0; i < json_count(o); i++) {
		struct json_object *item = json_item(o, i);

		if (headers && json_object_is_type(item, json_type_string))
			json_object_array_put_idx(
				o, i, header_without_value(l, json_object_get_string(item)));
		else
			find_secrets(l, item, false);
	}
}

static void environment_secrets(struct logs *l)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY",
					     "all_proxy", "ALL_PROXY" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (getenv(names[i]))
			url_secrets(l, getenv(names[i]));
}

/* Comes first: what is secret in the configuration is removed wherever else it stands. A file that is no
 * JSON is left out, for nobody can tell what in it is secret. */
static void configuration(struct logs *l, const char *path)
{
	static const char file[] = "gn8v/config.json";
	_cleanup_json_ struct json_object *o = NULL;
	struct err e = ERR_INIT;
	const char *text;

	environment_secrets(l);
	if (config_load(&l->config, path, &e) < 0) {
		struct err ignored = ERR_INIT;

		archive_tell(&l->archive, "gn8v/config-error", false, "%s", e.msg);
		config_parse(&l->config, "{}", 2, "the defaults", &ignored);
		err_set(&l->imds_err, &ERR_ARGUMENT,
			"not asked: the configuration does not say which metadata service");
	}
	if (!fs_exists(path)) {
		archive_tell(&l->archive, file, false, "not there: %s", path);
		return;
	}
	if (json_read(path, ANSWER_MAX, &o, &e) < 0) {
		archive_tell(&l->archive, file, false,
			     "left out, for it may hold a secret that nobody can find: %s", e.msg);
		return;
	}
	find_secrets(l, o, false);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
							 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (archive_add(&l->archive, file, text, strlen(text), &e))
		archive_tell(&l->archive, file, true, "%s", path);
	else
		archive_tell(&l->archive, file, false, "%s", e.msg);
}

/* --- the command --- */

static enum exit_code collect(struct logs *l, const struct cli_options *o)
{
	struct err e = ERR_INIT;

	configuration(l, o->config);
	for (size_t i = 0; i < answers_n; i++)
		answer(l, &answers[i]);
	if (archive_write(&l->archive, o->argument, &e) < 0)
		return cli_fail(&e, EXIT_FAILED);
	printf("%s: %zu answers, %zu that this machine does not give; fixtures/INDEX.md in it lists them.\n"
	       "Secrets were removed. Identifiers of instance and devices are in it: look before you pass it on.\n",
	       o->argument, l->archive.answered, l->archive.missing);
	return EXIT_READY;
}

static enum exit_code list(void)
{
	for (size_t i = 0; i < answers_n; i++) {
		const struct answer *a = &answers[i];
		_cleanup_strbuf_ struct strbuf command = { 0 };

		if (a->argv)
			command_line(a->argv, &command);
		printf("%s\t%s\t%s%s\n", a->file,
		       a->argv	 ? "run"
		       : a->item ? "metadata"
				 : "copy",
		       a->argv	 ? command.s
		       : a->item ? a->item
				 : a->path,
		       a->flags & ANSWER_GPU ? "\t(only while nvidia-persistenced is active)"
		       : a->flags & ANSWER_SET
			       ? "\t(statuses: of the token step, and without a token)"
			       : "");
	}
	return EXIT_READY;
}

enum exit_code cli_collect_logs(const struct cli_options *o)
{
	struct logs l = { .end_us = clock_monotonic_us() + TOTAL_S * SECOND_US };
	struct err e = ERR_INIT;
	enum exit_code code;

	if (o->list)
		return list();
	if (!o->argument || !str_ends(o->argument, SUFFIX) || str_eq(o->argument, SUFFIX))
		return cli_usage("collect-logs needs the name of a new file that ends in " SUFFIX);
	if (geteuid() != 0 && !fs_has_root()) {
		err_set(&e, &ERR_ARGUMENT,
			"gn8v collect-logs reads what only root may read: journals, boot entries, logs");
		err_hint(&e, "sudo gn8v collect-logs %s", o->argument);
		return cli_fail(&e, EXIT_CANNOT_TELL);
	}
	archive_begin(&l.archive);
	code = collect(&l, o);
	if (l.imds)
		imds_close(l.imds);
	archive_done(&l.archive);
	config_done(&l.config);
	return code;
}
