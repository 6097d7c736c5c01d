#include "trust/x509.h"

#include "core/clock.h"
#include "evidence.h"
#include "fixture.h"
#include "forge.h"
#include "suite.h"

#define HOUR 3600

static void judge(struct forge_made *m)
{
	forge_finish(m);
	ck_assert_int_eq(x509_chain_verify(m->chain, m->root, FORGE_NOW, &m->result, &m->e), 0);
}

/* --- reading ----------------------------------------------------------------------------------- */

static bool reads(const char *text, size_t n, size_t count)
{
	struct x509_chain *chain = NULL;
	struct err e = ERR_INIT;
	bool ok = x509_chain_parse(text, n, count, &chain, &e) == 0;

	ck_assert(ok == (chain != NULL));
	ck_assert(ok || e.kind);
	x509_chain_free(chain);
	return ok;
}

/* Whether the good chain reads after `text` was put in place of its `at`-th "-----BEGIN" (5: its
 * end). */
static bool reads_with(const char *pem, size_t at, const char *text, size_t text_n)
{
	_cleanup_strbuf_ struct strbuf b = { NULL, 0 };
	const char *p = pem;

	for (size_t i = 0; i < at; i++)
		p = strstr(p + 1, "-----BEGIN") ? strstr(p + 1, "-----BEGIN") : pem + strlen(pem);
	strbuf_add(&b, pem, (size_t)(p - pem));
	strbuf_add(&b, text, text_n);
	strbuf_add(&b, p, strlen(p));
	return reads(b.s, b.len, X509_DEVICE_COUNT);
}

START_TEST(only_line_ends_stand_between_certificates_and_nuls_after_them)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_GPU);
	forge_finish(&m);
	ck_assert(reads(m.pem, strlen(m.pem) - 1, 5)); /* no line end after the last */
	ck_assert(reads_with(m.pem, 1, "\n", 1));
	ck_assert(reads_with(m.pem, 2, "\r\n", 2));
	ck_assert(reads_with(m.pem, 5, "\n\0\0", 3));
	ck_assert(!reads_with(m.pem, 0, "x", 1));
	ck_assert(!reads_with(m.pem, 1, "Subject: somebody\n", 18));
	ck_assert(!reads_with(m.pem, 3, " ", 1));
	ck_assert(!reads_with(m.pem, 3, "\0", 1));
	ck_assert(!reads_with(m.pem, 5, "x", 1));
	ck_assert(!reads_with(m.pem, 5, "\0x", 2));
	forge_end(&m);
}
END_TEST

START_TEST(the_number_of_certificates_is_exact)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_GPU);
	forge_finish(&m);
	ck_assert(reads(m.pem, strlen(m.pem), 5));
	ck_assert(!reads(m.pem, strlen(m.pem), 4));
	ck_assert(!reads(strstr(m.pem + 1, "-----BEGIN"), strlen(strstr(m.pem + 1, "-----BEGIN")),
			 5));
	ck_assert(!reads("", 0, 5));
	ck_assert(!reads(m.pem, strlen(m.pem), 0));
	ck_assert(!reads(m.pem, strlen(m.pem), 6));
	forge_end(&m);
}
END_TEST

/* Every 13th length, or all with LONG in the environment. */
START_TEST(a_chain_cut_off_anywhere_is_refused)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_NVSWITCH);
	forge_finish(&m);
	for (size_t n = 0; n + 1 < strlen(m.pem); n += getenv("LONG") ? 1 : 13) {
		/* A copy of its own, so that a read behind it is seen. */
		_cleanup_free_ char *part = xmalloc(n + 1);

		memcpy(part, m.pem, n);
		ck_assert_msg(!reads(part, n, 5), "%zu bytes", n);
	}
	forge_end(&m);
}
END_TEST

START_TEST(a_certificate_that_is_not_der_is_refused)
{
	struct forge_made m;
	struct cur ders[X509_DEVICE_COUNT];
	uint8_t *der[X509_DEVICE_COUNT] = { NULL };
	struct x509_chain *chain = NULL;

	forge_begin(&m, DEVICE_GPU);
	forge_finish(&m);
	for (size_t i = 0; i < 5; i++) {
		int n = i2d_X509(m.forged.certs[i], &der[i]);

		ders[i] = cur_of(der[i], (size_t)n);
	}
	ck_assert_int_eq(x509_chain_from_der(ders, 5, 5, &chain, &m.e), 0);
	ck_assert_mem_eq(x509_root_digest(chain), m.root, sizeof(m.root));
	x509_chain_free(chain);
	chain = NULL;
	ck_assert_int_lt(x509_chain_from_der(ders, 4, 5, &chain, &m.e), 0);
	ders[2].n--;
	ck_assert_int_lt(x509_chain_from_der(ders, 5, 5, &chain, &m.e), 0);
	ck_assert_has(m.e.msg, "certificate 2");
	for (size_t i = 0; i < 5; i++)
		OPENSSL_free(der[i]);
	forge_end(&m);
}
END_TEST

