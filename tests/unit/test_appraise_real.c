/* Real evidence, with what the index beside it says that each must yield. */
#include "core/clock.h"
#include "evidence.h"
#include "suite.h"
#include "trust/appraise.h"

#define THEN "2024-06-01T12:00:00Z"
#define NOW  "2026-11-22T00:00:00Z"

#define DRIVER	"rims/driver/Driver_RIM_test_no_gpu.swidtag"
#define VBIOS	"rims/vbios/1010_0200_882_96005E0001_test_no_gpu.swidtag"
#define PROD	"rims/vbios/1010_0200_882_96005E0001_PROD.swidtag"
#define CHANGED "rims/negative/NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml"
#define BIOS	"rims/switch/NV_SWITCH_BIOS_5612_0002_890_9610550001.xml"
#define BIOS_24 "rims/switch/NV_SWITCH_BIOS_5612_0002_890_9610550001.signed2024.xml"
#define BAD	"rims/negative/NV_SWITCH_BIOS_5612_0002_890_9610550001_"

static struct evidence all[EVIDENCE_MAX];
static size_t all_n;
static struct appraisal *r;

static void start(void)
{
	all_n = evidence_load(all);
}

static void stop(void)
{
	if (r)
		appraisal_free(r);
	r = NULL;
	evidence_free(all, all_n);
}

/* As the file gives it; the nonce is the one that the index decoded. */
static struct appraise_device device_of(const struct evidence *v, unsigned int index)
{
	struct appraise_device d = {
		.type = v->type,
		.index = index,
		.report = v->report,
		.report_len = v->report_n,
		.chain = v->pem,
		.chain_len = v->pem_n,
		.has_nonce = true,
	};
	const char *nonce = json_str(json_get(v->decoded, "request"), "nonce", "");
	size_t n;
	_cleanup_free_ uint8_t *bytes = evidence_unhex(nonce, &n);

	ck_assert_uint_eq(n, sizeof(d.nonce));
	memcpy(d.nonce, bytes, n);
	return d;
}

static void give(struct appraise *a, size_t i, const char *file)
{
	struct err e = ERR_INIT;
	size_t n;
	_cleanup_free_ char *text = file ? evidence_text(file, &n) : NULL;

	if (text)
		ck_assert_msg(appraise_give_rim(a, i, text, n, &e) == 0, "%s", e.msg);
	else
		appraise_miss_rim(a, i, CAUSE_RIM_MISSING, "not in the folder");
}

/* With OCSP off and these manifests, by position: driver and VBIOS, or BIOS. */
static void judge(const struct appraise_device *d, size_t n, enum appraise_shape shape,
		  const char *at, const char *first, const char *second)
{
	struct appraise_rules rules;
	struct appraise *a;
	struct err e = ERR_INIT;

	appraise_rules_init(&rules);
	rules.shape = shape;
	rules.ocsp = false;
	ck_assert(clock_parse(at, &rules.at));
	ck_assert_msg(appraise_new(d, n, &rules, &a, &e) == 0, "%s", e.msg);
	for (size_t i = 0; i < appraise_rims(a); i++)
		give(a, i, strstr(appraise_rim_id(a, i), "_VBIOS_") ? second : first);
	if (r)
		appraisal_free(r);
	r = xcalloc(1, sizeof(*r));
	appraise_judge(a, r);
	appraise_free(a);
}

/* "measurements failed rim_fetch unknown"; what was not run follows from them. */
static char *findings(const struct check *c, size_t n)
{
	struct strbuf b = { 0 };

	strbuf_begin(&b);
	for (size_t i = 0; i < n; i++)
		if (c[i].result == CHECK_FAILED || c[i].result == CHECK_UNKNOWN)
			strbuf_printf(&b, "%s%s %s", b.len ? " " : "", c[i].name,
				      check_result_name(c[i].result));
	return b.s;
}

