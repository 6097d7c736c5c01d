#include "trust/x509.h"

#include "core/clock.h"
#include "evidence.h"
#include "forge.h"
#include "suite.h"

#define HOUR 3600

/* A forged device chain, and what became of it. */
struct made {
	struct forge_chain forged;
	struct forge_cert specs[X509_DEVICE_COUNT];
	uint8_t der[512];
	uint8_t root[DIGEST_SHA256_SIZE];
	char *pem;
	struct x509_chain *chain;
	struct x509_result result;
	struct err e;
};

static void begin(struct made *m, enum device_type type)
{
	*m = (struct made){ .e = ERR_INIT };
	forge_device_specs(&m->forged, type, m->specs, m->der);
}

static void finish(struct made *m)
{
	forge_chain_make(&m->forged, m->specs, X509_DEVICE_COUNT);
	forge_root_digest(&m->forged, m->root);
	m->pem = forge_pem(&m->forged);
	ck_assert_msg(
		x509_chain_parse(m->pem, strlen(m->pem), X509_DEVICE_COUNT, &m->chain, &m->e) == 0,
		"%s", m->e.msg);
}

static void judge(struct made *m)
{
	finish(m);
	ck_assert_int_eq(x509_chain_verify(m->chain, m->root, FORGE_NOW, &m->result, &m->e), 0);
}

static void done(struct made *m)
{
	x509_chain_free(m->chain);
	free(m->pem);
	forge_chain_done(&m->forged);
}

#define ck_assert_has(text, part) \
	ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text)

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
	struct made m;

	begin(&m, DEVICE_GPU);
	finish(&m);
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
	done(&m);
}
END_TEST

START_TEST(the_number_of_certificates_is_exact)
{
	struct made m;

	begin(&m, DEVICE_GPU);
	finish(&m);
	ck_assert(reads(m.pem, strlen(m.pem), 5));
	ck_assert(!reads(m.pem, strlen(m.pem), 4));
	ck_assert(!reads(strstr(m.pem + 1, "-----BEGIN"), strlen(strstr(m.pem + 1, "-----BEGIN")),
			 5));
	ck_assert(!reads("", 0, 5));
	ck_assert(!reads(m.pem, strlen(m.pem), 0));
	ck_assert(!reads(m.pem, strlen(m.pem), 6));
	done(&m);
}
END_TEST

/* Every 13th length, or all with LONG in the environment. */
START_TEST(a_chain_cut_off_anywhere_is_refused)
{
	struct made m;

	begin(&m, DEVICE_NVSWITCH);
	finish(&m);
	for (size_t n = 0; n + 1 < strlen(m.pem); n += getenv("LONG") ? 1 : 13) {
		/* A copy of its own, so that a read behind it is seen. */
		_cleanup_free_ char *part = xmalloc(n + 1);

		memcpy(part, m.pem, n);
		ck_assert_msg(!reads(part, n, 5), "%zu bytes", n);
	}
	done(&m);
}
END_TEST

START_TEST(a_certificate_that_is_not_der_is_refused)
{
	struct made m;
	struct cur ders[X509_DEVICE_COUNT];
	uint8_t *der[X509_DEVICE_COUNT] = { NULL };
	struct x509_chain *chain = NULL;

	begin(&m, DEVICE_GPU);
	finish(&m);
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
	done(&m);
}
END_TEST

/* --- judging ----------------------------------------------------------------------------------- */

START_TEST(a_good_chain_holds)
{
	struct made m;

	begin(&m, DEVICE_GPU);
	judge(&m);
	ck_assert_msg(m.result.chain_ok, "%s", m.result.chain_note);
	ck_assert_msg(m.result.time_ok, "%s", m.result.time_note);
	ck_assert_str_eq(m.result.chain_note, "");
	ck_assert_str_eq(m.result.time_note, "");
	ck_assert_int_eq(m.result.not_after, FORGE_UNTIL);
	ck_assert_str_eq(x509_common_name(m.chain, 1), "GH100 A01 GSP BROM");
	ck_assert_str_eq(x509_subject_serial(m.chain, 1), "412921CE551E4EEDA3");
	done(&m);
}
END_TEST

