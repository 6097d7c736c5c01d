#include "net/gather.h"

#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/fs.h"
#include "core/str.h"
#include "suite.h"

/* The root of the tests is a temporary folder that also has the server's certificate and log. */
static char root[64];
static unsigned int secure, plain; /* ports */
static pid_t server;

static void shell(const char *command)
{
	ck_assert_msg(system(command) == 0, "%s", command);
}

static void exec_server(int out)
{
	_cleanup_free_ char *here = xstrdup(__FILE__);
	_cleanup_free_ char *script = xasprintf("%s/gatherd.py", dirname(here));
	_cleanup_free_ char *cert = xasprintf("%s/ca.pem", root);
	_cleanup_free_ char *key = xasprintf("%s/key.pem", root);
	_cleanup_free_ char *log = xasprintf("%s/log", root);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	execlp("python3", "python3", "-E", "-S", script, cert, key, log, (char *)NULL);
	_exit(127);
}

static void start(void)
{
	_cleanup_fclose_ FILE *out = NULL;
	_cleanup_free_ char *certify = NULL;
	struct err e = ERR_INIT;
	int fds[2];

	strcpy(root, "/tmp/gn8v-test-gather-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(fs_set_root(root, &e), 0);
	certify = xasprintf(
		"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
		"-subj /CN=test -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout %s/key.pem "
		"-out %s/ca.pem 2>/dev/null && : > %s/log",
		root, root, root);
	shell(certify);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	server = fork();
	ck_assert_int_ge(server, 0);
	if (server == 0)
		exec_server(fds[1]);
	close(fds[1]);
	out = fdopen(fds[0], "r");
	ck_assert_int_eq(fscanf(out, "%u %u", &secure, &plain), 2);
}

static void stop(void)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", root);

	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	shell(command);
}

/* --- one run of several requests ---------------------------------------------------------------- */

#define MAX 40

struct got {
	unsigned int times;
	bool later; /* to be said to the first answer */
	long status;
	char body[64];
	struct err e;
};

static struct gather *g;
static struct got got[MAX];
static size_t got_n;

static bool on_done(const struct gather_answer *a, void *data)
{
	struct got *to = data;

	to->times++;
	to->status = a->status;
	if (a->e)
		to->e = *a->e;
	else
		str_copy(to->body, sizeof(to->body), a->body);
	return to->later && to->times == 1;
}

static const struct gather_options good = { .ca_file = "/ca.pem", .budget_s = 100 };

static void begin(struct gather_options o)
{
	struct err e = ERR_INIT;

	memset(got, 0, sizeof(got));
	got_n = 0;
	ck_assert_int_eq(gather_new(&o, &g, &e), 0);
}

static struct got *add_url(const char *url, const char *body)
{
	struct got *to = &got[got_n++];

	gather_add(g, &(struct gather_request){ .url = url,
						.body = body,
						.body_len = body ? strlen(body) : 0,
						.content_type = body ? "text/x-question" : NULL,
						.accept = "text/x-answer",
						.size_max = 1000,
						.done = on_done,
						.data = to });
	return to;
}

static struct got *add(const char *path, const char *body)
{
	_cleanup_free_ char *url = xasprintf("https://127.0.0.1:%u%s", secure, path);

	return add_url(url, body);
}

/* The number of requests that went out. */
static unsigned int run(void)
{
	struct err e = ERR_INIT;
	unsigned int sent;

	ck_assert_msg(gather_run(g, &e) == 0, "%s", e.msg);
	for (size_t i = 0; i < got_n; i++)
		ck_assert_uint_ge(got[i].times, 1);
	sent = gather_sent(g);
	gather_free(g);
	g = NULL;
	return sent;
}

