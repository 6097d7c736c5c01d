/* Manifests byte by byte, and the real ones. */
#include <glob.h>

#include "evidence.h"
#include "forge_rim.h"
#include "suite.h"
#include "trust/rim_content.h"
#include "trust/xmlsig.h"

static struct forge_chain chain;
static uint8_t root[DIGEST_SHA256_SIZE];

static void start(void)
{
	forge_rim_chain(&chain, RIM_GPU_DRIVER);
	forge_root_digest(&chain, root);
}

static void stop(void)
{
	forge_chain_done(&chain);
}

static struct rim *judge_bytes(enum rim_kind kind, const void *data, size_t n, time_t at)
{
	struct err e = ERR_INIT;
	struct rim *rim = NULL;

	ck_assert_msg(rim_judge(kind, data, n, root, at, &rim, &e) == 0, "%s", e.msg);
	return rim;
}

static size_t step(void)
{
	return str_eq(getenv("LONG"), "1") ? 1 : 16;
}

/* All that rim_judge() does but the chain, which takes most of its time. */
static bool still_signed(enum rim_kind kind, const char *text, size_t n, EVP_PKEY *key)
{
	_cleanup_(xmlFreeDoc_p) xmlDoc *doc = NULL;
	_cleanup_(xmlsig_free_p) struct xmlsig *sig = NULL;
	struct rim_content content;

	return xmldoc_load(text, n, RIM_BYTES_MAX, &doc, NULL) == 0 &&
	       xmlsig_detach(doc, &sig, NULL) == 0 &&
	       rim_content_read(kind, doc, true, &content, NULL) == 0 &&
	       xmlsig_verify(sig, key, NULL) == 0;
}

/* Every byte but those of KeyInfo, which nothing signs but its own issuers. */
static void every_byte_counts(enum rim_kind kind, const char *text, time_t at)
{
	size_t n = strlen(text), end = (size_t)(strrchr(text, '>') - text);
	size_t from = (size_t)(strstr(text, "<ds:X509Certificate>") - text);
	size_t to = (size_t)(strstr(text, "</ds:X509Data>") - text);
	_cleanup_free_ char *copy = xstrdup(text);
	_cleanup_(rim_free_p) struct rim *good = judge_bytes(kind, text, n, at);
	EVP_PKEY *key = x509_key(good->chain, 0);

	ck_assert(rim_passed(good) && still_signed(kind, text, n, key));
	for (size_t i = 0; i <= end; i += step()) {
		if (i >= from && i < to)
			continue;
		copy[i] ^= 1;
		ck_assert_msg(!still_signed(kind, copy, n, key), "byte %zu may be changed", i);
		if (i % 256 == 0) {
			struct rim *rim = judge_bytes(kind, copy, n, at);

			ck_assert_msg(!rim_passed(rim), "byte %zu may be changed", i);
			rim_free(rim);
		}
		copy[i] ^= 1;
	}
}

/* In KeyInfo too, no changed byte may change what is accepted: the chain is another or the very same. */
static void certificates_count(enum rim_kind kind, const char *text, time_t at)
{
	size_t n = strlen(text);
	size_t from = (size_t)(strstr(text, "<ds:X509Certificate>") - text);
	size_t to = (size_t)(strstr(text, "</ds:X509Data>") - text);
	_cleanup_free_ char *copy = xstrdup(text);

	for (size_t i = from; i < to; i += step()) {
		struct rim *rim;

		copy[i] ^= 1;
		rim = judge_bytes(kind, copy, n, at);
		ck_assert_msg(!rim_passed(rim), "byte %zu of a certificate may be changed", i);
		rim_free(rim);
		copy[i] ^= 1;
	}
}

static void every_length_counts(enum rim_kind kind, const char *text, time_t at)
{
	size_t end = (size_t)(strrchr(text, '>') - text);

	for (size_t i = 0; i <= end; i += step()) {
		_cleanup_free_ char *cut = xmalloc(i + 1); /* of its own, for the sanitizers */
		struct rim *rim;

		memcpy(cut, text, i);
		rim = judge_bytes(kind, cut, i, at);
		ck_assert_msg(rim->findings[RIM_PARSE].result == CHECK_FAILED,
			      "%zu bytes are enough", i);
		rim_free(rim);
	}
}

START_TEST(no_byte_of_a_manifest_can_be_changed)
{
	struct forge_rim spec = { .chain = &chain };
	_cleanup_free_ char *text = forge_rim(&spec);

	every_byte_counts(RIM_GPU_DRIVER, text, FORGE_NOW);
	certificates_count(RIM_GPU_DRIVER, text, FORGE_NOW);
}
END_TEST

START_TEST(no_manifest_can_be_cut_short)
{
	struct forge_rim spec = { .chain = &chain };
	_cleanup_free_ char *text = forge_rim(&spec);

	every_length_counts(RIM_GPU_DRIVER, text, FORGE_NOW);
}
END_TEST

/* --- real manifests ----------------------------------------------------------------------------- */

#define JUNE_2024 1717243200 /* 2024-06-01T12:00:00Z */

