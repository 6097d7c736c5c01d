#include "trust/appraise.h"

#include <openssl/x509.h>
#include <strings.h>

#include "core/str.h"
#include "trust/appraise_inside.h"

void appraise_rules_init(struct appraise_rules *rules)
{
	*rules = (struct appraise_rules){
		.shape = APPRAISE_AUTO,
		.ocsp = true,
		.ocsp_nonce = true,
		.facts = {APPRAISE_NOT_KNOWN,
			   APPRAISE_NOT_KNOWN, APPRAISE_NOT_KNOWN,
			   APPRAISE_NOT_KNOWN, { 0 }},
	};
	memcpy(rules->device_root, x509_device_root, DIGEST_SHA256_SIZE);
	memcpy(rules->rim_root, x509_rim_root, DIGEST_SHA256_SIZE);
	for (size_t i = 0; i < VERDICT_DEVICES_MAX; i++)
		rules->facts.switch_mode[i] = APPRAISE_NOT_KNOWN;
}

/* --- questions ---------------------------------------------------------------------------------- */

static void question_free(struct question *q)
{
	free(q->request);
	free(q);
}
DEFINE_CLEANUP(struct question *, question_free)

/* Nobody but the caller can know the seed, so nobody can have an answer ready. */
static bool derive_nonce(const struct appraise *a, size_t number, uint8_t ret[OCSP_NONCE_SIZE])
{
	uint8_t text[APPRAISE_SEED_SIZE + sizeof(number)];

	_Static_assert(OCSP_NONCE_SIZE == DIGEST_SHA256_SIZE, "a digest is a nonce");
	memcpy(text, a->rules.seed, APPRAISE_SEED_SIZE);
	memcpy(text + APPRAISE_SEED_SIZE, &number, sizeof(number));
	return digest_sha256(text, sizeof(text), ret);
}

/* Adds a question at the end of the list. */
static int ask(struct appraise *a, const struct x509_chain *chain, size_t index, bool of_rim,
	       enum ocsp_hash hash, struct err *e)
{
	_cleanup_(question_free_p) struct question *q = xcalloc(1, sizeof(*q));

	if (a->questions_n == APPRAISE_QUESTIONS_MAX)
		return err_set(e, &ERR_INTERNAL, "more OCSP questions than there can be");
	q->q = (struct ocsp_question){ .chain = chain, .index = index, .hash = hash };
	q->of_rim = of_rim;
	q->second = APPRAISE_NONE;
	q->cause = CAUSE_NO_ANSWER;
	str_copy(q->name, sizeof(q->name), x509_common_name(chain, index));
	str_copy(q->why, sizeof(q->why), "no answer was obtained");
	if (a->rules.ocsp_nonce) {
		if (!derive_nonce(a, a->questions_n, q->nonce))
			return err_set(e, &ERR_INTERNAL, "cannot derive a nonce");
		q->q.nonce = q->nonce;
	}
	if (ocsp_request(&q->q, &q->request, &q->request_len, e) < 0)
		return -1;
	a->questions[a->questions_n++] = TAKE_PTR(q);
	return 0;
}

/* The question about the same certificate under the same issuer, if it was put already. */
static size_t find_question(const struct appraise *a, const struct x509_chain *chain, size_t index,
			    bool of_rim)
{
	for (size_t i = 0; i < a->questions_n; i++) {
		const struct question *q = a->questions[i];

		if (q->of_rim == of_rim && q->q.hash == OCSP_HASH_SHA384 &&
		    X509_cmp(x509_cert(q->q.chain, q->q.index), x509_cert(chain, index)) == 0 &&
		    X509_cmp(x509_cert(q->q.chain, q->q.index + 1), x509_cert(chain, index + 1)) ==
			    0)
			return i;
	}
	return APPRAISE_NONE;
}

/* Asks about three certificates of a chain that held: certificate `first` and the two above it. */
static int ask_about(struct appraise *a, const struct x509_chain *chain, size_t first, bool of_rim,
		     struct asked *ret, struct err *e)
{
	if (!a->rules.ocsp)
		return 0;
	for (size_t i = 0; i < APPRAISE_ASKED; i++) {
		size_t number = find_question(a, chain, first + i, of_rim);

		if (number == APPRAISE_NONE) {
			number = a->questions_n;
			if (ask(a, chain, first + i, of_rim, OCSP_HASH_SHA384, e) < 0)
				return -1;
		}
		ret->questions[i] = number;
	}
	ret->any = true;
	return 0;
}

