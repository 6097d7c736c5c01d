#include "evidence/switch.h"

#include <assert.h>
#include <dlfcn.h>

#include "core/str.h"

#define SONAME	      "libnvidia-nscq.so.2"
#define MOUNT_DEVICES 1
#define CHAIN_MAX     0x1400
#define LABEL_SIZE    64
#define PATH_UUIDS    "/drv/nvswitch/{device}/uuid" /* the braces are the library's own: all of them */
#define PATH_ARCHES   "/{nvswitch}/id/arch"

/* --- NSCQ as it is, API 2 ------------------------------------------------------------------------ */

typedef int8_t nscq_rc; /* 0 good, above a warning, below an error */
typedef void (*nscq_fn)(void);
typedef struct nscq_session *nscq_session; /* opaque */

struct nscq_uuid {
	uint8_t bytes[16];
};

struct nscq_label {
	char text[LABEL_SIZE];
};

struct nscq_session_result {
	nscq_rc rc;
	nscq_session session;
};

struct nscq_report {
	uint32_t size;
	uint8_t bytes[SPDM_REPORT_MAX];
};

struct nscq_certificate {
	uint8_t chain[CHAIN_MAX];
	uint32_t size;
};

static_assert(sizeof(struct nscq_session_result) == 16, "nscq_session_result_t");
static_assert(sizeof(struct nscq_report) == 8196, "nscq_attestation_report_t");
static_assert(sizeof(struct nscq_certificate) == 5124, "nscq_attestation_certificate_t");

/* clang-format off */
static const struct code {
	int number;
	const char *meaning;
} codes[] = {
	{ 1, "RDT init failure" },
	{ -1, "not implemented" },
	{ -2, "invalid UUID" },
	{ -3, "resource not mountable" },
	{ -4, "overflow" },
	{ -5, "unexpected value" },
	{ -6, "unsupported driver" },
	{ -7, "driver error" },
	{ -8, "timeout" },
	{ -127, "extended error" },
	{ -128, "unspecified error" },
};
/* clang-format on */

#define MISMATCH_HINT \
	"install libnvidia-nscq in the very version of the loaded driver: cat /sys/module/nvidia/version"

struct nscq {
	void *lib;
	nscq_session session;
	struct evidence *ev; /* for warnings */
	struct nscq_session_result (*create)(uint32_t flags);
	void (*destroy)(nscq_session);
	nscq_rc (*observe)(nscq_session, const char *path, nscq_fn, void *user, uint32_t flags);
	nscq_rc (*set_input)(nscq_session, uint32_t flags, void *data, uint32_t size);
	nscq_rc (*label)(const struct nscq_uuid *, struct nscq_label *, uint32_t flags);
};

/* A switch as far as it is known. What callbacks write comes before it is looked at. */
struct known {
	struct nscq_uuid uuid;
	struct nscq_label label;
	int8_t arch;
};

static const char *meaning_of(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].number == number)
			return codes[i].meaning;
	return number > 0 ? "unknown warning" : "unknown error";
}

/* Errors fail, a warning is noted. */
static int check_code(const struct nscq *l, const char *what, nscq_rc rc, struct err *e)
{
	if (rc < 0) {
		err_set(e, &EVIDENCE_CALL, "NSCQ: %s answered %d (%s)", what, rc, meaning_of(rc));
		return rc == -6 ? err_hint(e, MISMATCH_HINT) : -1;
	}
	if (rc > 0 && l->ev->note[0] == '\0')
		snprintf(l->ev->note, sizeof(l->ev->note),
			 "NSCQ: %s answered with warning %d (%s)%s", what, rc, meaning_of(rc),
			 rc == 1 ? "; its version may differ from the driver's" : "");
	return 0;
}

static void close_library(struct nscq *l)
{
	if (l->session)
		l->destroy(l->session);
	if (l->lib)
		dlclose(l->lib);
}

static int find_symbols(struct nscq *l, struct err *e)
{
	const struct {
		const char *name;
		void *at;
	} symbols[] = {
		{"nscq_session_create",	 &l->create   },
		{ "nscq_session_destroy",	  &l->destroy  },
		{ "nscq_session_path_observe", &l->observe  },
		{ "nscq_session_set_input",    &l->set_input},
		{ "nscq_uuid_to_label",	&l->label	  },
	};
	const uint32_t *version = dlsym(l->lib, "nscq_api_version");

	if (version && *version >> 24 != 2)
		return err_set(e, &EVIDENCE_LIBRARY, SONAME " speaks API %u, not 2",
			       *version >> 24);
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		void *address = dlsym(l->lib, symbols[i].name);

		if (!address)
			return err_set(e, &EVIDENCE_LIBRARY, SONAME " has no function %s",
				       symbols[i].name);
		memcpy(symbols[i].at, &address, sizeof(address));
	}
	return 0;
}

