#include "sys/imds.h"

#include "core/clock.h"
#include "core/str.h"
#include "net/http.h"
#include "sys/units.h"

#define BODY_MAX	   65536
#define TOKEN_SIZE	   512
#define CONNECT_TIMEOUT_MS 2000L
#define REQUEST_TIMEOUT_MS 5000L
#define TOKEN_PART_US	   20000000 /* of the deadline at most: half of a short one */

#define TOKEN_PATH   "api/token"
#define TTL_HEADER   "X-aliyun-ecs-metadata-token-ttl-seconds: 600"
#define TOKEN_HEADER "X-aliyun-ecs-metadata-token: "

struct imds {
	CURL *curl;
	char *url;
	uint64_t deadline_us;
	char token[TOKEN_SIZE]; /* "": none yet */
	struct err no_token;	/* why the rest is asked without a token; no error: it is not */
	struct strbuf body;	/* of the last answer */
	bool body_too_large;
	char detail[CURL_ERROR_SIZE];
};

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct imds *i = arg;

	(void)size; /* always 1 */
	i->body_too_large = i->body.len + n > BODY_MAX;
	if (i->body_too_large)
		return 0;
	strbuf_add(&i->body, data, n);
	return n;
}

static bool set_options(struct imds *i)
{
	return HTTP_SET(i->curl, CURLOPT_ERRORBUFFER, i->detail) &&
	       HTTP_SET(i->curl, CURLOPT_WRITEFUNCTION, take_body) &&
	       HTTP_SET(i->curl, CURLOPT_WRITEDATA, i) &&
	       HTTP_SET(i->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) &&
	       HTTP_SET(i->curl, CURLOPT_TIMEOUT_MS, REQUEST_TIMEOUT_MS);
}

int imds_open(const char *url, unsigned int deadline_s, struct imds **ret_i, struct err *e)
{
	_cleanup_(imds_close_p) struct imds *i = NULL;

	if (units_guard(e) < 0)
		return err_wrap(e, "metadata service");
	i = xcalloc(1, sizeof(*i));
	i->url = xstrdup(url);
	i->deadline_us = clock_monotonic_us() + (uint64_t)deadline_s * 1000000;
	i->curl = http_new(HTTP_PLAIN | HTTP_TLS, e);
	if (!i->curl)
		return err_wrap(e, "metadata service");
	if (!set_options(i))
		return err_set(e, &ERR_INTERNAL, "metadata service: libcurl refused an option");
	*ret_i = TAKE_PTR(i);
	return 0;
}

void imds_close(struct imds *i)
{
	curl_easy_cleanup(i->curl);
	strbuf_done(&i->body);
	explicit_bzero(i->token, sizeof(i->token));
	free(i->url);
	free(i);
}

/* One request and its answer; -1 when there was no complete answer. */
static int ask_once(struct imds *i, const char *method, const char *url, const char *header,
		    long *ret_status, struct err *e)
{
	_cleanup_(curl_slist_free_all_p) struct curl_slist *headers = NULL;
	CURLcode code;
	bool ok;

	if (header)
		http_add_header(&headers, header);
	strbuf_done(&i->body);
	strbuf_begin(&i->body);
	i->body_too_large = false;
	i->detail[0] = '\0';
	ok = HTTP_SET(i->curl, CURLOPT_CUSTOMREQUEST, method) &&
	     HTTP_SET(i->curl, CURLOPT_URL, url) && HTTP_SET(i->curl, CURLOPT_HTTPHEADER, headers);
	code = ok ? curl_easy_perform(i->curl) : CURLE_BAD_FUNCTION_ARGUMENT;
	curl_easy_setopt(i->curl, CURLOPT_HTTPHEADER, NULL);
	if (i->body_too_large)
		return err_set(e, &ERR_TOO_LARGE, "metadata service: %s %s: more than %d bytes",
			       method, url, BODY_MAX);
	if (code != CURLE_OK) {
		http_error(e, code, i->detail, url);
		return err_wrap(e, "metadata service: %s", method);
	}
	curl_easy_getinfo(i->curl, CURLINFO_RESPONSE_CODE, ret_status);
	return 0;
}