/* What evidence/README.md says of each; all others are good but for the time. */
static const struct expected {
	const char *file;
	bool structure, signature, chain;
	time_t good_at; /* a time at which the chain is valid */
} exceptions[] = {
	{"NV_GPU_DRIVER_GH100_535.86.09_measurement_mismatch.xml",	    true,  false, true,  FORGE_NOW },
	{ "NV_GPU_DRIVER_GH100_550.144.03.xml",				true,  true,  true,  FORGE_NOW },
	{ "NV_GPU_DRIVER_GH100_570.124.03_expired.xml",			true,  false, true,  1735732800},
	{ "NV_SWITCH_BIOS_5612_0002_890_9610550001.xml",			 true,  true,  true,  FORGE_NOW },
	{ "NV_SWITCH_BIOS_5612_0002_890_9610550001_invalid_signature.xml",	   true,	 false, true,
	  JUNE_2024											   },
	{ "NV_SWITCH_BIOS_5612_0002_890_9610550001_measurement_mismatch.xml", false, false, true,
	  JUNE_2024											   },
	{ "incorrect_cert_chain_driver_rim.xml",				 false, true,  false, FORGE_NOW },
	{ "incorrect_signature_driver_rim.xml",				true,  false, true,  FORGE_NOW },
};

static struct expected expectation(const char *file)
{
	for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++)
		if (str_eq(exceptions[i].file, file))
			return exceptions[i];
	return (struct expected){ file, true, true, true, JUNE_2024 };
}

static enum rim_kind kind_of(const char *file)
{
	return strstr(file, "SWITCH") ? RIM_SWITCH_BIOS
	       : strstr(file, "driver") || strstr(file, "Driver") || strstr(file, "DRIVER")
		       ? RIM_GPU_DRIVER
		       : RIM_GPU_VBIOS;
}

static bool passed(const struct rim *rim, enum rim_stage stage)
{
	return rim->findings[stage].result == CHECK_PASSED;
}

static unsigned int active_values(const struct rim *rim)
{
	unsigned int n = 0;

	for (size_t i = 0; i < RIM_VALUES; i++)
		n += rim->content.values[i].active;
	return n;
}

static void real_file_is_as_expected(const char *part)
{
	const char *file = strrchr(part, '/') + 1;
	const struct expected want = expectation(file);
	size_t n = 0;
	_cleanup_free_ char *text = evidence_text(part, &n);
	_cleanup_(rim_free_p) struct rim *then = NULL, *late = NULL;

	memcpy(root, x509_rim_root, sizeof(root));
	then = judge_bytes(kind_of(file), text, n, want.good_at);
	ck_assert_msg(passed(then, RIM_PARSE) && passed(then, RIM_PROFILE), "%s", file);
	ck_assert_msg(passed(then, RIM_STRUCTURE) == want.structure, "%s: %s", file,
		      then->findings[RIM_STRUCTURE].note);
	ck_assert_msg(passed(then, RIM_SIGNATURE) == want.signature, "%s: %s", file,
		      then->findings[RIM_SIGNATURE].note);
	ck_assert_msg(passed(then, RIM_CHAIN) == want.chain, "%s: %s", file,
		      then->findings[RIM_CHAIN].note);
	ck_assert_msg(passed(then, RIM_CHAIN_TIME), "%s: %s", file,
		      then->findings[RIM_CHAIN_TIME].note);
	late = judge_bytes(kind_of(file), text, n, FORGE_NOW);
	ck_assert_msg(passed(late, RIM_CHAIN) == want.chain, "%s: %s", file,
		      late->findings[RIM_CHAIN].note);
	ck_assert_msg(passed(late, RIM_CHAIN_TIME) == (want.good_at == FORGE_NOW), "%s", file);
	if (want.structure && !strstr(file, "535.86.09"))
		ck_assert_uint_eq(active_values(then), kind_of(file) == RIM_GPU_DRIVER	? 21
						       : kind_of(file) == RIM_GPU_VBIOS ? 12
											: 31);
}

START_TEST(all_real_manifests_are_judged_as_documented)
{
	_cleanup_free_ char *pattern = evidence_path("rims/*/*");
	_cleanup_free_ char *base = evidence_path("");
	glob_t found = { 0 };

	if (!evidence_present())
		return;
	ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
	ck_assert_uint_eq(found.gl_pathc, 36);
	for (size_t i = 0; i < found.gl_pathc; i++)
		real_file_is_as_expected(found.gl_pathv[i] + strlen(base));
	globfree(&found);
}
END_TEST

START_TEST(no_byte_of_a_real_manifest_can_be_changed)
{
	_cleanup_free_ char *text = NULL;

	if (!evidence_present())
		return;
	text = evidence_text("rims/driver/NV_GPU_DRIVER_GH100_550.144.03.xml", NULL);
	memcpy(root, x509_rim_root, sizeof(root));
	every_byte_counts(RIM_GPU_DRIVER, text, FORGE_NOW);
	every_length_counts(RIM_GPU_DRIVER, text, FORGE_NOW);
}
END_TEST

SUITE_AROUND("rim_bytes", start, stop, no_byte_of_a_manifest_can_be_changed,
	     no_manifest_can_be_cut_short, all_real_manifests_are_judged_as_documented,
	     no_byte_of_a_real_manifest_can_be_changed)
