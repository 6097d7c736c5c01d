#include "forge_rim.h"
#include "suite.h"

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

static struct rim *judge(enum rim_kind kind, const char *text)
{
	return judge_bytes(kind, text, strlen(text), FORGE_NOW);
}

/* The manifest must fail at that stage, with those words. */
#define ck_assert_fails(rim, stage, words)                                               \
	do {                                                                             \
		ck_assert_msg((rim)->findings[stage].result == CHECK_FAILED, "%s is %s", \
			      rim_stage_name(stage),                                     \
			      check_result_name((rim)->findings[stage].result));         \
		ck_assert_msg(strstr((rim)->findings[stage].note, words), "%s: %s",      \
			      rim_stage_name(stage), (rim)->findings[stage].note);       \
	} while (0)

#define ck_assert_passes(rim, stage)                                           \
	ck_assert_msg((rim)->findings[stage].result == CHECK_PASSED, "%s: %s", \
		      rim_stage_name(stage), (rim)->findings[stage].note)

static void all_pass(const struct rim *rim)
{
	for (enum rim_stage s = 0; s < RIM_STAGES; s++)
		ck_assert_passes(rim, s);
	ck_assert(rim_passed(rim));
}

/* Signed by the right key after the edit: only its structure is wrong. */
static void structure_refused(const char *from, const char *to, const char *words)
{
	struct forge_rim spec = {
		.chain = &chain, .body = {from, to}
	};
	_cleanup_free_ char *text = forge_rim(&spec);
	_cleanup_(rim_free_p) struct rim *rim = judge(RIM_GPU_DRIVER, text);

	ck_assert_fails(rim, RIM_STRUCTURE, words);
	ck_assert(!rim_passed(rim));
}

/* Edited after it was signed. */
static struct rim *judge_edited(const char *from, const char *to)
{
	struct forge_rim spec = { .chain = &chain };
	_cleanup_free_ char *text = forge_edited(forge_rim(&spec), from, to);

	return judge(RIM_GPU_DRIVER, text);
}

START_TEST(a_good_manifest_passes_every_stage)
{
	struct forge_rim spec = { .chain = &chain };
	_cleanup_free_ char *text = forge_rim(&spec);
	_cleanup_(rim_free_p) struct rim *rim = judge(RIM_GPU_DRIVER, text);

	all_pass(rim);
	ck_assert_str_eq(rim->content.version, "590.12");
	ck_assert_str_eq(rim->content.tag_id, FORGE_TAG);
	ck_assert_str_eq(rim->content.platform_manufacturer_id, "5703");
	ck_assert_uint_eq(x509_count(rim->chain), 4);
	ck_assert_int_eq(rim->not_after, FORGE_UNTIL);
}
END_TEST

START_TEST(its_values_are_read_with_all_alternatives)
{
	struct forge_rim spec = { .chain = &chain };
	_cleanup_free_ char *text = forge_rim(&spec);
	_cleanup_(rim_free_p) struct rim *rim = judge(RIM_GPU_DRIVER, text);

	for (unsigned int i = 0; i < RIM_VALUES; i++) {
		const struct rim_value *v = &rim->content.values[i];

		ck_assert(v->active == forge_rim_active(RIM_GPU_DRIVER, i));
		ck_assert_uint_eq(v->alternatives_n, forge_rim_alternatives(RIM_GPU_DRIVER, i));
		if (v->active)
			for (size_t b = 0; b < RIM_VALUE_SIZE; b++)
				ck_assert_uint_eq(v->alternatives[v->alternatives_n - 1][b],
						  (0xc0 + i + 1) & 0xff);
	}
	ck_assert_uint_eq(rim->content.values[30].alternatives[2][47], 3);
}
END_TEST

START_TEST(a_switch_manifest_is_of_another_family)
{
	struct forge_chain ls10;
	struct forge_rim spec = { .kind = RIM_SWITCH_BIOS, .chain = &ls10 };
	_cleanup_free_ char *text = NULL;
	_cleanup_(rim_free_p) struct rim *rim = NULL, *as_gpu = NULL;

	forge_rim_chain(&ls10, RIM_SWITCH_BIOS);
	forge_root_digest(&ls10, root);
	text = forge_rim(&spec);
	rim = judge(RIM_SWITCH_BIOS, text);
	all_pass(rim);
	as_gpu = judge(RIM_GPU_VBIOS, text);
	ck_assert_fails(as_gpu, RIM_STRUCTURE, "name is \"LS10\", expected \"GH100\"");
	ck_assert_passes(as_gpu, RIM_SIGNATURE);
	forge_chain_done(&ls10);
}
END_TEST

