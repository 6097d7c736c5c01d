#include "net/gather.h"

#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "net/http.h"

#define RUNNING_MAX	  16 /* requests on their way; over HTTP/2 they share connections */
#define HOST_CONNECTIONS  4L
#define TRIES_MAX	  4
#define WAIT_FIRST_US	  UINT64_C(500000)
#define WAIT_MAX_US	  UINT64_C(4000000)
#define CONNECT_TIMEOUT_S 8L
#define ATTEMPT_MAX_US	  UINT64_C(20000000)
#define POLL_MAX_US	  UINT64_C(200000)

struct item {
	struct gather_request r;
	char *url;
	enum { WAITING, RUNNING, DONE } state;
	unsigned int tries;
	uint64_t due_us;
	/* Of the attempt that is running. */
	CURL *curl;
	struct curl_slist *headers;
	struct strbuf body;
	bool too_large;
	char detail[CURL_ERROR_SIZE];
};

struct gather {
	struct gather_options o;
	char *ca_file; /* as the host sees it */
	CURLM *multi;
	struct item **items;
	size_t n, running, open; /* open: not done */
	unsigned int sent;
	uint64_t deadline_us;
};

/* --- one attempt -------------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct item *it = arg;

	(void)size; /* always 1 */
	it->too_large = it->body.len + n > it->r.size_max;
	if (it->too_large)
		return 0;
	strbuf_add(&it->body, data, n);
	return n;
}

/* libcurl leaves Authorization out where a redirect leads to another host; CURLHEADER_SEPARATE keeps it
 * from the proxy, which sees the request for a tunnel. */
static void add_authorization(struct item *it)
{
	_cleanup_free_ char *text = xasprintf("Authorization: %s", it->r.authorization);

	http_add_header(&it->headers, text);
	explicit_bzero(text, strlen(text));
}

static void add_headers(struct item *it, bool plain)
{
	_cleanup_free_ char *accept = it->r.accept ? xasprintf("Accept: %s", it->r.accept) : NULL;
	_cleanup_free_ char *type =
		it->r.content_type ? xasprintf("Content-Type: %s", it->r.content_type) : NULL;

	if (accept)
		http_add_header(&it->headers, accept);
	if (type)
		http_add_header(&it->headers, type);
	if (it->r.authorization && !plain)
		add_authorization(it);
	/* Older libcurl would wait for a "100 Continue" that few services send. */
	http_add_header(&it->headers, "Expect:");
}

