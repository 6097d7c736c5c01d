/* A throw-away machine: GPUs and NVSwitches under one root and wired to each other, their manifests
 * under another, and a responder for all of them. A test changes one thing of it and has it appraised. */
#ifndef GN8V_TESTS_FORGE_MACHINE_H
#define GN8V_TESTS_FORGE_MACHINE_H

#include "forge_ocsp.h"
#include "forge_rim.h"
#include "trust/appraise.h"
#include "trust/opaque.h"

#define FORGE_UNITS 12
#define FORGE_NO    0xffff /* a field that is left out */

struct forge_unit {
	enum device_type type;
	unsigned int index;
	/* What the report says. */
	const char *version; /* of driver or BIOS */
	uint64_t pdi;	     /* NVSwitch */
	uint64_t links[OPAQUE_LINKS];
	unsigned int ppcie, feature, nvdec0, fwid; /* FORGE_NO: not said; fwid is each byte */
	/* Made of it. */
	struct forge_chain chain;
	struct forge_bytes report;
	char *pem;
};

struct forge_machine {
	struct forge_unit units[FORGE_UNITS];
	size_t n;
	struct appraise_device devices[FORGE_UNITS + 4];
	struct forge_chain rim_chains[2]; /* by enum device_type */
	struct forge_rim rims[3];	  /* by enum rim_kind */
	bool rim_missing[3], rim_unreachable[3];
	struct appraise_rules rules;
	/* OCSP: about the certificate of that name, other than good. */
	const char *about;
	struct forge_answer answer;
	int refusal; /* OCSP_RESPONSE_STATUS_*; 0: none */
	bool silent, sha1_only;
	size_t questions; /* that were put */
};

/* --- devices ------------------------------------------------------------------------------------ */

static inline void forge_share(struct forge_chain *c, const struct forge_chain *of, size_t from)
{
	for (size_t i = from; i < of->n; i++) {
		c->keys[i] = of->keys[i];
		c->certs[i] = of->certs[i];
		EVP_PKEY_up_ref(c->keys[i]);
		X509_up_ref(c->certs[i]);
	}
	c->n = of->n;
}

/* A chain of its own up to certificate `shared`, from where it is the other's. */
static inline void forge_unit_chain(struct forge_unit *u, uint64_t pdi,
				    const struct forge_chain *of, size_t shared)
{
	struct forge_cert specs[X509_DEVICE_COUNT];
	uint8_t der[512];
	char serial[32];

	forge_device_specs(&u->chain, u->type, specs, der);
	snprintf(serial, sizeof(serial), "%s%016llX", u->type == DEVICE_GPU ? "41" : "50",
		 (unsigned long long)pdi);
	specs[1].serial_name = serial;
	if (!of) {
		forge_chain_make(&u->chain, specs, X509_DEVICE_COUNT);
	} else {
		forge_share(&u->chain, of, shared);
		for (size_t i = shared; i-- > 0;) {
			if (!u->chain.keys[i])
				u->chain.keys[i] = EVP_EC_gen("P-384");
			forge_issue(&u->chain, i, &specs[i]);
		}
	}
	u->pem = forge_pem(&u->chain);
}

static inline void forge_pdi(uint8_t dst[8], uint64_t pdi, bool little)
{
	for (int i = 0; i < 8; i++)
		dst[little ? i : 7 - i] = (uint8_t)(pdi >> 8 * i);
}

static inline void forge_optional(struct forge_bytes *b, uint16_t id, unsigned int value, size_t n)
{
	uint8_t bytes[2] = { (uint8_t)value, (uint8_t)(value >> 8) };

	if (value != FORGE_NO)
		forge_field(b, id, bytes, n);
}

