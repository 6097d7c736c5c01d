#include "nvtool.h"

#include "core/str.h"

#define SINGLE_GPUS    1u
#define MULTI_GPUS     8u
#define MULTI_SWITCHES 4u

/* A phrase of the tools and what it says about which check. The first that fits counts.
 *
 * The words are those of nv-local-gpu-verifier 2.5.0 and nv-attestation-sdk 2.5.0, which 2.7.3 still
 * has; "(2.3)" marks what up to 2.3.0 said in their place. What goes to their log file only is not
 * here. "ocsp" and what begins with "rim_" is of the RIM that is being judged, where one is. */
/* clang-format off */
static const struct {
	const char *phrase;
	const char *check;
	enum check_result result;
} phrases[] = {
	/* refuted */
	{ "runtime measurements are not matching", "measurements", CHECK_FAILED },
	{ "RIM have measurement at the same index", "index_conflict", CHECK_FAILED },
	{ "IS REVOKED", "ocsp", CHECK_FAILED },
	{ "firmware ID in the device certificate chain is not matching", "fwid", CHECK_FAILED },
	{ "request message is not matching", "nonce", CHECK_FAILED },
	{ "Attestation report signature verification failed", "report_signature", CHECK_FAILED },
	{ "RIM signature verification failed", "rim_signature", CHECK_FAILED },
	{ "Schema validation of driver RIM failed", "rim_structure", CHECK_FAILED },
	{ "Schema validation of vbios RIM failed", "rim_structure", CHECK_FAILED },
	{ "RIM cert chain verification failed", "rim_chain", CHECK_FAILED },
	{ "RIM certificate expired on", "rim_chain_time", CHECK_FAILED },
	{ "version in the RIM file is not matching", "rim_version", CHECK_FAILED },
	{ "Attestation Report certificate expired on", "chain_time", CHECK_FAILED },
	{ "report certificate chain validation failed", "chain", CHECK_FAILED },
	/* The switch's tool says this of any switch, that it is expected, and goes on. */
	{ "This is expected and will be fixed in the next release", "vbios_version", CHECK_UNKNOWN },
	{ "driver version in attestation report is not matching", "driver_version", CHECK_FAILED },
	{ "version in attestation report is not matching", "vbios_version", CHECK_FAILED },
	/* The tool's own schema could not be used: that says nothing of the RIM. */
	{ "RIM Schema validation failed", "rim_structure", CHECK_UNKNOWN },
	/* out of reach, or no answer that counts */
	{ "Could not fetch RIM file", "rim_fetch", CHECK_UNKNOWN },
	{ "Could not fetch rim file", "rim_fetch", CHECK_UNKNOWN },
	{ "Error occurred while fetching the", "rim_fetch", CHECK_UNKNOWN },
	{ "Failed to fetch Vbios RIM file", "rim_fetch", CHECK_UNKNOWN },
	{ "Unable to fetch", "rim_fetch", CHECK_UNKNOWN },
	{ "fetch_rim_file timed out after", "rim_fetch", CHECK_UNKNOWN },
	{ "fetch_rim_file call timed out", "rim_fetch", CHECK_UNKNOWN }, /* (2.3) */
	{ "send_ocsp_request timed out after", "ocsp", CHECK_UNKNOWN },
	{ "send_ocsp_request call timed out", "ocsp", CHECK_UNKNOWN }, /* (2.3) */
	{ "<urlopen error", "ocsp", CHECK_UNKNOWN },
	{ "HTTP Error", "ocsp", CHECK_UNKNOWN },
	{ "Remote end closed connection", "ocsp", CHECK_UNKNOWN },
	{ "error parsing asn1 value", "ocsp", CHECK_UNKNOWN },
	{ "OCSP response status is not successful", "ocsp", CHECK_UNKNOWN },
	{ "certificate status is UNKNOWN", "ocsp", CHECK_UNKNOWN },
	{ "ocsp response certificate chain verification failed", "ocsp", CHECK_UNKNOWN },
	{ "failed due to signature verification failure", "ocsp", CHECK_UNKNOWN },
	{ "nonce in the OCSP response message is not matching", "ocsp", CHECK_UNKNOWN },
	{ "OCSP response does not contain a nonce", "ocsp", CHECK_UNKNOWN },
	{ "receive a proper response from the OCSP server", "ocsp", CHECK_UNKNOWN },
	/* confirmed */
	{ "report certificate chain validation successful.", "chain", CHECK_PASSED },
	{ "firmware ID in the device certificate chain is matching", "fwid", CHECK_PASSED },
	{ "certificate chain revocation status verification successful.", "ocsp", CHECK_PASSED },
	{ "nonce in the SPDM GET MEASUREMENT request message is matching", "nonce", CHECK_PASSED },
	{ "Attestation report signature verification successful.", "report_signature", CHECK_PASSED },
	{ "RIM Schema validation passed.", "rim_structure", CHECK_PASSED },
	{ "RIM certificate chain verification successful.", "rim_chain", CHECK_PASSED },
	{ "RIM signature verification successful.", "rim_signature", CHECK_PASSED },
	{ "runtime measurements are matching with the golden measurements.", "measurements", CHECK_PASSED },
};
/* clang-format on */

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
	const char *last;	       /* last line of the section */
	unsigned int gpus, switches;   /* sections begun */
	bool twice;		       /* a GPU that was there already */
	bool success;		       /* "GPU Attestation is Successful." */
};

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

