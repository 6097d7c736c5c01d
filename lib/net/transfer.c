#include "net/transfer.h"

#include <strings.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "net/http.h"

#define CONNECT_TIMEOUT_S 15L
#define LOW_SPEED_BYTES	  1024L
#define LOW_SPEED_S	  30L
#define BUFFER_SIZE	  262144L

struct answer {
	long status;
	uint64_t length;		   /* Content-Length; 0: unknown */
	uint64_t range_start, range_total; /* Content-Range */
	char etag[PART_VALIDATOR_SIZE], last_modified[PART_VALIDATOR_SIZE];
};

struct state {
	struct transfer *t;
	struct answer answer; /* the last one: redirects have their own */
	bool accepted;
	struct err e; /* of the callbacks */
	char detail[CURL_ERROR_SIZE];
};

static const char *header_value(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	line += n + 1;
	return line + strspn(line, " \t");
}

static void read_header(struct answer *a, const char *line)
{
	unsigned long long start, end, total = 0;
	const char *value;

	if (str_starts(line, "HTTP/")) {
		*a = (struct answer){ 0 };
		sscanf(line, "%*s %ld", &a->status);
	} else if ((value = header_value(line, "Content-Length"))) {
		a->length = strtoull(value, NULL, 10);
	} else if ((value = header_value(line, "Content-Range"))) {
		if (sscanf(value, "bytes %llu-%llu/%llu", &start, &end, &total) >= 2) {
			a->range_start = start;
			a->range_total = total;
		}
	} else if ((value = header_value(line, "ETag"))) {
		/* A weak one does not promise the same bytes. */
		if (*value != '"' || !str_copy(a->etag, sizeof(a->etag), value))
			a->etag[0] = '\0';
	} else if ((value = header_value(line, "Last-Modified"))) {
		if (!str_copy(a->last_modified, sizeof(a->last_modified), value))
			a->last_modified[0] = '\0';
	}
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct state *s = arg;
	_cleanup_free_ char *line = xstrndup(data, n);

	(void)size; /* always 1 */
	read_header(&s->answer, str_trim(line));
	return n;
}

/* A range that is not the rest of what we have cannot be used. */
static int check_range(struct state *s)
{
	struct part *p = s->t->part;
	const struct answer *a = &s->answer;

	if (p->bytes == 0 || a->range_start != p->bytes ||
	    (p->origin.size && a->range_total && a->range_total != p->origin.size)) {
		s->t->start_over = true;
		return err_set(&s->e, &ERR_HTTP, "status 206 with a range that was not asked for");
	}
	return 0;
}

static int check_size(struct state *s, uint64_t total)
{
	const struct fetch *f = s->t->fetch;

	if (f->size && total && total != f->size)
		return err_set(&s->e, &ERR_DIGEST, "the server's file has %llu bytes, not %llu",
			       (unsigned long long)total, (unsigned long long)f->size);
	if (total > f->size_max)
		return err_set(&s->e, &ERR_TOO_LARGE, "%llu bytes, at most %llu are accepted",
			       (unsigned long long)total, (unsigned long long)f->size_max);
	return part_reserve(s->t->part, total ? total : f->size, &s->e);
}

static int accept_whole(struct state *s)
{
	struct answer *a = &s->answer;
	struct part_origin origin = { .url = (char *)(uintptr_t)s->t->source->url,
				      .size = a->length };

	if (part_reset(s->t->part, &s->e) < 0)
		return -1;
	str_copy(origin.etag, sizeof(origin.etag), a->etag);
	str_copy(origin.last_modified, sizeof(origin.last_modified), a->last_modified);
	part_set_origin(s->t->part, &origin);
	return check_size(s, a->length);
}

static int accept_rest(struct state *s)
{
	if (check_range(s) < 0)
		return -1;
	s->t->part->resumed = true;
	return check_size(s, s->answer.range_total);
}

/* Judges the status line and headers, once, before the first byte of the body. */
static int accept_answer(struct state *s)
{
	long status = s->answer.status;

	s->accepted = true;
	if (status == 200)
		return accept_whole(s);
	if (status == 206)
		return accept_rest(s);
	s->t->start_over = status == 416;
	s->t->may_pass = http_status_may_pass(status);
	return err_set(&s->e, &ERR_HTTP, "status %ld", status);
}

/* A body need not keep to what its headers said, nor say anything. */
static int check_growth(struct state *s, uint64_t bytes)
{
	const struct fetch *f = s->t->fetch;

	if (f->size && bytes > f->size)
		return err_set(&s->e, &ERR_DIGEST, "more than the expected %llu bytes",
			       (unsigned long long)f->size);
	if (bytes > f->size_max)
		return err_set(&s->e, &ERR_TOO_LARGE, "more than the accepted %llu bytes",
			       (unsigned long long)f->size_max);
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct state *s = arg;
	struct part *p = s->t->part;

	(void)size; /* always 1 */
	if (!s->accepted && accept_answer(s) < 0)
		return 0;
	if (check_growth(s, p->bytes + n) < 0)
		return 0;
	return part_write(p, data, n, &s->e) < 0 ? 0 : n;
}

