/* libnvidia-nscq.so.2 of the simulated machine: the paths that attestation observes.
 *
 * Plays libnvidia-nscq 570.148.08, API 2.
 * Source: NVIDIA's callers of it, as NVSwitches themselves and the library are not public: pynscq.py, paths.py and __init__.py of
 * nv-attestation-sdk 2.5.0 (PyPI), nv-attestation-sdk-cpp (NVIDIA/attestation-sdk, src/switch), nscq.h of NVIDIA/DCGM: names,
 * structures and their sizes, paths, codes and what they mean, pcie_mode 3 for locked, arch 2 for LS10, a label as SWX-UUID.
 * That a library of another version than the driver's gives warning 1: pynscq.py. What it answers without a driver, and without
 * PPCIE, is not known; here -3 (not mountable) and -7 (driver error).
 * Simplified: five paths; observers, watches and mounts of a single device are not there; each device answers at once.
 *
 * Faults are in ../fakes/FAULTS. */
#include <assert.h>

#include "core/str.h"
#include "device.h"
#include "twin.h"

#define API	     __attribute__((visibility("default")))
#define SWITCHES_MAX 4
#define PCIE_LOCKED  3
#define LS10	     2

enum {
	OK = 0,
	RDT_INIT_FAILURE = 1,
	NOT_IMPLEMENTED = -1,
	INVALID_UUID = -2,
	NOT_MOUNTABLE = -3,
	UNEXPECTED = -5,
	DRIVER_ERROR = -7,
};

typedef int8_t rc_t;
typedef void (*fn_t)(void);
typedef struct session *session_t;

typedef struct {
	uint8_t bytes[16];
} uuid_t;

typedef struct {
	char data[64];
} label_t;

typedef struct {
	rc_t rc;
	session_t session;
} session_result_t;

typedef struct {
	uint32_t report_size;
	uint8_t report[0x2000];
} report_t;

typedef struct {
	uint8_t cert_chain[0x1400];
	uint32_t cert_chain_size;
} certificate_t;

static_assert(sizeof(session_result_t) == 16, "result");
static_assert(sizeof(report_t) == 8196 && sizeof(certificate_t) == 5124, "evidence");

struct session {
	bool has_nonce;
	uint8_t nonce[SPDM_NONCE_SIZE];
	struct json_object *devices;
};

typedef struct {
	uuid_t uuid;
	char label[64];
	unsigned int i;
	struct json_object *row;
} switch_t;

API extern const uint32_t nscq_api_version;
API session_result_t nscq_session_create(uint32_t flags);
API void nscq_session_destroy(session_t session);
API rc_t nscq_session_path_observe(session_t session, const char *path, fn_t fn, void *user,
				   uint32_t flags);
API rc_t nscq_session_set_input(session_t session, uint32_t flags, void *data, uint32_t size);
API rc_t nscq_uuid_to_label(const uuid_t *uuid, label_t *label, uint32_t flags);

const uint32_t nscq_api_version = 2 << 24;

/* --- sessions ----------------------------------------------------------------------------------- */

static session_t make_session(void)
{
	session_t s = xcalloc(1, sizeof(*s));

	s->devices = twin_devices();
	return s;
}

session_result_t nscq_session_create(uint32_t flags)
{
	char kind[16];

	(void)flags;
	if (!twin_find())
		return (session_result_t){ DRIVER_ERROR, NULL };
	twin_open("nscq nvswitch");
	if (!twin_driver()[0] || twin_session_lost())
		return (session_result_t){ NOT_MOUNTABLE, NULL };
	if (twin_fault("nscq-mismatch", kind, sizeof(kind)))
		return (session_result_t){ RDT_INIT_FAILURE,
					   str_eq(kind, "session") ? make_session() : NULL };
	if (!str_eq(twin_driver(), twin_version()))
		return (session_result_t){ RDT_INIT_FAILURE, NULL };
	return (session_result_t){ OK, make_session() };
}

void nscq_session_destroy(session_t session)
{
	if (!session)
		return;
	json_object_put(session->devices);
	free(session);
}

rc_t nscq_session_set_input(session_t session, uint32_t flags, void *data, uint32_t size)
{
	(void)flags;
	if (!session || !data || size != sizeof(session->nonce))
		return UNEXPECTED;
	memcpy(session->nonce, data, size);
	session->has_nonce = true;
	return OK;
}

rc_t nscq_uuid_to_label(const uuid_t *uuid, label_t *label, uint32_t flags)
{
	const uint8_t *b = uuid ? uuid->bytes : NULL;

	(void)flags;
	if (!b || !label)
		return INVALID_UUID;
	snprintf(label->data, sizeof(label->data),
		 "SWX-%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
		 b[14], b[15]);
	return OK;
}

/* --- switches ----------------------------------------------------------------------------------- */