static void assert_error(const struct got *to, const struct err_kind *kind, const char *words)
{
	ck_assert_uint_eq(to->times, 1);
	ck_assert_msg(to->e.kind == kind, "%s: %s", to->e.kind ? to->e.kind->code : "no error",
		      to->e.msg);
	ck_assert_msg(strstr(to->e.msg, words), "\"%s\" is not in: %s", words, to->e.msg);
}

/* Lines of the server's log that have this text. */
static size_t logged(const char *text)
{
	_cleanup_free_ char *log = NULL;
	struct err e = ERR_INIT;
	size_t n = 0;

	ck_assert_int_eq(fs_read("/log", 1 << 20, &log, NULL, &e), 0);
	for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n"))
		n += strstr(line, text) != NULL;
	return n;
}

/* How many connections were made for what the log has. */
static size_t connections(void)
{
	_cleanup_free_ char *log = NULL;
	struct err e = ERR_INIT;
	unsigned int ports[MAX];
	size_t n = 0;

	ck_assert_int_eq(fs_read("/log", 1 << 20, &log, NULL, &e), 0);
	for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned int port;
		bool known = false;

		ck_assert_int_eq(sscanf(line, "%*s %*s %*s %u", &port), 1);
		for (size_t i = 0; i < n; i++)
			known = known || ports[i] == port;
		if (!known)
			ports[n++] = port;
	}
	return n;
}

/* --- the claims --------------------------------------------------------------------------------- */

START_TEST(a_question_is_posted_with_its_types)
{
	struct got *post, *get;

	begin(good);
	post = add("/echo/post", "question");
	get = add("/echo/get", NULL);
	ck_assert_uint_eq(run(), 2);
	ck_assert_str_eq(post->body, "POST:question");
	ck_assert_str_eq(get->body, "GET:");
	ck_assert_uint_eq(logged("POST /echo/post"), 1);
	ck_assert_uint_eq(logged("text/x-question text/x-answer 8"), 1);
}
END_TEST

START_TEST(many_share_few_connections_side_by_side)
{
	begin(good);
	for (int i = 0; i < 24; i++)
		add("/four", NULL);
	ck_assert_uint_eq(run(), 24);
	for (int i = 0; i < 24; i++)
		ck_assert_str_eq(got[i].body, "met");
	ck_assert_uint_eq(connections(), 4);
}
END_TEST

/* libcurl may not make a request wait to see whether the connection of another can be shared: over HTTP/1.1, one that
 * stalls would hold the others with it. Here the last one is what the first waits for. */
START_TEST(one_that_stalls_does_not_hold_the_others)
{
	for (int secured = 0; secured < 2; secured++) {
		static const char *const paths[] = { "/stall", "/echo/a", "/echo/b", "/release" };

		begin(good);
		for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
			_cleanup_free_ char *url =
				xasprintf("http://127.0.0.1:%u%s", plain, paths[i]);

			if (secured)
				add(paths[i], NULL);
			else
				add_url(url, NULL);
		}
		ck_assert_uint_eq(run(), ARRAY_SIZE(paths));
		ck_assert_str_eq(got[0].body, "late");
		ck_assert_str_eq(got[3].body, "released");
	}
}
END_TEST

START_TEST(what_may_pass_is_tried_again)
{
	static const char *const paths[] = { "/once/503", "/once/429", "/once/408",
					     "/once/500", "/break",    "/cut" };

	begin(good);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		add(paths[i], NULL);
	run();
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		ck_assert_uint_eq(logged(paths[i]), 2);
		ck_assert_msg(!got[i].e.kind, "%s: %s", paths[i], got[i].e.msg);
		ck_assert_uint_eq(got[i].times, 1);
	}
}
END_TEST

START_TEST(what_will_not_pass_is_not_tried_again)
{
	begin(good);
	assert_error((add("/status/404", NULL), run(), &got[0]), &ERR_HTTP, "status 404");
	ck_assert_int_eq(got[0].status, 404);
	begin(good);
	assert_error((add("/status/400", "x"), run(), &got[0]), &ERR_HTTP, "status 400");
	begin(good);
	assert_error((add("/status/204", NULL), run(), &got[0]), &ERR_HTTP, "status 204");
	ck_assert_uint_eq(logged("/status/"), 3);
}
END_TEST