static inline void forge_unit_opaque(const struct forge_unit *u, struct forge_bytes *b)
{
	uint8_t fwid[48], links[8 * OPAQUE_LINKS] = { 0 }, gpus[128], pdi[8];
	bool gpu = u->type == DEVICE_GPU;

	memset(fwid, (int)u->fwid, sizeof(fwid));
	memset(gpus, 0xff, sizeof(gpus));
	for (size_t i = 0; i < OPAQUE_LINKS; i++)
		if (gpu || i < OPAQUE_GPUS)
			forge_pdi((gpu ? links : gpus) + 8 * i, u->links[i], gpu);
	forge_pdi(pdi, u->pdi, false);
	if (!gpu) {
		forge_field(b, 6, u->version, strlen(u->version));
		forge_field(b, 22, pdi, sizeof(pdi));
		forge_field(b, 26, gpus, sizeof(gpus));
		forge_field(b, 25, "\x01\0", 2);
		forge_optional(b, 21, u->ppcie, 1);
		return;
	}
	forge_field(b, 6, "\x00\xa5\x00\x96\x01\x00\x00\x00", 8);
	forge_field(b, 15, "885\0\0\0\0\0\0", 9);
	forge_text_field(b, 17, "G520");
	forge_text_field(b, 18, "0200");
	forge_field(b, 3, u->version, strlen(u->version) + 1);
	forge_field(b, 22, links, sizeof(links));
	forge_optional(b, 11, u->nvdec0, 1);
	if (u->fwid != FORGE_NO)
		forge_field(b, 20, fwid, sizeof(fwid));
	forge_optional(b, 21, u->ppcie, 1);
	forge_optional(b, 34, u->feature == FORGE_NO ? FORGE_NO : 1, 2);
	forge_optional(b, 36, u->feature, 2);
}

/* Makes the report anew of what the unit says now, signed by its leaf. */
static inline void forge_unit_report(struct forge_machine *m, size_t i)
{
	struct forge_unit *u = &m->units[i];
	struct forge_bytes opaque = { .n = 0 };

	forge_unit_opaque(u, &opaque);
	forge_report(&u->report, u->type, u->chain.keys[0],
		     &(struct forge_report){ .opaque = &opaque });
	m->devices[i].report = u->report.v;
	m->devices[i].report_len = u->report.n;
	m->devices[i].chain = u->pem;
	m->devices[i].chain_len = strlen(u->pem);
}

/* Changes one byte of the value measured at a RIM index, and signs again. */
static inline void forge_unit_mismeasure(struct forge_machine *m, size_t i, unsigned int index)
{
	struct forge_unit *u = &m->units[i];

	u->report.v[37 + 8 + 55 * index + 7] ^= 1;
	forge_sign(&u->report, u->chain.keys[0]);
}

/* --- the machine -------------------------------------------------------------------------------- */

static inline uint64_t forge_unit_pdi(enum device_type type, unsigned int index)
{
	return (type == DEVICE_GPU ? 0x2921ce551e4eed00u : 0x666e93e19dec7d00u) + index;
}

static inline void forge_unit_make(struct forge_machine *m, size_t i, size_t gpus, size_t switches)
{
	struct forge_unit *u = &m->units[i];
	bool gpu = i<gpus, multi = switches> 0;
	struct forge_unit *kin = i == 0 ? NULL : gpu || i == gpus ? &m->units[0] : &m->units[gpus];
	size_t others = gpu ? switches : gpus;

	u->type = gpu ? DEVICE_GPU : DEVICE_NVSWITCH;
	u->index = (unsigned int)(gpu ? i : i - gpus);
	u->version = gpu ? "590.12" : "96.10.73.00.01";
	u->pdi = forge_unit_pdi(u->type, u->index);
	for (size_t k = 0; k < others; k++)
		u->links[k] = forge_unit_pdi(gpu ? DEVICE_NVSWITCH : DEVICE_GPU, (unsigned int)k);
	u->nvdec0 = OPAQUE_DISABLED;
	u->fwid = FORGE_FWID;
	u->ppcie = !gpu ? FORGE_NO : multi ? OPAQUE_ENABLED : OPAQUE_DISABLED;
	u->feature = multi ? OPAQUE_FEATURE_PPCIE : OPAQUE_FEATURE_SPT;
	forge_unit_chain(u, u->pdi, kin ? &kin->chain : NULL, gpu || i != gpus ? 2 : 3);
	m->devices[i] = (struct appraise_device){ .type = u->type, .index = u->index };
	str_copy(m->devices[i].arch, sizeof(m->devices[i].arch), gpu ? "HOPPER" : "LS10");
	m->devices[i].has_nonce = true;
	memset(m->devices[i].nonce, 0x4e, SPDM_NONCE_SIZE);
	forge_unit_report(m, i);
}

