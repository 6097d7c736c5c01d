#include "collateral.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <strings.h>

#include "codes.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/str.h"
#include "trust/ocsp.h"
#include "trust/rim.h"

#define RIM_ANSWER_MAX (RIM_BYTES_MAX / 3 * 4 + 65536)
#define KEY_MAX	       4096

struct obtaining {
	struct appraise *a;
	const struct collateral *c;
	struct collateral_report *report;
	struct gather *g;
	struct ask *asks;    /* of all requests */
	char *authorization; /* for the RIM service; NULL: none */
	size_t asked;	     /* questions that were put so far */
	struct err e;	     /* a library failed */
};

/* One request: which RIM, or which question. */
struct ask {
	struct obtaining *o;
	size_t number;
	struct ask *next;
};

static struct ask *ask_new(struct obtaining *o, size_t number)
{
	struct ask *ask = xcalloc(1, sizeof(*ask));

	*ask = (struct ask){ .o = o, .number = number, .next = o->asks };
	o->asks = ask;
	return ask;
}

static void obtaining_done(struct obtaining *o)
{
	for (struct ask *ask = o->asks, *next; ask; ask = next) {
		next = ask->next;
		free(ask);
	}
	if (o->authorization)
		explicit_bzero(o->authorization, strlen(o->authorization));
	free(o->authorization);
}

/* --- the RIM service's key ---------------------------------------------------------------------- */

static int judge_key_file(const char *path, const struct stat *st, struct err *e)
{
	if (!S_ISREG(st->st_mode))
		return err_set(e, &CODE_CONFIG, "attest.rim_key_file: %s is not a regular file",
			       path);
	/* Below a root directory (--root) everything belongs to whoever made it. */
	if ((st->st_uid == 0 || fs_has_root()) && !(st->st_mode & 077))
		return 0;
	err_set(e, &CODE_CONFIG, "attest.rim_key_file: others than root may read %s or own it",
		path);
	return err_hint(
		e,
		"chown root %s && chmod 600 %s; the key in it was within reach of others: have a new one issued",
		path, path);
}

static int cannot_read_key(const char *path, struct err *e)
{
	err_errno(e, errno, "attest.rim_key_file: %s", path);
	return err_rekind(e, &CODE_CONFIG);
}

int collateral_key_check(const char *path, const char *rim_url, struct err *e)
{
	struct stat st;

	if (!*path)
		return 0;
	if (strncasecmp(rim_url, "https://", strlen("https://")) != 0)
		return err_set(
			e, &CODE_CONFIG,
			"attest.rim_key_file needs an attest.rim_url that begins with https://");
	if (fs_stat(path, &st) == 0)
		return judge_key_file(path, &st, e);
	/* Who is not root may have no way to it, and needs none. */
	return errno == EACCES ? 0 : cannot_read_key(path, e);
}

/* "KEY", or "SCHEME KEY": visible characters, with one blank at most. */
static bool is_key(const char *s)
{
	size_t blanks = 0;

	for (const char *p = s; *p; p++) {
		blanks += *p == ' ';
		if (!isgraph((unsigned char)*p) && *p != ' ')
			return false;
	}
	return *s && blanks <= 1;
}

static int read_key_text(const char *path, char dst[KEY_MAX], struct err *e)
{
	_cleanup_fd_ int fd = fs_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return cannot_read_key(path, e);
	if (judge_key_file(path, &st, e) < 0)
		return -1;
	n = read(fd, dst, KEY_MAX - 1);
	if (n < 0)
		return cannot_read_key(path, e);
	dst[n] = '\0';
	/* One that is cut off, or goes on behind a NUL, is no key. */
	if (n == KEY_MAX - 1 || strlen(dst) != (size_t)n)
		*dst = '\0';
	return 0;
}

/* The header's value. NVIDIA documents "Bearer KEY"; where a service wants another scheme, the file says
 * "SCHEME KEY". */
static int read_key(const char *path, char **ret, struct err *e)
{
	char text[KEY_MAX];
	const char *key;
	int r = read_key_text(path, text, e);

	if (r < 0)
		return r;
	key = str_trim(text);
	if (is_key(key))
		*ret = xasprintf("%s%s", strchr(key, ' ') ? "" : "Bearer ", key);
	else
		r = err_set(
			e, &CODE_CONFIG,
			"attest.rim_key_file: %s is not one line with a key, or a scheme and a key",
			path);
	explicit_bzero(text, sizeof(text));
	return r;
}

