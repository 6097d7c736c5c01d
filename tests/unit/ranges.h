/* A server with troubles (rangesd.py) and a file of it, for test_fetch_ranges: each download in a child of its own, with a
 * watch over the folder in which the file gets its name. */
#ifndef GN8V_TESTS_RANGES_H
#define GN8V_TESTS_RANGES_H

#include <fcntl.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/json.h"
#include "core/str.h"
#include "fixture.h"
#include "net/fetch.h"

#define MIB	     (1u << 20)
#define ROOM	     (1024ull * MIB)
#define BLOCK	     4096
#define REQUESTS_MAX 2000

static struct {
	char digest[SHA256_HEX_SIZE];
	uint8_t *content;
	size_t size;
	unsigned int port;
	pid_t pid;
} server;

static void server_start(void)
{
	_cleanup_free_ char *here = xstrdup(__FILE__), *script = NULL, *make = NULL, *cert = NULL, *key = NULL;
	_cleanup_fclose_ FILE *out = NULL;
	int fds[2];

	fixture_root_make();
	script = xasprintf("%s/rangesd.py", dirname(here));
	make = xasprintf("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
			 "-days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1,DNS:localhost "
			 "-keyout %s/key.pem -out %s/ca.pem 2>/dev/null",
			 fixture_root, fixture_root);
	cert = xasprintf("%s/ca.pem", fixture_root);
	key = xasprintf("%s/key.pem", fixture_root);
	ck_assert_int_eq(system(make), 0);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	server.pid = fork();
	ck_assert_int_ge(server.pid, 0);
	if (server.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fds[1], STDOUT_FILENO);
		execlp("python3", "python3", "-E", "-S", script, cert, key, fixture_root, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	out = fdopen(fds[0], "r");
	ck_assert_int_eq(fscanf(out, "%u", &server.port), 1);
}

static void server_stop(void)
{
	kill(server.pid, SIGKILL);
	waitpid(server.pid, NULL, 0);
	free(server.content);
	fixture_root_drop();
}

/* The file of all names, of bytes that are nowhere the same. */
static void server_file(size_t size)
{
	uint64_t x = 0x9E3779B97F4A7C15u;
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned int len;

	server.size = size;
	server.content = xcalloc(1, size);
	for (size_t i = 0; i + 8 <= size; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(server.content + i, &x, 8);
	}
	ck_assert_int_eq(EVP_Digest(server.content, size, md, &len, EVP_sha256(), NULL), 1);
	str_hex(server.digest, md, len);
	{
		struct err e = ERR_INIT;

		ck_assert_int_eq(fs_write_atomic("/file", 0644, server.content, size, &e), 0);
	}
}

/* A download, under a name of its own. */
struct download {
	const char *about;
	char name[32], folder[64], path[96];
	pid_t pid;
	int watch;	    /* inotify */
	uint64_t *received; /* shared with the child that ended well */
	unsigned int kills;
	size_t lost; /* bytes that had arrived when it was killed, and were not kept */
};

/* What the server does to it, as JSON: tests/twin/delivery.py and ledger.py. */
static void put_state(const struct download *d, const char *file, const char *json)
{
	_cleanup_free_ char *path = xasprintf("/%s/state/%s", d->name, file);

	fixture_put(path, json);
}

/* --- what the server wrote down ------------------------------------------------------------------ */

struct request {
	char range[64], host[32];
	int status;
	int64_t first, bytes, beside;
	double t, seconds;
};

static struct request requests[REQUESTS_MAX];
static size_t n_requests;

static void read_request(const char *line)
{
	_cleanup_json_ struct json_object *o = json_tokener_parse(line);
	struct json_object *headers = NULL, *v = NULL;
	struct request *r = &requests[n_requests];

	ck_assert_ptr_nonnull(o);
	ck_assert_uint_lt(n_requests++, REQUESTS_MAX);
	str_copy(r->host, sizeof(r->host), json_str(o, "host", ""));
	r->status = (int)json_int(o, "status", 0);
	r->first = json_int(o, "first", -1);
	r->bytes = json_int(o, "bytes", 0);
	r->beside = json_int(o, "beside", 0);
	if (json_object_object_get_ex(o, "t", &v))
		r->t = json_object_get_double(v);
	if (json_object_object_get_ex(o, "seconds", &v))
		r->seconds = json_object_get_double(v);
	json_object_object_get_ex(o, "headers", &headers);
	str_copy(r->range, sizeof(r->range), json_str(headers, "range", ""));
}

/* An answer is written down when it has ended, maybe after its client has: /settled waits for that. */
static void server_settles(void)
{
	_cleanup_free_ char *url = xasprintf("https://127.0.0.1:%u/settled", server.port);
	const struct fetch_source sources[] = { { .url = url }, { 0 } };
	struct fetch f = {
		.sources = sources, .path = "/settled", .ca_file = "/ca.pem", .deadline_s = 250, .size_max = 64
	};
	struct err e = ERR_INIT;

	ck_assert_msg(fetch_to_file(&f, &e) == 0, "%s", e.msg);
}

static int by_time(const void *a, const void *b)
{
	double x = ((const struct request *)a)->t, y = ((const struct request *)b)->t;

	return (x > y) - (x < y);
}

/* In the order in which they came. */
static void read_requests(const struct download *d)
{
	_cleanup_free_ char *text = NULL, *path = xasprintf("/%s/state/http.jsonl", d->name);
	struct err e = ERR_INIT;

	ck_assert_msg(fs_read(path, 4 * MIB, &text, NULL, &e) == 0, "%s", e.msg);
	n_requests = 0;
	for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		read_request(line);
	qsort(requests, n_requests, sizeof(*requests), by_time);
}

/* Bytes of the file. */
static int64_t bytes_sent(void)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n_requests; i++)
		sum += requests[i].first >= 0 ? requests[i].bytes : 0;
	return sum;
}

