#include "download.h"

#include <strings.h>

#include "codes.h"
#include "core/str.h"
#include "net/fetch.h"

/* The procedure's Referer opens NVIDIA's site in China. A mirror that wants one gets its own by
 * fetch.headers: it need not learn where we come from. */
#define REFERER_HOSTS ".nvidia.cn"

/* The host of an https:// URL. Caller frees. */
static char *host_of(const char *url)
{
	const char *start = url + strlen("https://"), *at;
	size_t n = strcspn(start, "/?#");

	at = memrchr(start, '@', n);
	if (at) {
		n -= (size_t)(at + 1 - start);
		start = at + 1;
	}
	at = memchr(start, ':', n);
	return xstrndup(start, at ? (size_t)(at - start) : n);
}

static bool ends_case(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcasecmp(s + n - m, end) == 0;
}

const char **download_headers(const struct config *c, const char *url, const char *referer)
{
	const struct strlist *l = &c->fetch_headers;
	const char **headers = xcalloc(l->n + 2, sizeof(*headers));
	_cleanup_free_ char *host = host_of(url);
	size_t n = 0, len = strlen(host);
	bool refers = false;

	for (size_t i = 0; i < l->n; i++) {
		const char *header = strchr(l->v[i], ' ') + 1; /* there is one: config.c */

		if ((size_t)(header - l->v[i]) != len + 1 || strncasecmp(l->v[i], host, len) != 0)
			continue;
		headers[n++] = xstrdup(header);
		refers |= strncasecmp(header, "Referer:", strlen("Referer:")) == 0;
	}
	if (referer && !refers && ends_case(host, REFERER_HOSTS))
		headers[n] = xasprintf("Referer: %s", referer);
	return headers;
}

void download_free_headers(const char **headers)
{
	for (const char **h = headers; h && *h; h++)
		free((char *)(uintptr_t)*h);
	free(headers);
}

static struct fetch_source *make_sources(const struct config *c, const struct download *d)
{
	struct fetch_source *sources = xcalloc(d->urls->n + 1, sizeof(*sources));

	for (size_t i = 0; i < d->urls->n; i++)
		sources[i] = (struct fetch_source){
			.url = d->urls->v[i],
			.headers = download_headers(c, d->urls->v[i], d->referer),
		};
	return sources;
}

static void free_sources(struct fetch_source *sources)
{
	for (struct fetch_source *s = sources; s->url; s++)
		download_free_headers((const char **)(uintptr_t)s->headers);
	free(sources);
}

static void tell_trouble(const struct err *e, bool for_good, void *worker)
{
	worker_event(worker, "[%s] %s: %s", e->kind->code,
		     for_good ? "this source is given up"
			      : "the download goes on, and this source is asked again",
		     e->msg);
}

int download_run(struct worker *w, struct download *d, struct err *e)
{
	const struct config *c = w->config;
	unsigned int left_s = worker_left_s(w), deadline_s = (unsigned int)c->fetch_deadline_s;
	struct fetch_source *sources = make_sources(c, d);
	struct fetch f = { .sources = sources,
			   .path = d->path,
			   .sha256 = d->sha256,
			   .size = d->size,
			   .size_max = d->size_max,
			   .proxy = c->proxy_https,
			   .no_proxy = *c->proxy_none ? c->proxy_none : NULL,
			   .ca_file = *c->fetch_ca_file ? c->fetch_ca_file : NULL,
			   .deadline_s = left_s < deadline_s ? left_s : deadline_s,
			   .stall_s = (unsigned int)c->fetch_stall_s,
			   .connections_max = (unsigned int)c->fetch_connections,
			   .on_progress = worker_on_fetch,
			   .on_trouble = tell_trouble,
			   .on_data = w };
	int r = fetch_to_file(&f, e);

	d->received = f.received;
	d->kept = f.kept;
	free_sources(sources);
	if (r < 0 && (e->kind == &ERR_NETWORK || e->kind == &ERR_HTTP || e->kind == &ERR_TIMEOUT))
		return err_rekind(e, &CODE_DOWNLOAD);
	return r;
}