START_TEST(another_root_is_not_trusted)
{
	struct made m, other;
	X509_STORE *store = NULL;

	begin(&m, DEVICE_GPU);
	begin(&other, DEVICE_GPU);
	finish(&m);
	finish(&other);
	ck_assert_int_eq(x509_chain_verify(m.chain, other.root, FORGE_NOW, &m.result, &m.e), 0);
	ck_assert(!m.result.chain_ok);
	ck_assert_has(m.result.chain_note, "pinned root");
	ck_assert_int_eq(x509_chain_verify(m.chain, x509_device_root, FORGE_NOW, &m.result, &m.e),
			 0);
	ck_assert(!m.result.chain_ok);
	ck_assert_int_lt(x509_store(m.chain, other.root, FORGE_NOW, &store, &m.e), 0);
	ck_assert_ptr_null(store);
	done(&other);
	done(&m);
}
END_TEST

START_TEST(a_chain_late_by_one_certificate_is_bad_by_time_alone)
{
	struct made m;

	begin(&m, DEVICE_GPU);
	m.specs[2].from = FORGE_NOW - 2 * HOUR;
	m.specs[2].until = FORGE_NOW - HOUR;
	judge(&m);
	ck_assert_msg(m.result.chain_ok, "%s", m.result.chain_note);
	ck_assert(!m.result.time_ok);
	ck_assert_has(m.result.time_note, "certificate 2 \"Forged GH100 Provisioner ICA 1\"");
	ck_assert_has(m.result.time_note, "2026-11-21T23:00:00Z");
	ck_assert_int_eq(m.result.not_after, FORGE_NOW - HOUR);
	done(&m);
}
END_TEST

START_TEST(a_certificate_of_tomorrow_is_bad_by_time_alone)
{
	struct made m;

	begin(&m, DEVICE_GPU);
	m.specs[0].from = FORGE_NOW + HOUR;
	judge(&m);
	ck_assert(m.result.chain_ok);
	ck_assert(!m.result.time_ok);
	ck_assert_has(m.result.time_note, "certificate 0");
	done(&m);
}
END_TEST

START_TEST(validity_is_from_its_begin_up_to_its_end)
{
	struct made m;

	begin(&m, DEVICE_GPU);
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
	done(&m);
}
END_TEST

/* Judges the chain with its specs spoiled; it must fail as a chain, at any time. */
static void refused(struct made *m, const char *part)
{
	judge(m);
	ck_assert(!m->result.chain_ok);
	ck_assert(m->result.time_ok);
	ck_assert_has(m->result.chain_note, part);
	done(m);
}

START_TEST(another_curve_is_refused_at_every_place)
{
	for (size_t i = 0; i < X509_DEVICE_COUNT; i++) {
		struct made m;

		begin(&m, DEVICE_GPU);
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
		struct made m;

		begin(&m, DEVICE_GPU);
		m.specs[i].md = EVP_sha256();
		refused(&m, "SHA-384");
	}
}
END_TEST

START_TEST(an_issuer_that_is_no_ca_is_refused)
{
	for (size_t i = 1; i < X509_DEVICE_COUNT; i++) {
		struct made m;

		begin(&m, DEVICE_GPU);
		m.specs[i].not_ca = true;
		refused(&m, "certificate");
	}
}
END_TEST

START_TEST(a_leaf_for_anything_but_signatures_is_refused)
{
	struct made m;

	begin(&m, DEVICE_GPU);
	m.specs[0].key_usage = "critical,keyAgreement";
	refused(&m, "for signatures alone");
	begin(&m, DEVICE_GPU);
	m.specs[0].key_usage = "critical,digitalSignature,keyCertSign";
	refused(&m, "for signatures alone");
}
END_TEST

/* Swaps two certificates of a forged chain, or replaces one, before it becomes text. */
static bool holds_with(struct made *m, size_t i, X509 *x)
{
	X509 *kept = m->forged.certs[i];
	bool ok;

	m->forged.certs[i] = x;
	x509_chain_free(m->chain);
	free(m->pem);
	m->chain = NULL;
	m->pem = forge_pem(&m->forged);
	ck_assert_int_eq(x509_chain_parse(m->pem, strlen(m->pem), 5, &m->chain, &m->e), 0);
	ck_assert_int_eq(x509_chain_verify(m->chain, m->root, FORGE_NOW, &m->result, &m->e), 0);
	ok = m->result.chain_ok;
	m->forged.certs[i] = kept;
	return ok;
}