/* Asks again while it may help and there is time until then; *tries counts on. */
static int ask_until(struct imds *i, uint64_t until_us, unsigned int *tries, const char *method,
		     const char *path, const char *header, long *ret_status, struct err *e)
{
	_cleanup_free_ char *url = xasprintf("%s/latest/%s", i->url, path);

	for (;; (*tries)++) {
		struct err failure = ERR_INIT;
		long status = 0;
		int r = ask_once(i, method, url, header, &status, &failure);
		bool may_pass = r < 0 ? failure.kind == &ERR_NETWORK : http_status_may_pass(status);

		if (may_pass && http_backoff(*tries, until_us))
			continue;
		if (r < 0 && *tries > 0)
			err_wrap(&failure, "after %u tries", *tries + 1);
		if (r < 0 && e)
			*e = failure;
		if (r == 0)
			*ret_status = status;
		return r;
	}
}

static int bad_status(const char *path, long status, struct err *e)
{
	return err_set(e, &ERR_HTTP, "metadata service: %s: status %ld", path, status);
}

static bool is_printable(const char *s)
{
	for (; *s; s++) {
		if (*s < 0x20 || *s > 0x7e)
			return false;
	}
	return true;
}

/* The service, or what stands before it, answers and gives no tokens: requests without one are worth
 * trying, for only the hardened mode refuses those. What may pass was tried again; 501 says that there is
 * no such method, now or later. */
static bool is_refusal(long status)
{
	return status == 501 || (status >= 400 && status < 500 && !http_status_may_pass(status));
}

static bool is_plain(const struct imds *i)
{
	return i->no_token.kind != NULL;
}

/* A token, or none because the step was refused. */
static int take_token(struct imds *i, uint64_t until_us, unsigned int *tries, struct err *e)
{
	const char *token;
	long status;

	if (ask_until(i, until_us, tries, "PUT", TOKEN_PATH, TTL_HEADER, &status, e) < 0)
		return -1;
	if (is_refusal(status)) {
		bad_status("PUT " TOKEN_PATH, status, &i->no_token);
		return 0;
	}
	if (status != 200)
		return bad_status("PUT " TOKEN_PATH, status, e);
	token = str_trim(i->body.s);
	if (!*token || !is_printable(token) || strlen(token) >= TOKEN_SIZE)
		return err_set(e, &ERR_FORMAT, "metadata service: " TOKEN_PATH ": not a token");
	str_copy(i->token, sizeof(i->token), token);
	return 0;
}

/* Whether a request without a token is answered, which is tried once. */
static bool is_answered_plain(struct imds *i, const char *path, struct err *e)
{
	_cleanup_free_ char *url = xasprintf("%s/latest/%s", i->url, path);
	long status = 0;

	if (ask_once(i, "GET", url, NULL, &status, e) < 0)
		return false;
	if (status != 401 && status != 403 && !http_status_may_pass(status))
		return true;
	bad_status(path, status, e);
	return false;
}

/* A token step that fails, or is dropped, has a part of the time. Then a request without a token is tried, for
 * what spoils a PUT may let a GET pass. Only where that does not help either, as in the hardened mode or where
 * nobody answers at all yet, the token step has the rest of the time. */
static int get_token(struct imds *i, const char *path, struct err *e)
{
	uint64_t now_us = clock_monotonic_us();
	uint64_t rest_us = i->deadline_us > now_us ? i->deadline_us - now_us : 0;
	uint64_t part_us = rest_us / 2 < TOKEN_PART_US ? rest_us / 2 : TOKEN_PART_US;
	struct err failure = ERR_INIT, plain = ERR_INIT;
	unsigned int tries = 0;

	if (take_token(i, now_us + part_us, &tries, &failure) == 0)
		return 0;
	if (failure.kind == &ERR_NETWORK || failure.kind == &ERR_HTTP) {
		if (is_answered_plain(i, path, &plain)) {
			i->no_token = failure;
			return 0;
		}
		tries++;
		if (clock_monotonic_us() < i->deadline_us &&
		    take_token(i, i->deadline_us, &tries, &failure) == 0)
			return 0;
	}
	return plain.kind
		       ? err_set(e, failure.kind, "%s; without a token: %s", failure.msg, plain.msg)
		       : err_set(e, failure.kind, "%s", failure.msg);
}