static inline void forge_machine_rims(struct forge_machine *m)
{
	static const struct forge_cert nvswitch[] = FORGE_RIM_SPECS("LS10");
	struct forge_chain *gpu = &m->rim_chains[DEVICE_GPU];
	struct forge_chain *other = &m->rim_chains[DEVICE_NVSWITCH];

	forge_rim_chain(gpu, RIM_GPU_DRIVER);
	forge_share(other, gpu, X509_RIM_COUNT - 1);
	for (size_t i = X509_RIM_COUNT - 1; i-- > 0;) {
		other->keys[i] = EVP_EC_gen("P-384");
		forge_issue(other, i, &nvswitch[i]);
	}
	for (enum rim_kind kind = 0; kind < 3; kind++)
		m->rims[kind] =
			(struct forge_rim){ .kind = kind,
					    .chain = kind == RIM_SWITCH_BIOS ? other : gpu };
}

/* A good one, judged at FORGE_NOW. */
static inline struct forge_machine *forge_machine(size_t gpus, size_t switches)
{
	struct forge_machine *m = xcalloc(1, sizeof(*m));

	m->n = gpus + switches;
	for (size_t i = 0; i < m->n; i++)
		forge_unit_make(m, i, gpus, switches);
	forge_machine_rims(m);
	appraise_rules_init(&m->rules);
	m->rules.shape = switches ? APPRAISE_MULTI : APPRAISE_SINGLE;
	m->rules.at = FORGE_NOW;
	memset(m->rules.seed, 0x5e, sizeof(m->rules.seed));
	forge_root_digest(&m->units[0].chain, m->rules.device_root);
	forge_root_digest(&m->rim_chains[0], m->rules.rim_root);
	return m;
}

static inline void forge_machine_free(struct forge_machine *m)
{
	for (size_t i = 0; i < FORGE_UNITS; i++) {
		forge_chain_done(&m->units[i].chain);
		free(m->units[i].pem);
	}
	forge_chain_done(&m->rim_chains[0]);
	forge_chain_done(&m->rim_chains[1]);
	free(m);
}

/* --- what it is asked for ----------------------------------------------------------------------- */

static inline enum rim_kind forge_kind_of(const char *id)
{
	return strstr(id, "_DRIVER_")  ? RIM_GPU_DRIVER
	       : strstr(id, "_VBIOS_") ? RIM_GPU_VBIOS
				       : RIM_SWITCH_BIOS;
}

static inline void forge_give_rims(struct forge_machine *m, struct appraise *a)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < appraise_rims(a); i++) {
		enum rim_kind kind = forge_kind_of(appraise_rim_id(a, i));

		if (m->rim_missing[kind] || m->rim_unreachable[kind]) {
			appraise_miss_rim(
				a, i, m->rim_missing[kind] ? CAUSE_RIM_MISSING : CAUSE_NO_ANSWER,
				m->rim_missing[kind] ? "404" : "timed out");
		} else {
			_cleanup_free_ char *xml = forge_rim(&m->rims[kind]);

			ck_assert_msg(appraise_give_rim(a, i, xml, strlen(xml), &e) == 0, "%s",
				      e.msg);
		}
	}
}