static bool find_switch(session_t s, unsigned int i, switch_t *ret)
{
	struct json_object *row = json_item(json_get(s->devices, "switches"), i);
	const char *text = json_str(row, "uuid", "");
	size_t n = 0;

	if (!row || i >= SWITCHES_MAX)
		return false;
	*ret = (switch_t){ .i = i, .row = row };
	str_copy(ret->label, sizeof(ret->label), text);
	for (text += strcspn(text, "-"); *text && n < sizeof(ret->uuid.bytes);)
		if (*text == '-')
			text++;
		else if (sscanf(text, "%2hhx", &ret->uuid.bytes[n++]) == 1)
			text += 2;
		else
			return false;
	return true;
}

/* Which switch's key and firmware it really is. */
static unsigned int real_index(const switch_t *w)
{
	char ignored[8];

	return w->i == 1 && twin_fault("duplicate-switch", ignored, sizeof(ignored)) ? 0 : w->i;
}

static void give_uuid(session_t s, const switch_t *w, fn_t fn, void *user)
{
	(void)s;
	((void (*)(const uuid_t *, rc_t, const uuid_t *, void *))fn)(&w->uuid, OK, &w->uuid, user);
}

static void give_arch(session_t s, const switch_t *w, fn_t fn, void *user)
{
	(void)s;
	((void (*)(const uuid_t *, rc_t, int8_t, void *))fn)(&w->uuid, OK, LS10, user);
}

static void give_pcie_mode(session_t s, const switch_t *w, fn_t fn, void *user)
{
	char text[16];
	int mode = twin_ppcie_on() ? PCIE_LOCKED : 0;

	(void)s;
	if (twin_fault("pcie-mode", text, sizeof(text)))
		mode = atoi(text);
	((void (*)(const uuid_t *, rc_t, int8_t, void *))fn)(&w->uuid, OK, (int8_t)mode, user);
}

static void give_certificate(session_t s, const switch_t *w, fn_t fn, void *user)
{
	_cleanup_free_ char *pem = device_chain(DEVICE_NVSWITCH, real_index(w));
	certificate_t value = { .cert_chain_size = 0 };
	rc_t rc = DRIVER_ERROR;

	(void)s;
	if (pem && twin_ppcie_on() && strlen(pem) <= sizeof(value.cert_chain)) {
		memcpy(value.cert_chain, pem, strlen(pem));
		value.cert_chain_size = (uint32_t)strlen(pem);
		rc = OK;
	}
	((void (*)(const uuid_t *, rc_t, certificate_t, void *))fn)(&w->uuid, rc, value, user);
}

static bool is_bad(const switch_t *w)
{
	char name[32];

	snprintf(name, sizeof(name), "switch:%u", w->i);
	return twin_fault_at("attest-rejected", name) ||
	       !str_eq(json_str(w->row, "measurement", "good"), "good");
}

static void give_report(session_t s, const switch_t *w, fn_t fn, void *user)
{
	report_t value = { .report_size = 0 };
	char ignored[8];
	rc_t rc = DRIVER_ERROR;

	if (twin_fault("nscq-hangs", ignored, sizeof(ignored)))
		twin_hang();
	if (s->has_nonce && twin_ppcie_on())
		value.report_size = (uint32_t)device_report(DEVICE_NVSWITCH, real_index(w), w->row,
							    is_bad(w), s->nonce, value.report);
	if (value.report_size > 0)
		rc = OK;
	((void (*)(const uuid_t *, rc_t, report_t, void *))fn)(&w->uuid, rc, value, user);
}

/* "{}" stands for every switch, or for one switch's label. */
static const struct {
	const char *before, *all, *after;
	void (*give)(session_t, const switch_t *, fn_t, void *);
} paths[] = {
	{"/drv/nvswitch/", "{device}",	"/uuid",			 give_uuid	   },
	{ "/",	       "{nvswitch}", "/id/arch",			 give_arch	   },
	{ "/",	       "{nvswitch}", "/config/pcie_mode",	  give_pcie_mode	 },
	{ "/",	       "{nvswitch}", "/config/certificate",	    give_certificate},
	{ "/",	       "{nvswitch}", "/config/attestation_report", give_report     },
};

static bool is_path(size_t k, const char *label, const char *path)
{
	_cleanup_free_ char *text = xasprintf("%s%s%s", paths[k].before, label, paths[k].after);

	return str_eq(text, path);
}

rc_t nscq_session_path_observe(session_t session, const char *path, fn_t fn, void *user,
			       uint32_t flags)
{
	rc_t rc = NOT_IMPLEMENTED;
	switch_t w;

	(void)flags;
	if (!session || !path || !fn)
		return UNEXPECTED;
	for (size_t k = 0; k < ARRAY_SIZE(paths); k++)
		for (unsigned int i = 0; find_switch(session, i, &w); i++)
			if (is_path(k, paths[k].all, path) || is_path(k, w.label, path)) {
				paths[k].give(session, &w, fn, user);
				rc = OK;
			}
	return rc;
}
