#include "nvtool.h"

#include "core/str.h"

#define SINGLE_GPUS    1u
#define MULTI_GPUS     8u
#define MULTI_SWITCHES 4u

/* A phrase of the tools and what it says about which check. The first that fits counts. */
static const struct {
	const char *phrase;
	const char *check;
	enum check_result result;
} phrases[] = {
	/* refuted */
	{"runtime measurements are not matching",				   "measurements",	   CHECK_FAILED },
	{ "IS REVOKED",						      "ocsp",		CHECK_FAILED },
	{ "firmware ID in the device certificate chain is not matching",	 "fwid",		 CHECK_FAILED },
	{ "request message is not matching",				     "nonce",	      CHECK_FAILED },
	{ "Attestation report signature verification failed",		      "report_signature", CHECK_FAILED },
	{ "RIM signature verification failed",			       "rim_signature",	CHECK_FAILED },
	{ "RIM Schema validation failed",					  "rim_structure",	   CHECK_FAILED },
	{ "RIM certificate chain verification failed",		       "rim_chain",	    CHECK_FAILED },
	{ "report certificate chain validation failed",			"chain",		 CHECK_FAILED },
	{ "version in attestation report is not matching",		   "vbios_version",    CHECK_FAILED },
 /* out of reach */
	{ "send_ocsp_request call timed out",				      "ocsp",	      CHECK_UNKNOWN},
	{ "fetch_rim_file call timed out",				   "rim_fetch",	CHECK_UNKNOWN},
	{ "Could not fetch RIM file",					"rim_fetch",	   CHECK_UNKNOWN},
	{ "Unable to fetch",						 "rim_fetch",	  CHECK_UNKNOWN},
 /* confirmed */
	{ "report certificate chain validation successful.",		     "chain",	      CHECK_PASSED },
	{ "firmware ID in the device certificate chain is matching",	     "fwid",	     CHECK_PASSED },
	{ "certificate chain revocation status verification successful.",	  "ocsp",		  CHECK_PASSED },
	{ "nonce in the SPDM GET MEASUREMENT request message is matching",   "nonce",	    CHECK_PASSED },
	{ "Attestation report signature verification successful.",	   "report_signature",
	  CHECK_PASSED											 },
	{ "RIM Schema validation passed.",				   "rim_structure",    CHECK_PASSED },
	{ "RIM certificate chain verification successful.",		    "rim_chain",	 CHECK_PASSED },
	{ "RIM signature verification successful.",			    "rim_signature",    CHECK_PASSED },
	{ "runtime measurements are matching with the golden measurements.", "measurements",
	  CHECK_PASSED											 },
};

/* The checks that every device must have passed, and those that a GPU must have passed besides. */
static const char *const required[] = { "chain",
					"ocsp",
					"nonce",
					"report_signature",
					"vbios_rim_structure",
					"vbios_rim_chain",
					"vbios_rim_ocsp",
					"vbios_rim_signature",
					"measurements",
					"verified" };
static const char *const required_gpu[] = { "fwid", "driver_rim_structure", "driver_rim_chain",
					    "driver_rim_ocsp", "driver_rim_signature" };

struct reader {
	struct appraisal *a;
	struct device_verdict *device; /* the section we are in */
	const char *rim;	       /* whose RIM is being judged: "driver", "vbios" or NULL */
	unsigned int gpus, switches;   /* sections begun */
	bool twice;		       /* a GPU that was there already */
	bool success;		       /* "GPU Attestation is Successful." */
};

static void begin_device(struct reader *r, enum device_type type, const char *id)
{
	unsigned int *count = type == DEVICE_GPU ? &r->gpus : &r->switches;

	for (size_t i = 0; i < r->a->devices_n; i++)
		r->twice |= str_eq(r->a->devices[i].id, id);
	r->rim = NULL;
	r->device = appraisal_device(r->a, type, *count);
	if (r->device) {
		(*count)++;
		str_copy(r->device->id, sizeof(r->device->id), id);
	}
}

