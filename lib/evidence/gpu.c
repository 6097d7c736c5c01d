#include "evidence/gpu.h"

#include <assert.h>
#include <dlfcn.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"

#define SONAME	       "libnvidia-ml.so.1"
#define RETRIES	       3
#define RETRY_PAUSE_US 200000
#define CHAIN_MAX      0x1400
#define TEXT_SIZE      80
#define VBIOS_SIZE     32
#define SETTINGS_V1    (sizeof(struct cc_settings) | 1U << 24)

/* --- NVML as it is, by nvml.h of API 13 ---------------------------------------------------------- */

typedef struct nvml_device *nvml_device; /* opaque */

struct cc_state {
	uint32_t environment, cc_feature, devtools;
};

struct cc_settings {
	uint32_t version, environment, cc_feature, devtools, multi_gpu_mode;
};

struct cc_certificate {
	uint32_t chain_size, attestation_chain_size;
	uint8_t chain[0x1000];
	uint8_t attestation_chain[CHAIN_MAX];
};

struct cc_report {
	uint32_t has_cec_report, report_size, cec_report_size;
	uint8_t nonce[SPDM_NONCE_SIZE]; /* the only input */
	uint8_t report[SPDM_REPORT_MAX];
	uint8_t cec_report[0x1000];
};

static_assert(sizeof(struct cc_state) == 12, "nvmlConfComputeSystemState_t");
static_assert(sizeof(struct cc_settings) == 20, "nvmlSystemConfComputeSettings_v1_t");
static_assert(sizeof(struct cc_certificate) == 9224, "nvmlConfComputeGpuCertificate_t");
static_assert(offsetof(struct cc_certificate, attestation_chain) == 4104, "attestationCertChain");
static_assert(sizeof(struct cc_report) == 12332, "nvmlConfComputeGpuAttestationReport_t");
static_assert(offsetof(struct cc_report, report) == 44, "attestationReport");

enum { OK = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3 };

/* clang-format off */
static const struct code {
	int number;
	const char *name;
	const char *hint; /* NULL: the kind's */
} codes[] = {
	{ 1, "UNINITIALIZED", NULL },
	{ 2, "INVALID_ARGUMENT", NULL },
	{ 3, "NOT_SUPPORTED", "the GPU is not in confidential mode: nvidia-smi conf-compute -f" },
	{ 4, "NO_PERMISSION", "run it as root" },
	{ 6, "NOT_FOUND", NULL },
	{ 7, "INSUFFICIENT_SIZE", NULL },
	{ 9, "DRIVER_NOT_LOADED", "load the driver's module: systemctl start nvidia-persistenced" },
	{ 10, "TIMEOUT", NULL },
	{ 12, "LIBRARY_NOT_FOUND", NULL },
	{ 13, "FUNCTION_NOT_FOUND", NULL },
	{ 15, "GPU_IS_LOST", "stop and start the instance: a GPU fell off the bus" },
	{ 16, "RESET_REQUIRED", "stop and start the instance: a GPU must be reset" },
	{ 18, "LIB_RM_VERSION_MISMATCH",
	  "restart the machine: the module that is loaded and NVML are of different versions" },
	{ 19, "IN_USE", NULL },
	{ 20, "MEMORY", NULL },
	{ 21, "NO_DATA", NULL },
	{ 23, "INSUFFICIENT_RESOURCES", NULL },
	{ 25, "ARGUMENT_VERSION_MISMATCH", NULL },
	{ 27, "NOT_READY", NULL },
	{ 29, "INVALID_STATE", NULL },
	{ 999, "UNKNOWN", NULL },
};
/* clang-format on */

struct nvml {
	void *lib;
	bool up; /* between init and shutdown */
	int (*init)(void);
	int (*shutdown)(void);
	const char *(*error_string)(int);
	int (*state)(struct cc_state *);
	int (*settings)(struct cc_settings *); /* NULL in older drivers */
	int (*get_ready)(unsigned int *);
	int (*set_ready)(unsigned int);
	int (*driver_version)(char *, unsigned int);
	int (*count)(unsigned int *);
	int (*handle)(unsigned int, nvml_device *);
	int (*handle_at)(const char *, nvml_device *); /* may be NULL */
	int (*uuid)(nvml_device, char *, unsigned int);
	int (*architecture)(nvml_device, unsigned int *);
	int (*vbios_version)(nvml_device, char *, unsigned int);
	int (*certificate)(nvml_device, struct cc_certificate *);
	int (*report)(nvml_device, struct cc_report *);
};