size_t appraise_questions(const struct appraise *a)
{
	return a->questions_n;
}

void appraise_question(const struct appraise *a, size_t i, struct appraise_question *ret)
{
	const struct question *q = a->questions[i];

	*ret = (struct appraise_question){ q->name, q->request, q->request_len };
}

int appraise_give_ocsp(struct appraise *a, size_t i, const void *bytes, size_t len, bool *ret_retry,
		       struct err *e)
{
	struct question *q = a->questions[i];
	struct ocsp_rules rules = {
		.root = q->of_rim ? a->rules.rim_root : a->rules.device_root,
		.at = a->rules.at,
		.of_rim = q->of_rim,
		.allow_hold = a->rules.allow_hold,
	};
	struct ocsp_answer answer;

	if (ocsp_judge(&q->q, &rules, bytes, len, &answer, e) < 0)
		return -1;
	if (!q->answered || ocsp_check_result(q->answer.kind) == CHECK_UNKNOWN) {
		q->answered = true;
		q->answer = answer;
	}
	if (answer.other_hash && q->q.hash == OCSP_HASH_SHA384 && q->second == APPRAISE_NONE) {
		size_t second = a->questions_n;

		if (ask(a, q->q.chain, q->q.index, q->of_rim, OCSP_HASH_SHA1, e) < 0)
			return -1;
		q->second = second;
	}
	if (ret_retry)
		*ret_retry = answer.retry;
	return 0;
}

void appraise_miss_ocsp(struct appraise *a, size_t i, enum check_cause cause, const char *why)
{
	struct question *q = a->questions[i];

	q->cause = cause;
	str_copy(q->why, sizeof(q->why), why);
	str_sanitise(q->why);
}

/* --- manifests ---------------------------------------------------------------------------------- */

/* The number of the wanted manifest, which may be there already, of another device. */
static int want(struct appraise *a, const struct rim_subject *of, size_t *ret, struct err *e)
{
	struct wanted *w = &a->wanted[a->wanted_n];

	if (rim_id(of, w->id, e) < 0)
		return -1;
	for (size_t i = 0; i < a->wanted_n; i++)
		if (str_eq(a->wanted[i].id, w->id)) {
			*ret = i;
			return 0;
		}
	w->kind = of->kind;
	w->cause = CAUSE_NO_ANSWER;
	str_copy(w->why, sizeof(w->why), "it was not fetched");
	*ret = a->wanted_n++;
	return 0;
}

static int want_gpu(struct appraise *a, struct subject *s, struct err *e)
{
	const struct opaque *o = &s->opaque;
	struct rim_subject driver = { .kind = RIM_GPU_DRIVER, .version = o->driver_version };
	struct rim_subject vbios = { .kind = RIM_GPU_VBIOS,
				     .version = o->vbios_version,
				     .project = o->project,
				     .project_sku = o->project_sku,
				     .chip_sku = o->chip_sku };
	int rc = want(a, &driver, &s->rims[0], e);

	return want(a, &vbios, &s->rims[1], e) < 0 ? -1 : rc;
}

/* What the report says about its firmware picks the manifests; whether it may be believed is judged
 * by itself. */
static void want_rims(struct appraise *a, struct subject *s)
{
	struct rim_subject bios = { .kind = RIM_SWITCH_BIOS, .version = s->opaque.vbios_version };
	struct err e = ERR_INIT;
	int rc;

	if (!s->opaque_ok || !s->arch_ok)
		return;
	rc = s->device.type == DEVICE_GPU ? want_gpu(a, s, &e) : want(a, &bios, &s->rims[0], &e);
	/* A version that is no version is no better than opaque data that cannot be read. */
	if (rc < 0) {
		s->opaque_ok = false;
		s->opaque_err = e;
	}
}

size_t appraise_rims(const struct appraise *a)
{
	return a->wanted_n;
}

const char *appraise_rim_id(const struct appraise *a, size_t i)
{
	return a->wanted[i].id;
}

int appraise_give_rim(struct appraise *a, size_t i, const void *bytes, size_t len, struct err *e)
{
	struct wanted *w = &a->wanted[i];

	if (w->given)
		return err_set(e, &ERR_INTERNAL, "%s was given twice", w->id);
	if (rim_judge(w->kind, bytes, len, a->rules.rim_root, a->rules.at, &w->rim, e) < 0)
		return -1;
	w->given = true;
	if (w->rim->findings[RIM_CHAIN].result != CHECK_PASSED)
		return 0;
	return ask_about(a, w->rim->chain, 0, true, &w->asked, e);
}

