#include "sys/imds.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "port.h"
#include "suite.h"

/* A metadata service in a child process. It plays that of Alibaba Cloud ECS (documentation page 49122 and the
 * ecsmetadata client of aliyun): tokens by PUT with a lifetime, 401 for a bad token, 403 without one in hardened mode
 * and for what came through a proxy. That the token step is refused with 404 or 405 where a plain GET works is what
 * users of the vendor's clients reported (aliyun/credentials-java 106, credentials-nodejs 111). */
static struct {
	/* what it is told */
	unsigned int unavailable; /* answers 503 so many times first */
	unsigned int hang_up;	  /* closes the connection so many times first */
	unsigned int tokens_end;  /* so many tokens have ended when they are used */
	unsigned int no_tokens;	  /* the status that the token step gets; 0: a token */
	bool drops_puts;	  /* closes the connection of each PUT */
	bool mends;		  /* until a GET came: then the token step works */
	bool normal;		  /* not hardened: answers without a token too */
	/* what it saw */
	unsigned int puts, gets, token;
} * service;

static pid_t service_pid;
static char url[64];

static void reply(int fd, const char *status, const char *body, size_t len)
{
	dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status, len);
	(void)!write(fd, body, len);
}

static void reply_text(int fd, const char *status, const char *body)
{
	reply(fd, status, body, strlen(body));
}

static void answer_put(int fd, const char *request)
{
	char token[32];
	bool works = service->mends && service->gets > 0;

	service->puts++;
	if (service->drops_puts && !works)
		return;
	if (service->no_tokens && !works) {
		snprintf(token, sizeof(token), "%u Refused", service->no_tokens);
		reply_text(fd, token, "<html>no tokens</html>");
		return;
	}
	if (!strstr(request, "X-aliyun-ecs-metadata-token-ttl-seconds: 600\r\n")) {
		reply_text(fd, "400 Bad Request", "");
		return;
	}
	snprintf(token, sizeof(token), "TOKEN==%u", ++service->token);
	reply_text(fd, "200 OK", token);
}

static void answer_item(int fd, const char *item)
{
	static char large[70000];

	if (str_starts(item, "instance/instance-type "))
		reply_text(fd, "200 OK", "ecs.gn8v-tee.4xlarge");
	else if (str_starts(item, "line-end "))
		reply_text(fd, "200 OK", "value\n");
	else if (str_starts(item, "disks/ "))
		reply_text(fd, "200 OK", "bp1/\nbp2/\n");
	else if (str_starts(item, "empty "))
		reply_text(fd, "200 OK", "");
	else if (str_starts(item, "two-lines "))
		reply_text(fd, "200 OK", "a\nb");
	else if (str_starts(item, "binary "))
		reply(fd, "200 OK", "a\0b", 3);
	else if (str_starts(item, "escape "))
		reply_text(fd, "200 OK", "a\033[2Jb");
	else if (str_starts(item, "large "))
		reply(fd, "200 OK", memset(large, 'a', sizeof(large)), sizeof(large));
	else if (str_starts(item, "moved "))
		reply_text(fd, "302 Found\r\nLocation: https://127.0.0.1/", "");
	else
		reply_text(fd, "404 Not Found", "<html>404</html>");
}

static void answer_get(int fd, const char *request)
{
	static const char prefix[] = "GET /latest/meta-data/";
	bool plain = !strstr(request, "X-aliyun-ecs-metadata-token");
	char header[64];

	service->gets++;
	snprintf(header, sizeof(header), "X-aliyun-ecs-metadata-token: TOKEN==%u\r\n",
		 service->token);
	if (strstr(request, "X-Forwarded-For") || (plain && !service->normal))
		reply_text(fd, "403 Forbidden", "");
	else if (!plain && !strstr(request, header))
		reply_text(fd, "401 Unauthorized", "");
	else if (service->tokens_end && service->tokens_end--)
		reply_text(fd, "401 Unauthorized", "");
	else if (str_starts(request, prefix))
		answer_item(fd, request + strlen(prefix));
	else
		reply_text(fd, "404 Not Found", "");
}

static void answer(int fd)
{
	char request[4096] = "";
	size_t len = 0;

	while (!strstr(request, "\r\n\r\n")) {
		ssize_t n = read(fd, request + len, sizeof(request) - 1 - len);

		if (n <= 0)
			return;
		len += (size_t)n;
		request[len] = '\0';
	}
	if (service->hang_up && service->hang_up--)
		return;
	if (service->unavailable && service->unavailable--)
		reply_text(fd, "503 Service Unavailable", "");
	else if (str_starts(request, "PUT /latest/api/token "))
		answer_put(fd, request);
	else
		answer_get(fd, request);
}

