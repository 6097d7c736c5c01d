#include "collateral.h"

#include <signal.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "codes.h"
#include "fixture.h"
#include "forge_machine.h"
#include "port.h"
#include "suite.h"

#define REQUEST_MAX 8192

/* How the service answers, other than well. */
enum service {
	GOOD,
	RIM_OTHER_ID,
	RIM_OTHER_DIGEST,
	RIM_IN_LINES,
	RIM_NO_JSON,
	RIM_NO_BASE64,
	RIM_NO_RIM,
	OCSP_LATER, /* the first time */
	OCSP_LARGE,
};

/* Seen by the test and by the service, which is a process of its own. */
static struct shared {
	unsigned int rims, questions; /* that were asked */
	unsigned int bad_types;	      /* without the media types that belong there */
} * shared;

static struct forge_machine *m;
static enum service how;
static pid_t server;
static char rim_url[64], ocsp_url[64];

/* --- the service -------------------------------------------------------------------------------- */

static void reply(int fd, const char *status, const void *body, size_t n)
{
	dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status, n);
	ck_assert_int_eq(write(fd, body, n), (ssize_t)n);
}

static char *rim_answer(const char *id)
{
	_cleanup_free_ char *xml = forge_rim(&m->rims[forge_kind_of(id)]);
	_cleanup_free_ char *text = forge_base64((uint8_t *)xml, strlen(xml));
	uint8_t digest[DIGEST_SHA256_SIZE];
	char hex[2 * DIGEST_SHA256_SIZE + 1];

	digest_sha256(xml, strlen(xml), digest);
	digest[0] ^= how == RIM_OTHER_DIGEST;
	str_hex(hex, digest, sizeof(digest));
	if (how == RIM_NO_JSON)
		return xstrdup("<html>Welcome to this network</html>");
	if (how == RIM_NO_RIM)
		return xasprintf("{\"id\": \"%s\"}", id);
	if (how == RIM_NO_BASE64)
		text[10] = '!';
	return xasprintf("{\"id\": \"%s\", \"rim\": \"%.64s%s%s\", \"sha256\": \"%s\"}",
			 how == RIM_OTHER_ID ? "NV_GPU_DRIVER_GH100_1.0" : id, text,
			 how == RIM_IN_LINES ? "\\n" : "", text + 64, hex);
}

static void serve_rim(int fd, const char *id)
{
	_cleanup_free_ char *body = rim_answer(id);

	shared->rims++;
	if (m->rim_missing[forge_kind_of(id)])
		reply(fd, "404 Not Found", "{}", 2);
	else
		reply(fd, "200 OK", body, strlen(body));
}

static void serve_ocsp(int fd, const char *headers, const uint8_t *request, size_t n)
{
	_cleanup_free_ uint8_t *answer = NULL;
	size_t answer_n = 0;

	shared->bad_types += !strcasestr(headers, "Content-Type: application/ocsp-request\r\n") ||
			     !strcasestr(headers, "Accept: application/ocsp-response\r\n");
	if (shared->questions++ == 0 && how == OCSP_LATER)
		answer = forge_refusal(OCSP_RESPONSE_STATUS_TRYLATER, &answer_n);
	else if (how == OCSP_LARGE)
		answer = xcalloc(1, answer_n = OCSP_ANSWER_MAX + 1);
	else
		answer = forge_respond(m, request, n, m->about, &answer_n);
	if (answer)
		reply(fd, "200 OK", answer, answer_n);
}

static void serve(int fd)
{
	char buffer[REQUEST_MAX + 1], id[RIM_ID_SIZE];
	size_t n = 0, body_n = 0;
	char *body = NULL, *length;

	while (!body || n < (size_t)(body - buffer) + body_n) {
		ssize_t got = read(fd, buffer + n, REQUEST_MAX - n);

		if (got <= 0)
			return;
		n += (size_t)got;
		buffer[n] = '\0';
		if (!body && (body = strstr(buffer, "\r\n\r\n"))) {
			body += 4;
			length = strcasestr(buffer, "Content-Length: ");
			body_n = length ? strtoul(length + 16, NULL, 10) : 0;
		}
	}
	if (sscanf(buffer, "GET /v1/rim/%95s", id) == 1)
		serve_rim(fd, id);
	else
		serve_ocsp(fd, buffer, (uint8_t *)body, body_n);
}

/* Nobody listens on it yet. */
static int take_port(void)
{
	unsigned int number;
	int fd = port_take(&number);

	snprintf(rim_url, sizeof(rim_url), "http://127.0.0.1:%u/v1/rim", number);
	snprintf(ocsp_url, sizeof(ocsp_url), "http://127.0.0.1:%u/", number);
	return fd;
}

