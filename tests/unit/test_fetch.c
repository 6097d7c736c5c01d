#include "net/fetch.h"

#include <fcntl.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "suite.h"

#define SIZE 300000
#define PATH "/var/cache/file.run"

/* The root of the tests is a temporary folder that also has the server's certificate and log. */
static char root[64], digest[SHA256_HEX_SIZE];
static uint8_t content[SIZE];
static unsigned int port;
static pid_t server;

static void shell(const char *command)
{
	ck_assert_msg(system(command) == 0, "%s", command);
}

static void make_certificate(void)
{
	char *command = xasprintf(
		"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
		"-subj /CN=test -addext subjectAltName=IP:127.0.0.1 -keyout %s/key.pem "
		"-out %s/ca.pem 2>/dev/null",
		root, root);

	shell(command);
	free(command);
}

/* The same bytes as httpd.py's. */
static void make_content(void)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned int len;

	for (unsigned int i = 0; i < SIZE; i++)
		content[i] = (uint8_t)(i * 7 + i / 251);
	ck_assert_int_eq(EVP_Digest(content, SIZE, md, &len, EVP_sha256(), NULL), 1);
	str_hex(digest, md, len);
}

static void exec_server(int out)
{
	_cleanup_free_ char *here = xstrdup(__FILE__);
	_cleanup_free_ char *script = xasprintf("%s/httpd.py", dirname(here));
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
	struct err e = ERR_INIT;
	int fds[2];

	strcpy(root, "/tmp/gn8v-test-fetch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(fs_set_root(root, &e), 0);
	make_certificate();
	make_content();
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	server = fork();
	ck_assert_int_ge(server, 0);
	if (server == 0)
		exec_server(fds[1]);
	close(fds[1]);
	out = fdopen(fds[0], "r");
	ck_assert_int_eq(fscanf(out, "%u", &port), 1);
}

static void stop(void)
{
	char *command = xasprintf("rm -rf %s", root);

	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	shell(command);
	free(command);
}

/* One fetch from up to two paths of the server. */
struct attempt {
	struct fetch f;
	struct err e;
	int r;
};

static struct fetch options(void)
{
	return (struct fetch){ .path = PATH,
			       .sha256 = digest,
			       .ca_file = "/ca.pem",
			       .deadline_s = 200,
			       .size_max = SIZE };
}

static const char *const *headers; /* that are sent */

static struct attempt fetch(struct fetch f, const char *first, const char *second)
{
	_cleanup_free_ char *a = xasprintf("https://127.0.0.1:%u%s", port, first);
	_cleanup_free_ char *b = second ? xasprintf("https://127.0.0.1:%u%s", port, second) : NULL;
	const struct fetch_source sources[] = {
		{a,     headers},
		{ b,    headers},
		{ NULL, NULL   }
	};
	struct attempt t = { .f = f };

	t.f.sources = sources;
	t.r = fetch_to_file(&t.f, &t.e);
	t.f.sources = NULL;
	return t;
}

static void assert_done(const struct attempt *t)
{
	_cleanup_free_ char *data = NULL;
	struct err e = ERR_INIT;
	size_t len;

	ck_assert_msg(t->r == 0, "%s", t->e.msg);
	ck_assert_str_eq(t->f.got_sha256, digest);
	ck_assert_int_eq(fs_read(PATH, SIZE, &data, &len, &e), 0);
	ck_assert_uint_eq(len, SIZE);
	ck_assert_mem_eq(data, content, SIZE);
	ck_assert(!fs_exists(PATH ".part") && !fs_exists(PATH ".part.json"));
}

static void assert_failed(const struct attempt *t, const struct err_kind *kind)
{
	ck_assert_int_eq(t->r, -1);
	ck_assert_msg(t->e.kind == kind, "%s: %s", t->e.kind->code, t->e.msg);
	ck_assert(!fs_exists(PATH));
}

static void assert_says(const struct attempt *t, const char *words)
{
	ck_assert_msg(strstr(t->e.msg, words), "\"%s\" is not in: %s", words, t->e.msg);
}

static void assert_log(const char *expected)
{
	_cleanup_free_ char *log = NULL;
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_read_optional("/log", 65536, &log, NULL, &e), 0);
	ck_assert_str_eq(log ? log : "", expected);
}