START_TEST(issuers_that_do_not_name_the_family_are_a_warning)
{
	struct forge_chain ls10;
	struct forge_rim spec = { .chain = &ls10 };
	_cleanup_free_ char *text = NULL;
	_cleanup_(rim_free_p) struct rim *rim = NULL;

	forge_rim_chain(&ls10, RIM_SWITCH_BIOS);
	forge_root_digest(&ls10, root);
	text = forge_rim(&spec);
	rim = judge(RIM_GPU_DRIVER, text);
	ck_assert_passes(rim, RIM_CHAIN);
	ck_assert_ptr_nonnull(strstr(rim->findings[RIM_CHAIN].note, "does not name GH100"));
	forge_chain_done(&ls10);
}
END_TEST

START_TEST(structure_is_exactly_the_documented_one)
{
	structure_refused(" corpus=\"false\"", " corpus=\"true\"", "corpus is \"true\"");
	structure_refused(" corpus=\"false\"", " corpus=\"false\" more=\"x\"",
			  "unexpected attribute more");
	structure_refused(" patch=\"false\"", "", "no attribute patch");
	structure_refused("tagId=\"8a", "tagId=\"8A", "tagId");
	structure_refused("tagId=\"8a", "tagId=\"8", "tagId");
	structure_refused("name=\"GH100\"", "name=\"GB100\"", "name is \"GB100\"");
	structure_refused("product=\"GH100\"", "product=\"LS10\"", "product is \"LS10\"");
	structure_refused("edition=\"GPU\"", "edition=\"SWITCH\"", "edition is \"SWITCH\"");
	structure_refused("NVIDIA Corporation", "Nvidia Corporation", "Entity: name");
	structure_refused("colloquialVersion=\"590.12\"", "colloquialVersion=\"\"",
			  "colloquialVersion");
	structure_refused("PlatformManufacturerId=\"5703\"", "PlatformManufacturerId=\"5704\"",
			  "\"5704\"");
	structure_refused("\n    <ns0:Payload", "\n    text<ns0:Payload", "more in it");
	structure_refused("\n    </ns0:Payload>", "\n    text</ns0:Payload>", "text in it");
	structure_refused("    </ns0:Payload>\n", "    </ns0:Payload><ns0:Link></ns0:Link>\n",
			  "more in it");
	structure_refused("</ns0:Payload>", "<ns0:Other></ns0:Other></ns0:Payload>",
			  "no empty Resource: Other");
	structure_refused("    <ns0:Meta", "    <ns0:Link></ns0:Link><ns0:Meta",
			  "is Link, expected Meta");
	structure_refused("ns2:Hash0=\"0000", "Hash0=\"0000", "unexpected attribute Hash0");
}
END_TEST

START_TEST(resources_are_exactly_one_for_each_index)
{
	structure_refused("index=\"63\"", "index=\"62\"", "index 62 occurs twice");
	structure_refused("index=\"63\"", "index=\"64\"", "is not 0 to 63");
	structure_refused("index=\"7\"", "index=\"07\"", "is not 0 to 63");
	structure_refused("index=\"7\"", "index=\"-7\"", "is not 0 to 63");
	structure_refused("index=\"7\"", "index=\"\"", "is not 0 to 63");
	structure_refused("Measurement_7", "Measurement_77", "index 7 is named");
	structure_refused("type=\"Measurement\"", "type=\"Other\"", "type is \"Other\"");
}
END_TEST

START_TEST(active_is_true_or_false_and_nothing_else)
{
	structure_refused("active=\"True\"", "active=\"true\"", "active is \"true\"");
	structure_refused("active=\"False\"", "active=\"0\"", "active is \"0\"");
	structure_refused("active=\"False\"", "active=\"\"", "active is \"\"");
}
END_TEST

