#include "net/lane.h"

#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"

#define CONNECT_TIMEOUT_S 15L
#define LOW_SPEED_BYTES	  1024L
#define HURRY_BYTES	  65536L
#define STALL_S		  30
#define BUFFER_SIZE	  262144L

/* --- what the server says ----------------------------------------------------------------------- */

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct lane *l = arg;
	_cleanup_free_ char *line = xstrndup(data, n);

	(void)size; /* always 1 */
	answer_line(&l->answer, str_trim(line));
	return n;
}

static int check_length(struct lane *l, uint64_t total)
{
	const struct fetch *f = l->fetch;

	l->trouble = LANE_FAILED;
	if (f->size && total && total != f->size)
		return err_set(&l->e, &ERR_DIGEST, "the server's file has %llu bytes, not %llu",
			       (unsigned long long)total, (unsigned long long)f->size);
	if (total > f->size_max)
		return err_set(&l->e, &ERR_TOO_LARGE, "%llu bytes, at most %llu are accepted",
			       (unsigned long long)total, (unsigned long long)f->size_max);
	return 0;
}

static int check_size(struct lane *l, uint64_t total)
{
	if (check_length(l, total) < 0)
		return -1;
	return part_reserve(l->part, total ? total : l->fetch->size, &l->e);
}

static int adopt(struct lane *l, uint64_t size)
{
	struct part_origin origin = { .url = (char *)(uintptr_t)l->source->url, .size = size };

	str_copy(origin.etag, sizeof(origin.etag), l->answer.etag);
	str_copy(origin.last_modified, sizeof(origin.last_modified), l->answer.last_modified);
	part_set_origin(l->part, &origin);
	l->part->answers++;
	return check_size(l, size);
}

/* Validators that both sides have must be the same. */
static bool is_other_file(const struct part_origin *o, const struct answer *a)
{
	return (o->size && a->total && o->size != a->total) ||
	       (*o->etag && *a->etag && !str_eq(o->etag, a->etag)) ||
	       (*o->last_modified && *a->last_modified &&
		!str_eq(o->last_modified, a->last_modified));
}

/* The server sends the whole file, from its first byte on. */
static int accept_whole(struct lane *l)
{
	const struct part_origin *o = &l->part->origin;

	if (!l->alone) {
		bool changed = (o->size && l->answer.length && l->answer.length != o->size) ||
			       is_other_file(o, &l->answer);

		l->trouble = changed ? LANE_CHANGED : LANE_REFUSED;
		return err_set(&l->e, &ERR_HTTP, "status 200 where a range was asked for");
	}
	l->trouble = LANE_FAILED;
	if (check_length(l, l->answer.length) < 0 || part_reset(l->part, &l->e) < 0)
		return -1;
	l->start = l->at = 0;
	l->end = l->answer.length ? l->answer.length : LANE_OPEN;
	return adopt(l, l->answer.length);
}

static int accept_range(struct lane *l)
{
	struct part_origin *o = &l->part->origin;
	const struct answer *a = &l->answer;
	bool same_server = !l->loose && str_eq(o->url, l->source->url);

	if (same_server ? is_other_file(o, a) : o->size && a->total && o->size != a->total) {
		l->trouble = LANE_CHANGED;
		return err_set(&l->e, &ERR_HTTP, "the server's file is not the same any more");
	}
	if (!l->ranged || !a->has_range || a->start != l->start ||
	    (l->asked_end == LANE_OPEN ? a->total && a->end != a->total : a->end != l->asked_end)) {
		l->trouble = LANE_REFUSED;
		return err_set(&l->e, &ERR_HTTP, "status 206 with a range that was not asked for");
	}
	if (l->end == LANE_OPEN)
		l->end = a->end;
	if (!same_server)
		return adopt(l, o->size ? o->size : a->total);
	if (!o->size)
		o->size = a->total;
	l->part->answers++;
	return check_size(l, o->size);
}

/* Judges the status line and headers, once, before the first byte of the body. */
static int accept_answer(struct lane *l)
{
	long status = l->answer.status;
	int r;

	l->accepted = true;
	if (status == 200 || status == 206) {
		r = status == 200 ? accept_whole(l) : accept_range(l);
		if (r == 0)
			l->trouble = LANE_DONE;
		return r;
	}
	l->trouble = status == 416		    ? LANE_REFUSED
		     : http_status_may_pass(status) ? LANE_LATER
						    : LANE_FAILED;
	if (l->answer.retry_after_s)
		return err_set(&l->e, &ERR_HTTP,
			       "status %ld, with the wish to come back after %u s", status,
			       l->answer.retry_after_s);
	return err_set(&l->e, &ERR_HTTP, "status %ld", status);
}

/* A body need not keep to what its headers said, nor say anything. */
static int check_growth(struct lane *l, uint64_t end)
{
	const struct fetch *f = l->fetch;

	if (f->size && end > f->size)
		return err_set(&l->e, &ERR_DIGEST, "more than the expected %llu bytes",
			       (unsigned long long)f->size);
	if (end > f->size_max)
		return err_set(&l->e, &ERR_TOO_LARGE, "more than the accepted %llu bytes",
			       (unsigned long long)f->size_max);
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct lane *l = arg;
	size_t take = n;

	(void)size; /* always 1 */
	if (!l->accepted && accept_answer(l) < 0)
		return 0;
	l->came += n;
	if (l->end - l->at < take) {
		take = (size_t)(l->end - l->at); /* the rest is another's: this ends the request */
	}
	if (check_growth(l, l->at + take) < 0 ||
	    (take && part_write(l->part, l->at, data, take, &l->e) < 0)) {
		l->trouble = LANE_FAILED;
		return 0;
	}
	l->at += take;
	return take;
}