/* --- the RIM service's answer ------------------------------------------------------------------- */

/* Services differ in whether they break lines. */
static char *without_line_ends(const char *text)
{
	char *out = xmalloc(strlen(text) + 1), *to = out;

	for (; *text; text++)
		if (*text != '\n' && *text != '\r')
			*to++ = *text;
	*to = '\0';
	return out;
}

static int decode(const char *text, char **ret, size_t *ret_len, struct err *e)
{
	_cleanup_free_ char *line = without_line_ends(text);
	_cleanup_free_ char *bytes = NULL;
	size_t len = strlen(line), padding = 0;

	if (len >= 4)
		padding = line[len - 2] == '=' ? 2 : line[len - 1] == '=';
	if (len < 4 || len % 4 || len > RIM_ANSWER_MAX)
		return err_set(e, &ERR_FORMAT, "\"rim\" is no base64");
	bytes = xmalloc(len / 4 * 3 + 1);
	/* It skips blanks at the ends, and then there are fewer bytes than the length says. */
	if (EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)line, (int)len) !=
	    (int)(len / 4 * 3))
		return err_set(e, &ERR_FORMAT, "\"rim\" is no base64");
	*ret_len = len / 4 * 3 - padding;
	bytes[*ret_len] = '\0';
	*ret = TAKE_PTR(bytes);
	return 0;
}

int collateral_rim_parse(const char *text, size_t len, const char *id, char **ret, size_t *ret_len,
			 char *note, size_t note_size, struct err *e)
{
	_cleanup_json_ struct json_object *o = NULL;
	uint8_t digest[DIGEST_SHA256_SIZE];
	char hex[2 * DIGEST_SHA256_SIZE + 1], other[2 * RIM_ID_SIZE];
	const char *sha256, *rim;

	if (json_parse(text, len, "the RIM service's answer", &o, e) < 0)
		return -1;
	if (!str_eq(json_str(o, "id", ""), id)) {
		str_copy(other, sizeof(other), json_str(o, "id", "nothing"));
		str_sanitise(other);
		return err_set(e, &ERR_FORMAT, "the RIM service answered with %s", other);
	}
	rim = json_str(o, "rim", NULL);
	if (!rim)
		return err_set(e, &ERR_FORMAT, "the RIM service's answer has no \"rim\"");
	if (decode(rim, ret, ret_len, e) < 0)
		return -1;
	sha256 = json_str(o, "sha256", NULL);
	if (!sha256 || !digest_sha256(*ret, *ret_len, digest))
		return 0;
	str_hex(hex, digest, sizeof(digest));
	if (strcasecmp(hex, sha256) != 0)
		snprintf(note, note_size,
			 "the SHA-256 that the RIM service says of %s is not that of the manifest",
			 id);
	return 0;
}

/* Whether nobody answered, or something came that is of no use: a peer whom TLS does not vouch for, too
 * much, or what cannot even be asked for. */
static enum check_cause cause_of(const struct err *e)
{
	return e->kind == &ERR_NETWORK || e->kind == &ERR_HTTP || e->kind == &ERR_TIMEOUT
		       ? CAUSE_NO_ANSWER
		       : CAUSE_BAD_ANSWER;
}

/* --- manifests ---------------------------------------------------------------------------------- */

static void ask_new_questions(struct obtaining *o);

static void give_rim(struct obtaining *o, size_t i, const char *bytes, size_t len)
{
	if (appraise_give_rim(o->a, i, bytes, len, &o->e) == 0)
		ask_new_questions(o);
}

static void miss_for_want_of_a_key(struct obtaining *o, size_t i, const struct err *e)
{
	_cleanup_free_ char *why = xasprintf(
		"%s: %s", e->msg,
		o->authorization ? "the RIM service does not take the key in attest.rim_key_file"
				 : "the RIM service wants a key, see attest.rim_key_file");

	appraise_miss_rim(o->a, i, cause_of(e), why);
}

static bool on_rim(const struct gather_answer *answer, void *data)
{
	struct ask *ask = data;
	struct obtaining *o = ask->o;
	const char *id = appraise_rim_id(o->a, ask->number);
	_cleanup_free_ char *rim = NULL;
	struct err e = ERR_INIT;
	size_t len = 0;

	if (answer->e && (answer->status == 401 || answer->status == 403))
		miss_for_want_of_a_key(o, ask->number, answer->e);
	else if (answer->e)
		appraise_miss_rim(o->a, ask->number,
				  answer->status == 404 ? CAUSE_RIM_MISSING : cause_of(answer->e),
				  answer->e->msg);
	else if (collateral_rim_parse(answer->body, answer->len, id, &rim, &len, o->report->note,
				      sizeof(o->report->note), &e) < 0)
		appraise_miss_rim(o->a, ask->number, CAUSE_BAD_ANSWER, e.msg);
	else
		give_rim(o, ask->number, rim, len);
	return false;
}