/* Whatever ends a section before its device is verified is said last in it. */
static void end_device(struct reader *r)
{
	struct device_verdict *d = r->device;
	bool told = !d || check_find(d->checks, d->checks_n, "verified");

	for (size_t i = 0; !told && i < d->checks_n; i++)
		told = d->checks[i].result == CHECK_FAILED || d->checks[i].result == CHECK_UNKNOWN;
	if (!told && r->last)
		set_check(r, "verified", CHECK_UNKNOWN, r->last);
	r->last = NULL;
}

static void begin_device(struct reader *r, enum device_type type, const char *id)
{
	unsigned int *count = type == DEVICE_GPU ? &r->gpus : &r->switches;

	for (size_t i = 0; i < r->a->devices_n; i++)
		r->twice |= str_eq(r->a->devices[i].id, id);
	end_device(r);
	r->rim = NULL;
	r->device = appraisal_device(r->a, type, *count);
	if (r->device) {
		(*count)++;
		str_copy(r->device->id, sizeof(r->device->id), id);
	}
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

/* What both tools say when they are through with their devices, and the rules and boxes around it. */
static bool ends_section(const char *line)
{
	return str_starts(line, "GPU Attestation ") || str_starts(line, "nvSwitch Attestation ") ||
	       str_starts(line, "All nvSwitches ") || str_starts(line, "-----") ||
	       str_starts(line, "*****");
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
	if (ends_section(line))
		end_device(r);
	else if (*line)
		r->last = line;
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
	end_device(&r);
	require_all(&r, shape);
	require_words(&r, status, shape);
	appraisal_conclude(ret);
}

enum nvtool_rim nvtool_unfetched_rim(const char *output, char *dst, size_t dst_size)
{
	/* For GPUs and for switches. */
	static const char *const words[] = {
		"Could not fetch RIM file from RIM service with id : ",
		"Could not fetch rim file from RIM service with id : ",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *at = strstr(output, words[i]);

		if (!at)
			continue;
		str_copy(dst, dst_size, at + strlen(words[i]));
		dst[strcspn(dst, " \r\n")] = '\0';
		str_sanitise(dst);
		return strstr(at, "HTTP Error 404") ? NVTOOL_RIM_MISSING : NVTOOL_RIM_NOT_HAD;
	}
	return NVTOOL_RIM_NOT_NAMED;
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