static int open_library(struct nscq *l, struct err *e)
{
	struct nscq_session_result made;

	if (evidence_load(SONAME, &l->lib, e) < 0)
		return err_hint(e, MISMATCH_HINT);
	if (find_symbols(l, e) < 0)
		return -1;
	made = l->create(MOUNT_DEVICES);
	if (made.rc >= 0)
		l->session = made.session;
	if (check_code(l, "nscq_session_create", made.rc, e) < 0)
		return -1;
	if (l->session)
		return 0;
	err_set(e, &EVIDENCE_CALL, "NSCQ: nscq_session_create answered %d (%s) and no session",
		made.rc, made.rc == 0 ? "success" : meaning_of(made.rc));
	return err_hint(e, MISMATCH_HINT);
}

/* --- answers ------------------------------------------------------------------------------------ */

/* Each observation calls back once per switch, with the answer that is the first member of what is to
 * be filled in. The first error code stays. */
struct answer {
	size_t n; /* how often it was called */
	nscq_rc rc;
};

static bool take(struct answer *a, nscq_rc rc)
{
	a->n++;
	if (a->rc == 0 || (a->rc > 0 && rc < 0))
		a->rc = rc;
	return rc >= 0;
}

struct uuids {
	struct answer answer;
	struct known v[EVIDENCE_MAX];
};

static void on_uuid(const struct nscq_uuid *dev, nscq_rc rc, const struct nscq_uuid *uuid,
		    void *user)
{
	struct uuids *u = user;
	size_t i = u->answer.n;

	(void)dev;
	if (take(&u->answer, rc) && uuid && i < EVIDENCE_MAX)
		u->v[i] = (struct known){ .uuid = *uuid, .arch = -1 };
}

static void on_arch(const struct nscq_uuid *dev, nscq_rc rc, int8_t arch, void *user)
{
	struct uuids *u = user;

	if (!take(&u->answer, rc) || !dev)
		return;
	for (size_t i = 0; i < EVIDENCE_MAX; i++)
		if (memcmp(&u->v[i].uuid, dev, sizeof(*dev)) == 0)
			u->v[i].arch = arch;
}

struct pcie_mode {
	struct answer answer;
	int8_t mode;
};

static void on_pcie_mode(const struct nscq_uuid *dev, nscq_rc rc, int8_t mode, void *user)
{
	struct pcie_mode *m = user;

	(void)dev;
	if (take(&m->answer, rc))
		m->mode = mode;
}

struct certificate {
	struct answer answer;
	struct nscq_certificate value;
};

/* The library hands these structures over by value. */
static void on_certificate(const struct nscq_uuid *dev, nscq_rc rc, struct nscq_certificate value,
			   void *user)
{
	struct certificate *c = user;

	(void)dev;
	if (take(&c->answer, rc))
		c->value = value;
}

struct report {
	struct answer answer;
	struct nscq_report value;
};

static void on_report(const struct nscq_uuid *dev, nscq_rc rc, struct nscq_report value, void *user)
{
	struct report *r = user;

	(void)dev;
	if (take(&r->answer, rc))
		r->value = value;
}

static int observe(const struct nscq *l, const char *path, nscq_fn fn, struct answer *a,
		   struct err *e)
{
	nscq_rc rc = l->observe(l->session, path, fn, a, 0);

	if (check_code(l, path, rc, e) < 0)
		return -1;
	return check_code(l, path, a->rc, e);
}

/* Of one switch, which answers exactly once. */
static int observe_one(const struct nscq *l, const struct known *k, const char *what, nscq_fn fn,
		       struct answer *a, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("/%s/config/%s", k->label.text, what);

	if (observe(l, path, fn, a, e) < 0)
		return -1;
	if (a->n != 1)
		return err_set(e, &EVIDENCE_CALL, "NSCQ: %s was answered %zu times, not once", path,
			       a->n);
	return 0;
}