static void fetch_rim(struct obtaining *o, size_t i)
{
	const char *base = o->c->rim_url;
	_cleanup_free_ char *url =
		xasprintf("%s%s%s", base, str_ends(base, "/") ? "" : "/", appraise_rim_id(o->a, i));

	gather_add(o->g, &(struct gather_request){ .url = url,
						   .accept = "application/json",
						   .authorization = o->authorization,
						   .size_max = RIM_ANSWER_MAX,
						   .done = on_rim,
						   .data = ask_new(o, i) });
}

static void read_rim(struct obtaining *o, size_t i)
{
	static const char *const suffixes[] = { "xml", "swidtag" };
	const char *id = appraise_rim_id(o->a, i);
	_cleanup_free_ char *why = NULL;

	for (size_t k = 0; k < ARRAY_SIZE(suffixes); k++) {
		_cleanup_free_ char *path = xasprintf("%s/%s.%s", o->c->rim_dir, id, suffixes[k]);
		_cleanup_free_ char *bytes = NULL;
		struct err e = ERR_INIT;
		size_t len = 0;

		if (fs_read_optional(path, RIM_BYTES_MAX, &bytes, &len, &e) < 0) {
			appraise_miss_rim(o->a, i, CAUSE_BAD_ANSWER, e.msg);
			return;
		}
		if (bytes) {
			give_rim(o, i, bytes, len);
			return;
		}
	}
	why = xasprintf("%s has neither %s.xml nor %s.swidtag", o->c->rim_dir, id, id);
	appraise_miss_rim(o->a, i, CAUSE_RIM_MISSING, why);
}

/* --- revocation --------------------------------------------------------------------------------- */

/* An answer that says "later" stays what is known if nothing better comes. */
static bool on_ocsp(const struct gather_answer *answer, void *data)
{
	struct ask *ask = data;
	struct obtaining *o = ask->o;
	bool later = false;

	if (answer->e)
		appraise_miss_ocsp(o->a, ask->number, cause_of(answer->e), answer->e->msg);
	else if (appraise_give_ocsp(o->a, ask->number, answer->body, answer->len, &later, &o->e) ==
		 0)
		ask_new_questions(o);
	return later;
}

static void ask_new_questions(struct obtaining *o)
{
	for (; o->asked < appraise_questions(o->a); o->asked++) {
		struct appraise_question q;

		appraise_question(o->a, o->asked, &q);
		gather_add(o->g,
			   &(struct gather_request){ .url = o->c->ocsp_url,
						     .body = q.request,
						     .body_len = q.request_len,
						     .content_type = "application/ocsp-request",
						     .accept = "application/ocsp-response",
						     .size_max = OCSP_ANSWER_MAX,
						     .done = on_ocsp,
						     .data = ask_new(o, o->asked) });
	}
}

/* --- all of it ---------------------------------------------------------------------------------- */

int collateral_obtain(struct appraise *a, const struct collateral *c, struct collateral_report *ret,
		      struct err *e)
{
	_cleanup_(gather_free_p) struct gather *g = NULL;
	_cleanup_(obtaining_done) struct obtaining o = { .a = a, .c = c, .report = ret };
	uint64_t begun_us = clock_monotonic_us();
	bool from_dir = c->rim_dir && *c->rim_dir;

	*ret = (struct collateral_report){ .rims = appraise_rims(a) };
	if (!from_dir && c->rim_key_file && *c->rim_key_file &&
	    read_key(c->rim_key_file, &o.authorization, e) < 0)
		return -1;
	if (gather_new(&c->net, &g, e) < 0)
		return -1;
	o.g = g;
	ask_new_questions(&o);
	for (size_t i = 0; i < appraise_rims(a); i++)
		if (from_dir)
			read_rim(&o, i);
		else
			fetch_rim(&o, i);
	if (gather_run(g, e) < 0)
		return -1;
	ret->questions = o.asked;
	ret->requests = gather_sent(g);
	ret->took_us = clock_monotonic_us() - begun_us;
	if (!o.e.kind)
		return 0;
	*e = o.e;
	return -1;
}