static void set_check(struct reader *r, const char *name, enum check_result result,
		      const char *note)
{
	struct check *c;

	if (!r->device)
		return;
	check_set(r->device->checks, &r->device->checks_n, name, result);
	c = check_find(r->device->checks, r->device->checks_n, name);
	if (result != CHECK_PASSED && c && !c->note[0])
		str_copy(c->note, sizeof(c->note), note);
}

/* "GPU 3 with UUID GPU-... verified successfully." and "nvSwitch 3 verified successfully." */
static bool verified_line(struct reader *r, const char *line)
{
	unsigned int index;
	char uuid[64];
	int end = 0;

	if (sscanf(line, "GPU %u with UUID %63s verified successfully.%n", &index, uuid, &end) ==
		    2 &&
	    end && !line[end] && r->device && r->device->type == DEVICE_GPU &&
	    r->device->index == index && str_eq(r->device->id, uuid)) {
		set_check(r, "verified", CHECK_PASSED, "");
		return true;
	}
	end = 0;
	if (sscanf(line, "nvSwitch %u verified successfully.%n", &index, &end) == 1 && end &&
	    !line[end] && r->device && r->device->type == DEVICE_NVSWITCH &&
	    r->device->index == index) {
		set_check(r, "verified", CHECK_PASSED, "");
		return true;
	}
	return false;
}

/* "|  GPU Attestation   | SUCCESS |" */
static bool table_row(struct reader *r, const char *line)
{
	static const struct {
		const char *stage, *check;
	} rows[] = {
		{"GPU Pre-checks",	    "gpu_pre_checks"    },
		{ "Switch Pre-checks",  "switch_pre_checks" },
		{ "GPU Attestation",    "gpu_attestation"   },
		{ "Switch Attestation", "switch_attestation"},
		{ "Topology checks",    "topology"		},
	};
	char stage[64], word[32];

	if (sscanf(line, "| %63[^|]| %31[^ |] |", stage, word) != 2)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct check *c;

		if (!str_eq(str_trim(stage), rows[i].stage))
			continue;
		/* "FAILED" of an attestation may be a network's fault: the devices say which. */
		check_set(r->a->checks, &r->a->checks_n, rows[i].check,
			  str_eq(word, "SUCCESS") ? CHECK_PASSED
			  : str_eq(word, "FAILED") && !strstr(rows[i].check, "attestation")
				  ? CHECK_FAILED
				  : CHECK_UNKNOWN);
		c = check_find(r->a->checks, r->a->checks_n, rows[i].check);
		str_copy(c->expected, sizeof(c->expected), "SUCCESS");
		str_copy(c->found, sizeof(c->found), word);
		return true;
	}
	return false;
}

/* The same words stand for the device and for each of its RIMs. */
static void phrase_line(struct reader *r, const char *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(phrases); i++) {
		const char *check = phrases[i].check;
		char name[sizeof(((struct check *)0)->name)];

		if (!strstr(line, phrases[i].phrase))
			continue;
		if (r->rim && (str_starts(check, "rim_") || str_eq(check, "ocsp")))
			snprintf(name, sizeof(name), "%s_%s", r->rim,
				 str_eq(check, "ocsp") ? "rim_ocsp" : check);
		else
			str_copy(name, sizeof(name), check);
		set_check(r, name, phrases[i].result, line);
		return;
	}
}

static void read_line(struct reader *r, char *text)
{
	char *line = str_trim(text);

	if (str_starts(line, "Verifying GPU: ")) {
		begin_device(r, DEVICE_GPU, line + strlen("Verifying GPU: "));
		return;
	}
	if (str_starts(line, "Verifying Switch : ")) {
		begin_device(r, DEVICE_NVSWITCH, line + strlen("Verifying Switch : "));
		return;
	}
	if (str_eq(line, "GPU Attestation is Successful."))
		r->success = true;
	if (str_starts(line, "Authenticating Driver RIM"))
		r->rim = "driver";
	else if (str_starts(line, "Authenticating VBIOS RIM"))
		r->rim = "vbios";
	else if (str_starts(line, "Comparing measurements"))
		r->rim = NULL;
	if (!verified_line(r, line) && !table_row(r, line))
		phrase_line(r, line);
}