void appraise_miss_rim(struct appraise *a, size_t i, enum check_cause cause, const char *why)
{
	struct wanted *w = &a->wanted[i];

	w->cause = cause;
	str_copy(w->why, sizeof(w->why), why);
	str_sanitise(w->why);
}

/* --- devices ------------------------------------------------------------------------------------ */

static bool arch_is_named(const struct subject *s, struct err *e)
{
	const char *want = s->device.type == DEVICE_GPU ? "HOPPER" : "LS10";

	if (!s->device.arch[0] || strcasecmp(s->device.arch, want) == 0)
		return true;
	err_set(e, &ERR_UNTRUSTED,
		"architecture \"%s\" is not supported: only HOPPER GPUs (GH100) and "
		"LS10 NVSwitches can be judged",
		s->device.arch);
	return false;
}

/* Chain, and what it says of the device. */
static int read_chain(struct appraise *a, struct subject *s, struct err *e)
{
	const struct appraise_device *d = &s->device;

	if (!d->chain || x509_chain_parse(d->chain, d->chain_len, X509_DEVICE_COUNT, &s->chain,
					  &s->chain_err) < 0)
		return 0;
	if (x509_chain_verify(s->chain, a->rules.device_root, a->rules.at, &s->verified, e) < 0 ||
	    x509_key_digest(s->chain, 0, s->key, e) < 0)
		return -1;
	s->key_ok = true;
	s->arch_ok = arch_is_named(s, &s->arch_err) &&
		     x509_device_check(s->chain, d->type, &s->arch_err) == 0;
	s->fwid_ok = x509_device_fwid(s->chain, s->fwid, &s->fwid_err) == 0;
	s->pdi_ok = x509_device_pdi(s->chain, d->type, &s->pdi, &s->pdi_err) == 0;
	return s->verified.chain_ok ? ask_about(a, s->chain, 1, false, &s->asked, e) : 0;
}

static void read_report(struct subject *s)
{
	const struct appraise_device *d = &s->device;

	s->parsed =
		d->report && spdm_parse(d->report, d->report_len, &s->report, &s->parse_err) == 0;
	if (!s->parsed)
		return;
	s->signed_by_leaf = s->chain && spdm_signed_by(&s->report, x509_key(s->chain, 0));
	s->opaque_ok = opaque_parse(s->report.opaque, d->type, &s->opaque, &s->opaque_err) == 0;
}

static enum appraise_shape resolve(enum appraise_shape shape, const struct appraise_device *d,
				   size_t n)
{
	bool gpu = false, nvswitch = false;

	for (size_t i = 0; i < n; i++) {
		gpu = gpu || d[i].type == DEVICE_GPU;
		nvswitch = nvswitch || d[i].type == DEVICE_NVSWITCH;
	}
	return shape == APPRAISE_AUTO && gpu && nvswitch ? APPRAISE_MULTI : shape;
}

int appraise_new(const struct appraise_device *devices, size_t n,
		 const struct appraise_rules *rules, struct appraise **ret, struct err *e)
{
	_cleanup_(appraise_free_p) struct appraise *a = xcalloc(1, sizeof(*a));

	if (n > VERDICT_DEVICES_MAX)
		return err_set(e, &ERR_TOO_LARGE, "evidence of %zu devices; at most %d are judged",
			       n, VERDICT_DEVICES_MAX);
	a->rules = *rules;
	a->shape = resolve(rules->shape, devices, n);
	a->subjects = xcalloc(n ? n : 1, sizeof(*a->subjects));
	for (size_t i = 0; i < n; i++) {
		struct subject *s = &a->subjects[a->subjects_n++];

		s->device = devices[i];
		s->rims[0] = s->rims[1] = APPRAISE_NONE;
		if (read_chain(a, s, e) < 0)
			return -1;
		read_report(s);
		want_rims(a, s);
	}
	*ret = TAKE_PTR(a);
	return 0;
}

void appraise_free(struct appraise *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->questions_n; i++)
		question_free(a->questions[i]);
	for (size_t i = 0; i < a->wanted_n; i++)
		rim_free(a->wanted[i].rim);
	for (size_t i = 0; i < a->subjects_n; i++)
		x509_chain_free(a->subjects[i].chain);
	free(a->subjects);
	free(a);
}