/* --- the request -------------------------------------------------------------------------------- */

static bool set_callbacks(struct lane *l)
{
	return HTTP_SET(l->curl, CURLOPT_ERRORBUFFER, l->detail) &&
	       HTTP_SET(l->curl, CURLOPT_PRIVATE, l) &&
	       HTTP_SET(l->curl, CURLOPT_HEADERFUNCTION, on_header) &&
	       HTTP_SET(l->curl, CURLOPT_HEADERDATA, l) &&
	       HTTP_SET(l->curl, CURLOPT_WRITEFUNCTION, on_body) &&
	       HTTP_SET(l->curl, CURLOPT_WRITEDATA, l);
}

static bool set_limits(struct lane *l)
{
	long stall_s = l->fetch->stall_s ? (long)l->fetch->stall_s : STALL_S;

	return HTTP_SET(l->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) &&
	       HTTP_SET(l->curl, CURLOPT_LOW_SPEED_LIMIT,
			l->hurry ? HURRY_BYTES : LOW_SPEED_BYTES) &&
	       HTTP_SET(l->curl, CURLOPT_LOW_SPEED_TIME, stall_s) &&
	       HTTP_SET(l->curl, CURLOPT_BUFFERSIZE, BUFFER_SIZE) &&
	       HTTP_SET(l->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static bool set_peer(struct lane *l)
{
	const struct fetch *f = l->fetch;
	_cleanup_free_ char *ca_file = f->ca_file ? fs_host_path(f->ca_file) : NULL;

	if (ca_file && !(HTTP_SET(l->curl, CURLOPT_CAINFO, ca_file) &&
			 HTTP_SET(l->curl, CURLOPT_CAPATH, NULL)))
		return false;
	return http_follow(l->curl, HTTP_TLS) && http_set_proxy(l->curl, f->proxy, f->no_proxy) &&
	       HTTP_SET(l->curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
	       HTTP_SET(l->curl, CURLOPT_URL, l->source->url);
}

/* If-Range is for the server that the bytes came from: another one has other validators, and there
 * the digest judges. */
static bool set_range(struct lane *l)
{
	const struct part_origin *o = &l->part->origin;
	const char *validator = *o->etag ? o->etag : o->last_modified;
	char range[64];

	l->ranged = l->start > 0 || l->end != LANE_OPEN;
	if (!l->ranged)
		return HTTP_SET(l->curl, CURLOPT_RANGE, NULL);
	if (l->end == LANE_OPEN || l->end == o->size)
		snprintf(range, sizeof(range), "%llu-", (unsigned long long)l->start);
	else
		snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)l->start,
			 (unsigned long long)l->end - 1);
	if (*validator && !l->loose && str_eq(o->url, l->source->url)) {
		_cleanup_free_ char *header = xasprintf("If-Range: %s", validator);

		http_add_header(&l->headers, header);
	}
	return HTTP_SET(l->curl, CURLOPT_RANGE, range);
}

static bool set_headers(struct lane *l)
{
	for (const char *const *h = l->source->headers; h && *h; h++)
		http_add_header(&l->headers, *h);
	return HTTP_SET(l->curl, CURLOPT_HTTPHEADER, l->headers);
}

static bool set_options(struct lane *l)
{
	curl_slist_free_all(l->headers);
	l->headers = NULL;
	return set_callbacks(l) && set_limits(l) && set_peer(l) && set_range(l) && set_headers(l);
}

int lane_begin(struct lane *l, const struct fetch *f, const struct fetch_source *s, struct part *p,
	       uint64_t start, uint64_t end, bool alone, struct err *e)
{
	l->fetch = f;
	l->source = s;
	l->part = p;
	l->start = l->at = start;
	l->end = l->asked_end = end;
	l->alone = alone;
	l->begun_us = clock_monotonic_us();
	l->accepted = false;
	l->trouble = LANE_DONE;
	l->e = (struct err)ERR_INIT;
	l->detail[0] = '\0';
	l->answer = (struct answer){ 0 };
	if (!l->curl)
		l->curl = http_new(HTTP_TLS, e);
	if (!l->curl)
		return -1;
	if (!set_options(l))
		return err_set(e, &ERR_INTERNAL, "libcurl refused an option");
	return 0;
}

enum lane_end lane_judge(struct lane *l, CURLcode code)
{
	if (code == CURLE_OK && !l->accepted)
		accept_answer(l);
	if (l->trouble != LANE_DONE)
		return l->trouble;
	if (code == CURLE_OK && l->end == LANE_OPEN && l->at >= l->fetch->size)
		l->end = l->at;
	if (l->accepted && l->at == l->end)
		return LANE_DONE;
	http_error(&l->e, code == CURLE_OK ? CURLE_PARTIAL_FILE : code, l->detail, "transfer");
	if (code == CURLE_URL_MALFORMAT && l->answer.status) /* where it redirects to is no URL */
		l->e.kind = &ERR_HTTP;
	return l->e.kind == &ERR_NETWORK ? LANE_LATER : LANE_FAILED;
}

void lane_done(struct lane *l)
{
	curl_easy_cleanup(l->curl);
	curl_slist_free_all(l->headers);
	l->curl = NULL;
	l->headers = NULL;
}