/* The machine is made before: the service knows its keys. */
static void service_start(enum service answers)
{
	int listener = take_port();

	how = answers;
	ck_assert_int_eq(listen(listener, 64), 0);
	server = fork();
	ck_assert_int_ge(server, 0);
	if (server > 0) {
		close(listener);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		serve(fd);
		close(fd);
	}
}

/* --- one appraisal ------------------------------------------------------------------------------ */

static struct appraisal *a;
static struct collateral_report report;

static void start(void)
{
	fixture_root_make();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	m = forge_machine(1, 0);
	a = xcalloc(1, sizeof(*a));
}

static void stop(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	appraisal_free(a);
	forge_machine_free(m);
	munmap(shared, sizeof(*shared));
	fixture_root_drop();
}

static void obtain(const char *rim_dir, unsigned int budget_s)
{
	const struct collateral c = { .rim_dir = rim_dir,
				      .rim_url = rim_url,
				      .ocsp_url = ocsp_url,
				      .net = { .budget_s = budget_s } };
	struct appraise *asking;
	struct err e = ERR_INIT;

	ck_assert_msg(appraise_new(m->devices, m->n, &m->rules, &asking, &e) == 0, "%s", e.msg);
	ck_assert_msg(collateral_obtain(asking, &c, &report, &e) == 0, "%s", e.msg);
	appraise_judge(asking, a);
	appraise_free(asking);
}

static void obtain_from(enum service answers)
{
	service_start(answers);
	obtain(NULL, 100);
}

static struct check *check_of(const char *name)
{
	return check_find(a->devices[0].checks, a->devices[0].checks_n, name);
}

static void assert_verdict(enum verdict verdict)
{
	struct json_object *o = appraisal_to_json(a);

	ck_assert_msg(a->verdict == verdict, "%s", json_object_to_json_string(o));
	json_object_put(o);
}

static void assert_unknown(const char *check, const char *words)
{
	assert_verdict(VERDICT_UNKNOWN);
	ck_assert_int_eq(check_of(check)->result, CHECK_UNKNOWN);
	ck_assert_has(str_eq(check, "ocsp") ? check_of(check)->note : check_of(check)->found,
		      words);
}

static void assert_cause(const char *check, enum check_cause cause)
{
	ck_assert_str_eq(check_cause_name(check_of(check)->cause), check_cause_name(cause));
}

/* --- the claims --------------------------------------------------------------------------------- */

/* 12 BROM, 2 provisioner and 1 identity certificates; of 3 manifests 2 chains with the CA, L3 and
 * signer of each. */
START_TEST(each_manifest_and_certificate_is_asked_for_once)
{
	forge_machine_free(m);
	m = forge_machine(8, 4);
	obtain_from(GOOD);
	assert_verdict(VERDICT_ACCEPTED);
	ck_assert_uint_eq(report.rims, 3);
	ck_assert_uint_eq(shared->rims, 3);
	ck_assert_uint_eq(report.questions, 12 + 2 + 1 + 2 * 3);
	ck_assert_uint_eq(shared->questions, report.questions);
	ck_assert_uint_eq(report.requests, report.rims + report.questions);
	ck_assert_uint_eq(shared->bad_types, 0);
	ck_assert_str_eq(report.note, "");
}
END_TEST

START_TEST(a_folder_takes_the_place_of_the_service)
{
	_cleanup_free_ char *driver = forge_rim(&m->rims[RIM_GPU_DRIVER]);
	_cleanup_free_ char *vbios = forge_rim(&m->rims[RIM_GPU_VBIOS]);

	fixture_put("/rims/NV_GPU_DRIVER_GH100_590.12.xml", driver);
	fixture_put("/rims/NV_GPU_VBIOS_G520_0200_885_9600A50001.swidtag", vbios);
	service_start(GOOD);
	obtain("/rims", 100);
	assert_verdict(VERDICT_ACCEPTED);
	ck_assert_uint_eq(shared->rims, 0);
	ck_assert_uint_eq(report.requests, report.questions);
}
END_TEST

START_TEST(a_folder_without_it_is_unknown_and_nobody_is_asked)
{
	_cleanup_free_ char *driver = forge_rim(&m->rims[RIM_GPU_DRIVER]);

	fixture_put("/rims/NV_GPU_DRIVER_GH100_590.12.xml", driver);
	service_start(GOOD);
	obtain("/rims", 100);
	assert_unknown("rim_fetch", "NV_GPU_VBIOS_G520_0200_885_9600A50001.swidtag");
	assert_cause("rim_fetch", CAUSE_RIM_MISSING);
	ck_assert_uint_eq(shared->rims, 0);
}
END_TEST