/* clang-format off */
static const struct symbol {
	const char *name, *older; /* the second when the first is missing; NULL: there is none */
	size_t at;
	bool optional;
} symbols[] = {
#define AT(field) offsetof(struct nvml, field)
	{ "nvmlInit_v2", "nvmlInit", AT(init), false },
	{ "nvmlShutdown", NULL, AT(shutdown), false },
	{ "nvmlErrorString", NULL, AT(error_string), true },
	{ "nvmlSystemGetConfComputeState", NULL, AT(state), false },
	{ "nvmlSystemGetConfComputeSettings", NULL, AT(settings), true },
	{ "nvmlSystemGetConfComputeGpusReadyState", NULL, AT(get_ready), false },
	{ "nvmlSystemSetConfComputeGpusReadyState", NULL, AT(set_ready), false },
	{ "nvmlSystemGetDriverVersion", NULL, AT(driver_version), false },
	{ "nvmlDeviceGetCount_v2", "nvmlDeviceGetCount", AT(count), false },
	{ "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex", AT(handle), false },
	{ "nvmlDeviceGetHandleByPciBusId_v2", "nvmlDeviceGetHandleByPciBusId", AT(handle_at), true },
	{ "nvmlDeviceGetUUID", NULL, AT(uuid), false },
	{ "nvmlDeviceGetArchitecture", NULL, AT(architecture), false },
	{ "nvmlDeviceGetVbiosVersion", NULL, AT(vbios_version), false },
	{ "nvmlDeviceGetConfComputeGpuCertificate", NULL, AT(certificate), false },
	{ "nvmlDeviceGetConfComputeGpuAttestationReport", NULL, AT(report), false },
#undef AT
};
/* clang-format on */

static const struct code *find_code(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].number == number)
			return &codes[i];
	return NULL;
}

/* Names the call, the code and its meaning. */
static int call_failed(const struct nvml *l, const char *call, int number, struct err *e)
{
	const struct code *code = find_code(number);
	const char *meaning = l->error_string ? l->error_string(number) : NULL;
	char text[128];

	str_copy(text, sizeof(text), meaning ? meaning : "no explanation");
	str_sanitise(text);
	err_set(e, &EVIDENCE_CALL, "%s answered %d%s%s (%s)", call, number,
		code ? " NVML_ERROR_" : "", code ? code->name : "", text);
	return code && code->hint ? err_hint(e, "%s", code->hint) : -1;
}

static void close_library(struct nvml *l)
{
	if (l->up)
		l->shutdown();
	if (l->lib)
		dlclose(l->lib);
}

static int find_symbols(struct nvml *l, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		const struct symbol *s = &symbols[i];
		void *address = dlsym(l->lib, s->name);

		if (!address && s->older)
			address = dlsym(l->lib, s->older);
		if (!address && !s->optional)
			return err_set(e, &EVIDENCE_LIBRARY, SONAME " has no function %s", s->name);
		memcpy((char *)l + s->at, &address, sizeof(address));
	}
	return 0;
}

static int open_library(struct nvml *l, struct err *e)
{
	int r;

	if (evidence_load(SONAME, &l->lib, e) < 0 || find_symbols(l, e) < 0)
		return -1;
	r = l->init();
	if (r != OK)
		return call_failed(l, "nvmlInit_v2", r, e);
	l->up = true;
	return 0;
}

/* --- the machine -------------------------------------------------------------------------------- */

static int read_settings(const struct nvml *l, struct mode *m, struct err *e)
{
	struct cc_settings settings = { .version = SETTINGS_V1 };
	int r = l->settings ? l->settings(&settings) : NOT_SUPPORTED;

	if (r != OK && r != NOT_SUPPORTED)
		return call_failed(l, "nvmlSystemGetConfComputeSettings", r, e);
	m->multi_gpu_mode = r == OK ? settings.multi_gpu_mode : 0;
	return 0;
}

static int read_ready(const struct nvml *l, bool *ret, struct err *e)
{
	unsigned int ready = 0;
	int r = l->get_ready(&ready);

	if (r != OK)
		return call_failed(l, "nvmlSystemGetConfComputeGpusReadyState", r, e);
	*ret = ready != 0;
	return 0;
}