START_TEST(a_file_is_fetched_and_checked)
{
	struct fetch f = options();
	struct attempt t;

	f.size = SIZE;
	headers = (const char *const[]){ "Referer: https://www.nvidia.cn/", NULL };
	t = fetch(f, "/plain", NULL);
	assert_done(&t);
	ck_assert_uint_eq(t.f.attempts, 1);
	assert_log("/plain - - https://www.nvidia.cn/\n");
}
END_TEST

START_TEST(a_file_without_a_pinned_digest_has_its_digest_told)
{
	struct fetch f = options();
	struct attempt t;

	f.sha256 = NULL;
	t = fetch(f, "/plain", NULL);
	assert_done(&t);
}
END_TEST

START_TEST(a_right_file_that_is_there_needs_no_network)
{
	struct err e = ERR_INIT;
	struct attempt t;

	ck_assert_int_eq(fs_write_atomic(PATH, 0644, content, SIZE, &e), 0);
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
	ck_assert_uint_eq(t.f.attempts, 0);
	assert_log("");
}
END_TEST

START_TEST(a_wrong_file_that_is_there_is_replaced)
{
	struct err e = ERR_INIT;
	struct attempt t;

	ck_assert_int_eq(fs_write_atomic(PATH, 0644, "old", 3, &e), 0);
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
}
END_TEST

START_TEST(a_cut_body_is_continued)
{
	struct attempt t = fetch(options(), "/cut", NULL);

	assert_done(&t);
	assert_log("/cut - - -\n/cut bytes=150000- \"one\" -\n");
}
END_TEST

START_TEST(a_cut_body_is_continued_by_its_date)
{
	struct fetch f = options();
	struct attempt t;

	f.sha256 = NULL;
	t = fetch(f, "/dated", NULL);
	assert_done(&t);
	assert_log("/dated - - -\n/dated bytes=150000- Mon,_02_Nov_2026_10:00:00_GMT -\n");
}
END_TEST

START_TEST(a_weak_validator_continues_only_what_is_pinned)
{
	struct fetch f = options();
	struct attempt t;

	f.sha256 = NULL;
	t = fetch(f, "/weak", NULL);
	assert_done(&t);
	assert_log("/weak - - -\n/weak - - -\n");
}
END_TEST

/* Leaves what a killed process leaves: a part and its sidecar. */
static void leave_part(const void *bytes, size_t len, size_t saved, const char *url_path)
{
	_cleanup_free_ char *json = xasprintf("{\"url\": \"https://127.0.0.1:%u%s\", \"size\": %d, "
					      "\"etag\": \"\\\"one\\\"\", \"last_modified\": \"\", "
					      "\"pieces\": [[0, %zu]]}",
					      port, url_path, SIZE, saved);
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_write_atomic(PATH ".part", 0644, bytes, len, &e), 0);
	ck_assert_int_eq(fs_write_atomic(PATH ".part.json", 0644, json, strlen(json), &e), 0);
}

START_TEST(a_later_process_continues_what_was_saved)
{
	struct attempt t;

	content[2000] ^= 1; /* not saved, so it may be anything */
	leave_part(content, 3000, 1000, "/plain");
	content[2000] ^= 1;
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
	assert_log("/plain bytes=1000- \"one\" -\n");
}
END_TEST

START_TEST(another_server_may_continue_a_pinned_file)
{
	struct attempt t;

	leave_part(content, 1000, 1000, "/elsewhere");
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
	assert_log("/plain bytes=1000- - -\n");
}
END_TEST

START_TEST(a_whole_part_needs_no_network)
{
	struct attempt t;

	leave_part(content, SIZE, SIZE, "/plain");
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
	assert_log("");
}
END_TEST

START_TEST(a_spoilt_part_starts_over_once)
{
	struct attempt t;

	leave_part("wrong bytes", 11, 11, "/plain");
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
	assert_log("/plain bytes=11- \"one\" -\n/plain - - -\n");
}
END_TEST

START_TEST(a_whole_part_that_is_spoilt_starts_over)
{
	struct attempt t;

	content[SIZE / 2] ^= 1;
	leave_part(content, SIZE, SIZE, "/plain");
	content[SIZE / 2] ^= 1;
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
	assert_log("/plain - - -\n");
}
END_TEST

START_TEST(a_part_that_is_no_file_gives_way)
{
	_cleanup_free_ char *part = xasprintf("%s" PATH ".part", root);
	_cleanup_free_ char *sidecar = xasprintf("%s.json", part);
	_cleanup_free_ char *folder = xasprintf("mkdir -p %s/var/cache", root);
	struct attempt t;

	shell(folder);
	ck_assert_int_eq(mkfifo(part, 0600), 0);
	ck_assert_int_eq(mkfifo(sidecar, 0600), 0);
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
	ck_assert_int_eq(symlink("/nowhere", part), 0);
	ck_assert_int_eq(fs_unlink(PATH, NULL), 0);
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
}
END_TEST

