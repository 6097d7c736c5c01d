#include "trust/spdm.h"

#include "evidence.h"
#include "fixture.h"
#include "forge.h"
#include "suite.h"
#include "trust/opaque.h"

#define RECORD	45 /* the first byte of the measurement record */
#define BLOCK	55
#define GPU_END (RECORD + 64 * BLOCK) /* the responder's nonce follows */

static EVP_PKEY *leaf;
static uint8_t nonce[SPDM_NONCE_SIZE];

static void make_leaf(void)
{
	leaf = EVP_EC_gen("P-384");
	memset(nonce, 0x4e, sizeof(nonce));
}

static void drop_leaf(void)
{
	EVP_PKEY_free(leaf);
}

static void good(struct forge_bytes *b, enum device_type type)
{
	forge_report(b, type, leaf, &(struct forge_report){ .blocks = 0 });
}

static bool parses(const struct forge_bytes *b, struct err *e)
{
	struct spdm_report r;

	return spdm_parse(b->v, b->n, &r, e) == 0;
}

/* --- the report -------------------------------------------------------------------------------- */

START_TEST(a_gpus_report_is_read_whole)
{
	struct forge_bytes b;
	struct spdm_report r;
	struct err e = ERR_INIT;

	good(&b, DEVICE_GPU);
	ck_assert_msg(spdm_parse(b.v, b.n, &r, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(r.values_n, 64);
	ck_assert(r.values[0].present && r.values[63].present);
	ck_assert_uint_eq(r.values[0].bytes[0], 0xc1); /* RIM index 0 is SPDM index 1 */
	ck_assert_uint_eq(r.values[62].bytes[47], 0xff);
	ck_assert_uint_eq(r.responder_nonce[0], 0x52);
	ck_assert(spdm_nonce_is(&r, nonce));
	ck_assert(spdm_signed_by(&r, leaf));
	ck_assert_uint_eq(r.opaque.n + GPU_END + 34 + 96, b.n);
}
END_TEST

START_TEST(a_switchs_report_is_read_whole)
{
	struct forge_bytes b;
	struct spdm_report r;
	struct err e = ERR_INIT;

	good(&b, DEVICE_NVSWITCH);
	ck_assert_msg(spdm_parse(b.v, b.n, &r, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(r.values_n, 31);
	ck_assert(r.values[30].present);
	ck_assert(!r.values[31].present);
	ck_assert(spdm_signed_by(&r, leaf));
}
END_TEST

START_TEST(blocks_may_come_in_any_order)
{
	struct forge_bytes b;
	struct spdm_report r;
	struct err e = ERR_INIT;

	good(&b, DEVICE_GPU);
	b.v[RECORD] = 64;
	b.v[RECORD + 63 * BLOCK] = 1;
	ck_assert_int_eq(spdm_parse(b.v, b.n, &r, &e), 0);
	ck_assert_uint_eq(r.values[63].bytes[0], 0xc1);
}
END_TEST

START_TEST(another_nonce_is_told)
{
	struct forge_bytes b;
	struct spdm_report r;
	struct err e = ERR_INIT;

	good(&b, DEVICE_GPU);
	ck_assert_int_eq(spdm_parse(b.v, b.n, &r, &e), 0);
	nonce[31] ^= 1;
	ck_assert(!spdm_nonce_is(&r, nonce));
	/* The responder's nonce is no substitute. */
	ck_assert(!spdm_nonce_is(&r, r.responder_nonce));
}
END_TEST

START_TEST(another_key_did_not_sign_it)
{
	struct forge_bytes b;
	struct spdm_report r;
	struct err e = ERR_INIT;
	EVP_PKEY *other = EVP_EC_gen("P-384");

	good(&b, DEVICE_GPU);
	ck_assert_int_eq(spdm_parse(b.v, b.n, &r, &e), 0);
	ck_assert(spdm_signed_by(&r, leaf));
	ck_assert(!spdm_signed_by(&r, other));
	ck_assert(!spdm_signed_by(&r, NULL));
	EVP_PKEY_free(other);
}
END_TEST

START_TEST(a_key_on_another_curve_signs_nothing)
{
	struct forge_bytes b;
	struct spdm_report r;
	struct err e = ERR_INIT;
	EVP_PKEY *small = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(2048);

	/* P-256 numbers fit the fixed width, so only the rule about the curve refuses them. */
	forge_report(&b, DEVICE_GPU, small, &(struct forge_report){ .blocks = 0 });
	ck_assert_int_eq(spdm_parse(b.v, b.n, &r, &e), 0);
	ck_assert(!spdm_signed_by(&r, small));
	ck_assert(!spdm_signed_by(&r, rsa));
	EVP_PKEY_free(small);
	EVP_PKEY_free(rsa);
}
END_TEST

START_TEST(a_signature_of_nothing_is_refused)
{
	struct forge_bytes b;
	struct spdm_report r;
	struct err e = ERR_INIT;

	good(&b, DEVICE_GPU);
	memset(b.v + b.n - 96, 0, 96);
	ck_assert_int_eq(spdm_parse(b.v, b.n, &r, &e), 0);
	ck_assert(!spdm_signed_by(&r, leaf));
	memset(b.v + b.n - 96, 0xff, 96);
	ck_assert_int_eq(spdm_parse(b.v, b.n, &r, &e), 0);
	ck_assert(!spdm_signed_by(&r, leaf));
}
END_TEST

START_TEST(every_fixed_byte_is_required)
{
	/* Of the request, of the response, and of a block. */
	static const size_t at[] = { 0,		 1,	     2,		 3,	     36,
				     37,	 38,	     39,	 40,	     41,
				     42,	 43,	     44,	 RECORD,     RECORD + 1,
				     RECORD + 2, RECORD + 3, RECORD + 4, RECORD + 5, RECORD + 6 };
	struct forge_bytes b;
	struct err e = ERR_INIT;

	good(&b, DEVICE_GPU);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			b.v[at[i]] ^= (uint8_t)(1u << bit);
			ck_assert_msg(!parses(&b, &e), "byte %zu bit %u", at[i], bit);
			b.v[at[i]] ^= (uint8_t)(1u << bit);
		}
	ck_assert(parses(&b, &e));
}
END_TEST

START_TEST(an_index_of_zero_or_twice_or_too_high_is_refused)
{
	struct forge_bytes b;
	struct err e = ERR_INIT;

	good(&b, DEVICE_GPU);
	b.v[RECORD + 3 * BLOCK] = 0;
	ck_assert(!parses(&b, &e));
	ck_assert_has(e.msg, "index 0");
	b.v[RECORD + 3 * BLOCK] = 65;
	ck_assert(!parses(&b, &e));
	ck_assert_has(e.msg, "index 65");
	b.v[RECORD + 3 * BLOCK] = 10;
	ck_assert(!parses(&b, &e));
	ck_assert_has(e.msg, "index 10 comes twice");
}
END_TEST

START_TEST(a_count_that_does_not_fit_its_record_is_refused)
{
	struct forge_bytes b;
	struct err e = ERR_INIT;

	good(&b, DEVICE_NVSWITCH);
	b.v[41] = 30;
	ck_assert(!parses(&b, &e));
	ck_assert_has(e.msg, "55 bytes are left");
	b.v[41] = 32;
	ck_assert(!parses(&b, &e));
	b.v[41] = 0;
	ck_assert(!parses(&b, &e));
	b.v[41] = 31;
	ck_assert(parses(&b, &e));
}
END_TEST

START_TEST(a_report_without_measurements_is_refused)
{
	struct forge_bytes b;
	struct err e = ERR_INIT;

	good(&b, DEVICE_GPU);
	memmove(b.v + RECORD, b.v + GPU_END, b.n - GPU_END);
	b.n -= 64 * BLOCK;
	memset(b.v + 41, 0, 4);
	ck_assert(!parses(&b, &e));
}
END_TEST

START_TEST(bytes_left_over_are_refused)
{
	struct forge_bytes b;
	struct err e = ERR_INIT;

	good(&b, DEVICE_GPU);
	b.v[b.n++] = 0;
	ck_assert(!parses(&b, &e));
	ck_assert_has(e.msg, "left after its signature");
	b.n = SPDM_REPORT_MAX + 1;
	ck_assert(!parses(&b, &e));
	ck_assert_ptr_eq(e.kind, &ERR_TOO_LARGE);
}
END_TEST

/* --- any change --------------------------------------------------------------------------------- */

/* Whether anything at all is accepted: the parse, the signature, the nonce, the opaque data. */
static bool accepted(const uint8_t *bytes, size_t n, enum device_type type, EVP_PKEY *key,
		     const uint8_t expected[SPDM_NONCE_SIZE])
{
	/* A copy of its own, so that a read behind it is seen. */
	_cleanup_free_ uint8_t *copy = xmalloc(n + (n == 0));
	struct spdm_report r;
	struct opaque o;
	struct err e = ERR_INIT;
	bool opaque;

	memcpy(copy, bytes, n);
	if (spdm_parse(copy, n, &r, &e) < 0)
		return false;
	opaque = opaque_parse(r.opaque, type, &o, &e) == 0;
	return spdm_signed_by(&r, key) && spdm_nonce_is(&r, expected) && opaque;
}

static void survives_no_change(uint8_t *bytes, size_t n, enum device_type type, EVP_PKEY *key,
			       const uint8_t expected[SPDM_NONCE_SIZE])
{
	size_t step = getenv("LONG") ? 1 : 16;

	ck_assert(accepted(bytes, n, type, key, expected));
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(!accepted(bytes, i, type, key, expected), "cut off after %zu", i);
	for (size_t i = 0; i < n; i += step) {
		bytes[i] ^= 1;
		ck_assert_msg(!accepted(bytes, n, type, key, expected), "byte %zu", i);
		bytes[i] ^= 1;
	}
}

/* Every 16th byte, or all with LONG in the environment; every length always. */
START_TEST(a_report_changed_or_cut_off_anywhere_is_refused)
{
	struct forge_bytes b;

	good(&b, DEVICE_GPU);
	survives_no_change(b.v, b.n, DEVICE_GPU, leaf, nonce);
	good(&b, DEVICE_NVSWITCH);
	survives_no_change(b.v, b.n, DEVICE_NVSWITCH, leaf, nonce);
}
END_TEST

/* --- the real ones ------------------------------------------------------------------------------ */

static void same_blocks(const struct spdm_report *r, struct json_object *blocks)
{
	ck_assert_uint_eq(r->values_n, json_count(blocks));
	for (size_t i = 0; i < json_count(blocks); i++) {
		struct json_object *block = json_item(blocks, i);
		int64_t index = json_int(block, "rim_index", -1);

		ck_assert(index >= 0 && index < SPDM_BLOCKS_MAX && r->values[index].present);
		ck_assert(evidence_same(r->values[index].bytes, SPDM_VALUE_SIZE,
					json_str(block, "value", "")));
	}
}

static void same_fields(const struct opaque *o, struct json_object *fields)
{
	ck_assert_uint_eq(o->fields_n, json_count(fields));
	for (size_t i = 0; i < o->fields_n; i++) {
		struct json_object *field = json_item(fields, i);

		ck_assert_int_eq(o->fields[i].id, json_int(field, "type", -1));
		if (o->fields[i].name)
			ck_assert_str_eq(o->fields[i].name, json_str(field, "name", ""));
		ck_assert_uint_eq(o->fields[i].value.n, (size_t)json_int(field, "length", -1));
		ck_assert(evidence_same(o->fields[i].value.p, o->fields[i].value.n,
					json_str(field, "value", "")));
	}
}

static uint64_t pdi_at(struct json_object *list, size_t i)
{
	return strtoull(json_object_get_string(json_item(list, i)), NULL, 16);
}

static void same_gpus(const struct opaque *o, struct json_object *expected)
{
	ck_assert_uint_eq(o->gpus_n, json_count(expected));
	for (size_t i = 0; i < o->gpus_n; i++)
		ck_assert_uint_eq(o->gpus[i], pdi_at(expected, i));
}

/* Both ways: each switch of the dump is at a link, and each link that is used leads to one. */
static void same_links(const struct opaque *o, struct json_object *expected)
{
	bool seen[OPAQUE_LINKS] = { false };

	for (size_t i = 0; i < o->links_n; i++) {
		bool known = o->links[i] == 0;

		for (size_t j = 0; j < json_count(expected); j++)
			if (o->links[i] == pdi_at(expected, j))
				known = seen[j] = true;
		ck_assert(known);
	}
	for (size_t j = 0; j < json_count(expected); j++)
		ck_assert(seen[j]);
}

static void same_derived(const struct opaque *o, enum device_type type, struct json_object *derived)
{
	struct json_object *counts = json_get(derived, "msrscnt");
	const char *fwid = json_str(derived, "fwid", NULL);

	ck_assert_str_eq(
		o->vbios_version,
		json_str(derived, type == DEVICE_GPU ? "vbios_version" : "bios_version", ""));
	ck_assert_str_eq(o->driver_version, json_str(derived, "driver_version", ""));
	ck_assert_str_eq(o->chip_sku, json_str(derived, "chip_sku", ""));
	ck_assert_str_eq(o->project, json_str(derived, "project", ""));
	ck_assert_str_eq(o->project_sku, json_str(derived, "project_sku", ""));
	ck_assert(o->has_fwid == (fwid != NULL));
	ck_assert(!fwid || evidence_same(o->fwid, sizeof(o->fwid), fwid));
	ck_assert_uint_eq(o->counts_n, json_count(counts));
	for (size_t i = 0; i < o->counts_n; i++)
		ck_assert_int_eq(o->counts[i], json_object_get_int64(json_item(counts, i)));
	if (o->has_version)
		ck_assert_int_eq(o->version, json_int(derived, "opaque_data_version", -1));
	if (type == DEVICE_NVSWITCH)
		ck_assert_uint_eq(o->pdi, strtoull(json_str(derived, "device_pdi", ""), NULL, 16));
	same_gpus(o, json_get(derived, "gpu_pdis"));
	same_links(o, json_get(derived, "switch_pdis_unique_nonzero"));
}

static void judge_real(const struct evidence *v, size_t *bad)
{
	_cleanup_(x509_chain_free_p) struct x509_chain *chain = NULL;
	struct json_object *request = json_get(v->decoded, "request");
	struct json_object *response = json_get(v->decoded, "response");
	struct spdm_report r;
	struct opaque o;
	struct err e = ERR_INIT;
	bool expected = json_flag(json_get(v->decoded, "verdict"), "report_signature_valid", false);

	ck_assert_msg(spdm_parse(v->report, v->report_n, &r, &e) == 0, "%s: %s", v->name, e.msg);
	ck_assert_msg(opaque_parse(r.opaque, v->type, &o, &e) == 0, "%s: %s", v->name, e.msg);
	ck_assert(evidence_same(r.nonce, sizeof(r.nonce), json_str(request, "nonce", "")));
	ck_assert(
		evidence_same(r.responder_nonce, sizeof(r.nonce), json_str(response, "nonce", "")));
	ck_assert(evidence_same(r.signature, sizeof(r.signature),
				json_str(response, "signature", "")));
	same_blocks(&r, json_get(response, "blocks"));
	same_fields(&o, json_get(response, "opaque"));
	same_derived(&o, v->type, json_get(v->decoded, "derived"));
	ck_assert_msg(x509_chain_parse(v->pem, v->pem_n, 5, &chain, &e) == 0, "%s", e.msg);
	ck_assert_msg(spdm_signed_by(&r, x509_key(chain, 0)) == expected, "%s", v->name);
	ck_assert(expected || strstr(v->name, "invalid_signature"));
	*bad += !expected;
}

START_TEST(every_real_report_equals_its_dump)
{
	struct evidence v[EVIDENCE_MAX];
	size_t n = evidence_load(v), bad = 0;

	for (size_t i = 0; i < n; i++)
		judge_real(&v[i], &bad);
	ck_assert_uint_eq(bad, n > 0 ? 2 : 0);
	evidence_free(v, n);
}
END_TEST

START_TEST(a_real_report_changed_or_cut_off_anywhere_is_refused)
{
	struct evidence v[EVIDENCE_MAX];
	size_t n = evidence_load(v);
	bool seen[2] = { false, false };

	for (size_t i = 0; i < n; i++) {
		_cleanup_(x509_chain_free_p) struct x509_chain *chain = NULL;
		struct spdm_report r;
		struct err e = ERR_INIT;

		if (seen[v[i].type] || !strstr(v[i].name, "ppcie"))
			continue;
		seen[v[i].type] = true;
		ck_assert_int_eq(x509_chain_parse(v[i].pem, v[i].pem_n, 5, &chain, &e), 0);
		ck_assert_int_eq(spdm_parse(v[i].report, v[i].report_n, &r, &e), 0);
		survives_no_change(v[i].report, v[i].report_n, v[i].type, x509_key(chain, 0),
				   r.nonce);
	}
	ck_assert(n == 0 || (seen[0] && seen[1]));
	evidence_free(v, n);
}
END_TEST

SUITE_AROUND("spdm", make_leaf, drop_leaf, a_gpus_report_is_read_whole,
	     a_switchs_report_is_read_whole, blocks_may_come_in_any_order, another_nonce_is_told,
	     another_key_did_not_sign_it, a_key_on_another_curve_signs_nothing,
	     a_signature_of_nothing_is_refused, every_fixed_byte_is_required,
	     an_index_of_zero_or_twice_or_too_high_is_refused,
	     a_count_that_does_not_fit_its_record_is_refused,
	     a_report_without_measurements_is_refused, bytes_left_over_are_refused,
	     a_report_changed_or_cut_off_anywhere_is_refused, every_real_report_equals_its_dump,
	     a_real_report_changed_or_cut_off_anywhere_is_refused)