/* What was not said did not happen. */
static void require_device(struct reader *r, enum device_type type, unsigned int index)
{
	struct device_verdict *d = appraisal_device(r->a, type, index);

	if (!d)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		check_set(d->checks, &d->checks_n, required[i], CHECK_NOT_RUN);
	for (size_t i = 0; type == DEVICE_GPU && i < ARRAY_SIZE(required_gpu); i++)
		check_set(d->checks, &d->checks_n, required_gpu[i], CHECK_NOT_RUN);
}

static void require_all(struct reader *r, enum shape shape)
{
	unsigned int gpus = shape == SHAPE_MULTI ? MULTI_GPUS : SINGLE_GPUS;
	unsigned int switches = shape == SHAPE_MULTI ? MULTI_SWITCHES : 0;
	struct check *c;

	for (unsigned int i = 0; i < gpus; i++)
		require_device(r, DEVICE_GPU, i);
	for (unsigned int i = 0; i < switches; i++)
		require_device(r, DEVICE_NVSWITCH, i);
	check_set(r->a->checks, &r->a->checks_n, "count",
		  r->gpus == gpus && r->switches == switches && !r->twice ? CHECK_PASSED
									  : CHECK_UNKNOWN);
	c = check_find(r->a->checks, r->a->checks_n, "count");
	snprintf(c->expected, sizeof(c->expected), "%u GPU, %u NVSwitch", gpus, switches);
	snprintf(c->found, sizeof(c->found), "%u GPU, %u NVSwitch%s", r->gpus, r->switches,
		 r->twice ? ", one of them twice" : "");
}

static void require_words(struct reader *r, int status, enum shape shape)
{
	static const char *const stages[] = { "gpu_pre_checks", "switch_pre_checks",
					      "gpu_attestation", "switch_attestation", "topology" };

	struct check *c;

	check_set(r->a->checks, &r->a->checks_n, "tool",
		  status == 0 && r->success ? CHECK_PASSED : CHECK_UNKNOWN);
	c = check_find(r->a->checks, r->a->checks_n, "tool");
	str_copy(c->expected, sizeof(c->expected),
		 "exit status 0 and \"GPU Attestation is Successful.\"");
	snprintf(c->found, sizeof(c->found), "exit status %d, %s", status,
		 r->success ? "and it was said" : "and it was not said");
	for (size_t i = 0; shape == SHAPE_MULTI && i < ARRAY_SIZE(stages); i++)
		check_set(r->a->checks, &r->a->checks_n, stages[i], CHECK_NOT_RUN);
}

void nvtool_judge(const char *output, int status, enum shape shape, struct appraisal *ret)
{
	_cleanup_free_ char *text = xstrdup(output);
	struct reader r = { .a = ret };
	char *rest = text, *line;

	*ret = (struct appraisal){ 0 };
	str_copy(ret->decided_by, sizeof(ret->decided_by), "nvidia");
	while ((line = strsep(&rest, "\n")))
		read_line(&r, line);
	require_all(&r, shape);
	require_words(&r, status, shape);
	appraisal_conclude(ret);
}

bool nvtool_missing_rim(const char *output, char *dst, size_t dst_size)
{
	static const char words[] = "Could not fetch RIM file from RIM service with id : ";
	const char *at = strstr(output, words);

	if (!at)
		return false;
	str_copy(dst, dst_size, at + sizeof(words) - 1);
	dst[strcspn(dst, " \r\n")] = '\0';
	str_sanitise(dst);
	return true;
}

bool nvtool_network_trouble(const char *output, char *dst, size_t dst_size)
{
	static const char *const words[] = { "timed out",
					     "urlopen error",
					     "Max retries exceeded",
					     "HTTP Error",
					     "Connection refused",
					     "Connection reset",
					     "name resolution",
					     "Name or service not known" };
	_cleanup_free_ char *text = xstrdup(output);
	const char *last = NULL;
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")))
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (strstr(line, words[i]))
				last = str_trim(line);
	if (!last)
		return false;
	str_copy(dst, dst_size, last);
	str_sanitise(dst);
	return true;
}