START_TEST(a_certificate_of_another_chain_breaks_it)
{
	struct made m, other;

	begin(&m, DEVICE_GPU);
	begin(&other, DEVICE_GPU);
	finish(&m);
	finish(&other);
	for (size_t i = 0; i < X509_DEVICE_COUNT; i++) {
		ck_assert(holds_with(&m, i, m.forged.certs[i]));
		ck_assert(!holds_with(&m, i, other.forged.certs[i]));
	}
	done(&other);
	done(&m);
}
END_TEST

START_TEST(certificates_out_of_order_are_refused)
{
	struct made m;
	X509 *second;

	begin(&m, DEVICE_GPU);
	finish(&m);
	second = m.forged.certs[1];
	m.forged.certs[1] = m.forged.certs[2];
	ck_assert(!holds_with(&m, 2, second));
	ck_assert_has(m.result.chain_note, "not in order");
	m.forged.certs[1] = second;
	done(&m);
}
END_TEST

START_TEST(a_certificate_left_out_and_another_doubled_is_refused)
{
	struct made m;

	begin(&m, DEVICE_GPU);
	finish(&m);
	ck_assert(!holds_with(&m, 2, m.forged.certs[3]));
	ck_assert(!holds_with(&m, 1, m.forged.certs[0]));
	done(&m);
}
END_TEST

START_TEST(a_changed_certificate_is_refused)
{
	struct made m;

	begin(&m, DEVICE_GPU);
	finish(&m);
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
	done(&m);
}
END_TEST

/* --- the device --------------------------------------------------------------------------------- */

START_TEST(a_gpu_is_not_a_switch)
{
	struct made gpu, nvswitch;
	uint64_t pdi = 0;

	begin(&gpu, DEVICE_GPU);
	begin(&nvswitch, DEVICE_NVSWITCH);
	finish(&gpu);
	finish(&nvswitch);
	ck_assert_int_eq(x509_device_check(gpu.chain, DEVICE_GPU, &gpu.e), 0);
	ck_assert_int_eq(x509_device_check(nvswitch.chain, DEVICE_NVSWITCH, &gpu.e), 0);
	ck_assert_int_lt(x509_device_check(gpu.chain, DEVICE_NVSWITCH, &gpu.e), 0);
	ck_assert_has(gpu.e.msg, "not a NVSwitch of architecture LS10");
	ck_assert_has(gpu.e.msg, "GH100 A01 GSP FMC LF");
	ck_assert_int_lt(x509_device_check(nvswitch.chain, DEVICE_GPU, &gpu.e), 0);
	ck_assert_int_eq(x509_device_pdi(gpu.chain, DEVICE_GPU, &pdi, &gpu.e), 0);
	ck_assert_uint_eq(pdi, FORGE_PDI);
	ck_assert_int_eq(x509_device_pdi(nvswitch.chain, DEVICE_NVSWITCH, &pdi, &gpu.e), 0);
	ck_assert_uint_eq(pdi, 0x666e93e19dec7d2d);
	ck_assert_int_lt(x509_device_pdi(gpu.chain, DEVICE_NVSWITCH, &pdi, &gpu.e), 0);
	done(&nvswitch);
	done(&gpu);
}
END_TEST

START_TEST(other_architectures_are_refused_by_name)
{
	static const char *const names[] = { "GB100 A01 GSP FMC LF", "GH100", "gh100 A01",
					     "xGH100 A01" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct made m;

		begin(&m, DEVICE_GPU);
		m.specs[i % 2].cn = names[i];
		finish(&m);
		ck_assert_int_lt(x509_device_check(m.chain, DEVICE_GPU, &m.e), 0);
		ck_assert_has(m.e.msg, names[i]);
		done(&m);
	}
}
END_TEST

START_TEST(a_serial_name_that_is_no_pdi_is_refused)
{
	static const char *const names[] = { NULL,
					     "41",
					     "412921CE551E4EED",
					     "412921CE551E4EEDA3A",
					     "412921CE551E4EEDAX",
					     "422921CE551E4EEDA3" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct made m;
		uint64_t pdi = 7;

		begin(&m, DEVICE_GPU);
		m.specs[1].serial_name = names[i];
		finish(&m);
		ck_assert_int_lt(x509_device_pdi(m.chain, DEVICE_GPU, &pdi, &m.e), 0);
		ck_assert_uint_eq(pdi, 7);
		done(&m);
	}
}
END_TEST