START_TEST(alternatives_and_hashes_agree)
{
	structure_refused("alternatives=\"2\"", "alternatives=\"1\"", "Hash1 is there, beyond");
	structure_refused("alternatives=\"2\"", "alternatives=\"3\"", "Hash2 is missing");
	structure_refused("alternatives=\"1\"", "alternatives=\"0\"", "is not 1 to 4");
	structure_refused("alternatives=\"4\"", "alternatives=\"5\"", "is not 1 to 4");
	structure_refused("Hash0=\"c8", "Hash0=\"C8", "lower-case");
	structure_refused("Hash0=\"c8", "Hash0=\"c", "lower-case");
	structure_refused("Hash0=\"c8", "Hash0=\"c8c8", "lower-case");
}
END_TEST

START_TEST(a_resource_too_few_is_refused)
{
	struct strbuf resource = { 0 };
	_cleanup_(rim_free_p) struct rim *rim = NULL;

	forge_rim_resource(&resource, &(struct forge_rim){ .kind = RIM_GPU_DRIVER }, 63, false);
	rim = judge_edited(resource.s, "");
	ck_assert_fails(rim, RIM_STRUCTURE, "63 Resources");
	ck_assert_fails(rim, RIM_SIGNATURE, "digest");
	strbuf_done(&resource);
}
END_TEST

START_TEST(documents_other_than_plain_elements_are_not_parsed)
{
	static const char *const edits[][2] = {
		{"<SoftwareIdentity",				       "<!DOCTYPE SoftwareIdentity><SoftwareIdentity"     },
		{ "<SoftwareIdentity",				       "<!DOCTYPE a [<!ENTITY e \"x\">]><SoftwareIdentity"},
		{ "<SoftwareIdentity",				       "<?xml-stylesheet href=\"x\"?><SoftwareIdentity"	},
		{ "<SoftwareIdentity",				       "<!-- x --><SoftwareIdentity"			     },
		{ "<ds:SignatureValue>",					 "<ds:SignatureValue><!-- x -->"			 },
		{ "<ds:X509Certificate>",				  "<ds:X509Certificate><![CDATA[]]>"		     },
		{ "colloquialVersion=\"",				  "colloquialVersion=\"&e;"			    },
		{ "xmlns:ns2=\"http://www.w3.org/2001/04/xmlenc#sha384\"",
		  "xmlns:ns2=\"relative\""										     },
		{ "xmlns:ns0=",					    "xmlns:ns9="					     },
		{ "</SoftwareIdentity>",					 "</SoftwareIdentity><SoftwareIdentity/>"		  },
	};

	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		_cleanup_(rim_free_p) struct rim *rim = judge_edited(edits[i][0], edits[i][1]);

		ck_assert_msg(rim->findings[RIM_PARSE].result == CHECK_FAILED, "edit %zu", i);
		ck_assert_int_eq(rim->findings[RIM_STRUCTURE].result, CHECK_NOT_RUN);
		ck_assert_int_eq(rim->findings[RIM_SIGNATURE].result, CHECK_NOT_RUN);
		ck_assert(!rim_passed(rim));
	}
}
END_TEST