START_TEST(a_file_that_is_no_manifest_is_rejected)
{
	_cleanup_free_ char *large = xcalloc(1, RIM_BYTES_MAX + 2);

	fixture_put("/rims/NV_GPU_DRIVER_GH100_590.12.xml", "no manifest");
	memset(large, 'x', RIM_BYTES_MAX + 1);
	fixture_put("/rims/NV_GPU_VBIOS_G520_0200_885_9600A50001.xml", large);
	service_start(GOOD);
	obtain("/rims", 100);
	assert_verdict(VERDICT_REJECTED);
	ck_assert_int_eq(check_of("rim_parse")->result, CHECK_FAILED);
	ck_assert_has(check_of("rim_fetch")->found, "larger than");
	assert_cause("rim_fetch", CAUSE_BAD_ANSWER);
}
END_TEST

START_TEST(one_that_is_not_published_is_missing)
{
	m->rim_missing[RIM_GPU_VBIOS] = true;
	obtain_from(GOOD);
	assert_unknown("rim_fetch", "status 404");
	ck_assert_has(check_of("rim_fetch")->found,
		      "/v1/rim/NV_GPU_VBIOS_G520_0200_885_9600A50001");
	ck_assert_has(check_of("rim_fetch")->expected, "NV_GPU_VBIOS_G520_0200_885_9600A50001");
	assert_cause("rim_fetch", CAUSE_RIM_MISSING);
	ck_assert_uint_eq(shared->rims, 2);
}
END_TEST

START_TEST(an_answer_about_another_manifest_is_no_answer)
{
	obtain_from(RIM_OTHER_ID);
	assert_unknown("rim_fetch", "answered with NV_GPU_DRIVER_GH100_1.0");
	assert_cause("rim_fetch", CAUSE_BAD_ANSWER);
}
END_TEST

START_TEST(another_digest_is_a_note)
{
	obtain_from(RIM_OTHER_DIGEST);
	assert_verdict(VERDICT_ACCEPTED);
	ck_assert_has(report.note, "SHA-256");
}
END_TEST

START_TEST(base64_may_come_in_lines)
{
	obtain_from(RIM_IN_LINES);
	assert_verdict(VERDICT_ACCEPTED);
}
END_TEST

START_TEST(an_answer_that_cannot_be_read_is_unknown)
{
	static const struct {
		enum service answers;
		const char *words;
	} bad[] = {
		{RIM_NO_JSON,    "the RIM service's answer"},
		{ RIM_NO_BASE64, "base64"		  },
		{ RIM_NO_RIM,    "has no \"rim\""	       },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		obtain_from(bad[i].answers);
		assert_unknown("rim_fetch", bad[i].words);
		assert_cause("rim_fetch", CAUSE_BAD_ANSWER);
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
		appraisal_done(a);
	}
}
END_TEST

START_TEST(a_responder_that_says_later_is_asked_again)
{
	obtain_from(OCSP_LATER);
	assert_verdict(VERDICT_ACCEPTED);
	ck_assert_uint_eq(shared->questions, report.questions + 1);
	ck_assert_uint_eq(report.requests, report.rims + report.questions + 1);
}
END_TEST

START_TEST(a_responder_of_the_other_hash_is_asked_with_it)
{
	m->sha1_only = true;
	obtain_from(GOOD);
	assert_verdict(VERDICT_ACCEPTED);
	ck_assert_uint_eq(report.questions, 2 * 6);
}
END_TEST

START_TEST(a_revoked_certificate_is_rejected)
{
	m->about = "any";
	m->answer = (struct forge_answer){ .status = V_OCSP_CERTSTATUS_REVOKED };
	obtain_from(GOOD);
	assert_verdict(VERDICT_REJECTED);
	ck_assert_int_eq(check_of("ocsp")->result, CHECK_FAILED);
}
END_TEST

START_TEST(an_answer_that_is_too_large_is_unknown)
{
	obtain_from(OCSP_LARGE);
	assert_unknown("ocsp", "more than 65536 bytes");
	assert_cause("ocsp", CAUSE_BAD_ANSWER);
}
END_TEST

START_TEST(nobody_there_is_unknown)
{
	int port = take_port();

	obtain(NULL, 1);
	assert_unknown("ocsp", "127.0.0.1");
	ck_assert_int_eq(check_of("rim_fetch")->result, CHECK_UNKNOWN);
	ck_assert_has(check_of("rim_fetch")->found, "/v1/rim/NV_GPU_");
	assert_cause("ocsp", CAUSE_NO_ANSWER);
	assert_cause("rim_fetch", CAUSE_NO_ANSWER);
	close(port);
}
END_TEST