static unsigned int count_status(int status)
{
	unsigned int n = 0;

	for (size_t i = 0; i < n_requests; i++)
		n += requests[i].status == status;
	return n;
}

/* The most answers that were under way together, one of them with bytes of the file. */
static int64_t most_at_once(void)
{
	int64_t most = 0;

	for (size_t i = 0; i < n_requests; i++)
		if (requests[i].first >= 0 && requests[i].beside >= most)
			most = requests[i].beside + 1;
	return most;
}

/* --- downloads ----------------------------------------------------------------------------------- */

/* What a download is asked to be; {0} stands for eight connections and a pinned digest. */
struct wish {
	bool unpinned, single, mirrored; /* mirrored: localhost first, then 127.0.0.1 */
	unsigned int stall_s;
};

static int fetch_it(const struct download *d, const struct wish *w, struct fetch *f, struct err *e)
{
	_cleanup_free_ char *url = xasprintf("https://127.0.0.1:%u/%s", server.port, d->name);
	_cleanup_free_ char *mirror = xasprintf("https://localhost:%u/%s", server.port, d->name);
	_cleanup_free_ char *header = xasprintf("X-Client-Pid: %d", (int)getpid());
	const char *const headers[] = { header, NULL };
	struct fetch_source sources[3] = { { url, headers } };
	int r;

	if (w->mirrored) {
		sources[1] = sources[0];
		sources[0].url = mirror;
	}
	*f = (struct fetch){ .sources = sources,
			     .path = d->path,
			     .sha256 = w->unpinned ? NULL : server.digest,
			     .ca_file = "/ca.pem",
			     .deadline_s = 250,
			     .stall_s = w->stall_s,
			     .connections_max = w->single ? 1 : 8,
			     .size_max = 2 * server.size };
	r = fetch_to_file(f, e);
	f->sources = NULL;
	return r;
}

static void download_prepare(struct download *d, unsigned int number, const char *faults, const char *delays)
{
	_cleanup_free_ char *host = NULL, *state = NULL;
	struct err e = ERR_INIT;

	*d = (struct download){ .about = "" };
	d->received = mmap(NULL, sizeof(*d->received), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(d->received, MAP_FAILED);
	snprintf(d->name, sizeof(d->name), "file-%u.run", number);
	snprintf(d->folder, sizeof(d->folder), "/var/cache/%u", number);
	snprintf(d->path, sizeof(d->path), "%s/%s", d->folder, d->name);
	state = xasprintf("/%s/state", d->name);
	ck_assert(fs_mkdirs(d->folder, 0755, &e) == 0 && fs_mkdirs(state, 0755, &e) == 0);
	put_state(d, "faults", faults);
	put_state(d, "delays.json", delays);
	host = fs_host_path(d->folder);
	d->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	ck_assert_int_ge(inotify_add_watch(d->watch, host, IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_DELETE), 0);
}

static void download_begin(struct download *d, const struct wish *w)
{
	d->pid = fork();
	ck_assert_int_ge(d->pid, 0);
	if (d->pid == 0) {
		struct err e = ERR_INIT;
		struct fetch f;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fetch_it(d, w, &f, &e) == 0) {
			*d->received = f.received;
			_exit(0);
		}
		fprintf(stderr, "%s: %s\n", e.kind->code, e.msg);
		_exit(1);
	}
}