START_TEST(the_firmware_id_is_read_from_the_leaf)
{
	struct made m;
	uint8_t fwid[DIGEST_SHA384_SIZE], expected[DIGEST_SHA384_SIZE];

	memset(expected, FORGE_FWID, sizeof(expected));
	begin(&m, DEVICE_GPU);
	finish(&m);
	ck_assert_msg(x509_device_fwid(m.chain, fwid, &m.e) == 0, "%s", m.e.msg);
	ck_assert_mem_eq(fwid, expected, sizeof(fwid));
	done(&m);
}
END_TEST

static bool has_fwid(struct made *m)
{
	uint8_t fwid[DIGEST_SHA384_SIZE];
	bool has;

	finish(m);
	has = x509_device_fwid(m->chain, fwid, &m->e) == 0;
	done(m);
	return has;
}

/* The same after another leaf was issued from the specs, under the same keys. */
static bool has_fwid_again(struct made *m)
{
	uint8_t fwid[DIGEST_SHA384_SIZE];

	X509_free(m->forged.certs[0]);
	forge_issue(&m->forged, 0, &m->specs[0]);
	x509_chain_free(m->chain);
	free(m->pem);
	m->chain = NULL;
	m->pem = forge_pem(&m->forged);
	ck_assert_int_eq(x509_chain_parse(m->pem, strlen(m->pem), 5, &m->chain, &m->e), 0);
	return x509_device_fwid(m->chain, fwid, &m->e) == 0;
}

START_TEST(the_firmware_ids_extension_is_there_once)
{
	struct made m;

	begin(&m, DEVICE_GPU);
	m.specs[0].fwid_ext = NULL;
	ck_assert(!has_fwid(&m));
	begin(&m, DEVICE_GPU);
	m.specs[0].fwid_ext_times = 2;
	ck_assert(!has_fwid(&m));
}
END_TEST

START_TEST(the_firmware_ids_extension_changed_anywhere_is_refused)
{
	struct made m;
	size_t n;

	begin(&m, DEVICE_GPU);
	finish(&m);
	n = m.specs[0].fwid_ext_n;
	ck_assert_uint_gt(n, 100);
	/* The last 48 bytes are the firmware id itself: any value has the right form. */
	for (size_t i = 0; i < n; i++) {
		m.der[i] ^= 1;
		ck_assert_msg(has_fwid_again(&m) == (i >= n - DIGEST_SHA384_SIZE), "byte %zu", i);
		m.der[i] ^= 1;
	}
	done(&m);
}
END_TEST

START_TEST(the_firmware_ids_extension_ends_where_it_should)
{
	struct made m;
	size_t n;

	begin(&m, DEVICE_GPU);
	finish(&m);
	n = m.specs[0].fwid_ext_n;
	for (m.specs[0].fwid_ext_n = 1; m.specs[0].fwid_ext_n < n + 3; m.specs[0].fwid_ext_n++)
		ck_assert(has_fwid_again(&m) == (m.specs[0].fwid_ext_n == n));
	done(&m);
}
END_TEST

START_TEST(the_key_in_the_firmware_ids_extension_is_certificate_1s)
{
	struct made m;
	EVP_PKEY *other = EVP_EC_gen("P-384");

	begin(&m, DEVICE_GPU);
	forge_fwid_der(other, FORGE_FWID, m.der);
	ck_assert(!has_fwid(&m));
	ck_assert_has(m.e.msg, "not the key of certificate 1");
	EVP_PKEY_free(other);
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
      a_gpu_is_not_a_switch, other_architectures_are_refused_by_name,
      a_serial_name_that_is_no_pdi_is_refused, the_firmware_id_is_read_from_the_leaf,
      the_firmware_ids_extension_is_there_once,
      the_firmware_ids_extension_changed_anywhere_is_refused,
      the_firmware_ids_extension_ends_where_it_should,
      the_key_in_the_firmware_ids_extension_is_certificate_1s,
      every_real_chain_holds_and_equals_its_dump,
      the_pinned_digests_are_those_of_the_published_roots)