START_TEST(nobody_is_asked_when_an_option_says_so)
{
	m->rules.ocsp = false;
	obtain_from(GOOD);
	assert_verdict(VERDICT_ACCEPTED);
	ck_assert_int_eq(check_of("ocsp")->result, CHECK_SKIPPED);
	ck_assert_uint_eq(shared->questions, 0);
	ck_assert_uint_eq(report.requests, 2);
}
END_TEST

/* --- the key of the RIM service ----------------------------------------------------------------- */

static void put_key(const char *text, mode_t mode)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_write_atomic("/etc/key", mode, text, strlen(text), &e), 0);
}

/* What is said of a key. There is no manifest to ask for, and nobody is asked. */
static const struct err_kind *with_key(const char *path, struct err *e)
{
	const struct collateral c = { .rim_url = "https://127.0.0.1:1/v1/rim/",
				      .rim_key_file = path,
				      .ocsp_url = "http://127.0.0.1:1/",
				      .net = { .budget_s = 1 } };
	struct appraise *asking;

	*e = (struct err)ERR_INIT;
	ck_assert_int_eq(appraise_new(NULL, 0, &m->rules, &asking, e), 0);
	collateral_obtain(asking, &c, &report, e);
	appraise_free(asking);
	ck_assert(!strstr(e->msg, "hidden"));
	return e->kind;
}

START_TEST(a_key_is_one_line_in_a_file_of_roots_alone)
{
	static const char *const bad[] = { "",		   "\n",       "hidden one two", "hidden\nhidden",
					   "hid\tden", "hidden\x01", "hidden\xc3\xa4" };
	static const char *const fine[] = { "hidden", "hidden\n", "  hidden\r\n", "nv-sak hidden" };
	_cleanup_free_ char *large = xcalloc(1, 5001);
	struct err e = ERR_INIT;

	ck_assert_ptr_eq(with_key("/etc/key", &e), &CODE_CONFIG);
	ck_assert_has(e.msg, "/etc/key");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put_key(bad[i], 0600);
		ck_assert_msg(with_key("/etc/key", &e) == &CODE_CONFIG, "%zu", i);
	}
	memset(large, 'k', 5000);
	put_key(large, 0600);
	ck_assert_ptr_eq(with_key("/etc/key", &e), &CODE_CONFIG);
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		put_key(fine[i], 0600);
		ck_assert_msg(!with_key("/etc/key", &e), "%zu: %s", i, e.msg);
	}
	put_key("hidden", 0640);
	ck_assert_ptr_eq(with_key("/etc/key", &e), &CODE_CONFIG);
	ck_assert_has(err_hint_text(&e), "chmod 600 /etc/key");
	put_key("hidden", 0604);
	ck_assert_ptr_eq(with_key("/etc/key", &e), &CODE_CONFIG);
	ck_assert_ptr_eq(with_key("/etc", &e), &CODE_CONFIG);
	ck_assert_ptr_null(with_key("", &e));
}
END_TEST

START_TEST(a_key_needs_https_and_is_looked_at_before)
{
	struct err e = ERR_INIT;

	put_key("hidden", 0600);
	ck_assert_int_eq(collateral_key_check("", "http://rim.example/", &e), 0);
	ck_assert_int_eq(collateral_key_check("/etc/key", "https://rim.example/", &e), 0);
	ck_assert_int_eq(collateral_key_check("/etc/missing", "https://rim.example/", &e), -1);
	ck_assert_ptr_eq(e.kind, &CODE_CONFIG);
	ck_assert_int_eq(collateral_key_check("/etc/key", "http://rim.example/", &e), -1);
	ck_assert_ptr_eq(e.kind, &CODE_CONFIG);
	put_key("hidden", 0644);
	ck_assert_int_eq(collateral_key_check("/etc/key", "https://rim.example/", &e), -1);
	ck_assert_ptr_eq(e.kind, &CODE_CONFIG);
}
END_TEST

SUITE_AROUND("collateral", start, stop, a_key_is_one_line_in_a_file_of_roots_alone,
	     a_key_needs_https_and_is_looked_at_before, each_manifest_and_certificate_is_asked_for_once,
	     a_folder_takes_the_place_of_the_service,
	     a_folder_without_it_is_unknown_and_nobody_is_asked,
	     a_file_that_is_no_manifest_is_rejected, one_that_is_not_published_is_missing,
	     an_answer_about_another_manifest_is_no_answer, another_digest_is_a_note,
	     base64_may_come_in_lines, an_answer_that_cannot_be_read_is_unknown,
	     a_responder_that_says_later_is_asked_again,
	     a_responder_of_the_other_hash_is_asked_with_it, a_revoked_certificate_is_rejected,
	     an_answer_that_is_too_large_is_unknown, nobody_there_is_unknown,
	     nobody_is_asked_when_an_option_says_so)