static void serve(int listener)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		answer(fd);
		close(fd);
	}
}

/* Nobody listens on it yet. */
static int take_port(void)
{
	unsigned int number;
	int fd = port_take(&number);

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", number);
	return fd;
}

/* The port is open before the child runs, so no test has to wait for it. */
static void start_service(void)
{
	int listener = take_port();

	service = mmap(NULL, sizeof(*service), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	ck_assert(service != MAP_FAILED);
	ck_assert_int_eq(listen(listener, 16), 0);
	service_pid = fork();
	ck_assert_int_ge(service_pid, 0);
	if (service_pid == 0)
		serve(listener);
	close(listener);
}

static void stop_service(void)
{
	kill(service_pid, SIGKILL);
	waitpid(service_pid, NULL, 0);
	munmap(service, sizeof(*service));
}

static struct imds *open_service(unsigned int deadline_s)
{
	struct imds *i = NULL;
	struct err e = ERR_INIT;

	ck_assert_msg(imds_open(url, deadline_s, &i, &e) == 0, "%s", e.msg);
	return i;
}

static const struct err_kind *failure_of(const char *item)
{
	struct imds *i = open_service(100);
	struct err e = ERR_INIT;
	char text[64] = "old";

	ck_assert_int_eq(imds_get(i, item, text, sizeof(text), &e), -1);
	ck_assert_str_eq(text, "old");
	imds_close(i);
	return e.kind;
}

START_TEST(an_item_is_read_with_a_token)
{
	struct err e = ERR_INIT;
	struct imds *i;
	char text[64];

	start_service();
	i = open_service(100);
	ck_assert_int_eq(imds_get(i, "instance/instance-type", text, sizeof(text), &e), 0);
	ck_assert_str_eq(text, "ecs.gn8v-tee.4xlarge");
	ck_assert_int_eq(imds_get(i, "line-end", text, sizeof(text), &e), 0);
	ck_assert_str_eq(text, "value");
	ck_assert_uint_eq(service->puts, 1);
	imds_close(i);
	stop_service();
}
END_TEST

START_TEST(proxies_of_the_environment_are_not_used)
{
	struct err e = ERR_INIT;
	struct imds *i;
	char text[64];

	start_service();
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	i = open_service(0);
	ck_assert_int_eq(imds_get(i, "instance/instance-type", text, sizeof(text), &e), 0);
	imds_close(i);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	stop_service();
}
END_TEST

START_TEST(a_token_that_ended_is_replaced_once)
{
	struct err e = ERR_INIT;
	struct imds *i;
	char text[64];

	start_service();
	service->tokens_end = 1;
	i = open_service(100);
	ck_assert_int_eq(imds_get(i, "instance/instance-type", text, sizeof(text), &e), 0);
	ck_assert_uint_eq(service->puts, 2);
	service->tokens_end = 2;
	ck_assert_int_eq(imds_get(i, "instance/instance-type", text, sizeof(text), &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_HTTP);
	ck_assert_uint_eq(service->puts, 3);
	imds_close(i);
	stop_service();
}
END_TEST

START_TEST(where_the_token_step_is_refused_the_rest_is_asked_without_one)
{
	static const unsigned int refusals[] = { 400, 403, 404, 405 };

	for (size_t n = 0; n < ARRAY_SIZE(refusals); n++) {
		struct err e = ERR_INIT;
		struct imds *i;
		char text[64];
		unsigned int disks;

		start_service();
		service->no_tokens = refusals[n];
		service->normal = true;
		i = open_service(100);
		ck_assert(!imds_without_token(i));
		ck_assert_msg(imds_get(i, "instance/instance-type", text, sizeof(text), &e) == 0,
			      "%s", e.msg);
		ck_assert_str_eq(text, "ecs.gn8v-tee.4xlarge");
		ck_assert_int_eq(imds_count(i, "disks/", &disks, &e), 0);
		ck_assert_uint_eq(disks, 2);
		ck_assert(imds_without_token(i));
		ck_assert_uint_eq(service->puts, 1);
		imds_close(i);
		stop_service();
	}
}
END_TEST

START_TEST(entries_are_listed_and_how_the_service_is_set_is_told)
{
	static const unsigned int put[] = { 0, 404, 404 };
	static const bool normal[] = { false, true, false };

	for (size_t n = 0; n < ARRAY_SIZE(put); n++) {
		_cleanup_strbuf_ struct strbuf text = { 0 };
		struct err e = ERR_INIT;
		long token, plain;
		struct imds *i;

		start_service();
		service->no_tokens = put[n];
		service->normal = normal[n];
		i = open_service(100);
		ck_assert_int_eq(imds_statuses(i, "instance/instance-type", &token, &plain, &e), 0);
		ck_assert_int_eq(token, put[n] ? put[n] : 200);
		ck_assert_int_eq(plain, normal[n] ? 200 : 403);
		ck_assert(!imds_without_token(i));
		if (n < 2) {
			ck_assert_msg(imds_list(i, "disks/", &text, &e) == 0, "%s", e.msg);
			ck_assert_str_eq(text.s, "bp1/\nbp2/\n");
			strbuf_done(&text);
			ck_assert_int_eq(imds_list(i, "nothing/", &text, &e), -1);
			ck_assert_ptr_eq(e.kind, &ERR_HTTP);
		}
		imds_close(i);
		stop_service();
	}
}
END_TEST

START_TEST(a_token_that_is_not_renewed_is_done_without)
{
	struct err e = ERR_INIT;
	struct imds *i;
	char text[64];

	start_service();
	service->normal = true;
	i = open_service(100);
	ck_assert_int_eq(imds_get(i, "instance/instance-type", text, sizeof(text), &e), 0);
	ck_assert(!imds_without_token(i));
	service->tokens_end = 1;
	service->no_tokens = 404;
	ck_assert_msg(imds_get(i, "instance/instance-type", text, sizeof(text), &e) == 0, "%s",
		      e.msg);
	ck_assert(imds_without_token(i));
	imds_close(i);
	stop_service();
}
END_TEST

START_TEST(a_hardened_service_without_tokens_says_both)
{
	struct err e = ERR_INIT;
	struct imds *i;
	char text[64];

	start_service();
	service->no_tokens = 404;
	i = open_service(100);
	ck_assert_int_eq(imds_get(i, "instance/instance-type", text, sizeof(text), &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_HTTP);
	ck_assert_msg(strstr(e.msg, "404") && strstr(e.msg, "403"), "%s", e.msg);
	ck_assert_uint_eq(service->gets, 1);
	imds_close(i);
	stop_service();
}
END_TEST

/* Half of the second is the token step's. */
START_TEST(where_the_token_step_goes_on_failing_a_request_without_one_is_tried)
{
	static const unsigned int failures[] = { 0, 503 }; /* 0: dropped */

	for (size_t n = 0; n < ARRAY_SIZE(failures); n++) {
		struct err e = ERR_INIT;
		struct imds *i;
		char text[64];
		unsigned int puts;

		start_service();
		service->no_tokens = failures[n];
		service->drops_puts = failures[n] == 0;
		service->normal = true;
		i = open_service(1);
		ck_assert_msg(imds_get(i, "instance/instance-type", text, sizeof(text), &e) == 0,
			      "%s", e.msg);
		ck_assert_str_eq(text, "ecs.gn8v-tee.4xlarge");
		ck_assert(imds_without_token(i));
		puts = service->puts;
		ck_assert_int_eq(imds_get(i, "line-end", text, sizeof(text), &e), 0);
		ck_assert_uint_eq(service->puts, puts);
		imds_close(i);
		stop_service();
	}
}
END_TEST

START_TEST(a_hardened_service_whose_token_step_fails_is_asked_to_the_end_and_says_both)
{
	struct err e = ERR_INIT;
	struct imds *i;
	char text[64];

	start_service();
	service->no_tokens = 500;
	i = open_service(1);
	ck_assert_int_eq(imds_get(i, "instance/instance-type", text, sizeof(text), &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_HTTP);
	ck_assert_msg(strstr(e.msg, "PUT api/token: status 500") && strstr(e.msg, "status 403"),
		      "%s", e.msg);
	ck_assert(!imds_without_token(i));
	ck_assert_uint_eq(service->gets, 1);
	imds_close(i);
	stop_service();
}
END_TEST

START_TEST(a_hardened_service_whose_token_step_works_later_is_read_with_a_token)
{
	struct err e = ERR_INIT;
	struct imds *i;
	char text[64];

	start_service();
	service->no_tokens = 503;
	service->mends = true;
	i = open_service(2);
	ck_assert_msg(imds_get(i, "instance/instance-type", text, sizeof(text), &e) == 0, "%s",
		      e.msg);
	ck_assert(!imds_without_token(i));
	ck_assert_uint_eq(service->token, 1);
	imds_close(i);
	stop_service();
}
END_TEST

START_TEST(what_may_pass_is_asked_again)
{
	struct err e = ERR_INIT;
	struct imds *i;
	char text[64];

	start_service();
	service->unavailable = 1;
	service->hang_up = 1;
	i = open_service(100);
	ck_assert_msg(imds_get(i, "instance/instance-type", text, sizeof(text), &e) == 0, "%s",
		      e.msg);
	ck_assert_uint_eq(service->puts, 1);
	imds_close(i);
	stop_service();
}
END_TEST

START_TEST(a_missing_item_is_an_http_error_at_once)
{
	start_service();
	ck_assert_ptr_eq(failure_of("nothing"), &ERR_HTTP);
	ck_assert_uint_eq(service->gets, 1);
	stop_service();
}
END_TEST

START_TEST(what_is_not_one_line_of_text_is_refused)
{
	start_service();
	ck_assert_ptr_eq(failure_of("empty"), &ERR_FORMAT);
	ck_assert_ptr_eq(failure_of("two-lines"), &ERR_FORMAT);
	ck_assert_ptr_eq(failure_of("binary"), &ERR_FORMAT);
	ck_assert_ptr_eq(failure_of("escape"), &ERR_FORMAT);
	stop_service();
}
END_TEST

START_TEST(a_value_that_does_not_fit_is_refused)
{
	struct err e = ERR_INIT;
	struct imds *i;
	char text[8];

	start_service();
	i = open_service(100);
	ck_assert_int_eq(imds_get(i, "instance/instance-type", text, sizeof(text), &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_FORMAT);
	imds_close(i);
	stop_service();
}
END_TEST

START_TEST(a_large_answer_is_cut_off)
{
	start_service();
	ck_assert_ptr_eq(failure_of("large"), &ERR_TOO_LARGE);
	stop_service();
}
END_TEST

START_TEST(redirects_are_not_followed)
{
	start_service();
	ck_assert_ptr_eq(failure_of("moved"), &ERR_HTTP);
	stop_service();
}
END_TEST

START_TEST(entries_of_a_directory_are_counted)
{
	struct err e = ERR_INIT;
	unsigned int n = 99;
	struct imds *i;

	start_service();
	i = open_service(100);
	ck_assert_int_eq(imds_count(i, "disks/", &n, &e), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(imds_count(i, "nothing/", &n, &e), 0);
	ck_assert_uint_eq(n, 0);
	imds_close(i);
	stop_service();
}
END_TEST

START_TEST(an_unreachable_service_is_a_network_error_within_the_deadline)
{
	uint64_t before = clock_monotonic_us();
	struct err e = ERR_INIT;
	int port = take_port();
	struct imds *i;
	char text[8];

	i = open_service(1);
	ck_assert_int_eq(imds_get(i, "mac", text, sizeof(text), &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_NETWORK);
	/* One that minds no deadline goes on for ever. */
	ck_assert_uint_lt(clock_monotonic_us() - before, 60000000);
	imds_close(i);
	close(port);
}
END_TEST

START_TEST(a_root_without_a_bus_of_its_own_is_refused)
{
	char dir[] = "/tmp/gn8v-test-imds-XXXXXX";
	struct imds *i = NULL;
	struct err e = ERR_INIT;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	ck_assert_int_eq(fs_set_root(dir, &e), 0);
	ck_assert_int_eq(imds_open("http://127.0.0.1:1", 1, &i, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_ARGUMENT);
	ck_assert_ptr_null(i);
	rmdir(dir);
}
END_TEST

SUITE("imds", an_item_is_read_with_a_token, proxies_of_the_environment_are_not_used,
      a_token_that_ended_is_replaced_once,
      where_the_token_step_is_refused_the_rest_is_asked_without_one,
      entries_are_listed_and_how_the_service_is_set_is_told,
      a_token_that_is_not_renewed_is_done_without, a_hardened_service_without_tokens_says_both,
      where_the_token_step_goes_on_failing_a_request_without_one_is_tried,
      a_hardened_service_whose_token_step_fails_is_asked_to_the_end_and_says_both,
      a_hardened_service_whose_token_step_works_later_is_read_with_a_token,
      what_may_pass_is_asked_again, a_missing_item_is_an_http_error_at_once,
      what_is_not_one_line_of_text_is_refused, a_value_that_does_not_fit_is_refused,
      a_large_answer_is_cut_off, redirects_are_not_followed, entries_of_a_directory_are_counted,
      an_unreachable_service_is_a_network_error_within_the_deadline,
      a_root_without_a_bus_of_its_own_is_refused)