START_TEST(what_another_process_is_fetching_is_left_to_it)
{
	struct err e = ERR_INIT;
	struct attempt t;
	int fd;

	leave_part(content, 1000, 1000, "/plain");
	fd = fs_open(PATH ".part", O_RDWR, 0);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	t = fetch(options(), "/plain", NULL);
	assert_failed(&t, &ERR_IO);
	assert_says(&t, "another process");
	assert_log("");
	close(fd);
	ck_assert_msg(fs_exists(PATH ".part") && fs_exists(PATH ".part.json"), "%s", e.msg);
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
	assert_log("/plain bytes=1000- \"one\" -\n");
}
END_TEST

START_TEST(a_page_in_the_place_of_the_file_costs_no_kept_byte)
{
	struct fetch f = options();
	struct attempt t;

	f.size = SIZE;
	leave_part(content, 1000, 1000, "/plain");
	t = fetch(f, "/portal", "/plain");
	assert_done(&t);
	assert_log("/portal bytes=1000- - -\n/plain bytes=1000- \"one\" -\n");
}
END_TEST

START_TEST(a_body_without_a_length_that_is_too_short_was_cut)
{
	struct fetch f = options();
	struct attempt t;

	f.size = SIZE;
	t = fetch(f, "/unmeasured", NULL);
	assert_done(&t);
	ck_assert_uint_eq(t.f.attempts, 2);
}
END_TEST

static void count_trouble(const struct err *e, bool for_good, void *data)
{
	ck_assert(e->kind == &ERR_NETWORK);
	ck_assert(!for_good);
	++*(unsigned int *)data;
}

START_TEST(a_source_that_brings_next_to_nothing_does_not_hold_up_the_next)
{
	struct fetch f = options();
	unsigned int troubles = 0;
	struct attempt t;

	f.on_trouble = count_trouble;
	f.on_data = &troubles;
	t = fetch(f, "/trickle", "/plain");
	assert_done(&t);
	assert_log("/trickle - - -\n/plain bytes=1- - -\n");
	ck_assert_uint_eq(troubles, 1);
}
END_TEST

START_TEST(a_part_without_a_sidecar_starts_over)
{
	struct err e = ERR_INIT;
	struct attempt t;

	ck_assert_int_eq(fs_write_atomic(PATH ".part", 0644, "rubbish", 7, &e), 0);
	ck_assert_int_eq(fs_write_atomic(PATH ".part.json", 0644, "{\"bytes\": ", 10, &e), 0);
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
	assert_log("/plain - - -\n");
}
END_TEST

START_TEST(a_sidecar_that_promises_too_much_starts_over)
{
	struct attempt t;

	leave_part(content, 10, 1000, "/plain");
	t = fetch(options(), "/plain", NULL);
	assert_done(&t);
	assert_log("/plain - - -\n");
}
END_TEST

START_TEST(a_file_that_changed_meanwhile_starts_over)
{
	struct attempt t = fetch(options(), "/replaced", NULL);

	assert_done(&t);
	assert_log("/replaced - - -\n/replaced bytes=150000- \"old\" -\n");
}
END_TEST

START_TEST(a_file_that_changed_unseen_is_noticed_by_its_digest)
{
	struct attempt t = fetch(options(), "/replaced-unseen", NULL);

	assert_done(&t);
	ck_assert_uint_eq(t.f.attempts, 3);
}
END_TEST

START_TEST(a_server_without_ranges_starts_over)
{
	struct attempt t = fetch(options(), "/no-ranges", NULL);

	assert_done(&t);
	ck_assert_uint_eq(t.f.attempts, 2);
}
END_TEST

START_TEST(a_wrong_range_starts_over)
{
	struct attempt t = fetch(options(), "/wrong-range", NULL);

	assert_done(&t);
	ck_assert_uint_eq(t.f.attempts, 3);
}
END_TEST

START_TEST(a_range_behind_the_end_starts_over)
{
	struct fetch f = options();
	struct attempt t;

	f.sha256 = NULL;
	t = fetch(f, "/shorter", NULL);
	ck_assert_msg(t.r == 0, "%s", t.e.msg);
	ck_assert_uint_eq(t.f.attempts, 3);
}
END_TEST