/* --- switches ----------------------------------------------------------------------------------- */

static int find_labels(const struct nscq *l, struct uuids *u, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		char *text = u->v[i].label.text;

		if (check_code(l, "nscq_uuid_to_label", l->label(&u->v[i].uuid, &u->v[i].label, 0),
			       e) < 0)
			return -1;
		text[LABEL_SIZE - 1] = '\0';
		str_sanitise(text);
		if (text[0] == '\0' || strpbrk(text, "/{}"))
			return err_set(e, &EVIDENCE_CALL, "NSCQ: \"%s\" cannot be a label", text);
	}
	return 0;
}

static int find_switches(const struct nscq *l, struct uuids *u, size_t *ret_n, struct err *e)
{
	size_t n;

	if (observe(l, PATH_UUIDS, (nscq_fn)on_uuid, &u->answer, e) < 0)
		return -1;
	n = u->answer.n;
	if (n == 0)
		return err_set(e, &EVIDENCE_CALL, "NSCQ knows no NVSwitch");
	if (n > EVIDENCE_MAX)
		return err_set(e, &ERR_TOO_LARGE, "NSCQ knows %zu NVSwitches, more than %d", n,
			       EVIDENCE_MAX);
	u->answer = (struct answer){ 0 };
	if (observe(l, PATH_ARCHES, (nscq_fn)on_arch, &u->answer, e) < 0 ||
	    find_labels(l, u, n, e) < 0)
		return -1;
	*ret_n = n;
	return 0;
}

static void name_arch(int8_t number, char *dst, size_t size)
{
	static const char *const names[] = { "SV10", "LR10", "LS10" };

	if (number >= 0 && number < (int8_t)ARRAY_SIZE(names))
		str_copy(dst, size, names[number]);
	else
		snprintf(dst, size, "ARCH_%d", number);
}

static int ask_report(const struct nscq *l, const struct known *k, const uint8_t *nonce,
		      struct report *r, struct err *e)
{
	uint8_t input[SPDM_NONCE_SIZE];

	memcpy(input, nonce, sizeof(input));
	if (check_code(l, "nscq_session_set_input",
		       l->set_input(l->session, 0, input, sizeof(input)), e) < 0)
		return -1;
	return observe_one(l, k, "attestation_report", (nscq_fn)on_report, &r->answer, e);
}

static int collect_one(const struct nscq *l, const struct known *k, const uint8_t *nonce,
		       struct evidence *ev, struct err *e)
{
	_cleanup_free_ struct certificate *c = xcalloc(1, sizeof(*c));
	_cleanup_free_ struct report *r = xcalloc(1, sizeof(*r));
	struct pcie_mode m = { .mode = -1 };
	struct appraise_device d = { .type = DEVICE_NVSWITCH, .has_nonce = true };

	if (observe_one(l, k, "pcie_mode", (nscq_fn)on_pcie_mode, &m.answer, e) < 0 ||
	    observe_one(l, k, "certificate", (nscq_fn)on_certificate, &c->answer, e) < 0 ||
	    ask_report(l, k, nonce, r, e) < 0)
		return -1;
	memcpy(d.nonce, nonce, sizeof(d.nonce));
	str_copy(d.id, sizeof(d.id), k->label.text);
	name_arch(k->arch, d.arch, sizeof(d.arch));
	d.chain = (const char *)c->value.chain;
	d.chain_len = c->value.size < CHAIN_MAX ? c->value.size : CHAIN_MAX;
	d.report = r->value.bytes;
	d.report_len = r->value.size < SPDM_REPORT_MAX ? r->value.size : SPDM_REPORT_MAX;
	if (evidence_add(ev, &d, e) < 0)
		return -1;
	ev->pcie_mode[ev->n - 1] = m.mode;
	return 0;
}

int switch_collect(struct evidence *ev, struct err *e)
{
	_cleanup_(close_library) struct nscq l = { .ev = ev };
	_cleanup_free_ struct uuids *u = xcalloc(1, sizeof(*u));
	uint8_t nonce[SPDM_NONCE_SIZE];
	size_t n = 0;

	if (open_library(&l, e) < 0 || find_switches(&l, u, &n, e) < 0 ||
	    evidence_nonce(nonce, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (collect_one(&l, &u->v[i], nonce, ev, e) < 0)
			return err_wrap(e, "NVSwitch %zu of %zu", i, n);
	return 0;
}
