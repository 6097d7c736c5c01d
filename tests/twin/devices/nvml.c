/* libnvidia-ml.so.1 of the simulated machine: what gn8v asks of NVML, answered as the real one does.
 *
 * Codes: 9 no driver is loaded, 18 it is of another version, 999 evidence asked of GPUs that are not
 * confidential, and the faults of ../fakes/FAULTS. */
#include <assert.h>
#include <fcntl.h>
#include <sys/file.h>

#include "core/str.h"
#include "device.h"
#include "twin.h"

#define API		 __attribute__((visibility("default")))
#define GPUS_MAX	 8
#define SETTINGS_VERSION 0x01000014

enum {
	OK = 0,
	UNINITIALIZED = 1,
	INVALID_ARGUMENT = 2,
	NOT_FOUND = 6,
	INSUFFICIENT_SIZE = 7,
	DRIVER_NOT_LOADED = 9,
	TIMEOUT = 10,
	GPU_IS_LOST = 15,
	LIB_RM_VERSION_MISMATCH = 18,
	IN_USE = 19,
	ARGUMENT_VERSION_MISMATCH = 25,
	UNKNOWN = 999,
};

typedef struct {
	unsigned int environment, cc_feature, devtools;
} state_t;

typedef struct {
	unsigned int version, environment, cc_feature, devtools, multi_gpu_mode;
} settings_t;

typedef struct {
	unsigned int cert_chain_size, attestation_cert_chain_size;
	unsigned char cert_chain[0x1000], attestation_cert_chain[0x1400];
} certificate_t;

typedef struct {
	unsigned int is_cec_present, size, cec_size;
	unsigned char nonce[32], report[0x2000], cec_report[0x1000];
} report_t;

static_assert(sizeof(state_t) == 12 && sizeof(settings_t) == 20, "state");
static_assert(sizeof(certificate_t) == 9224 && sizeof(report_t) == 12332, "evidence");

typedef const unsigned char *handle_t; /* into handles */

static const unsigned char handles[GPUS_MAX];
static int opened;
static int timeouts = -1; /* how many more report calls fail; -1: not looked up yet */

API int nvmlInit_v2(void);
API int nvmlShutdown(void);
API const char *nvmlErrorString(int code);
API int nvmlSystemGetConfComputeState(state_t *state);
API int nvmlSystemGetConfComputeSettings(settings_t *settings);
API int nvmlSystemGetConfComputeGpusReadyState(unsigned int *ready);
API int nvmlSystemSetConfComputeGpusReadyState(unsigned int ready);
API int nvmlSystemGetDriverVersion(char *text, unsigned int size);
API int nvmlDeviceGetCount_v2(unsigned int *n);
API int nvmlDeviceGetHandleByIndex_v2(unsigned int i, handle_t *handle);
API int nvmlDeviceGetHandleByPciBusId_v2(const char *address, handle_t *handle);
API int nvmlDeviceGetUUID(handle_t handle, char *text, unsigned int size);
API int nvmlDeviceGetArchitecture(handle_t handle, unsigned int *arch);
API int nvmlDeviceGetVbiosVersion(handle_t handle, char *text, unsigned int size);
API int nvmlDeviceGetConfComputeGpuCertificate(handle_t handle, certificate_t *certificate);
API int nvmlDeviceGetConfComputeGpuAttestationReport(handle_t handle, report_t *report);

/* --- the library -------------------------------------------------------------------------------- */

int nvmlInit_v2(void)
{
	if (!twin_find())
		return UNKNOWN;
	twin_open("nvml");
	if (!twin_driver()[0])
		return DRIVER_NOT_LOADED;
	if (!str_eq(twin_driver(), twin_version()))
		return LIB_RM_VERSION_MISMATCH;
	opened++;
	return OK;
}

int nvmlShutdown(void)
{
	if (opened == 0)
		return UNINITIALIZED;
	opened--;
	return OK;
}

const char *nvmlErrorString(int code)
{
	switch (code) {
	case OK: return "The operation was successful";
	case UNINITIALIZED: return "Uninitialized";
	case INVALID_ARGUMENT: return "Invalid Argument";
	case INSUFFICIENT_SIZE: return "Insufficient Size";
	case DRIVER_NOT_LOADED: return "Driver Not Loaded";
	case TIMEOUT: return "Timeout";
	case GPU_IS_LOST: return "GPU is lost";
	case LIB_RM_VERSION_MISMATCH: return "Driver/library version mismatch";
	case IN_USE: return "In use by another client";
	case ARGUMENT_VERSION_MISMATCH: return "Function argument version mismatch";
	default: return "Unknown Error";
	}
}