/* GET with a token; one that ended is replaced once. Without one where the token step was refused or goes on
 * failing. The answer is in i->body. */
static int get(struct imds *i, const char *path, long *ret_status, struct err *e)
{
	for (bool renewed = false;; renewed = true) {
		_cleanup_free_ char *header = NULL;
		unsigned int tries = 0;

		if (!*i->token && !is_plain(i) && get_token(i, path, e) < 0)
			return -1;
		if (*i->token)
			header = xasprintf(TOKEN_HEADER "%s", i->token);
		if (ask_until(i, i->deadline_us, &tries, "GET", path, header, ret_status, e) < 0)
			return is_plain(i) ? err_wrap(e, "%s; without a token", i->no_token.msg)
					   : -1;
		if (*ret_status != 401 || renewed || is_plain(i))
			return 0;
		i->token[0] = '\0';
	}
}

/* A request that was refused without a token is told together with why it had none. */
static int bad_item(const struct imds *i, const char *path, long status, struct err *e)
{
	if (!is_plain(i))
		return bad_status(path, status, e);
	return err_set(e, &ERR_HTTP, "%s; without a token, %s: status %ld", i->no_token.msg, path,
		       status);
}

bool imds_without_token(const struct imds *i)
{
	return is_plain(i);
}

int imds_get(struct imds *i, const char *item, char *dst, size_t dst_size, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("meta-data/%s", item);
	size_t len;
	long status;

	if (get(i, path, &status, e) < 0)
		return -1;
	if (status != 200)
		return bad_item(i, path, status, e);
	len = i->body.len;
	while (len > 0 && strchr("\r\n", i->body.s[len - 1]) && i->body.s[len - 1])
		len--;
	i->body.s[len] = '\0';
	if (len == 0 || len >= dst_size || strlen(i->body.s) != len || !is_printable(i->body.s))
		return err_set(
			e, &ERR_FORMAT,
			"metadata service: %s: %zu bytes that are not one short line of text", path,
			i->body.len);
	str_copy(dst, dst_size, i->body.s);
	return 0;
}

/* The entries of a directory: their number, and, if wanted, a line each; then 404 is an error. */
static int list(struct imds *i, const char *dir, unsigned int *ret_n, struct strbuf *ret,
		struct err *e)
{
	_cleanup_free_ char *path = xasprintf("meta-data/%s", dir);
	char *rest, *line;
	unsigned int n = 0;
	long status;

	if (get(i, path, &status, e) < 0)
		return -1;
	if (status != 200 && (status != 404 || ret))
		return bad_item(i, path, status, e);
	rest = status == 200 ? i->body.s : NULL;
	if (rest && strlen(rest) != i->body.len)
		return err_set(e, &ERR_FORMAT, "metadata service: %s: not text", path);
	while ((line = strsep(&rest, "\n"))) {
		line = str_trim(line);
		if (!is_printable(line))
			return err_set(e, &ERR_FORMAT, "metadata service: %s: not text", path);
		n += *line != '\0';
		if (*line && ret)
			strbuf_printf(ret, "%s\n", line);
	}
	*ret_n = n;
	return 0;
}

int imds_count(struct imds *i, const char *dir, unsigned int *ret_n, struct err *e)
{
	return list(i, dir, ret_n, NULL, e);
}

int imds_list(struct imds *i, const char *dir, struct strbuf *ret, struct err *e)
{
	unsigned int n;

	strbuf_begin(ret);
	return list(i, dir, &n, ret, e);
}

int imds_statuses(struct imds *i, const char *item, long *ret_token, long *ret_plain, struct err *e)
{
	_cleanup_free_ char *token = xasprintf("%s/latest/" TOKEN_PATH, i->url);
	_cleanup_free_ char *plain = xasprintf("%s/latest/meta-data/%s", i->url, item);

	if (ask_once(i, "PUT", token, TTL_HEADER, ret_token, e) < 0)
		return -1;
	return ask_once(i, "GET", plain, NULL, ret_plain, e);
}
