#include "core/str.h"
#include "suite.h"
#include "trust/claims.h"

/* A device of which every check passed. */
static struct claims good(enum device_type type)
{
	struct claims_chain chain = { CHECK_PASSED, CHECK_PASSED, CHECK_PASSED,
				      253402300799, false,	  NULL };
	struct claims_rim rim = { CHECK_PASSED, CHECK_PASSED, CHECK_PASSED, CHECK_PASSED,
				  CHECK_PASSED, CHECK_PASSED, chain };

	return (struct claims){
		.type = type,
		.verdict = VERDICT_ACCEPTED,
		.arch = CHECK_PASSED,
		.parse = CHECK_PASSED,
		.nonce_match = CHECK_PASSED,
		.signature = CHECK_PASSED,
		.fwid = CHECK_PASSED,
		.driver_version = CHECK_PASSED,
		.vbios_version = CHECK_PASSED,
		.index_conflict = CHECK_PASSED,
		.measurements = CHECK_PASSED,
		.chain = chain,
		.rims = {rim, rim},
		.nonce = "4c",
		.driver = "590.12",
		.vbios = "96.00.A5.00.01",
		.hwmodel = "GH100 A01 GSP BROM",
		.ueid = "12",
		.oemid = "5703",
	};
}

/* A claim by its path, as JSON. Caller frees. */
static char *claim(const struct claims *c, const char *path)
{
	_cleanup_json_ struct json_object *o = claims_to_json(c);
	_cleanup_free_ char *key = xstrdup(path);
	char *sub = strchr(key, '/');
	struct json_object *at = o, *found;

	if (sub) {
		*sub++ = '\0';
		at = json_get(o, key);
		ck_assert_ptr_nonnull(at);
	}
	ck_assert_msg(json_object_object_get_ex(at, sub ? sub : key, &found), "there is no %s",
		      path);
	return xstrdup(json_object_to_json_string_ext(found, JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void expect(const struct claims *c, const char *path, const char *want)
{
	_cleanup_free_ char *found = claim(c, path);

	ck_assert_msg(str_eq(found, want), "%s is %s, expected %s", path, found, want);
}

static struct claims now; /* what the rows below point into */

static const struct {
	enum check_result *check;
	enum device_type type;
	const char *claim, *passed, *failed, *not_run;
} rows[] = {
#define BOOLEAN(field, type, name)                              \
	{                                                       \
		&now.field, type, name, "true", "false", "null" \
	}
#define GPU(field, name)    BOOLEAN(field, DEVICE_GPU, "x-nvidia-gpu-" name)
#define SWITCH(field, name) BOOLEAN(field, DEVICE_NVSWITCH, "x-nvidia-switch-" name)
#define CHAIN(field, bad, type, name)                                                    \
	{                                                                                \
		&now.field, type, name "/x-nvidia-cert-status", "\"valid\"", bad, "null" \
	}
#define OCSP(field, type, name)                                                                 \
	{                                                                                       \
		&now.field, type, name "/x-nvidia-cert-ocsp-status", "\"good\"", "\"unknown\"", \
			"null"                                                                  \
	}
#define RIM(i, each, name)                                                   \
	each(rims[i].fetch, name "-rim-fetched"),                            \
		each(rims[i].parse, name "-rim-schema-validated"),           \
		each(rims[i].parse, name "-rim-measurements-available"),     \
		each(rims[i].structure, name "-rim-schema-validated"),       \
		each(rims[i].structure, name "-rim-measurements-available"), \
		each(rims[i].profile, name "-rim-signature-verified"),       \
		each(rims[i].profile, name "-rim-measurements-available"),   \
		each(rims[i].signature, name "-rim-signature-verified"),     \
		each(rims[i].signature, name "-rim-measurements-available"), \
		each(rims[i].version, name "-rim-version-match")
#define CHAINS(field, type, name)                      \
	CHAIN(field.chain, "\"invalid\"", type, name), \
		CHAIN(field.time, "\"expired\"", type, name), OCSP(field.ocsp, type, name)
#define REPORT(each)                                                        \
	each(arch, "arch-check"), each(parse, "attestation-report-parsed"), \
		each(nonce_match, "attestation-report-nonce-match"),        \
		each(signature, "attestation-report-signature-verified"),   \
		each(fwid, "attestation-report-cert-chain-fwid-match")
	REPORT(GPU),
	REPORT(SWITCH),
	RIM(0, GPU, "driver"),
	RIM(1, GPU, "vbios"),
	RIM(0, SWITCH, "bios"),
	GPU(index_conflict, "vbios-index-no-conflict"),
	CHAINS(chain, DEVICE_GPU, "x-nvidia-gpu-attestation-report-cert-chain"),
	CHAINS(rims[0].chain, DEVICE_GPU, "x-nvidia-gpu-driver-rim-cert-chain"),
	CHAINS(rims[1].chain, DEVICE_GPU, "x-nvidia-gpu-vbios-rim-cert-chain"),
	CHAINS(chain, DEVICE_NVSWITCH, "x-nvidia-switch-attestation-report-cert-chain"),
	CHAINS(rims[0].chain, DEVICE_NVSWITCH, "x-nvidia-switch-bios-rim-cert-chain"),
	{&now.measurements,    DEVICE_GPU,	 "measres",			    "\"success\"",	   "\"fail\"", "null"},
	{ &now.signature,	  DEVICE_GPU,      "x-nvidia-gpu-driver-version",  "\"590.12\"",	   "null",	   "null"},
	{ &now.signature,	  DEVICE_GPU,      "x-nvidia-gpu-vbios-version",   "\"96.00.A5.00.01\"", "null",
					  "null"													 },
	{ &now.signature,	  DEVICE_NVSWITCH, "x-nvidia-switch-bios-version", "\"96.00.A5.00.01\"",
					  "null",												  "null"},
	{ &now.driver_version, DEVICE_GPU,	   "x-nvidia-gpu-driver-version",  "\"590.12\"",		"null",
					  "null"													 },
	{ &now.vbios_version,  DEVICE_GPU,	  "x-nvidia-gpu-vbios-version",	"\"96.00.A5.00.01\"",
					  "null",												  "null"},
	{ &now.vbios_version,  DEVICE_NVSWITCH, "x-nvidia-switch-bios-version", "\"96.00.A5.00.01\"",
					  "null",												  "null"},
};

START_TEST(each_claim_flips_with_its_check)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		now = good(rows[i].type);
		expect(&now, rows[i].claim, rows[i].passed);
		*rows[i].check = CHECK_FAILED;
		expect(&now, rows[i].claim, rows[i].failed);
		*rows[i].check = CHECK_NOT_RUN;
		expect(&now, rows[i].claim, rows[i].not_run);
	}
}
END_TEST

/* Whether some row says that the check is the claim's. */
static bool is_of(const enum check_result *check, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].check == check && str_eq(rows[i].claim, name))
			return true;
	return false;
}