/* --- judging ----------------------------------------------------------------------------------- */

START_TEST(a_good_chain_holds)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_GPU);
	judge(&m);
	ck_assert_msg(m.result.chain_ok, "%s", m.result.chain_note);
	ck_assert_msg(m.result.time_ok, "%s", m.result.time_note);
	ck_assert_str_eq(m.result.chain_note, "");
	ck_assert_str_eq(m.result.time_note, "");
	ck_assert_int_eq(m.result.not_after, FORGE_UNTIL);
	ck_assert_str_eq(x509_common_name(m.chain, 1), "GH100 A01 GSP BROM");
	ck_assert_str_eq(x509_subject_serial(m.chain, 1), "412921CE551E4EEDA3");
	forge_end(&m);
}
END_TEST

START_TEST(another_root_is_not_trusted)
{
	struct forge_made m, other;
	X509_STORE *store = NULL;

	forge_begin(&m, DEVICE_GPU);
	forge_begin(&other, DEVICE_GPU);
	forge_finish(&m);
	forge_finish(&other);
	ck_assert_int_eq(x509_chain_verify(m.chain, other.root, FORGE_NOW, &m.result, &m.e), 0);
	ck_assert(!m.result.chain_ok);
	ck_assert_has(m.result.chain_note, "pinned root");
	ck_assert_int_eq(x509_chain_verify(m.chain, x509_device_root, FORGE_NOW, &m.result, &m.e),
			 0);
	ck_assert(!m.result.chain_ok);
	ck_assert_int_lt(x509_store(m.chain, other.root, FORGE_NOW, &store, &m.e), 0);
	ck_assert_ptr_null(store);
	forge_end(&other);
	forge_end(&m);
}
END_TEST

START_TEST(a_chain_late_by_one_certificate_is_bad_by_time_alone)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_GPU);
	m.specs[2].from = FORGE_NOW - 2 * HOUR;
	m.specs[2].until = FORGE_NOW - HOUR;
	judge(&m);
	ck_assert_msg(m.result.chain_ok, "%s", m.result.chain_note);
	ck_assert(!m.result.time_ok);
	ck_assert_has(m.result.time_note, "certificate 2 \"Forged GH100 Provisioner ICA 1\"");
	ck_assert_has(m.result.time_note, "2026-11-21T23:00:00Z");
	ck_assert_int_eq(m.result.not_after, FORGE_NOW - HOUR);
	forge_end(&m);
}
END_TEST

START_TEST(a_certificate_of_tomorrow_is_bad_by_time_alone)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_GPU);
	m.specs[0].from = FORGE_NOW + HOUR;
	judge(&m);
	ck_assert(m.result.chain_ok);
	ck_assert(!m.result.time_ok);
	ck_assert_has(m.result.time_note, "certificate 0");
	forge_end(&m);
}
END_TEST

START_TEST(validity_is_from_its_begin_up_to_its_end)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_GPU);
	m.specs[4].from = FORGE_NOW;
	m.specs[4].until = FORGE_NOW + HOUR;
	judge(&m);
	ck_assert(m.result.chain_ok && m.result.time_ok);
	x509_chain_verify(m.chain, m.root, FORGE_NOW + HOUR - 1, &m.result, &m.e);
	ck_assert(m.result.chain_ok && m.result.time_ok);
	x509_chain_verify(m.chain, m.root, FORGE_NOW + HOUR, &m.result, &m.e);
	ck_assert(m.result.chain_ok && !m.result.time_ok);
	x509_chain_verify(m.chain, m.root, FORGE_NOW - 1, &m.result, &m.e);
	ck_assert(m.result.chain_ok && !m.result.time_ok);
	forge_end(&m);
}
END_TEST

/* Judges the chain with its specs spoiled; it must fail as a chain, at any time. */
static void refused(struct forge_made *m, const char *part)
{
	judge(m);
	ck_assert(!m->result.chain_ok);
	ck_assert(m->result.time_ok);
	ck_assert_has(m->result.chain_note, part);
	forge_end(m);
}

START_TEST(another_curve_is_refused_at_every_place)
{
	for (size_t i = 0; i < X509_DEVICE_COUNT; i++) {
		struct forge_made m;

		forge_begin(&m, DEVICE_GPU);
		EVP_PKEY_free(m.forged.keys[i]);
		m.forged.keys[i] = NULL;
		m.specs[i].curve = "P-521";
		refused(&m, "not ECDSA P-384");
	}
}
END_TEST

