/* libnvidia-ml.so.1 of the simulated machine: what gn8v asks of it, and what NVIDIA's own nvidia-smi 550.163.01 and verifiers
 * 2.5.0 need to run on it (make check-real).
 *
 * Plays NVML of drivers 550.163.01 and 570.148.08.
 * Source: nvml.h 12.4 for structures and codes; that every name here is one that the real 550.163.01 exports is checked by
 * make check-real; NVIDIA's nvidia-smi and nv-local-gpu-verifier 2.5.0 run on it.
 * Simplified: what is not here is answered by the callers as a function that this NVML does not have: nvidia-smi prints N/A.
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
#define FABRIC_VERSION	 0x02000024
#define DEVICE_ID	 0x232910de /* H20 */

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

typedef struct {
	unsigned int cpu, gpus;
} capabilities_t;

typedef struct {
	char bus_id_legacy[16];
	unsigned int domain, bus, device, device_id, subsystem_id;
	char bus_id[32];
} pci_t;

typedef struct {
	unsigned int version;
	unsigned char cluster[16];
	int status;
	unsigned int clique;
	unsigned char state;
	unsigned int health;
} fabric_t;

static_assert(sizeof(pci_t) == 68 && sizeof(fabric_t) == 36, "pci, fabric");
static_assert(sizeof(state_t) == 12 && sizeof(settings_t) == 20, "state");
static_assert(sizeof(certificate_t) == 9224 && sizeof(report_t) == 12332, "evidence");

typedef const unsigned char *handle_t; /* into handles */

static const unsigned char handles[GPUS_MAX];
static int opened;
static int timeouts = -1; /* how many more report calls fail; -1: not looked up yet */

API int nvmlInit_v2(void);
API int nvmlInitWithFlags(unsigned int flags);
API int nvmlInternalGetExportTable(const void **table, const void *id);
API int nvmlShutdown(void);
API const char *nvmlErrorString(int code);
API int nvmlSystemGetConfComputeState(state_t *state);
API int nvmlSystemGetConfComputeSettings(settings_t *settings);
API int nvmlSystemGetConfComputeGpusReadyState(unsigned int *ready);
API int nvmlSystemSetConfComputeGpusReadyState(unsigned int ready);
API int nvmlSystemGetConfComputeCapabilities(capabilities_t *capabilities);
API int nvmlSystemGetNVMLVersion(char *text, unsigned int size);
API int nvmlSystemGetCudaDriverVersion_v2(int *version);
API int nvmlSystemGetDriverVersion(char *text, unsigned int size);
API int nvmlEventSetCreate(const void **set);
API int nvmlEventSetFree(const void *set);
API int nvmlDeviceGetCount_v2(unsigned int *n);
API int nvmlDeviceGetHandleByIndex_v2(unsigned int i, handle_t *handle);
API int nvmlDeviceGetHandleByPciBusId_v2(const char *id, handle_t *handle);
API int nvmlDeviceGetIndex(handle_t handle, unsigned int *index);
API int nvmlDeviceGetMinorNumber(handle_t handle, unsigned int *minor);
API int nvmlDeviceGetName(handle_t handle, char *text, unsigned int size);
API int nvmlDeviceGetPciInfo_v3(handle_t handle, pci_t *pci);
API int nvmlDeviceGetPersistenceMode(handle_t handle, unsigned int *mode);
API int nvmlDeviceGetBoardId(handle_t handle, unsigned int *id);
API int nvmlDeviceGetGpuFabricInfoV(handle_t handle, fabric_t *fabric);
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

/* The one flag that matters lets it go on without a GPU; there always is one here. */
int nvmlInitWithFlags(unsigned int flags)
{
	(void)flags;
	return nvmlInit_v2();
}