static bool set_peer(const struct gather *g, CURL *curl, bool plain)
{
	if (g->ca_file &&
	    !(HTTP_SET(curl, CURLOPT_CAINFO, g->ca_file) && HTTP_SET(curl, CURLOPT_CAPATH, NULL)))
		return false;
	/* Refused where libcurl was built without HTTP/2, which is no loss. */
	(void)!HTTP_SET(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	return http_follow(curl, plain ? HTTP_PLAIN : HTTP_TLS) &&
	       http_set_proxy(curl, plain ? g->o.plain_proxy : g->o.proxy, g->o.no_proxy) &&
	       HTTP_SET(curl, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
}

static bool set_request(struct item *it, CURL *curl, long timeout_ms)
{
	if (it->r.body &&
	    !(HTTP_SET(curl, CURLOPT_POST, 1L) && HTTP_SET(curl, CURLOPT_POSTFIELDS, it->r.body) &&
	      HTTP_SET(curl, CURLOPT_POSTFIELDSIZE, (long)it->r.body_len)))
		return false;
	return HTTP_SET(curl, CURLOPT_URL, it->url) && HTTP_SET(curl, CURLOPT_PRIVATE, it) &&
	       HTTP_SET(curl, CURLOPT_HTTPHEADER, it->headers) &&
	       HTTP_SET(curl, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) &&
	       HTTP_SET(curl, CURLOPT_ERRORBUFFER, it->detail) &&
	       HTTP_SET(curl, CURLOPT_WRITEFUNCTION, on_body) &&
	       HTTP_SET(curl, CURLOPT_WRITEDATA, it) &&
	       HTTP_SET(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) &&
	       HTTP_SET(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
}

static int start(struct gather *g, struct item *it, uint64_t now_us, struct err *e)
{
	uint64_t left_us = g->deadline_us - now_us;
	bool plain = strncasecmp(it->url, "http://", 7) == 0;

	if (left_us > ATTEMPT_MAX_US)
		left_us = ATTEMPT_MAX_US;
	it->detail[0] = '\0';
	it->too_large = false;
	strbuf_begin(&it->body);
	it->curl = http_new(plain ? HTTP_PLAIN : HTTP_TLS, e);
	if (!it->curl)
		return -1;
	add_headers(it, plain);
	if (!set_peer(g, it->curl, plain) ||
	    !set_request(it, it->curl, (long)(left_us / 1000 + 1)) ||
	    curl_multi_add_handle(g->multi, it->curl) != CURLM_OK)
		return err_set(e, &ERR_INTERNAL, "libcurl refused an option");
	it->state = RUNNING;
	it->tries++;
	g->running++;
	g->sent++;
	return 0;
}

/* Forgets the attempt, not the request. */
static void drop(struct gather *g, struct item *it)
{
	if (it->curl) {
		curl_multi_remove_handle(g->multi, it->curl);
		curl_easy_cleanup(it->curl);
	}
	curl_slist_free_all(it->headers);
	strbuf_done(&it->body);
	it->curl = NULL;
	it->headers = NULL;
	it->body = (struct strbuf){ 0 };
}

/* --- what came of it ---------------------------------------------------------------------------- */

/* Whatever is asked at the same time must not come back at the same time: any wait up to the longest. */
static bool again(struct gather *g, struct item *it)
{
	uint64_t most_us = WAIT_FIRST_US << (it->tries - 1), dice = 0;

	if (it->tries >= TRIES_MAX)
		return false;
	if (most_us > WAIT_MAX_US)
		most_us = WAIT_MAX_US;
	(void)!getrandom(&dice, sizeof(dice), GRND_NONBLOCK);
	it->due_us = clock_monotonic_us() + dice % most_us;
	if (it->due_us >= g->deadline_us)
		return false;
	it->state = WAITING;
	return true;
}

static void finish(struct gather *g, struct item *it)
{
	it->state = DONE;
	g->open--;
}

/* Tells the caller why there is no answer. */
static void give_up(struct gather *g, struct item *it, long status, struct err *e)
{
	_cleanup_free_ char *where = http_url_text(it->url);
	const struct gather_answer a = { .e = e, .status = status };

	if (it->tries > 1)
		err_wrap(e, "%s, %u attempts", where, it->tries);
	else
		err_wrap(e, "%s", where);
	finish(g, it);
	it->r.done(&a, it->r.data);
}

/* Fills in e and returns false when there is no body to hand over. */
static bool judge(const struct item *it, CURLcode code, long status, bool *ret_may_pass,
		  struct err *e)
{
	if (it->too_large) {
		err_set(e, &ERR_TOO_LARGE, "more than %zu bytes", it->r.size_max);
	} else if (code != CURLE_OK) {
		http_error(e, code, it->detail, "no answer");
		*ret_may_pass = e->kind == &ERR_NETWORK;
	} else if (status != 200) {
		err_set(e, &ERR_HTTP, "status %ld", status);
		*ret_may_pass = http_status_may_pass(status);
	} else {
		return true;
	}
	return false;
}

static void ended(struct gather *g, struct item *it, CURLcode code)
{
	struct err e = ERR_INIT;
	struct strbuf body;
	bool may_pass = false, good;
	long status = 0;

	curl_easy_getinfo(it->curl, CURLINFO_RESPONSE_CODE, &status);
	good = judge(it, code, status, &may_pass, &e);
	body = it->body;
	it->body = (struct strbuf){ 0 };
	drop(g, it);
	g->running--;
	if (good) {
		const struct gather_answer a = { .status = status,
						 .body = body.s,
						 .len = body.len };

		if (!it->r.done(&a, it->r.data) || !again(g, it))
			finish(g, it);
	} else if (!may_pass || !again(g, it)) {
		give_up(g, it, status, &e);
	}
	strbuf_done(&body);
}

static void take_ended(struct gather *g)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(g->multi, &left))) {
		CURLcode code = m->data.result;
		struct item *it = NULL;

		if (m->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &it) == CURLE_OK)
			ended(g, it, code);
	}
}