static int on_tick(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total,
		   curl_off_t up_now)
{
	struct transfer *t = arg;

	(void)total, (void)now, (void)up_total, (void)up_now;
	t->on_tick(t->on_tick_data);
	return 0;
}

static bool set_callbacks(CURL *curl, struct state *s)
{
	return HTTP_SET(curl, CURLOPT_ERRORBUFFER, s->detail) &&
	       HTTP_SET(curl, CURLOPT_HEADERFUNCTION, on_header) &&
	       HTTP_SET(curl, CURLOPT_HEADERDATA, s) &&
	       HTTP_SET(curl, CURLOPT_WRITEFUNCTION, on_body) &&
	       HTTP_SET(curl, CURLOPT_WRITEDATA, s) &&
	       HTTP_SET(curl, CURLOPT_XFERINFOFUNCTION, on_tick) &&
	       HTTP_SET(curl, CURLOPT_XFERINFODATA, s->t) && HTTP_SET(curl, CURLOPT_NOPROGRESS, 0L);
}

static bool set_limits(CURL *curl, long timeout_ms)
{
	return HTTP_SET(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) &&
	       HTTP_SET(curl, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES) &&
	       HTTP_SET(curl, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_S) &&
	       HTTP_SET(curl, CURLOPT_TIMEOUT_MS, timeout_ms) &&
	       HTTP_SET(curl, CURLOPT_BUFFERSIZE, BUFFER_SIZE) &&
	       HTTP_SET(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static bool set_peer(CURL *curl, const struct transfer *t)
{
	const struct fetch *f = t->fetch;
	_cleanup_free_ char *ca_file = f->ca_file ? fs_host_path(f->ca_file) : NULL;

	if (ca_file &&
	    !(HTTP_SET(curl, CURLOPT_CAINFO, ca_file) && HTTP_SET(curl, CURLOPT_CAPATH, NULL)))
		return false;
	return http_follow(curl, HTTP_TLS) && http_set_proxy(curl, f->proxy, f->no_proxy) &&
	       HTTP_SET(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
	       HTTP_SET(curl, CURLOPT_URL, t->source->url);
}

static bool set_headers(CURL *curl, const struct fetch_source *s, struct curl_slist **headers)
{
	for (const char *const *h = s->headers; h && *h; h++)
		http_add_header(headers, *h);
	return HTTP_SET(curl, CURLOPT_HTTPHEADER, *headers);
}

/* If-Range is for the server that the bytes came from: another one has other validators, and there
 * the digest judges. */
static bool set_range(CURL *curl, const struct part *p, const char *url,
		      struct curl_slist **headers)
{
	const char *validator = *p->origin.etag ? p->origin.etag : p->origin.last_modified;
	char range[32];

	if (p->bytes == 0)
		return true;
	snprintf(range, sizeof(range), "%llu-", (unsigned long long)p->bytes);
	if (*validator && str_eq(p->origin.url, url)) {
		_cleanup_free_ char *header = xasprintf("If-Range: %s", validator);

		http_add_header(headers, header);
	}
	return HTTP_SET(curl, CURLOPT_RANGE, range);
}

static int timed_out(const struct transfer *t, struct err *e)
{
	return err_set(e, &ERR_TIMEOUT, "not done after %u s", t->fetch->deadline_s);
}

static int conclude(struct state *s, CURLcode code, struct err *e)
{
	uint64_t soon_us = clock_monotonic_us() + 100000; /* libcurl has a clock of its own */

	if (code == CURLE_OK && !s->accepted)
		accept_answer(s);
	if (code == CURLE_OK && !s->e.kind)
		return 0;
	if (code == CURLE_OPERATION_TIMEDOUT && soon_us >= s->t->deadline_us) {
		timed_out(s->t, &s->e);
	} else if (!s->e.kind) {
		http_error(&s->e, code, s->detail, "transfer");
		s->t->may_pass = s->e.kind == &ERR_NETWORK;
	}
	if (e)
		*e = s->e;
	return -1;
}

int transfer_run(struct transfer *t, struct err *e)
{
	_cleanup_(curl_slist_free_all_p) struct curl_slist *headers = NULL;
	_cleanup_(curl_easy_cleanup_p) CURL *curl = NULL;
	struct state s = { .t = t };
	uint64_t now_us = clock_monotonic_us();

	t->may_pass = t->start_over = false;
	if (now_us + 1000 >= t->deadline_us)
		return timed_out(t, e);
	curl = http_new(HTTP_TLS, e);
	if (!curl)
		return -1;
	if (!set_callbacks(curl, &s) || !set_peer(curl, t) ||
	    !set_limits(curl, (long)((t->deadline_us - now_us) / 1000)) ||
	    !set_range(curl, t->part, t->source->url, &headers) ||
	    !set_headers(curl, t->source, &headers))
		return err_set(e, &ERR_INTERNAL, "libcurl refused an option");
	return conclude(&s, curl_easy_perform(curl), e);
}