START_TEST(a_wrong_digest_is_refused_and_thrown_away)
{
	struct attempt t = fetch(options(), "/unlike", NULL);

	assert_failed(&t, &ERR_DIGEST);
	ck_assert_uint_eq(t.f.attempts, 1);
	assert_says(&t, digest);
	assert_says(&t, "886715e4"); /* what was found: begins the digest of that many zeros */
	assert_says(&t, "/unlike");
	ck_assert_str_eq(t.f.got_sha256, "");
	ck_assert(!fs_exists(PATH ".part.json"));
}
END_TEST

START_TEST(after_a_wrong_digest_the_next_url_is_tried)
{
	struct attempt t = fetch(options(), "/unlike", "/plain");

	assert_done(&t);
	assert_log("/unlike - - -\n/plain - - -\n");
}
END_TEST

START_TEST(a_missing_file_is_an_http_error_at_once)
{
	struct attempt t = fetch(options(), "/nothing?secret=1", NULL);

	assert_failed(&t, &ERR_HTTP);
	assert_says(&t, "status 404");
	assert_says(&t, "https://127.0.0.1:");
	assert_says(&t, "1 attempt");
	ck_assert_ptr_null(strstr(t.e.msg, "secret"));
	assert_log("/nothing - - -\n");
}
END_TEST

START_TEST(a_busy_server_is_asked_again)
{
	struct attempt t = fetch(options(), "/busy", NULL);

	assert_done(&t);
	ck_assert_uint_eq(t.f.attempts, 2);
}
END_TEST

START_TEST(a_mirror_that_is_down_does_not_hold_up_the_next)
{
	struct fetch f = options();
	_cleanup_free_ char *good = xasprintf("https://127.0.0.1:%u/plain", port);
	const struct fetch_source sources[] = { { .url = "https://127.0.0.1:1/plain" },
						{ .url = good },
						{ 0 } };
	struct attempt t = { .r = -1 };

	f.sources = sources;
	t.r = fetch_to_file(&f, &t.e);
	t.f = f;
	assert_done(&t);
	ck_assert_uint_eq(f.attempts, 2);
}
END_TEST