/* nvidia-smi wants NVML's undocumented functions, and does without each that the table is too short for. */
int nvmlInternalGetExportTable(const void **table, const void *id)
{
	static const size_t empty = sizeof(empty); /* a table begins with its size */

	if (!table || !id)
		return INVALID_ARGUMENT;
	*table = &empty;
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
	case NOT_FOUND: return "Not Found";
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

int nvmlSystemGetConfComputeCapabilities(capabilities_t *capabilities)
{
	enum { NONE, AMD_SEV, INTEL_TDX };

	if (opened == 0)
		return UNINITIALIZED;
	if (!capabilities)
		return INVALID_ARGUMENT;
	*capabilities = (capabilities_t){ twin_cc_on() || twin_ppcie_on() ? INTEL_TDX : NONE, 1 };
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
	const char *unit = getenv("TWIN_UNIT");
	char ignored[8];

	if (opened == 0)
		return UNINITIALIZED;
	/* No boot begins in the terminal state: what the unit runs at its start still has an effect. */
	if (ready > 1 || (twin_fault("ready-terminal", ignored, sizeof(ignored)) &&
			  !(unit && str_eq(unit, "nvidia-persistenced.service"))))
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

/* nvidia-smi goes on with an NVML of its own version only, and the one that can be had is of another driver than any here. */
int nvmlSystemGetNVMLVersion(char *text, unsigned int size)
{
	return give_text("12.550.163.01", text, size);
}

int nvmlSystemGetCudaDriverVersion_v2(int *version)
{
	if (!version)
		return INVALID_ARGUMENT;
	*version = str_starts(twin_version(), "550") ? 12040 : 12080;
	return OK;
}

/* nvidia-smi -q makes a set, and without one does not begin. Nothing ever happens here. */
int nvmlEventSetCreate(const void **set)
{
	if (opened == 0)
		return UNINITIALIZED;
	if (!set)
		return INVALID_ARGUMENT;
	*set = handles;
	return OK;
}

int nvmlEventSetFree(const void *set)
{
	return set == handles ? OK : INVALID_ARGUMENT;
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

/* The real one knows several spellings of an address; here they are that of sysfs and the one with a longer domain. */
int nvmlDeviceGetHandleByPciBusId_v2(const char *id, handle_t *handle)
{
	_cleanup_json_ struct json_object *devices = NULL;
	struct json_object *gpus;

	if (opened == 0)
		return UNINITIALIZED;
	if (!id || !handle)
		return INVALID_ARGUMENT;
	devices = twin_devices();
	gpus = json_get(devices, "gpus");
	for (size_t i = 0; i < json_count(gpus) && i < GPUS_MAX; i++)
		if (str_ends(id, json_str(json_item(gpus, i), "pci", "-"))) {
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

static int give_number(handle_t handle, const char *key, unsigned int *number)
{
	_cleanup_json_ struct json_object *devices = NULL;
	struct json_object *row;
	unsigned int i;
	int r = find(handle, &i, &devices, &row);

	if (r == OK && !number)
		r = INVALID_ARGUMENT;
	if (r == OK)
		*number = key ? (unsigned int)json_flag(devices, key, false) : i;
	return r;
}

int nvmlDeviceGetIndex(handle_t handle, unsigned int *index)
{
	return give_number(handle, NULL, index);
}

int nvmlDeviceGetMinorNumber(handle_t handle, unsigned int *minor)
{
	return give_number(handle, NULL, minor);
}

int nvmlDeviceGetBoardId(handle_t handle, unsigned int *id)
{
	return give_number(handle, NULL, id);
}

int nvmlDeviceGetPersistenceMode(handle_t handle, unsigned int *mode)
{
	return give_number(handle, "persistence", mode);
}

int nvmlDeviceGetName(handle_t handle, char *text, unsigned int size)
{
	_cleanup_json_ struct json_object *devices = NULL;
	struct json_object *row;
	unsigned int i;
	int r = find(handle, &i, &devices, &row);

	return r == OK ? give_text(json_str(row, "name", ""), text, size) : r;
}

int nvmlDeviceGetPciInfo_v3(handle_t handle, pci_t *pci)
{
	_cleanup_json_ struct json_object *devices = NULL;
	struct json_object *row;
	unsigned int i;
	int r = find(handle, &i, &devices, &row);

	if (r != OK || !pci)
		return r != OK ? r : INVALID_ARGUMENT;
	*pci = (pci_t){ .device_id = DEVICE_ID };
	if (sscanf(json_str(row, "pci", ""), "%x:%x:%x", &pci->domain, &pci->bus, &pci->device) != 3)
		return UNKNOWN;
	str_copy(pci->bus_id_legacy, sizeof(pci->bus_id_legacy), json_str(row, "pci", ""));
	snprintf(pci->bus_id, sizeof(pci->bus_id), "0000%s", json_str(row, "pci", ""));
	return OK;
}

/* As Fabric Manager left it: devices.json has the state in nvidia-smi's words. */
int nvmlDeviceGetGpuFabricInfoV(handle_t handle, fabric_t *fabric)
{
	static const char *const states[] = { "N/A", "Not Started", "In Progress", "Completed" };
	_cleanup_json_ struct json_object *devices = NULL;
	struct json_object *row;
	unsigned int i;
	const char *state;
	char ignored[8];
	int r = find(handle, &i, &devices, &row);

	if (r != OK || !fabric)
		return r != OK ? r : INVALID_ARGUMENT;
	if (fabric->version != FABRIC_VERSION)
		return ARGUMENT_VERSION_MISMATCH;
	state = json_str(devices, "fabric", "Not Started");
	if (!str_eq(json_str(devices, "shape", ""), "multi"))
		state = "N/A";
	else if (twin_fault("fabric-in-progress", ignored, sizeof(ignored)))
		state = "In Progress";
	*fabric = (fabric_t){ .version = FABRIC_VERSION };
	for (unsigned int k = 0; k < ARRAY_SIZE(states); k++)
		if (str_eq(states[k], state))
			fabric->state = (unsigned char)k;
	return OK;
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