START_TEST(tries_come_to_an_end)
{
	begin(good);
	add("/status/503", NULL);
	ck_assert_uint_eq(run(), 4);
	assert_error(&got[0], &ERR_HTTP, "4 attempts: status 503");
	ck_assert(strstr(got[0].e.msg, "127.0.0.1") != NULL);
}
END_TEST

START_TEST(an_answer_that_says_later_is_asked_for_again)
{
	struct got *a;

	begin(good);
	a = add("/echo/later", "x");
	a->later = true;
	ck_assert_uint_eq(run(), 2);
	ck_assert_uint_eq(a->times, 2);
}
END_TEST

START_TEST(the_budget_is_for_all_together)
{
	struct gather_options o = good;

	o.budget_s = 5;
	begin(o);
	/* It would come long after the budget, and within the 20 s that any attempt may take. */
	add("/slow/15", NULL);
	add("/status/503", NULL);
	add("/echo/quick", NULL);
	run();
	ck_assert_uint_eq(logged("/slow"), 1);
	ck_assert_ptr_nonnull(got[0].e.kind);
	ck_assert_ptr_nonnull(got[1].e.kind);
	ck_assert_str_eq(got[2].body, "GET:");
}
END_TEST

START_TEST(an_answer_that_is_too_large_is_refused)
{
	begin(good);
	add("/size/1000", NULL);
	add("/size/1001", NULL);
	add("/endless", NULL);
	ck_assert_uint_eq(run(), 3);
	ck_assert(!got[0].e.kind);
	assert_error(&got[1], &ERR_TOO_LARGE, "more than 1000 bytes");
	assert_error(&got[2], &ERR_TOO_LARGE, "more than 1000 bytes");
}
END_TEST

START_TEST(plain_http_is_for_urls_that_say_so)
{
	_cleanup_free_ char *url = xasprintf("http://127.0.0.1:%u/echo/plain", plain);

	begin(good);
	add_url(url, NULL);
	add_url("ftp://127.0.0.1/x", NULL);
	add_url("file:///etc/passwd", NULL);
	run();
	ck_assert_str_eq(got[0].body, "GET:");
	ck_assert_ptr_nonnull(got[1].e.kind);
	ck_assert_ptr_nonnull(got[2].e.kind);
}
END_TEST

static void add_with_key(const char *url)
{
	gather_add(g, &(struct gather_request){ .url = url,
						.authorization = "Bearer KEY",
						.size_max = 1000,
						.done = on_done,
						.data = &got[got_n++] });
}