static int read_mode(const struct nvml *l, struct mode *ret, struct err *e)
{
	struct mode m = { .known = true };
	struct cc_state state = { 0 };
	int r = l->state(&state);

	if (r != OK)
		return call_failed(l, "nvmlSystemGetConfComputeState", r, e);
	m.cc_feature = state.cc_feature;
	m.devtools = state.devtools;
	m.environment = state.environment;
	if (read_settings(l, &m, e) < 0 || read_ready(l, &m.ready, e) < 0)
		return -1;
	*ret = m;
	return 0;
}

/* Devices without evidence answer the calls for it with an error; one that failed has left a GPU
 * unusable. So they are not asked. */
static int require_mode(const struct mode *m, struct err *e)
{
	if (m->cc_feature != 0 || m->multi_gpu_mode != 0)
		return 0;
	return err_set(e, &EVIDENCE_CC_OFF,
		       "confidential computing is off: nvmlSystemGetConfComputeState answered "
		       "environment %u, ccFeature 0, devToolsMode %u; "
		       "nvmlSystemGetConfComputeSettings answered multiGpuMode 0",
		       m->environment, m->devtools);
}

/* --- one GPU ------------------------------------------------------------------------------------ */

/* Text that a call wrote is taken only as far as it was asked for. */
static int check_text(const struct nvml *l, const char *call, int r, char *text, size_t size,
		      struct err *e)
{
	if (r != OK)
		return call_failed(l, call, r, e);
	text[size - 1] = '\0';
	str_sanitise(text);
	return 0;
}

static void name_arch(unsigned int number, char *dst, size_t size)
{
	static const char *const names[] = {
		[7] = "AMPERE", [8] = "ADA", [9] = "HOPPER", [10] = "BLACKWELL"
	};

	if (number < ARRAY_SIZE(names) && names[number])
		str_copy(dst, size, names[number]);
	else
		snprintf(dst, size, "ARCH_%u", number);
}

static int read_identity(const struct nvml *l, nvml_device dev, struct appraise_device *d,
			 struct err *e)
{
	char uuid[TEXT_SIZE] = "";
	unsigned int arch = 0;
	int r;

	if (check_text(l, "nvmlSystemGetDriverVersion",
		       l->driver_version(d->driver_version, sizeof(d->driver_version)),
		       d->driver_version, sizeof(d->driver_version), e) < 0 ||
	    check_text(l, "nvmlDeviceGetUUID", l->uuid(dev, uuid, sizeof(uuid)), uuid, sizeof(uuid),
		       e) < 0)
		return -1;
	r = l->architecture(dev, &arch);
	if (r != OK)
		return call_failed(l, "nvmlDeviceGetArchitecture", r, e);
	if (check_text(l, "nvmlDeviceGetVbiosVersion",
		       l->vbios_version(dev, d->vbios_version, sizeof(d->vbios_version)),
		       d->vbios_version, sizeof(d->vbios_version), e) < 0)
		return -1;
	str_copy(d->id, sizeof(d->id), uuid);
	name_arch(arch, d->arch, sizeof(d->arch));
	return 0;
}

static bool may_try_again(int r)
{
	return r == 10 || r == 19 || r == 21 || r == 23;
}

/* The nonce of the call that succeeded is the device's. */
static int ask_report(const struct nvml *l, nvml_device dev, struct appraise_device *d,
		      struct cc_report *report, struct err *e)
{
	int r = OK;

	for (int i = 0; i <= RETRIES; i++) {
		if (i > 0) {
			log_debug("attestation report of %s: NVML answered %d, trying again", d->id,
				  r);
			clock_sleep_us(RETRY_PAUSE_US);
			if (evidence_nonce(d->nonce, e) < 0)
				return -1;
		}
		*report = (struct cc_report){ 0 };
		memcpy(report->nonce, d->nonce, sizeof(report->nonce));
		r = l->report(dev, report);
		if (!may_try_again(r))
			break;
	}
	return r == OK ? 0 : call_failed(l, "nvmlDeviceGetConfComputeGpuAttestationReport", r, e);
}

static int collect_one(const struct nvml *l, unsigned int i, const uint8_t *nonce,
		       struct evidence *ev, struct err *e)
{
	_cleanup_free_ struct cc_certificate *certificate = xcalloc(1, sizeof(*certificate));
	_cleanup_free_ struct cc_report *report = xcalloc(1, sizeof(*report));
	struct appraise_device d = { .type = DEVICE_GPU, .has_nonce = true, .asked = true };
	nvml_device dev = NULL;
	int r = l->handle(i, &dev);