START_TEST(another_digest_is_refused_at_every_place)
{
	for (size_t i = 0; i < X509_DEVICE_COUNT; i++) {
		struct forge_made m;

		forge_begin(&m, DEVICE_GPU);
		m.specs[i].md = EVP_sha256();
		refused(&m, "SHA-384");
	}
}
END_TEST

START_TEST(an_issuer_that_is_no_ca_is_refused)
{
	for (size_t i = 1; i < X509_DEVICE_COUNT; i++) {
		struct forge_made m;

		forge_begin(&m, DEVICE_GPU);
		m.specs[i].not_ca = true;
		refused(&m, "certificate");
	}
}
END_TEST

START_TEST(a_leaf_for_anything_but_signatures_is_refused)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_GPU);
	m.specs[0].key_usage = "critical,keyAgreement";
	refused(&m, "for signatures alone");
	forge_begin(&m, DEVICE_GPU);
	m.specs[0].key_usage = "critical,digitalSignature,keyCertSign";
	refused(&m, "for signatures alone");
}
END_TEST

/* Swaps two certificates of a forged chain, or replaces one, before it becomes text. */
static bool holds_with(struct forge_made *m, size_t i, X509 *x)
{
	X509 *kept = m->forged.certs[i];
	bool ok;

	m->forged.certs[i] = x;
	forge_parse(m);
	ck_assert_int_eq(x509_chain_verify(m->chain, m->root, FORGE_NOW, &m->result, &m->e), 0);
	ok = m->result.chain_ok;
	m->forged.certs[i] = kept;
	return ok;
}

START_TEST(a_certificate_of_another_chain_breaks_it)
{
	struct forge_made m, other;

	forge_begin(&m, DEVICE_GPU);
	forge_begin(&other, DEVICE_GPU);
	forge_finish(&m);
	forge_finish(&other);
	for (size_t i = 0; i < X509_DEVICE_COUNT; i++) {
		ck_assert(holds_with(&m, i, m.forged.certs[i]));
		ck_assert(!holds_with(&m, i, other.forged.certs[i]));
	}
	forge_end(&other);
	forge_end(&m);
}
END_TEST

START_TEST(certificates_out_of_order_are_refused)
{
	struct forge_made m;
	X509 *second;

	forge_begin(&m, DEVICE_GPU);
	forge_finish(&m);
	second = m.forged.certs[1];
	m.forged.certs[1] = m.forged.certs[2];
	ck_assert(!holds_with(&m, 2, second));
	ck_assert_has(m.result.chain_note, "not in order");
	m.forged.certs[1] = second;
	forge_end(&m);
}
END_TEST

START_TEST(a_certificate_left_out_and_another_doubled_is_refused)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_GPU);
	forge_finish(&m);
	ck_assert(!holds_with(&m, 2, m.forged.certs[3]));
	ck_assert(!holds_with(&m, 1, m.forged.certs[0]));
	forge_end(&m);
}
END_TEST

START_TEST(a_changed_certificate_is_refused)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_GPU);
	forge_finish(&m);
	for (size_t i = 0; i + 1 < X509_DEVICE_COUNT; i++) {
		X509 *changed = X509_dup(m.forged.certs[i]);
		uint8_t *tbs = NULL;

		ASN1_INTEGER_set_int64(X509_get_serialNumber(changed), 1);
		ck_assert_int_gt(i2d_re_X509_tbs(changed, &tbs), 0);
		ck_assert(!holds_with(&m, i, changed));
		ck_assert_has(m.result.chain_note, "signature failure");
		OPENSSL_free(tbs);
		X509_free(changed);
	}
	forge_end(&m);
}
END_TEST

/* --- the real ones ------------------------------------------------------------------------------ */

static void equals_dump(const struct x509_chain *chain, struct json_object *certs)
{
	for (size_t i = 0; i < X509_DEVICE_COUNT; i++) {
		struct json_object *cert = json_item(certs, i);
		_cleanup_free_ char *serial = x509_serial_decimal(chain, i);
		_cleanup_free_ char *cn = xasprintf("CN=%s", x509_common_name(chain, i));
		char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
		uint8_t digest[DIGEST_SHA256_SIZE];

		clock_format(x509_not_before(chain, i), from);
		clock_format(x509_not_after(chain, i), to);
		ck_assert_str_eq(serial, json_str(cert, "serial_dec", ""));
		ck_assert_has(json_str(cert, "subject", ""), cn);
		ck_assert_str_eq(from, json_str(cert, "not_before", ""));
		ck_assert_str_eq(to, json_str(cert, "not_after", ""));
		ck_assert_int_eq(X509_digest(x509_cert(chain, i), EVP_sha256(), digest, NULL), 1);
		ck_assert(evidence_same(digest, sizeof(digest), json_str(cert, "sha256", "")));
	}
}

