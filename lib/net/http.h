/* What every HTTP request of this program has in common, over libcurl's easy interface.
 *
 * A handle from http_new() follows no redirect, speaks no other protocol than asked for, reads no
 * proxy and no credentials from the environment, uses no signals and judges no status. */
#ifndef GN8V_NET_HTTP_H
#define GN8V_NET_HTTP_H

#include <curl/curl.h>

#include "core/err.h"

DEFINE_CLEANUP(CURL *, curl_easy_cleanup)
DEFINE_CLEANUP(struct curl_slist *, curl_slist_free_all)

/* For rows of options: ok = HTTP_SET(...) && HTTP_SET(...). */
#define HTTP_SET(curl, option, value) (curl_easy_setopt(curl, option, value) == CURLE_OK)

#define HTTP_PLAIN 1 /* http */
#define HTTP_TLS   2 /* https */

CURL *http_new(unsigned int protocols, struct err *e);

/* Follows up to five redirects, to these protocols only. */
bool http_follow(CURL *curl, unsigned int protocols);

/* NULL or "": none. */
bool http_set_proxy(CURL *curl, const char *proxy, const char *no_proxy);

/* Appends "Name: value"; the list is made when *list is NULL. */
void http_add_header(struct curl_slist **list, const char *header);

/* The error for a failed curl_easy_perform(): ERR_UNTRUSTED for a certificate, ERR_NETWORK for what
 * may pass, else what it is. `detail` is the error buffer. Always -1. */
int http_error(struct err *e, CURLcode code, const char *detail, const char *what);

/* Whether a status may pass by itself: 408, 429, 5xx. */
bool http_status_may_pass(long status);

/* Scheme, host and path of a URL: no user, no query. Caller frees. */
char *http_url_text(const char *url);

/* Waits until something may have happened on the transfers of a handle, at most so long. */
int http_wait(CURLM *multi, uint64_t most_us, struct err *e);

/* When to begin try number `tries` + 1 (monotonic): later each time, with full jitter, and not before
 * `not_before_us` (0: does not matter). 0 when the deadline would have passed. */
uint64_t http_backoff_until(unsigned int tries, uint64_t not_before_us, uint64_t deadline_us);

/* Sleeps until then; a signal ends it early. False, without sleep, when the deadline would pass. */
bool http_backoff(unsigned int tries, uint64_t deadline_us);

#endif
