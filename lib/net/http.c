#include "net/http.h"

#include "core/clock.h"
#include "core/str.h"

#define NO_SOCKETS_US	 UINT64_C(5000)
#define REDIRECTS_MAX	 5L
#define BACKOFF_FIRST_US UINT64_C(200000)
#define BACKOFF_MAX_US	 UINT64_C(15000000)

#if LIBCURL_VERSION_NUM < 0x075500
static long protocols_of(unsigned int protocols)
{
	return (protocols & HTTP_PLAIN ? CURLPROTO_HTTP : 0) |
	       (protocols & HTTP_TLS ? CURLPROTO_HTTPS : 0);
}
#define PROTOCOLS	CURLOPT_PROTOCOLS
#define REDIR_PROTOCOLS CURLOPT_REDIR_PROTOCOLS
#else
static const char *protocols_of(unsigned int protocols)
{
	return protocols == HTTP_TLS ? "https" : protocols == HTTP_PLAIN ? "http" : "http,https";
}
#define PROTOCOLS	CURLOPT_PROTOCOLS_STR
#define REDIR_PROTOCOLS CURLOPT_REDIR_PROTOCOLS_STR
#endif

static bool set_protocols(CURL *curl, unsigned int protocols)
{
	return HTTP_SET(curl, PROTOCOLS, protocols_of(protocols)) &&
	       HTTP_SET(curl, REDIR_PROTOCOLS, protocols_of(HTTP_TLS));
}

/* A name that does not resolve must not hold up whoever has no time left. Older versions wait for it. */
static bool set_quick_exit(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	return HTTP_SET(curl, CURLOPT_QUICK_EXIT, 1L);
#else
	(void)curl;
	return true;
#endif
}

CURL *http_new(unsigned int protocols, struct err *e)
{
	CURL *curl = curl_easy_init();

	if (curl && set_protocols(curl, protocols) && set_quick_exit(curl) &&
	    http_set_proxy(curl, NULL, NULL) && HTTP_SET(curl, CURLOPT_NOSIGNAL, 1L) &&
	    HTTP_SET(curl, CURLOPT_TCP_KEEPALIVE, 1L) &&
	    HTTP_SET(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	    HTTP_SET(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
	    HTTP_SET(curl, CURLOPT_USERAGENT, "gn8v"))
		return curl;
	curl_easy_cleanup(curl);
	err_set(e, &ERR_INTERNAL, "libcurl refused an option that version 7.61 has");
	return NULL;
}

bool http_follow(CURL *curl, unsigned int protocols)
{
	return HTTP_SET(curl, REDIR_PROTOCOLS, protocols_of(protocols)) &&
	       HTTP_SET(curl, CURLOPT_FOLLOWLOCATION, 1L) &&
	       HTTP_SET(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
}

bool http_set_proxy(CURL *curl, const char *proxy, const char *no_proxy)
{
	/* NULL would let libcurl look into the environment. */
	bool none = !proxy || !*proxy;

	return HTTP_SET(curl, CURLOPT_PROXY, none ? "" : proxy) && HTTP_SET(curl, CURLOPT_NOPROXY,
									    none       ? "*"
									    : no_proxy ? no_proxy
										       : "");
}

void http_add_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*list, header);

	if (!longer)
		abort();
	*list = longer;
}

static int certificate_error(struct err *e, const char *what, const char *detail)
{
	err_set(e, &ERR_UNTRUSTED, "%s: %s", what, detail);
	return err_hint(e,
			"The server's certificate was not accepted. Check that the clock is right "
			"(timedatectl), and whether the server or a proxy needs a CA of its own "
			"(ca_file).");
}

int http_error(struct err *e, CURLcode code, const char *detail, const char *what)
{
	if (!*detail)
		detail = curl_easy_strerror(code);
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
#if LIBCURL_VERSION_NUM < 0x073e00
	case CURLE_SSL_CACERT:
#endif
	case CURLE_SSL_ISSUER_ERROR: return certificate_error(e, what, detail);
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CRL_BADFILE: return err_set(e, &ERR_IO, "%s: %s", what, detail);
	case CURLE_URL_MALFORMAT: return err_set(e, &ERR_ARGUMENT, "%s: %s", what, detail);
	case CURLE_UNSUPPORTED_PROTOCOL:
		return err_set(e, &ERR_HTTP, "%s: it leads to what is not https: %s", what, detail);
	case CURLE_TOO_MANY_REDIRECTS: return err_set(e, &ERR_HTTP, "%s: %s", what, detail);
	default: return err_set(e, &ERR_NETWORK, "%s: %s", what, detail);
	}
}

bool http_status_may_pass(long status)
{
	return status == 408 || status == 429 || (status >= 500 && status < 600);
}

char *http_url_text(const char *url)
{
	const char *sep = strstr(url, "://");
	const char *host = sep ? sep + 3 : url;
	size_t host_len = strcspn(host, "/?#");
	const char *user = memrchr(host, '@', host_len);
	size_t len = strcspn(host, "?#");
	char *text;

	if (user) {
		len -= (size_t)(user + 1 - host);
		text = xasprintf("%.*s%.*s", (int)(host - url), url, (int)len, user + 1);
	} else {
		text = xasprintf("%.*s%.*s", (int)(host - url), url, (int)len, host);
	}
	str_sanitise(text);
	return text;
}

int http_wait(CURLM *multi, uint64_t most_us, struct err *e)
{
	int ready = 0;

	if (curl_multi_wait(multi, NULL, 0, (int)(most_us / 1000), &ready) != CURLM_OK)
		return err_set(e, &ERR_INTERNAL, "libcurl cannot wait for its sockets");
	/* While names are resolved there is no socket, and it may have returned at once. */
	if (ready == 0)
		clock_sleep_us(most_us > NO_SOCKETS_US ? NO_SOCKETS_US : most_us);
	return 0;
}

uint64_t http_backoff_until(unsigned int tries, uint64_t not_before_us, uint64_t deadline_us)
{
	uint64_t now_us = clock_monotonic_us();
	uint64_t until_us = clock_backoff_us(tries, BACKOFF_FIRST_US, BACKOFF_MAX_US) +
			    (not_before_us > now_us ? not_before_us : now_us);

	return until_us < deadline_us ? until_us : 0;
}

bool http_backoff(unsigned int tries, uint64_t deadline_us)
{
	uint64_t until_us = http_backoff_until(tries, 0, deadline_us),
		 now_us = clock_monotonic_us();

	if (until_us > now_us)
		clock_sleep_us(until_us - now_us);
	return until_us != 0;
}