	if (r != OK)
		return call_failed(l, "nvmlDeviceGetHandleByIndex_v2", r, e);
	if (read_identity(l, dev, &d, e) < 0)
		return -1;
	r = l->certificate(dev, certificate);
	if (r != OK)
		return call_failed(l, "nvmlDeviceGetConfComputeGpuCertificate", r, e);
	memcpy(d.nonce, nonce, sizeof(d.nonce));
	if (ask_report(l, dev, &d, report, e) < 0)
		return -1;
	d.chain = (const char *)certificate->attestation_chain;
	d.chain_len = certificate->attestation_chain_size;
	if (d.chain_len > sizeof(certificate->attestation_chain))
		d.chain_len = sizeof(certificate->attestation_chain);
	d.report = report->report;
	d.report_len = report->report_size;
	if (d.report_len > sizeof(report->report))
		d.report_len = sizeof(report->report);
	return evidence_add(ev, &d, e);
}

static int collect_all(const struct nvml *l, struct evidence *ev, struct err *e)
{
	uint8_t nonce[SPDM_NONCE_SIZE];
	unsigned int n = 0;
	int r = l->count(&n);

	if (r != OK)
		return call_failed(l, "nvmlDeviceGetCount_v2", r, e);
	if (n == 0)
		return err_set(e, &EVIDENCE_CALL, "NVML knows no GPU");
	if (n > EVIDENCE_MAX)
		return err_set(e, &ERR_TOO_LARGE, "NVML knows %u GPUs, more than %d", n,
			       EVIDENCE_MAX);
	if (evidence_nonce(nonce, e) < 0)
		return -1;
	for (unsigned int i = 0; i < n; i++)
		if (collect_one(l, i, nonce, ev, e) < 0)
			return err_wrap(e, "GPU %u of %u", i, n);
	return 0;
}

/* --- calls -------------------------------------------------------------------------------------- */

int gpu_collect(struct evidence *ev, struct err *e)
{
	_cleanup_(close_library) struct nvml l = { .lib = NULL };

	if (open_library(&l, e) < 0 || read_mode(&l, &ev->mode, e) < 0 ||
	    require_mode(&ev->mode, e) < 0)
		return -1;
	return collect_all(&l, ev, e);
}

/* A handle makes NVML attach to the GPU: one that the driver cannot open gets none. Their number decides; which is missing,
 * NVML is asked by the addresses, which it may write otherwise. */
int gpu_reach(const struct pci_gpus *gpus, bool reached[PCI_GPUS_MAX], size_t *ret_n, struct err *e)
{
	_cleanup_(close_library) struct nvml l = { .lib = NULL };
	nvml_device dev = NULL;
	unsigned int n = 0;
	int r;

	*ret_n = 0;
	if (open_library(&l, e) < 0)
		return -1;
	r = l.count(&n);
	if (r != OK)
		return call_failed(&l, "nvmlDeviceGetCount_v2", r, e);
	for (unsigned int i = 0; i < n && i < PCI_GPUS_MAX; i++)
		*ret_n += l.handle(i, &dev) == OK;
	for (size_t i = 0; i < gpus->n; i++)
		reached[i] =
			*ret_n >= gpus->n || !l.handle_at || l.handle_at(gpus->v[i], &dev) == OK;
	return 0;
}

int gpu_mode(struct mode *ret, struct err *e)
{
	_cleanup_(close_library) struct nvml l = { .lib = NULL };

	return open_library(&l, e) < 0 ? -1 : read_mode(&l, ret, e);
}

int gpu_set_ready(bool ready, struct err *e)
{
	_cleanup_(close_library) struct nvml l = { .lib = NULL };
	bool now = false;
	int r;

	if (open_library(&l, e) < 0)
		return -1;
	r = l.set_ready(ready);
	if (r != OK) {
		call_failed(&l, "nvmlSystemSetConfComputeGpusReadyState", r, e);
		/* Documented: the GPUs are in a terminal state. */
		return r == INVALID_ARGUMENT ? err_hint(e, "restart the machine: sudo reboot") : -1;
	}
	if (read_ready(&l, &now, e) < 0)
		return -1;
	if (now != ready)
		return err_set(e, &EVIDENCE_CALL,
			       "the GPUs' ready state was set to %d and reads %d", ready, now);
	return 0;
}
