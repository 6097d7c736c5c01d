#include "trust/rim.h"

#include <ctype.h>
#include <strings.h>

#include "core/str.h"
#include "trust/rim_content.h"
#include "trust/xmlsig.h"

/* Of the NVSwitches in these machines: NVIDIA's tools have them as constants too. */
#define SWITCH_PROJECT "5612_0002_890"

/* --- names and versions ------------------------------------------------------------------------- */

/* Digits, and 1 to 3 more groups of digits behind dots. */
static bool is_driver_version(const char *s)
{
	unsigned int groups = 0;

	for (;;) {
		size_t digits = strspn(s, "0123456789");

		if (digits == 0 || ++groups > 4)
			return false;
		s += digits;
		if (*s == '\0')
			return groups >= 2;
		if (*s++ != '.')
			return false;
	}
}

/* "96.00.5E.00.01" */
static bool is_firmware_version(const char *s)
{
	if (strlen(s) != 14)
		return false;
	for (size_t i = 0; i < 14; i++)
		if (i % 3 == 2 ? s[i] != '.' : !isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

static bool is_sku(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (n == 0 || n > 9)
		return false;
	for (; *s; s++)
		if (!((*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= 'a' && *s <= 'z')))
			return false;
	return true;
}

/* Without its dots and in upper case: "96005E0001". */
static void compact_version(const char *s, char dst[16])
{
	for (; *s; s++)
		if (*s != '.')
			*dst++ = (char)toupper((unsigned char)*s);
	*dst = '\0';
}

static int firmware_id(const struct rim_subject *s, char ret[RIM_ID_SIZE], struct err *e)
{
	char version[16];

	if (!is_firmware_version(s->version))
		return err_set(e, &ERR_FORMAT, "\"%.32s\" is no firmware version", s->version);
	compact_version(s->version, version);
	if (s->kind == RIM_SWITCH_BIOS) {
		snprintf(ret, RIM_ID_SIZE, "NV_SWITCH_BIOS_" SWITCH_PROJECT "_%s", version);
		return 0;
	}
	if (!is_sku(s->project) || !is_sku(s->project_sku) || !is_sku(s->chip_sku))
		return err_set(e, &ERR_FORMAT,
			       "the project, its SKU or the chip's SKU is no 1 to 9 letters "
			       "and digits");
	snprintf(ret, RIM_ID_SIZE, "NV_GPU_VBIOS_%s_%s_%s_%s", s->project, s->project_sku,
		 s->chip_sku, version);
	return 0;
}

int rim_id(const struct rim_subject *subject, char ret[RIM_ID_SIZE], struct err *e)
{
	if (!subject->version)
		return err_set(e, &ERR_FORMAT, "there is no version to ask for");
	if (subject->kind != RIM_GPU_DRIVER)
		return firmware_id(subject, ret, e);
	if (strlen(subject->version) >= RIM_VERSION_SIZE || !is_driver_version(subject->version))
		return err_set(e, &ERR_FORMAT, "\"%.32s\" is no driver version", subject->version);
	snprintf(ret, RIM_ID_SIZE, "NV_GPU_DRIVER_GH100_%s", subject->version);
	return 0;
}

bool rim_version_matches(enum rim_kind kind, const char *manifest, const char *reported)
{
	return kind == RIM_GPU_DRIVER ? strcmp(manifest, reported) == 0
				      : strcasecmp(manifest, reported) == 0;
}

bool rim_conflict(const struct rim_content *a, const struct rim_content *b, unsigned int *ret_index)
{
	for (unsigned int i = 0; i < RIM_VALUES; i++)
		if (a->values[i].active && b->values[i].active) {
			*ret_index = i;
			return true;
		}
	return false;
}

/* --- judging ------------------------------------------------------------------------------------ */

const char *rim_stage_name(enum rim_stage stage)
{
	static const char *const names[] = { "rim_parse", "rim_structure",  "rim_profile",
					     "rim_chain", "rim_chain_time", "rim_signature" };

	return names[stage];
}

static void find(struct rim *rim, enum rim_stage stage, bool passed, const char *note)
{
	struct rim_finding *f = &rim->findings[stage];

	f->result = passed ? CHECK_PASSED : CHECK_FAILED;
	str_copy(f->note, sizeof(f->note), note);
	str_sanitise(f->note);
}

/* The family stands in the names of the issuers, but no rule of the chain binds it there. */
static void warn_of_other_family(enum rim_kind kind, struct rim_finding *f,
				 const struct x509_chain *chain)
{
	const char *chip = kind == RIM_SWITCH_BIOS ? "LS10" : "GH100";

	for (size_t i = 1; i <= 2; i++)
		if (!strstr(x509_common_name(chain, i), chip)) {
			snprintf(f->note, sizeof(f->note),
				 "certificate %zu \"%s\" does not name %s", i,
				 x509_common_name(chain, i), chip);
			return;
		}
}

static int judge_chain(struct rim *rim, enum rim_kind kind, const uint8_t *root, time_t at,
		       struct err *e)
{
	struct x509_result r;
	size_t n = x509_count(rim->chain);
	char count[64];

	if (x509_chain_verify(rim->chain, root, at, &r, e) < 0)
		return -1;
	find(rim, RIM_CHAIN_TIME, r.time_ok, r.time_note);
	rim->not_after = r.not_after;
	rim->expired = r.expired;
	if (n != X509_RIM_COUNT) {
		snprintf(count, sizeof(count), "the chain has %zu certificates, expected %d", n,
			 X509_RIM_COUNT);
		find(rim, RIM_CHAIN, false, count);
		return 0;
	}
	find(rim, RIM_CHAIN, r.chain_ok, r.chain_note);
	if (r.chain_ok)
		warn_of_other_family(kind, &rim->findings[RIM_CHAIN], rim->chain);
	return 0;
}

/* The key is certificate 0's and no other. If the chain did not hold, the finding about it says so. */
static int judge_signature(struct rim *rim, enum rim_kind kind, const struct xmlsig *sig,
			   const uint8_t *root, time_t at, struct err *e)
{
	struct err why = ERR_INIT;
	const struct cur *ders;
	size_t n = xmlsig_certs(sig, &ders);

	if (x509_chain_from_der(ders, n, n, &rim->chain, &why) < 0) {
		find(rim, RIM_CHAIN, false, why.msg);
		return 0;
	}
	if (judge_chain(rim, kind, root, at, e) < 0)
		return -1;
	if (xmlsig_verify(sig, x509_key(rim->chain, 0), &why) < 0)
		find(rim, RIM_SIGNATURE, false, why.msg);
	else
		find(rim, RIM_SIGNATURE, true, "");
	return 0;
}

int rim_judge(enum rim_kind kind, const void *data, size_t len,
	      const uint8_t root[DIGEST_SHA256_SIZE], time_t at, struct rim **ret, struct err *e)
{
	_cleanup_(rim_free_p) struct rim *rim = xcalloc(1, sizeof(*rim));
	_cleanup_(xmlFreeDoc_p) xmlDoc *doc = NULL;
	_cleanup_(xmlsig_free_p) struct xmlsig *sig = NULL;
	struct err why = ERR_INIT;
	bool ok = xmldoc_load(data, len, RIM_BYTES_MAX, &doc, &why) == 0;

	find(rim, RIM_PARSE, ok, why.msg);
	if (ok) {
		ok = xmlsig_detach(doc, &sig, &why) == 0;
		find(rim, RIM_PROFILE, ok, why.msg);
		why = (struct err)ERR_INIT;
		ok = rim_content_read(kind, doc, sig != NULL, &rim->content, &why) == 0;
		find(rim, RIM_STRUCTURE, ok, why.msg);
	}
	if (sig && judge_signature(rim, kind, sig, root, at, e) < 0)
		return -1;
	*ret = TAKE_PTR(rim);
	return 0;
}

bool rim_passed(const struct rim *rim)
{
	for (int i = 0; i < RIM_STAGES; i++)
		if (rim->findings[i].result != CHECK_PASSED)
			return false;
	return true;
}

void rim_free(struct rim *rim)
{
	if (!rim)
		return;
	x509_chain_free(rim->chain);
	free(rim);
}