static void judge_real(const struct evidence *v)
{
	_cleanup_(x509_chain_free_p) struct x509_chain *chain = NULL;
	struct x509_result r;
	uint8_t fwid[DIGEST_SHA384_SIZE];
	char serial[32];
	uint64_t pdi = 0;
	struct err e = ERR_INIT;

	ck_assert_msg(x509_chain_parse(v->pem, v->pem_n, 5, &chain, &e) == 0, "%s: %s", v->name,
		      e.msg);
	ck_assert_int_eq(x509_chain_verify(chain, x509_device_root, FORGE_NOW, &r, &e), 0);
	ck_assert_msg(r.chain_ok && r.time_ok, "%s: %s %s", v->name, r.chain_note, r.time_note);
	equals_dump(chain, json_get(v->decoded, "certs"));
	if (strstr(v->name, "blackwell")) {
		ck_assert_int_lt(x509_device_check(chain, v->type, &e), 0);
		ck_assert_int_lt(x509_device_fwid(chain, fwid, &e), 0);
		return;
	}
	ck_assert_msg(x509_device_check(chain, v->type, &e) == 0, "%s: %s", v->name, e.msg);
	ck_assert_msg(x509_device_fwid(chain, fwid, &e) == 0, "%s: %s", v->name, e.msg);
	ck_assert(evidence_same(fwid, sizeof(fwid), json_str(v->decoded, "cert_fwid_last48", "")));
	ck_assert_msg(x509_device_pdi(chain, v->type, &pdi, &e) == 0, "%s: %s", v->name, e.msg);
	snprintf(serial, sizeof(serial), "%s%016llX", v->type == DEVICE_GPU ? "41" : "50",
		 (unsigned long long)pdi);
	ck_assert_str_eq(serial, json_str(v->decoded, "brom_serialNumber", ""));
}

START_TEST(every_real_chain_holds_and_equals_its_dump)
{
	struct evidence v[EVIDENCE_MAX];
	size_t n = evidence_load(v);

	ck_assert(n == 0 || n == 34);
	for (size_t i = 0; i < n; i++)
		judge_real(&v[i]);
	evidence_free(v, n);
}
END_TEST

START_TEST(the_pinned_digests_are_those_of_the_published_roots)
{
	static const struct {
		const char *file;
		const uint8_t *pin;
	} roots[] = {
		{"roots/device_root.pem",	   x509_device_root},
		{ "roots/rim_root.pem",		x509_rim_root   },
		{ "roots/rim_root_sdk_copy.pem",	 x509_rim_root   },
		{ "roots/negative_not_a_root.pem", NULL		}
	};

	for (size_t i = 0; evidence_present() && i < ARRAY_SIZE(roots); i++) {
		_cleanup_(x509_chain_free_p) struct x509_chain *root = NULL;
		struct err e = ERR_INIT;
		size_t n = 0;
		_cleanup_free_ char *text = evidence_text(roots[i].file, &n);
		const uint8_t *pin = roots[i].pin;

		ck_assert_msg(text && x509_chain_parse(text, n, 1, &root, &e) == 0, "%s: %s",
			      roots[i].file, e.msg);
		ck_assert(memcmp(x509_root_digest(root), pin ? pin : x509_device_root, 32) == 0 ||
			  !pin);
		ck_assert(pin || memcmp(x509_root_digest(root), x509_rim_root, 32) != 0);
	}
}
END_TEST

SUITE("x509", only_line_ends_stand_between_certificates_and_nuls_after_them,
      the_number_of_certificates_is_exact, a_chain_cut_off_anywhere_is_refused,
      a_certificate_that_is_not_der_is_refused, a_good_chain_holds, another_root_is_not_trusted,
      a_chain_late_by_one_certificate_is_bad_by_time_alone,
      a_certificate_of_tomorrow_is_bad_by_time_alone, validity_is_from_its_begin_up_to_its_end,
      another_curve_is_refused_at_every_place, another_digest_is_refused_at_every_place,
      an_issuer_that_is_no_ca_is_refused, a_leaf_for_anything_but_signatures_is_refused,
      a_certificate_of_another_chain_breaks_it, certificates_out_of_order_are_refused,
      a_certificate_left_out_and_another_doubled_is_refused, a_changed_certificate_is_refused,
      every_real_chain_holds_and_equals_its_dump,
      the_pinned_digests_are_those_of_the_published_roots)