START_TEST(an_unreachable_server_is_a_network_error)
{
	const struct fetch_source sources[] = { { .url = "https://127.0.0.1:1/plain" }, { 0 } };
	struct err e = ERR_INIT;
	struct fetch f = options();

	f.sources = sources;
	f.deadline_s = 3;
	ck_assert_int_eq(fetch_to_file(&f, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_NETWORK);
	ck_assert_uint_ge(f.attempts, 2);
}
END_TEST

START_TEST(an_announced_size_that_is_too_large_is_refused)
{
	struct fetch f = options();
	struct attempt t;

	f.size_max = SIZE - 1;
	t = fetch(f, "/plain", NULL);
	assert_failed(&t, &ERR_TOO_LARGE);
	ck_assert_uint_eq(t.f.attempts, 1);
}
END_TEST

START_TEST(an_endless_body_is_cut_off)
{
	struct attempt t = fetch(options(), "/endless", NULL);

	assert_failed(&t, &ERR_TOO_LARGE);
}
END_TEST

START_TEST(another_size_than_the_pinned_one_is_refused)
{
	struct fetch f = options();
	struct attempt t;

	f.size = SIZE - 1;
	t = fetch(f, "/plain", NULL);
	assert_failed(&t, &ERR_DIGEST);
}
END_TEST

START_TEST(more_than_the_disk_has_is_refused_before_the_first_byte)
{
	struct fetch f = options();
	struct attempt t;

	f.size = UINT64_C(1) << 55;
	f.size_max = f.size;
	t = fetch(f, "/endless", NULL);
	ck_assert_int_eq(t.r, -1);
	ck_assert_msg(t.e.kind == &ERR_DISK_FULL, "%s", t.e.msg);
	assert_says(&t, "36028797018963968");
}
END_TEST

START_TEST(an_unknown_certificate_is_refused_at_once)
{
	struct fetch f = options();
	struct attempt t;

	f.ca_file = NULL;
	t = fetch(f, "/plain", NULL);
	assert_failed(&t, &ERR_UNTRUSTED);
	ck_assert_uint_eq(t.f.attempts, 1);
	ck_assert_ptr_nonnull(strstr(err_hint_text(&t.e), "clock"));
}
END_TEST

START_TEST(redirects_are_followed_to_https_only)
{
	struct attempt t = fetch(options(), "/downgrade", NULL);

	assert_failed(&t, &ERR_HTTP);
	t = fetch(options(), "/redirect", NULL);
	assert_done(&t);
}
END_TEST

START_TEST(redirects_end_after_five)
{
	struct attempt t = fetch(options(), "/circle", NULL);

	assert_failed(&t, &ERR_HTTP);
	ck_assert_uint_eq(t.f.attempts, 1);
}
END_TEST

START_TEST(proxies_of_the_environment_are_not_used)
{
	struct attempt t;

	setenv("https_proxy", "http://127.0.0.1:1", 1);
	t = fetch(options(), "/plain", NULL);
	unsetenv("https_proxy");
	assert_done(&t);
}
END_TEST

START_TEST(a_given_proxy_is_used_except_where_not_wanted)
{
	struct fetch f = options();
	struct attempt t;

	f.proxy = "http://127.0.0.1:1";
	f.deadline_s = 3;
	t = fetch(f, "/plain", NULL);
	assert_failed(&t, &ERR_NETWORK);
	f.no_proxy = "127.0.0.1";
	f.deadline_s = 200;
	t = fetch(f, "/plain", NULL);
	assert_done(&t);
}
END_TEST

START_TEST(an_empty_file_is_a_file)
{
	struct fetch f = options();
	struct attempt t;

	f.sha256 = NULL;
	t = fetch(f, "/empty", NULL);
	ck_assert_int_eq(t.r, 0);
	ck_assert_str_eq(t.f.got_sha256,
			 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

static void keep_progress(const struct fetch_progress *p, void *data)
{
	*(struct fetch_progress *)data = *p;
}

START_TEST(progress_is_told_at_the_end)
{
	struct fetch_progress last = { 0 };
	struct fetch f = options();
	struct attempt t;

	f.on_progress = keep_progress;
	f.on_data = &last;
	t = fetch(f, "/plain", NULL);
	assert_done(&t);
	ck_assert_uint_eq(last.bytes, SIZE);
	ck_assert_uint_eq(last.total, SIZE);
}
END_TEST

START_TEST(what_is_no_https_is_refused)
{
	const struct fetch_source sources[] = { { .url = "http://127.0.0.1/plain" }, { 0 } };
	struct fetch f = { .sources = sources, .path = PATH, .deadline_s = 1, .size_max = 1 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(fetch_to_file(&f, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_ARGUMENT);
}
END_TEST

SUITE_AROUND("fetch", start, stop, a_file_is_fetched_and_checked,
	     a_file_without_a_pinned_digest_has_its_digest_told,
	     a_right_file_that_is_there_needs_no_network, a_wrong_file_that_is_there_is_replaced,
	     a_cut_body_is_continued, a_cut_body_is_continued_by_its_date,
	     a_weak_validator_continues_only_what_is_pinned,
	     a_later_process_continues_what_was_saved, another_server_may_continue_a_pinned_file,
	     a_whole_part_needs_no_network, a_spoilt_part_starts_over_once,
	     a_whole_part_that_is_spoilt_starts_over, a_part_that_is_no_file_gives_way,
	     what_another_process_is_fetching_is_left_to_it,
	     a_page_in_the_place_of_the_file_costs_no_kept_byte,
	     a_body_without_a_length_that_is_too_short_was_cut,
	     a_source_that_brings_next_to_nothing_does_not_hold_up_the_next,
	     a_part_without_a_sidecar_starts_over, a_sidecar_that_promises_too_much_starts_over,
	     a_file_that_changed_meanwhile_starts_over,
	     a_file_that_changed_unseen_is_noticed_by_its_digest,
	     a_server_without_ranges_starts_over, a_wrong_range_starts_over,
	     a_range_behind_the_end_starts_over, a_wrong_digest_is_refused_and_thrown_away,
	     after_a_wrong_digest_the_next_url_is_tried, a_missing_file_is_an_http_error_at_once,
	     a_busy_server_is_asked_again, a_mirror_that_is_down_does_not_hold_up_the_next,
	     an_unreachable_server_is_a_network_error,
	     an_announced_size_that_is_too_large_is_refused, an_endless_body_is_cut_off,
	     another_size_than_the_pinned_one_is_refused,
	     more_than_the_disk_has_is_refused_before_the_first_byte,
	     an_unknown_certificate_is_refused_at_once, redirects_are_followed_to_https_only,
	     redirects_end_after_five, proxies_of_the_environment_are_not_used,
	     a_given_proxy_is_used_except_where_not_wanted, an_empty_file_is_a_file,
	     progress_is_told_at_the_end, what_is_no_https_is_refused)