/* --- all of them -------------------------------------------------------------------------------- */

static int start_due(struct gather *g, struct err *e)
{
	for (size_t i = 0; i < g->n; i++) {
		struct item *it = g->items[i];
		uint64_t now_us = clock_monotonic_us();

		if (it->state != WAITING)
			continue;
		if (now_us >= g->deadline_us) {
			struct err late = ERR_INIT;

			err_set(&late, &ERR_TIMEOUT, "the %u s for all requests were over",
				g->o.budget_s);
			give_up(g, it, 0, &late);
		} else if (it->due_us <= now_us && g->running < RUNNING_MAX &&
			   start(g, it, now_us, e) < 0) {
			return -1;
		}
	}
	return 0;
}

/* Until something may have happened, or something is due. */
static int wait_for_news(struct gather *g, struct err *e)
{
	uint64_t now_us = clock_monotonic_us(), wait_us = POLL_MAX_US;

	for (size_t i = 0; i < g->n; i++) {
		const struct item *it = g->items[i];

		if (it->state != WAITING || g->running == RUNNING_MAX)
			continue;
		if (it->due_us <= now_us)
			return 0;
		if (it->due_us - now_us < wait_us)
			wait_us = it->due_us - now_us;
	}
	if (g->running)
		return http_wait(g->multi, wait_us, e);
	clock_sleep_us(wait_us);
	return 0;
}

int gather_run(struct gather *g, struct err *e)
{
	int running;

	g->deadline_us = clock_monotonic_us() + (uint64_t)g->o.budget_s * 1000000;
	while (g->open) {
		if (start_due(g, e) < 0)
			return -1;
		if (curl_multi_perform(g->multi, &running) != CURLM_OK)
			return err_set(e, &ERR_INTERNAL, "libcurl cannot go on");
		take_ended(g);
		if (g->open && wait_for_news(g, e) < 0)
			return -1;
	}
	return 0;
}

void gather_add(struct gather *g, const struct gather_request *r)
{
	struct item *it = xcalloc(1, sizeof(*it));

	it->r = *r;
	it->url = xstrdup(r->url);
	g->items = xrealloc(g->items, (g->n + 1) * sizeof(struct item *));
	g->items[g->n++] = it;
	g->open++;
}

unsigned int gather_sent(const struct gather *g)
{
	return g->sent;
}

int gather_new(const struct gather_options *o, struct gather **ret, struct err *e)
{
	_cleanup_(gather_free_p) struct gather *g = xcalloc(1, sizeof(*g));

	g->o = *o;
	if (o->ca_file && *o->ca_file)
		g->ca_file = fs_host_path(o->ca_file);
	g->multi = curl_multi_init();
	if (!g->multi ||
	    curl_multi_setopt(g->multi, CURLMOPT_MAX_HOST_CONNECTIONS, HOST_CONNECTIONS) !=
		    CURLM_OK ||
	    curl_multi_setopt(g->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX) != CURLM_OK)
		return err_set(e, &ERR_INTERNAL, "libcurl refused an option");
	*ret = TAKE_PTR(g);
	return 0;
}

void gather_free(struct gather *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++) {
		drop(g, g->items[i]);
		free(g->items[i]->url);
		free(g->items[i]);
	}
	free(g->items);
	curl_multi_cleanup(g->multi);
	free(g->ca_file);
	free(g);
}