/* --- the machine -------------------------------------------------------------------------------- */

static unsigned int environment(void)
{
	char text[8];

	if (twin_fault("cc-environment", text, sizeof(text)))
		return text[0] ? (unsigned int)atoi(text) : 1;
	return twin_cc_on() || twin_ppcie_on() ? 2 : 0;
}

static unsigned int devtools(void)
{
	char ignored[8];

	return twin_fault("devtools-on", ignored, sizeof(ignored));
}

int nvmlSystemGetConfComputeState(state_t *state)
{
	if (opened == 0)
		return UNINITIALIZED;
	if (!state)
		return INVALID_ARGUMENT;
	*state = (state_t){ environment(), twin_cc_on(), devtools() };
	return OK;
}

int nvmlSystemGetConfComputeSettings(settings_t *settings)
{
	if (opened == 0)
		return UNINITIALIZED;
	if (!settings)
		return INVALID_ARGUMENT;
	if (settings->version != SETTINGS_VERSION)
		return ARGUMENT_VERSION_MISMATCH;
	settings->environment = environment();
	settings->cc_feature = twin_cc_on();
	settings->devtools = devtools();
	settings->multi_gpu_mode = twin_ppcie_on();
	return OK;
}

int nvmlSystemGetConfComputeGpusReadyState(unsigned int *ready)
{
	_cleanup_json_ struct json_object *devices = NULL;

	if (opened == 0)
		return UNINITIALIZED;
	if (!ready)
		return INVALID_ARGUMENT;
	devices = twin_devices();
	*ready = json_int(devices, "ready_state", 0) != 0;
	return OK;
}

int nvmlSystemSetConfComputeGpusReadyState(unsigned int ready)
{
	char ignored[8];

	if (opened == 0)
		return UNINITIALIZED;
	if (ready > 1 || twin_fault("ready-terminal", ignored, sizeof(ignored)))
		return INVALID_ARGUMENT;
	twin_devices_set("ready_state", json_object_new_int((int)ready));
	return OK;
}

static int give_text(const char *value, char *text, unsigned int size)
{
	if (opened == 0)
		return UNINITIALIZED;
	if (!text)
		return INVALID_ARGUMENT;
	return str_copy(text, size, value) ? OK : INSUFFICIENT_SIZE;
}

static bool is_silent(const char *what)
{
	char text[8];

	return twin_fault("nvml-silent", text, sizeof(text)) && (!text[0] || str_eq(text, what));
}

int nvmlSystemGetDriverVersion(char *text, unsigned int size)
{
	return give_text(is_silent("driver") ? "" : twin_driver(), text, size);
}

/* --- the GPUs ----------------------------------------------------------------------------------- */

static unsigned int count(struct json_object *devices)
{
	size_t n = json_count(json_get(devices, "gpus"));
	char ignored[8];

	if (n > 0 && (twin_fault("gpu-missing", ignored, sizeof(ignored)) ||
		      twin_fault("persistenced-skips-gpu", ignored, sizeof(ignored))))
		n--;
	return (unsigned int)(n < GPUS_MAX ? n : GPUS_MAX);
}

int nvmlDeviceGetCount_v2(unsigned int *n)
{
	_cleanup_json_ struct json_object *devices = NULL;

	if (opened == 0)
		return UNINITIALIZED;
	if (!n)
		return INVALID_ARGUMENT;
	devices = twin_devices();
	*n = count(devices);
	return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int i, handle_t *handle)
{
	_cleanup_json_ struct json_object *devices = NULL;

	if (opened == 0)
		return UNINITIALIZED;
	devices = twin_devices();
	if (!handle || i >= count(devices))
		return INVALID_ARGUMENT;
	if (twin_session_lost())
		return UNKNOWN;
	*handle = &handles[i];
	return OK;
}

/* The real one knows several spellings of an address; here it is that of sysfs. */
int nvmlDeviceGetHandleByPciBusId_v2(const char *address, handle_t *handle)
{
	_cleanup_json_ struct json_object *devices = NULL;
	struct json_object *gpus;

	if (opened == 0)
		return UNINITIALIZED;
	if (!address || !handle)
		return INVALID_ARGUMENT;
	devices = twin_devices();
	gpus = json_get(devices, "gpus");
	for (size_t i = 0; i < json_count(gpus) && i < GPUS_MAX; i++)
		if (str_eq(json_str(json_item(gpus, i), "pci", ""), address)) {
			*handle = &handles[i];
			return i < count(devices) && !twin_session_lost() ? OK : UNKNOWN;
		}
	return NOT_FOUND;
}