static void expect(const char *name, size_t device, enum verdict verdict, const char *what)
{
	const struct device_verdict *d = &r->devices[device];
	_cleanup_free_ char *found = findings(d->checks, d->checks_n);
	_cleanup_json_ struct json_object *o = appraisal_to_json(r);

	ck_assert_msg(str_eq(found, what) && d->verdict == verdict,
		      "%s: expected %s (%s), found %s (%s)\n%s", name, verdict_name(verdict), what,
		      verdict_name(d->verdict), found,
		      json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	ck_assert(!r->custom_anchors);
}

static const struct evidence *find(const char *name)
{
	for (size_t i = 0; i < all_n; i++)
		if (str_eq(all[i].name, name))
			return &all[i];
	ck_abort_msg("there is no evidence %s", name);
}

static const struct {
	const char *name, *at, *first, *second;
	enum verdict verdict;
	const char *what;
} rows[] = {
	/* The complete sets. */
	{"hist_545.00",					   THEN, DRIVER,						     VBIOS,					      VERDICT_ACCEPTED, ""							   },
	{ "hist_545.00",					  NOW,  DRIVER,						     VBIOS,					      VERDICT_REJECTED, "rim_chain_time failed"				       },
	{ "switch_sdk_unit_96.10.55.00.01",			    NOW,	 BIOS,						       NULL,						     VERDICT_ACCEPTED, ""								  },
	{ "switch_sdk_sample_96.10.55.00.01",		      NOW,  BIOS,							 NULL,					       VERDICT_ACCEPTED, ""							    },
	{ "switch_evidence_ls10",				  NOW,  BIOS,						       NULL,						   VERDICT_ACCEPTED, ""								},
	{ "multi_switch_ls10_0",				  NOW,  BIOS,						       NULL,						  VERDICT_ACCEPTED, ""							       },
	{ "multi_switch_ls10_1",				  NOW,  BIOS,						       NULL,						  VERDICT_ACCEPTED, ""							       },
	{ "multi_switch_ls10_2",				  NOW,  BIOS,						       NULL,						  VERDICT_ACCEPTED, ""							       },
	{ "multi_switch_ls10_3",				  NOW,  BIOS,						       NULL,						  VERDICT_ACCEPTED, ""							       },
	{ "switch_sdk_unit_96.10.55.00.01",			    THEN, BIOS_24,							   NULL,						 VERDICT_ACCEPTED, ""							      },
	{ "switch_sdk_unit_96.10.55.00.01",			    NOW,	 BIOS_24,							  NULL,						VERDICT_REJECTED,
	  "rim_chain_time failed"																												       },
	{ "switch_sdk_unit_96.10.55.00.01",			    THEN, BAD "invalid_signature.xml",				       NULL,
	  VERDICT_REJECTED,																						"rim_signature failed"					   },
	{ "switch_sdk_unit_96.10.55.00.01",			    THEN, BAD "measurement_mismatch.xml",				  NULL,
	  VERDICT_REJECTED,																						"rim_structure failed rim_signature failed"			},
 /* Manifests of other builds. */
	{ "hist_545.00",					  THEN, DRIVER,						     PROD,					       VERDICT_REJECTED, "measurements failed"					     },
	{ "hist_545.00",					  THEN, DRIVER,						     CHANGED,						VERDICT_REJECTED, "measurements failed"					},
	{ "sdk_sample_535.86.09",				  THEN, NULL,						       PROD,						    VERDICT_UNKNOWN,  "rim_fetch unknown"						 },
	{ "sdk_sample_535.86.09",				  THEN, NULL,						       VBIOS,						     VERDICT_REJECTED,
	  "rim_fetch unknown measurements failed"																										       },
	{ "sdk_sample_535.86.09",				  THEN, NULL,						       CHANGED,					       VERDICT_REJECTED,
	  "rim_fetch unknown measurements failed"																										       },
	{ "sdk_sample_535.86.09",				  NOW,
	  "rims/negative/NV_GPU_DRIVER_GH100_535.86.09_measurement_mismatch.xml",							  NULL,
	  VERDICT_REJECTED,																						"rim_fetch unknown rim_signature failed"		     },
	{ "sdk_sample_570.124.03",				   THEN, "rims/negative/NV_GPU_DRIVER_GH100_570.124.03_expired.xml",
	  "rims/vbios/1010_0205_862_96005E0004_PROD.swidtag",															    VERDICT_REJECTED,
	  "rim_signature failed rim_chain_time failed measurements failed"																							      },
	{ "sdk_unit_580.159.03",				  THEN, NULL,						       "rims/vbios/1010_0205_862_9600740020_PROD.swidtag",
	  VERDICT_REJECTED,																						"rim_fetch unknown measurements failed"			    },
	{ "sdk_unit_580.159.03",				  NOW,  NULL,						       "rims/vbios/1010_0205_862_9600740020_PROD.swidtag",
	  VERDICT_REJECTED,																						"rim_fetch unknown rim_chain_time failed measurements failed"},
 /* No manifests: sound as far as they go. */
	{ "sdk_sample_570.124.03",				   NOW,	NULL,						       NULL,						    VERDICT_UNKNOWN,  "rim_fetch unknown"						 },
	{ "nvtrust_550.90.07",				    NOW,  NULL,						       NULL,						VERDICT_UNKNOWN,	 "rim_fetch unknown"					     },
	{ "hopper_evidence_cert_hold",			       NOW,  NULL,						       NULL,						VERDICT_UNKNOWN,	 "rim_fetch unknown"					     },
	{ "hopper_evidence",				      NOW,  NULL,						       NULL,					       VERDICT_UNKNOWN,  "rim_fetch unknown"					   },
	{ "evidence_hopper_590_12",				    NOW,	 NULL,						       NULL,						     VERDICT_UNKNOWN,  "rim_fetch unknown"					  },
	{ "multi_gpu_hopper_0",				   NOW,  NULL,						       NULL,						 VERDICT_UNKNOWN,  "rim_fetch unknown"					      },
	{ "multi_gpu_hopper_1",				   NOW,  NULL,						       NULL,						 VERDICT_UNKNOWN,  "rim_fetch unknown"					      },
	{ "multi_gpu_hopper_2",				   NOW,  NULL,						       NULL,						 VERDICT_UNKNOWN,  "rim_fetch unknown"					      },
	{ "multi_gpu_hopper_3",				   NOW,  NULL,						       NULL,						 VERDICT_UNKNOWN,  "rim_fetch unknown"					      },
 /* Bad ones. */
	{ "negative_sdk_invalid_signature_560.00",		   NOW,	NULL,							      NULL,						    VERDICT_REJECTED,
	  "report_signature failed fwid failed rim_fetch unknown"																								       },
	{ "switch_negative_sdk_invalid_signature_96.10.52.00.00", NOW,  NULL,							     NULL,						   VERDICT_REJECTED,
	  "report_signature failed opaque failed rim_fetch unknown"																								     },
	{ "blackwell_575.32",				     NOW,  NULL,						       NULL,					       VERDICT_REJECTED, "arch failed fwid failed"					   },
};

START_TEST(each_gives_the_verdict_and_stages_of_its_index)
{
	for (size_t i = 0; all_n && i < ARRAY_SIZE(rows); i++) {
		struct appraise_device d = device_of(find(rows[i].name), 0);

		judge(&d, 1, APPRAISE_AUTO, rows[i].at, rows[i].first, rows[i].second);
		expect(rows[i].name, 0, rows[i].verdict, rows[i].what);
	}
}
END_TEST

/* Every piece has a row, but for the machine of 8 and 4, which comes below. */
START_TEST(none_is_left_out)
{
	for (size_t i = 0; i < all_n; i++) {
		bool found = str_starts(all[i].name, "ppcie_");

		for (size_t k = 0; k < ARRAY_SIZE(rows) && !found; k++)
			found = str_eq(rows[k].name, all[i].name);
		ck_assert_msg(found, "%s has no row", all[i].name);
	}
}
END_TEST

static const struct check *check_of(const char *name)
{
	return check_find(r->devices[0].checks, r->devices[0].checks_n, name);
}

START_TEST(the_expired_certificate_is_named)
{
	struct appraise_device d;

	if (!all_n)
		return;
	d = device_of(find("hist_545.00"), 0);
	judge(&d, 1, APPRAISE_SINGLE, NOW, DRIVER, VBIOS);
	ck_assert_msg(strstr(check_of("rim_chain_time")->note,
			     "driver: certificate 0 \"HCC RIM L4 Signer\" is valid from "
			     "2023-06-27T06:10:12Z to 2025-06-26T06:10:12Z") != NULL,
		      "%s", check_of("rim_chain_time")->note);
	ck_assert_str_eq(check_of("measurements")->expected, "32 values");
}
END_TEST

START_TEST(the_indices_that_differ_are_listed)
{
	struct appraise_device d;
	struct json_object *list;

	if (!all_n)
		return;
	d = device_of(find("hist_545.00"), 0);
	judge(&d, 1, APPRAISE_SINGLE, THEN, DRIVER, PROD);
	list = json_get(r->devices[0].claims, "x-nvidia-mismatch-measurement-records");
	ck_assert_uint_eq(json_count(list), 4);
	ck_assert_int_eq(json_int(json_item(list, 0), "index", 0), 1);
	ck_assert_int_eq(json_int(json_item(list, 1), "index", 0), 2);
	ck_assert_int_eq(json_int(json_item(list, 2), "index", 0), 3);
	ck_assert_int_eq(json_int(json_item(list, 3), "index", 0), 9);
}
END_TEST

/* The claims of NVIDIA's own verifier about a Hopper GPU and an LS10: the same names. */
START_TEST(the_claims_have_nvidias_names)
{
	static const char *const own[] = { "exp", "iat", "nbf", "jti" };
	_cleanup_json_ struct json_object *theirs = NULL;
	struct appraise_device d;

	if (!all_n)
		return;
	theirs = evidence_json("claims/hopperClaimsv3_decoded.json");
	d = device_of(find("hist_545.00"), 0);
	judge(&d, 1, APPRAISE_SINGLE, THEN, DRIVER, VBIOS);
	json_object_object_foreach(json_get(theirs, "GPU-0"), key, value)
	{
		bool of_token = false;

		(void)value;
		for (size_t i = 0; i < ARRAY_SIZE(own); i++)
			of_token = of_token || str_eq(own[i], key);
		ck_assert_msg(of_token ||
				      json_object_object_get_ex(r->devices[0].claims, key, NULL),
			      "there is no claim %s", key);
	}
	ck_assert_str_eq(json_str(r->devices[0].claims, "ueid", ""),
			 json_str(json_item(json_get(find("hist_545.00")->decoded, "certs"), 0),
				  "serial_dec", ""));
}
END_TEST

START_TEST(the_machine_of_8_and_4_passes_topology)
{
	struct appraise_device d[16];
	size_t n = 0;

	for (size_t i = 0; i < all_n; i++)
		if (str_starts(all[i].name, "ppcie_")) {
			d[n] = device_of(&all[i], (unsigned int)(n % 8));
			n++;
		}
	if (!n)
		return;
	judge(d, n, APPRAISE_MULTI, NOW, NULL, NULL);
	ck_assert_uint_eq(r->devices_n, 12);
	for (size_t i = 0; i < n; i++)
		expect("the machine of 8 and 4", i, VERDICT_UNKNOWN, "rim_fetch unknown");
	ck_assert_msg(r->checks[0].result == CHECK_PASSED && r->checks[1].result == CHECK_PASSED,
		      "%s %s", r->checks[0].note, r->checks[1].note);
	ck_assert_str_eq(verdict_name(r->verdict), "unknown");
}
END_TEST

START_TEST(one_switch_four_times_is_no_machine)
{
	struct appraise_device d[16];
	size_t n = 0;

	for (size_t i = 0; i < all_n; i++)
		if (str_starts(all[i].name, "ppcie_gpu"))
			d[n] = device_of(&all[i], (unsigned int)n), n++;
	if (!n)
		return;
	for (unsigned int i = 0; i < 4; i++)
		d[n++] = device_of(find("ppcie_switch_evidence_0"), i);
	judge(d, n, APPRAISE_MULTI, NOW, NULL, NULL);
	ck_assert_str_eq(verdict_name(r->verdict), "rejected");
	ck_assert_int_eq(r->checks[0].result, CHECK_PASSED);
	ck_assert_int_eq(r->checks[1].result, CHECK_FAILED);
}
END_TEST

SUITE_AROUND("appraise, real", start, stop, each_gives_the_verdict_and_stages_of_its_index,
	     none_is_left_out, the_expired_certificate_is_named, the_indices_that_differ_are_listed,
	     the_claims_have_nvidias_names, the_machine_of_8_and_4_passes_topology,
	     one_switch_four_times_is_no_machine)