START_TEST(no_other_claim_flips_with_it)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		now = good(rows[i].type);
		*rows[i].check = CHECK_FAILED;
		for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
			if (rows[k].type == rows[i].type && !is_of(rows[i].check, rows[k].claim))
				expect(&now, rows[k].claim, rows[k].passed);
	}
}
END_TEST

START_TEST(a_manifest_that_was_not_had_is_not_fetched)
{
	now = good(DEVICE_GPU);
	now.rims[1].fetch = CHECK_UNKNOWN;
	expect(&now, "x-nvidia-gpu-vbios-rim-fetched", "false");
	expect(&now, "x-nvidia-gpu-driver-rim-fetched", "true");
}
END_TEST

START_TEST(secure_boot_is_claimed_of_an_accepted_device_only)
{
	now = good(DEVICE_GPU);
	expect(&now, "secboot", "true");
	expect(&now, "dbgstat", "\"disabled\"");
	now.devtools = true;
	expect(&now, "dbgstat", "\"enabled\"");
	now.verdict = VERDICT_UNKNOWN;
	expect(&now, "secboot", "null");
	expect(&now, "dbgstat", "null");
}
END_TEST

START_TEST(a_revocation_is_claimed_with_its_reason)
{
	now = good(DEVICE_GPU);
	now.rims[0].chain.revoked = true;
	now.rims[0].chain.ocsp = CHECK_FAILED;
	now.rims[0].chain.reason = "keyCompromise";
#define DRIVER_CHAIN "x-nvidia-gpu-driver-rim-cert-chain/x-nvidia-cert-"
	expect(&now, DRIVER_CHAIN "status", "\"revoked\"");
	expect(&now, DRIVER_CHAIN "ocsp-status", "\"revoked\"");
	expect(&now, DRIVER_CHAIN "revocation-reason", "\"keyCompromise\"");
	expect(&now, DRIVER_CHAIN "expiration-date", "\"9999-12-31T23:59:59Z\"");
	/* On hold, and allowed. */
	now.rims[0].chain.ocsp = CHECK_PASSED;
	expect(&now, DRIVER_CHAIN "status", "\"valid\"");
	expect(&now, DRIVER_CHAIN "ocsp-status", "\"revoked\"");
	now.rims[0].chain.revoked = false;
	now.rims[0].chain.ocsp = CHECK_SKIPPED;
	expect(&now, DRIVER_CHAIN "ocsp-status", "null");
}
END_TEST

START_TEST(a_version_that_nobody_signed_is_not_claimed)
{
	now = good(DEVICE_GPU);
	now.signature = CHECK_FAILED;
	expect(&now, "x-nvidia-gpu-driver-version", "null");
	expect(&now, "x-nvidia-gpu-vbios-version", "null");
}
END_TEST

SUITE("claims", each_claim_flips_with_its_check, no_other_claim_flips_with_it,
      a_manifest_that_was_not_had_is_not_fetched, secure_boot_is_claimed_of_an_accepted_device_only,
      a_revocation_is_claimed_with_its_reason, a_version_that_nobody_signed_is_not_claimed)