/* The GPU behind a handle and its object in devices.json, which the caller releases. */
static int find(handle_t handle, unsigned int *i, struct json_object **devices,
		struct json_object **row)
{
	if (opened == 0)
		return UNINITIALIZED;
	if (handle < handles || handle >= handles + GPUS_MAX)
		return INVALID_ARGUMENT;
	*i = (unsigned int)(handle - handles);
	*devices = twin_devices();
	*row = json_item(json_get(*devices, "gpus"), *i);
	return *row ? OK : INVALID_ARGUMENT;
}

static bool is_fault_of(const char *name, unsigned int i)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", i);
	return twin_fault_at(name, text);
}

int nvmlDeviceGetUUID(handle_t handle, char *text, unsigned int size)
{
	_cleanup_json_ struct json_object *devices = NULL;
	struct json_object *row;
	unsigned int i;
	int r = find(handle, &i, &devices, &row);

	return r == OK ? give_text(json_str(row, "uuid", ""), text, size) : r;
}

int nvmlDeviceGetArchitecture(handle_t handle, unsigned int *arch)
{
	_cleanup_json_ struct json_object *devices = NULL;
	struct json_object *row;
	unsigned int i;
	int r = find(handle, &i, &devices, &row);

	if (r == OK && !arch)
		r = INVALID_ARGUMENT;
	if (r == OK)
		*arch = 9; /* Hopper */
	return r;
}

int nvmlDeviceGetVbiosVersion(handle_t handle, char *text, unsigned int size)
{
	_cleanup_json_ struct json_object *devices = NULL;
	struct json_object *row;
	unsigned int i;
	int r = find(handle, &i, &devices, &row);

	if (r != OK)
		return r;
	return give_text(is_silent("vbios") ? "" : json_str(row, "vbios", ""), text, size);
}

int nvmlDeviceGetConfComputeGpuCertificate(handle_t handle, certificate_t *certificate)
{
	_cleanup_json_ struct json_object *devices = NULL;
	_cleanup_free_ char *pem = NULL;
	struct json_object *row;
	unsigned int i;
	int r = find(handle, &i, &devices, &row);
	size_t n;

	if (r != OK || !certificate)
		return r != OK ? r : INVALID_ARGUMENT;
	if (!twin_cc_on() && !twin_ppcie_on())
		return UNKNOWN;
	if (is_fault_of("gpu-lost", i))
		return GPU_IS_LOST;
	n = json_count(json_get(devices, "gpus"));
	pem = device_chain(DEVICE_GPU,
			   is_fault_of("other-chain", i) ? (i + 1) % (unsigned int)n : i);
	if (!pem || strlen(pem) > sizeof(certificate->attestation_cert_chain))
		return UNKNOWN;
	memcpy(certificate->attestation_cert_chain, pem, strlen(pem));
	certificate->attestation_cert_chain_size = (unsigned int)strlen(pem);
	return OK;
}

/* Faults of the call itself. */
static int fail_report(unsigned int i)
{
	char text[16];

	if (!twin_cc_on() && !twin_ppcie_on())
		return UNKNOWN;
	if (is_fault_of("gpu-lost", i))
		return GPU_IS_LOST;
	if (is_fault_of("report-hangs", i))
		twin_hang();
	if (timeouts < 0 && twin_fault("report-timeout", text, sizeof(text)))
		timeouts = text[0] ? atoi(text) : 1;
	if (timeouts > 0) {
		timeouts--;
		return TIMEOUT;
	}
	return OK;
}

/* Report calls beside each other have left real GPUs unusable. */
static int lock_reports(void)
{
	_cleanup_free_ char *path = twin_state("report.lock");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		twin_misuse("attestation reports were asked for side by side");
		close(fd);
		return -1;
	}
	return fd;
}

int nvmlDeviceGetConfComputeGpuAttestationReport(handle_t handle, report_t *report)
{
	_cleanup_json_ struct json_object *devices = NULL;
	struct json_object *row;
	unsigned int i;
	_cleanup_fd_ int lock = -1;
	int r = find(handle, &i, &devices, &row);
	bool bad;

	if (r != OK || !report)
		return r != OK ? r : INVALID_ARGUMENT;
	lock = lock_reports();
	if (lock < 0)
		return IN_USE;
	r = fail_report(i);
	if (r != OK)
		return r;
	bad = is_fault_of("attest-rejected", i) ||
	      !str_eq(json_str(row, "measurement", "good"), "good");
	report->size =
		(unsigned int)device_report(DEVICE_GPU, i, row, bad, report->nonce, report->report);
	report->is_cec_present = 0;
	return report->size > 0 ? OK : UNKNOWN;
}