/* Under its final name the file appears once, by a rename, and is not written after that. */
static void assert_named_once(struct download *d)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	unsigned int moved = 0;
	ssize_t len;

	while ((len = read(d->watch, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + len;) {
			const struct inotify_event *event = (const void *)at;

			at += sizeof(*event) + event->len;
			ck_assert_int_eq(event->mask & IN_Q_OVERFLOW, 0);
			if (!event->len || !str_eq(event->name, d->name))
				continue;
			ck_assert_msg(event->mask & IN_MOVED_TO, "%s: event %x under its final name", d->about, event->mask);
			moved++;
		}
	}
	ck_assert_msg(moved == 1, "%s: named %u times", d->about, moved);
}

static void assert_right_file(const struct download *d)
{
	_cleanup_free_ char *part = xasprintf("%s.part", d->path), *sidecar = xasprintf("%s.part.json", d->path);
	_cleanup_free_ char *data = NULL;
	struct err e = ERR_INIT;
	size_t len;

	ck_assert_msg(fs_read(d->path, server.size, &data, &len, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(len, server.size);
	ck_assert_msg(memcmp(data, server.content, len) == 0, "%s: other bytes", d->about);
	ck_assert(!fs_exists(part) && !fs_exists(sidecar));
}

static void assert_arrived(struct download *d)
{
	assert_named_once(d);
	assert_right_file(d);
	close(d->watch);
}

/* --- what a killed process left ------------------------------------------------------------------ */

/* [start, end) of the part is not in the sidecar: how much of it had arrived, in whole blocks. */
static size_t count_arrived(const uint8_t *part, size_t len, size_t start, size_t end)
{
	size_t n = 0;

	for (size_t at = start; at + BLOCK <= end && at + BLOCK <= len; at += BLOCK)
		n += memcmp(part + at, server.content + at, BLOCK) == 0 ? BLOCK : 0;
	return n;
}

/* What the sidecar says is kept has to be right. */
static void look_at_part(struct download *d)
{
	_cleanup_free_ char *part = xasprintf("%s.part", d->path), *sidecar = xasprintf("%s.part.json", d->path);
	_cleanup_json_ struct json_object *o = NULL;
	_cleanup_free_ char *data = NULL;
	struct json_object *list = NULL;
	struct err e = ERR_INIT;
	size_t len, at = 0;

	if (fs_read_optional(part, server.size, &data, &len, &e) < 0 || !data)
		return;
	if (json_read(sidecar, MIB, &o, &e) == 0)
		list = json_get(o, "pieces");
	for (size_t i = 0; list && i < (size_t)json_object_array_length(list); i++) {
		struct json_object *pair = json_object_array_get_idx(list, i);
		size_t start = (size_t)json_object_get_int64(json_object_array_get_idx(pair, 0));
		size_t end = (size_t)json_object_get_int64(json_object_array_get_idx(pair, 1));

		ck_assert(start < end && end <= len);
		ck_assert_msg(memcmp(data + start, server.content + start, end - start) == 0, "%s: %zu to %zu are wrong",
			      sidecar, start, end);
		d->lost += count_arrived((uint8_t *)data, len, at, start);
		at = end;
	}
	d->lost += count_arrived((uint8_t *)data, len, at, len);
}

static void assert_little_lost(const struct download *d)
{
	ck_assert_msg(d->lost <= server.size / 20, "%s: %zu bytes of %zu were not kept, after %u kills", d->name, d->lost,
		      server.size, d->kills);
}

/* Of a download that was not killed, the file came so many times and hardly more. The server sends more: what is on its way to
 * a connection that is given up, and that may be what both sides' sockets hold. */
static void assert_came(const struct download *d, unsigned int times)
{
	uint64_t most = (uint64_t)server.size * times + server.size / 20;

	ck_assert_msg(*d->received >= server.size && *d->received <= most,
		      "%s: %llu bytes came of a file of %zu, which may come %u times", d->about,
		      (unsigned long long)*d->received, server.size, times);
}

static struct download *find_download(struct download *all, unsigned int n, pid_t pid)
{
	for (unsigned int i = 0; i < n; i++)
		if (all[i].pid == pid)
			return &all[i];
	ck_abort_msg("the server ended");
}

/* Side by side, each begun again whenever it was killed, until all are done and written down. */
static void downloads_run(struct download *all, unsigned int n, const struct wish *wishes)
{
	for (unsigned int i = 0; i < n; i++)
		download_begin(&all[i], &wishes[i]);
	for (unsigned int left = n; left > 0;) {
		int status;
		pid_t pid = wait(&status);
		struct download *d = find_download(all, n, pid);

		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
			d->kills++;
			look_at_part(d);
			download_begin(d, &wishes[d - all]);
		} else {
			ck_assert_msg(status == 0, "%s: wait status %x", d->about, status);
			left--;
		}
	}
	server_settles();
}

#endif