START_TEST(an_xml_declaration_is_no_processing_instruction)
{
	_cleanup_(rim_free_p) struct rim *rim =
		judge_edited("<SoftwareIdentity",
			     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SoftwareIdentity");

	all_pass(rim);
}
END_TEST

START_TEST(other_encodings_are_not_parsed)
{
	struct forge_rim spec = { .chain = &chain };
	_cleanup_free_ char *text = forge_rim(&spec);
	size_t n = strlen(text);
	_cleanup_free_ char *wide = xcalloc(2, n);
	_cleanup_(rim_free_p) struct rim *rim = NULL;

	for (size_t i = 0; i < n; i++)
		wide[2 * i] = text[i];
	rim = judge_bytes(RIM_GPU_DRIVER, wide, 2 * n, FORGE_NOW);
	ck_assert_fails(rim, RIM_PARSE, "NUL");
}
END_TEST

START_TEST(size_and_depth_are_limited)
{
	_cleanup_free_ char *big = xmalloc(RIM_BYTES_MAX + 1);
	_cleanup_(rim_free_p) struct rim *rim = NULL, *deep = NULL, *nothing = NULL;

	memset(big, ' ', RIM_BYTES_MAX + 1);
	rim = judge_bytes(RIM_GPU_DRIVER, big, RIM_BYTES_MAX + 1, FORGE_NOW);
	ck_assert_fails(rim, RIM_PARSE, "limit");
	deep = judge(RIM_GPU_DRIVER,
		     "<a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>");
	ck_assert_fails(deep, RIM_PARSE, "deep");
	nothing = judge(RIM_GPU_DRIVER, "");
	ck_assert_fails(nothing, RIM_PARSE, "empty");
}
END_TEST

START_TEST(an_expired_signer_fails_at_the_time_alone)
{
	struct forge_cert specs[] = FORGE_RIM_SPECS("GH100");
	struct forge_chain c = { .n = 0 };
	struct forge_rim spec = { .chain = &c };
	_cleanup_free_ char *text = NULL;
	_cleanup_(rim_free_p) struct rim *rim = NULL, *then = NULL;

	specs[1].until = FORGE_NOW - 1;
	forge_chain_make(&c, specs, ARRAY_SIZE(specs));
	forge_root_digest(&c, root);
	text = forge_rim(&spec);
	rim = judge(RIM_GPU_DRIVER, text);
	ck_assert_fails(rim, RIM_CHAIN_TIME, "Forged Value L3 GH100 001");
	ck_assert_passes(rim, RIM_CHAIN);
	ck_assert_passes(rim, RIM_SIGNATURE);
	ck_assert(!rim_passed(rim));
	then = judge_bytes(RIM_GPU_DRIVER, text, strlen(text), FORGE_NOW - 2);
	all_pass(then);
	forge_chain_done(&c);
}
END_TEST

START_TEST(a_chain_under_another_root_fails)
{
	struct forge_rim spec = { .chain = &chain };
	_cleanup_free_ char *text = forge_rim(&spec);
	_cleanup_(rim_free_p) struct rim *rim = NULL;

	root[0] ^= 1;
	rim = judge(RIM_GPU_DRIVER, text);
	ck_assert_fails(rim, RIM_CHAIN, "pinned");
	ck_assert_passes(rim, RIM_SIGNATURE);
}
END_TEST

START_TEST(a_chain_of_three_fails)
{
	struct forge_rim spec = { .chain = &chain, .certs_n = 3 };
	_cleanup_free_ char *text = forge_rim(&spec);
	_cleanup_(rim_free_p) struct rim *rim = judge(RIM_GPU_DRIVER, text);

	ck_assert_fails(rim, RIM_CHAIN, "3 certificates, expected 4");
	ck_assert(!rim_passed(rim));
}
END_TEST

START_TEST(an_issuer_cannot_sign_in_place_of_the_leaf)
{
	struct forge_rim spec = { .chain = &chain, .key = chain.keys[1] };
	_cleanup_free_ char *text = forge_rim(&spec);
	_cleanup_(rim_free_p) struct rim *rim = judge(RIM_GPU_DRIVER, text);

	ck_assert_fails(rim, RIM_SIGNATURE, "signer's key");
	ck_assert_passes(rim, RIM_CHAIN);
}
END_TEST

START_TEST(ids_are_built_from_the_report)
{
	const struct rim_subject driver = { RIM_GPU_DRIVER, "550.144.03" };
	const struct rim_subject vbios = { RIM_GPU_VBIOS, "96.00.a5.00.01", "G520", "0200", "885" };
	const struct rim_subject bios = { RIM_SWITCH_BIOS, "96.10.55.00.01" };
	char id[RIM_ID_SIZE];
	struct err e = ERR_INIT;

	ck_assert_int_eq(rim_id(&driver, id, &e), 0);
	ck_assert_str_eq(id, "NV_GPU_DRIVER_GH100_550.144.03");
	ck_assert_int_eq(rim_id(&vbios, id, &e), 0);
	ck_assert_str_eq(id, "NV_GPU_VBIOS_G520_0200_885_9600A50001");
	ck_assert_int_eq(rim_id(&bios, id, &e), 0);
	ck_assert_str_eq(id, "NV_SWITCH_BIOS_5612_0002_890_9610550001");
}
END_TEST

START_TEST(ids_take_nothing_that_could_leave_a_url_or_a_folder)
{
	static const char *const versions[] = {
		"",	     "550",	 "550.",    ".550",   "550..1",
		"1.2.3.4.5", "550.1/..", "550.90a", "-550.1", "5500000000000000000000000000000.1"
	};
	static const char *const firmware[] = { "",
						"96.00.A5.00",
						"96.00.A5.00.0",
						"96.00.A5.00.01.",
						"96.00.G5.00.01",
						"96/00.A5.00.01",
						"9600A50001" };
	static const char *const skus[] = { NULL, "", "1234567890", "12/4", "12.4", "12_4" };
	struct rim_subject s = { RIM_GPU_DRIVER, NULL, "G520", "0200", "885" };
	char id[RIM_ID_SIZE];
	struct err e = ERR_INIT;

	ck_assert_int_eq(rim_id(&s, id, &e), -1);
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		s.version = versions[i];
		ck_assert_msg(rim_id(&s, id, &e) == -1, "%s", versions[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(firmware); i++) {
		s.version = firmware[i];
		s.kind = i % 2 ? RIM_GPU_VBIOS : RIM_SWITCH_BIOS;
		ck_assert_msg(rim_id(&s, id, &e) == -1, "%s", firmware[i]);
	}
	s = (struct rim_subject){ RIM_GPU_VBIOS, "96.00.A5.00.01", "G520", "0200", "885" };
	for (size_t i = 0; i < 3 * ARRAY_SIZE(skus); i++) {
		const char *sku = skus[i / 3];

		s.project = i % 3 == 0 ? sku : "G520";
		s.project_sku = i % 3 == 1 ? sku : "0200";
		s.chip_sku = i % 3 == 2 ? sku : "885";
		ck_assert_int_eq(rim_id(&s, id, &e), -1);
	}
}
END_TEST

START_TEST(driver_versions_match_exactly_firmware_in_either_case)
{
	ck_assert(rim_version_matches(RIM_GPU_DRIVER, "545.00", "545.00"));
	ck_assert(!rim_version_matches(RIM_GPU_DRIVER, "545.00", "545.0"));
	ck_assert(rim_version_matches(RIM_GPU_VBIOS, "96.00.5E.00.01", "96.00.5e.00.01"));
	ck_assert(!rim_version_matches(RIM_GPU_VBIOS, "96.00.5E.00.01", "96.00.5E.00.02"));
	ck_assert(rim_version_matches(RIM_SWITCH_BIOS, "96.10.5A.00.01", "96.10.5a.00.01"));
}
END_TEST

START_TEST(an_index_active_in_both_is_a_conflict)
{
	_cleanup_free_ struct rim_content *a = xcalloc(1, sizeof(*a)), *b = xcalloc(1, sizeof(*b));
	unsigned int index = 99;

	a->values[7].active = a->values[21].active = true;
	b->values[0].active = b->values[8].active = true;
	ck_assert(!rim_conflict(a, b, &index));
	ck_assert_uint_eq(index, 99);
	b->values[21].active = true;
	ck_assert(rim_conflict(a, b, &index));
	ck_assert_uint_eq(index, 21);
}
END_TEST

SUITE_AROUND("rim", start, stop, a_good_manifest_passes_every_stage,
	     its_values_are_read_with_all_alternatives, a_switch_manifest_is_of_another_family,
	     issuers_that_do_not_name_the_family_are_a_warning,
	     structure_is_exactly_the_documented_one, resources_are_exactly_one_for_each_index,
	     active_is_true_or_false_and_nothing_else, alternatives_and_hashes_agree,
	     a_resource_too_few_is_refused, documents_other_than_plain_elements_are_not_parsed,
	     an_xml_declaration_is_no_processing_instruction, other_encodings_are_not_parsed,
	     size_and_depth_are_limited, an_expired_signer_fails_at_the_time_alone,
	     a_chain_under_another_root_fails, a_chain_of_three_fails,
	     an_issuer_cannot_sign_in_place_of_the_leaf, ids_are_built_from_the_report,
	     ids_take_nothing_that_could_leave_a_url_or_a_folder,
	     driver_versions_match_exactly_firmware_in_either_case,
	     an_index_active_in_both_is_a_conflict)