START_TEST(a_key_goes_to_its_own_host_over_tls_alone)
{
	_cleanup_free_ char *own = xasprintf("https://127.0.0.1:%u/to/https", secure);
	_cleanup_free_ char *other = xasprintf("https://127.0.0.1:%u/to/https/localhost", secure);
	_cleanup_free_ char *clear = xasprintf("http://127.0.0.1:%u/echo/clear", plain);

	begin(good);
	add_with_key(own);
	ck_assert_uint_eq(run(), 1);
	ck_assert_str_eq(got[0].body, "GET:");
	ck_assert_uint_eq(logged("/to/https "), 1);
	ck_assert_uint_eq(logged("/echo/moved"), 1);
	ck_assert_uint_eq(logged("Bearer KEY"), 2);
	begin(good);
	add_with_key(other);
	add_with_key(clear);
	add("/echo/none", NULL);
	ck_assert_uint_eq(run(), 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_str_eq(got[i].body, "GET:");
	ck_assert_uint_eq(logged("/echo/moved"), 2);
	ck_assert_uint_eq(logged("Bearer KEY"), 3);
}
END_TEST

START_TEST(no_redirect_leaves_the_scheme)
{
	_cleanup_free_ char *up = xasprintf("http://127.0.0.1:%u/to/https", plain);
	_cleanup_free_ char *across = xasprintf("http://127.0.0.1:%u/to/http", plain);

	begin(good);
	add("/to/http", "x");
	add_url(up, "x");
	run();
	assert_error(&got[0], &ERR_HTTP, "127.0.0.1");
	assert_error(&got[1], &ERR_HTTP, "127.0.0.1");
	ck_assert_uint_eq(logged("/echo/moved"), 0);
	begin(good);
	add("/to/https", "question");
	add_url(across, NULL);
	run();
	ck_assert_str_eq(got[0].body, "POST:question");
	ck_assert_str_eq(got[1].body, "GET:");
}
END_TEST

START_TEST(a_server_that_cannot_prove_itself_is_not_asked)
{
	struct gather_options o = good;

	o.ca_file = NULL;
	begin(o);
	add("/echo/x", "secret");
	ck_assert_uint_eq(run(), 1);
	assert_error(&got[0], &ERR_UNTRUSTED, "certificate");
	ck_assert_uint_eq(logged("echo"), 0);
}
END_TEST

START_TEST(the_proxy_is_the_one_that_is_given)
{
	struct gather_options o = good;
	_cleanup_free_ char *proxy = xasprintf("http://127.0.0.1:%u", plain);

	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	begin(o);
	add("/echo/direct", NULL);
	run();
	ck_assert_str_eq(got[0].body, "GET:");
	o.plain_proxy = proxy;
	begin(o);
	add_url("http://rim.invalid/echo/proxied", NULL);
	run();
	ck_assert_str_eq(got[0].body, "");
	ck_assert_uint_eq(logged("http://rim.invalid/echo/proxied"), 1);
	o.no_proxy = "127.0.0.1";
	o.proxy = "http://127.0.0.1:1";
	begin(o);
	add("/echo/excepted", NULL);
	run();
	ck_assert_str_eq(got[0].body, "GET:");
}
END_TEST

START_TEST(nobody_there_is_said_with_the_host)
{
	begin(good);
	add_url("https://127.0.0.1:1/v1/rim/ID?key=secret", NULL);
	run();
	assert_error(&got[0], &ERR_NETWORK, "https://127.0.0.1:1/v1/rim/ID");
	ck_assert(!strstr(got[0].e.msg, "secret"));
}
END_TEST

static bool on_first(const struct gather_answer *a, void *data)
{
	on_done(a, data);
	add("/echo/second", "x");
	return false;
}

START_TEST(an_answer_may_lead_to_more_questions)
{
	_cleanup_free_ char *url = xasprintf("https://127.0.0.1:%u/echo/first", secure);

	begin(good);
	got_n = 1;
	gather_add(g, &(struct gather_request){
			      .url = url, .size_max = 100, .done = on_first, .data = &got[0] });
	ck_assert_uint_eq(run(), 2);
	ck_assert_str_eq(got[1].body, "POST:x");
}
END_TEST

SUITE_AROUND("gather", start, stop, a_question_is_posted_with_its_types,
	     many_share_few_connections_side_by_side, one_that_stalls_does_not_hold_the_others,
	     what_may_pass_is_tried_again, what_will_not_pass_is_not_tried_again,
	     tries_come_to_an_end, an_answer_that_says_later_is_asked_for_again,
	     the_budget_is_for_all_together, an_answer_that_is_too_large_is_refused,
	     plain_http_is_for_urls_that_say_so, a_key_goes_to_its_own_host_over_tls_alone,
	     no_redirect_leaves_the_scheme, a_server_that_cannot_prove_itself_is_not_asked,
	     the_proxy_is_the_one_that_is_given, nobody_there_is_said_with_the_host,
	     an_answer_may_lead_to_more_questions)