/* Whether the question is about that certificate of the chain. */
static inline bool forge_is_about(OCSP_CERTID *id, const struct forge_chain *c, size_t i,
				  enum ocsp_hash hash)
{
	OCSP_CERTID *mine = OCSP_cert_to_id(hash == OCSP_HASH_SHA384 ? EVP_sha384() : EVP_sha1(),
					    c->certs[i], c->certs[i + 1]);
	bool same = OCSP_id_cmp(mine, id) == 0;

	OCSP_CERTID_free(mine);
	return same;
}

/* Finds chain, index and hash of a question. */
static inline void forge_find(const struct forge_machine *m, OCSP_CERTID *id,
			      struct forge_answer *a)
{
	for (size_t k = 0; k < m->n + 2; k++) {
		const struct forge_chain *c =
			k < m->n ? &m->units[k].chain : &m->rim_chains[k - m->n];

		for (size_t i = 0; i + 1 < c->n; i++)
			for (a->hash = 0; a->hash <= OCSP_HASH_SHA1; a->hash++)
				if (forge_is_about(id, c, i, a->hash)) {
					a->chain = c;
					a->index = i;
					return;
				}
	}
	ck_abort_msg("a question about an unknown certificate");
}

/* The responder's answer to a request, about the certificate of that name; NULL for silence. Caller
 * frees. */
static inline uint8_t *forge_respond(const struct forge_machine *m, const uint8_t *bytes, size_t n,
				     const char *name, size_t *ret_n)
{
	OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &bytes, (long)n);
	OCSP_CERTID *id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0));
	int at = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
	struct forge_answer answer = { .chain = NULL };
	uint8_t nonce[OCSP_NONCE_SIZE];
	bool about = m->about && str_eq(m->about, name);

	if (about)
		answer = m->answer;
	forge_find(m, id, &answer);
	if (at >= 0 && !answer.nonce) {
		const ASN1_OCTET_STRING *value =
			X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request, at));

		memcpy(nonce, ASN1_STRING_get0_data(value) + 2, sizeof(nonce));
		answer.nonce = nonce;
	}
	OCSP_REQUEST_free(request);
	if (m->sha1_only && answer.hash == OCSP_HASH_SHA384)
		return forge_refusal(OCSP_RESPONSE_STATUS_UNAUTHORIZED, ret_n);
	if (about && m->silent)
		return NULL;
	if (about && m->refusal)
		return forge_refusal(m->refusal, ret_n);
	if (!answer.signer) {
		answer.signer = answer.chain->certs[answer.index + 1];
		answer.key = answer.chain->keys[answer.index + 1];
	}
	return forge_answer(&answer, ret_n);
}

static inline void forge_give_answers(struct forge_machine *m, struct appraise *a)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < appraise_questions(a); i++) {
		struct appraise_question q;
		_cleanup_free_ uint8_t *bytes = NULL;
		size_t n;

		appraise_question(a, i, &q);
		bytes = forge_respond(m, q.request, q.request_len, q.certificate, &n);
		if (!bytes)
			appraise_miss_ocsp(a, i, CAUSE_NO_ANSWER, "connection refused");
		else
			ck_assert_msg(appraise_give_ocsp(a, i, bytes, n, NULL, &e) == 0, "%s",
				      e.msg);
	}
	m->questions = appraise_questions(a);
}

/* Appraises it as it is now. The caller frees the result. */
static inline struct appraisal *forge_appraise(struct forge_machine *m)
{
	struct appraisal *ret = xcalloc(1, sizeof(*ret));
	struct appraise *a;
	struct err e = ERR_INIT;

	ck_assert_msg(appraise_new(m->devices, m->n, &m->rules, &a, &e) == 0, "%s", e.msg);
	forge_give_rims(m, a);
	forge_give_answers(m, a);
	appraise_judge(a, ret);
	appraise_free(a);
	return ret;
}

#endif
