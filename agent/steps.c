/* THE table. Rows stand in the order of the procedure, and every step below those it needs. */
#include "steps.h"

#include "codes.h"
#include "core/clock.h"
#include "core/str.h"
#include "steps/all.h"

#define MINUTES(n) ((n)*60)
#define USE(name)  .probe = name##_probe, .apply = name##_apply

/* A step that failed for what may pass is begun again after about 2, 4, 8 ... 60 s. */
#define PAUSE_FIRST_US UINT64_C(2000000)
#define PAUSE_MAX_US   UINT64_C(60000000)
#define PAUSE_LEAST_US UINT64_C(1000000)

static bool wants_cublas(const struct config *c, const struct facts *f)
{
	(void)f;
	return c->cublas_install;
}

/* `auto` installs NVIDIA's programs only when it has to ask them. */
static bool wants_verifier(const struct config *c, const struct facts *f)
{
	(void)f;
	return str_eq(c->attest_verifier, "nvidia") || str_eq(c->attest_verifier, "both") ||
	       c->cublas_install;
}

static unsigned int attest_deadline(const struct config *c)
{
	return (unsigned int)c->attest_deadline_s;
}

static unsigned int cloud_init_wait(const struct config *c)
{
	return (unsigned int)c->restart_cloud_init_wait_s;
}

static unsigned int clock_wait(const struct config *c)
{
	return (unsigned int)c->time_sync_deadline_s;
}

static unsigned int one_file(const struct config *c)
{
	return (unsigned int)c->fetch_deadline_s;
}

/* The RPM and the key that judges it. */
static unsigned int two_files(const struct config *c)
{
	return 2 * (unsigned int)c->fetch_deadline_s;
}

/* clang-format off */
const struct step steps[STEP_MAX] = {
	/* Prepare, before the restart. */
	[STEP_PREFLIGHT] = {
		.id = "preflight", .rows = "R1 R2 R3 R15",
		.title = "the machine is one that the procedure is for",
		.needs = NEEDS_NOTHING, .probe = preflight_probe,
	},
	[STEP_KERNEL_ARGS] = {
		.id = "kernel-args", .rows = "R4",
		.title = "every boot entry asks for the large SWIOTLB",
		.needs = NEEDS(STEP_PREFLIGHT), USE(kernel_args),
		.timeout_s = MINUTES(5), .patience_s = MINUTES(5), .changes = FACTS_BOOT,
	},
	[STEP_LKCA] = {
		.id = "lkca", .rows = "R5", .shapes = STEP_ONLY_MULTI,
		.title = "the driver loads with Protected PCIe",
		.needs = NEEDS(STEP_PREFLIGHT), USE(lkca),
		.timeout_s = MINUTES(1), .attempts = 1, .changes = FACTS_BOOT,
	},
	[STEP_INITRAMFS] = {
		.id = "initramfs", .rows = "R5", .shapes = STEP_ONLY_MULTI,
		.title = "every initramfs holds that driver option",
		.needs = NEEDS(STEP_LKCA), USE(initramfs),
		.timeout_s = MINUTES(15), .attempts = 1, .changes = FACTS_BOOT,
	},
	[STEP_RESTART] = {
		.id = "restart", .rows = "R6",
		.title = "kernel arguments and initramfs are in effect, and the kernel mapped the SWIOTLB",
		.needs = NEEDS(STEP_KERNEL_ARGS, STEP_LKCA, STEP_INITRAMFS), USE(restart),
		.timeout_s = MINUTES(5), .waits_s = cloud_init_wait, .attempts = 1, .restarts = true,
	},
	[STEP_TIME_SYNC] = {
		.id = "time-sync", .rows = "R7 R8",
		.title = "the clock is synchronised, so that certificates can be judged",
		.needs = NEEDS(STEP_RESTART), .needs_early = NEEDS(STEP_PREFLIGHT), USE(time_sync),
		.timeout_s = MINUTES(1), .waits_s = clock_wait, .attempts = 1, .changes = FACTS_CLOCK,
	},

	/* Install. Downloads run side by side; nothing is installed beside the driver. */
	[STEP_PACKAGES] = {
		.id = "packages", .rows = "R9",
		.title = "openssl3, compiler and the running kernel's headers are installed",
		.needs = NEEDS(STEP_RESTART, STEP_TIME_SYNC), USE(packages),
		.timeout_s = MINUTES(20), .patience_s = MINUTES(10), .changes = FACTS_SOFTWARE,
	},
	[STEP_FETCH_DRIVER] = {
		.id = "fetch-driver", .rows = "R7 R8",
		.title = "the driver's installer is here and has the pinned digest",
		.needs = NEEDS(STEP_TIME_SYNC), USE(fetch_driver),
		.timeout_s = MINUTES(10), .waits_s = one_file, .attempts = 2, .transient = true, .downloads = true,
	},
	[STEP_FETCH_CUDA] = {
		.id = "fetch-cuda", .rows = "R7 R8",
		.title = "the CUDA runfile is here and has the pinned digest",
		.needs = NEEDS(STEP_TIME_SYNC), USE(fetch_cuda),
		.timeout_s = MINUTES(10), .waits_s = one_file, .attempts = 2, .transient = true, .downloads = true,
	},
	[STEP_FETCH_FABRICMANAGER] = {
		.id = "fetch-fabricmanager", .rows = "R8", .shapes = STEP_ONLY_MULTI,
		.title = "the Fabric Manager RPM is here and signed by NVIDIA",
		.needs = NEEDS(STEP_TIME_SYNC), USE(fetch_fabricmanager),
		.timeout_s = MINUTES(10), .waits_s = two_files, .attempts = 2, .transient = true, .downloads = true,
	},
	[STEP_FETCH_NSCQ] = {
		.id = "fetch-nscq", .rows = "R20", .shapes = STEP_ONLY_MULTI,
		.title = "the NSCQ RPM is here and signed by NVIDIA",
		.needs = NEEDS(STEP_TIME_SYNC), USE(fetch_nscq),
		.timeout_s = MINUTES(10), .waits_s = two_files, .attempts = 2, .transient = true, .downloads = true,
	},
	[STEP_SERVICE_ORDER] = {
		.id = "service-order", .rows = "R24",
		.title = "services that use the GPU start after nvidia-persistenced",
		.needs = NEEDS(STEP_RESTART), USE(service_order),
		.timeout_s = MINUTES(2), .attempts = 2, .changes = FACTS_UNITS,
	},
	[STEP_HOLD_SERVICES] = {
		.id = "hold-services", .rows = "R9",
		.title = "those services are stopped and held back while the driver is installed",
		.needs = NEEDS(STEP_SERVICE_ORDER), USE(hold_services),
		.timeout_s = MINUTES(10), .attempts = 2, .changes = FACTS_UNITS,
	},
	[STEP_PERSISTENCED_UNIT] = {
		.id = "persistenced-unit", .rows = "R10 R24",
		.title = "nvidia-persistenced.service is the procedure's",
		.needs = NEEDS(STEP_HOLD_SERVICES), USE(persistenced_unit),
		.timeout_s = MINUTES(2), .attempts = 2, .changes = FACTS_UNITS,
	},
	[STEP_FABRICMANAGER] = {
		.id = "fabricmanager", .rows = "R11", .shapes = STEP_ONLY_MULTI,
		.title = "Fabric Manager of the driver's version is installed",
		.needs = NEEDS(STEP_FETCH_FABRICMANAGER, STEP_PACKAGES, STEP_PERSISTENCED_UNIT), USE(fabricmanager),
		.timeout_s = MINUTES(10), .patience_s = MINUTES(10), .changes = FACTS_SOFTWARE | FACTS_UNITS,
	},
	[STEP_DRIVER] = {
		.id = "driver", .rows = "R12",
		.title = "the driver is installed and its module built for the running kernel",
		.needs = NEEDS(STEP_FETCH_DRIVER, STEP_PACKAGES, STEP_PERSISTENCED_UNIT, STEP_FABRICMANAGER), USE(driver),
		.timeout_s = MINUTES(60), .attempts = 1, .changes = FACTS_SOFTWARE | FACTS_UNITS,
		.on_timeout = &CODE_DRIVER_TIMEOUT,
	},
	[STEP_CUDA] = {
		.id = "cuda", .rows = "R13",
		.title = "the CUDA toolkit is installed",
		.needs = NEEDS(STEP_FETCH_CUDA, STEP_DRIVER), USE(cuda),
		.timeout_s = MINUTES(60), .attempts = 1, .changes = FACTS_SOFTWARE, .recorded = true,
		.on_timeout = &CODE_CUDA_TIMEOUT,
	},
	[STEP_NSCQ] = {
		.id = "nscq", .rows = "R20", .shapes = STEP_ONLY_MULTI,
		.title = "NSCQ of the driver's version is installed",
		.needs = NEEDS(STEP_FETCH_NSCQ, STEP_DRIVER), USE(nscq),
		.timeout_s = MINUTES(10), .patience_s = MINUTES(10), .changes = FACTS_SOFTWARE,
	},
	[STEP_VERIFIER] = {
		.id = "verifier", .rows = "R18",
		.title = "the procedure's verifier is installed in an environment of its own",
		.needs = NEEDS(STEP_PACKAGES, STEP_FABRICMANAGER, STEP_NSCQ), .wanted = wants_verifier, USE(verifier),
		.timeout_s = MINUTES(30), .patience_s = MINUTES(10), .changes = FACTS_SOFTWARE,
	},
	[STEP_CUBLAS] = {
		.id = "cublas", .rows = "R22", .shapes = STEP_ONLY_SINGLE,
		.title = "the cuBLAS that works with CUDA 12.4 in CC mode is installed",
		.needs = NEEDS(STEP_VERIFIER), .wanted = wants_cublas, USE(cublas),
		.timeout_s = MINUTES(30), .patience_s = MINUTES(10), .changes = FACTS_SOFTWARE,
	},

	/* Start. The GPUs initialise for minutes: meanwhile the toolkit, which touches none, is installed. */
	[STEP_FABRICMANAGER_START] = {
		.id = "fabricmanager-start", .rows = "R14", .shapes = STEP_ONLY_MULTI,
		.title = "nvidia-fabricmanager is active and enabled",
		.needs = NEEDS(STEP_FABRICMANAGER, STEP_DRIVER), USE(fabricmanager_start),
		.timeout_s = MINUTES(20), .attempts = 1, .changes = FACTS_UNITS,
		.on_timeout = &CODE_FABRICMANAGER,
	},
	[STEP_PERSISTENCED_START] = {
		.id = "persistenced-start", .rows = "R14 R23",
		.title = "nvidia-persistenced is active (running) and enabled",
		.needs = NEEDS(STEP_PERSISTENCED_UNIT, STEP_DRIVER, STEP_FABRICMANAGER_START), USE(persistenced_start),
		.timeout_s = MINUTES(20), .attempts = 1, .changes = FACTS_UNITS,
		.on_timeout = &CODE_PERSISTENCED_TIMEOUT,
	},
	[STEP_RELEASE_SERVICES] = {
		.id = "release-services", .rows = "R14 R24",
		.title = "held services are let go, enabled and started as they were before",
		.needs = NEEDS(STEP_PERSISTENCED_START, STEP_HOLD_SERVICES, STEP_CUDA, STEP_NSCQ), USE(release_services),
		.timeout_s = MINUTES(10), .attempts = 2, .changes = FACTS_UNITS,
	},

	/* Verify, at every boot. */
	[STEP_TDX] = {
		.id = "tdx", .rows = "R15", .title = "TDX protects this machine, with its device node",
		.needs = NEEDS(STEP_RESTART), USE(tdx),
		.timeout_s = MINUTES(1), .attempts = 1, .verifies = true,
	},
	[STEP_DEVICES] = {
		.id = "devices", .rows = "R14 R23", .title = "every GPU and NVSwitch has its device node",
		.needs = NEEDS(STEP_PERSISTENCED_START), USE(devices),
		.timeout_s = MINUTES(2), .attempts = 1, .verifies = true,
	},
	[STEP_FABRIC] = {
		.id = "fabric", .rows = "R14 R17", .shapes = STEP_ONLY_MULTI,
		.title = "the NVLink fabric of every GPU is complete",
		.needs = NEEDS(STEP_DEVICES), USE(fabric),
		.timeout_s = MINUTES(5), .patience_s = MINUTES(10), .every_s = 5, .verifies = true,
	},
	[STEP_CC_MODE] = {
		.id = "cc-mode", .rows = "R16 R17",
		.title = "confidential computing is on: CC mode, or Protected PCIe on 8 GPUs",
		.needs = NEEDS(STEP_DEVICES), USE(cc_mode),
		.timeout_s = MINUTES(5), .attempts = 1, .verifies = true,
	},
	[STEP_ATTEST] = {
		.id = "attest", .rows = "R19 R21", .title = "the GPUs and NVSwitches are proven genuine in this boot",
		.needs = NEEDS(STEP_TDX, STEP_DEVICES, STEP_FABRIC, STEP_CC_MODE, STEP_VERIFIER, STEP_CUBLAS, STEP_NSCQ, STEP_TIME_SYNC),
		USE(attest), .timeout_s = MINUTES(30), .verifies = true,
		.on_timeout = &CODE_UNKNOWN, .retry_for_s = attest_deadline,
	},
	[STEP_READY] = {
		.id = "ready", .rows = "R14 R24", .title = "the gate is open",
		.needs = NEEDS(STEP_ATTEST, STEP_RELEASE_SERVICES), USE(ready),
		.timeout_s = MINUTES(5), .attempts = 2, .changes = FACTS_UNITS, .verifies = true,
	},
};
/* clang-format on */

const struct step *step_by_id(const char *id)
{
	for (size_t i = 0; i < STEP_MAX; i++)
		if (str_eq(steps[i].id, id))
			return &steps[i];
	return NULL;
}

const enum step_id *step_needs(const struct step *s, const struct config *c)
{
	return c->fetch_before_restart && s->needs_early ? s->needs_early : s->needs;
}

unsigned int step_deadline_s(const struct step *s, const struct config *c)
{
	unsigned int own = s->timeout_s + (s->waits_s ? s->waits_s(c) : 0);

	return config_step(c, s->id, "timeout_s", own);
}

bool step_cut_off(const struct step *s, const struct facts *f)
{
	enum step_id id = (enum step_id)(s - steps);

	return !s->recorded && (f->cut_off >> id & 1) &&
	       !(id == STEP_DRIVER && facts_driver_packaged(f));
}

unsigned int step_patience_s(const struct step *s, const struct config *c)
{
	unsigned int own = s->retry_for_s ? s->retry_for_s(c) : s->patience_s;

	if (!s->retry_for_s && config_step(c, s->id, "attempts", 0))
		own = 0;
	return config_step(c, s->id, "patience_s", own);
}

bool step_tries_again(const struct step *s, const struct config *c, unsigned int tries,
		      uint64_t since_us)
{
	unsigned int patience_s = step_patience_s(s, c);
	unsigned int attempts = config_step(c, s->id, "attempts", patience_s ? 0 : s->attempts);

	return (!attempts || tries < attempts) &&
	       (!patience_s || since_us <= (uint64_t)patience_s * 1000000);
}

uint64_t step_pause_us(const struct step *s, unsigned int tries)
{
	uint64_t us;

	if (s->every_s)
		return (uint64_t)s->every_s * 1000000;
	us = clock_backoff_us(tries - 1, PAUSE_FIRST_US, PAUSE_MAX_US);
	return us < PAUSE_LEAST_US ? PAUSE_LEAST_US : us;
}

bool step_applies(const struct step *s, const struct config *c, const struct facts *f)
{
	if (s->shapes == STEP_ONLY_SINGLE && f->instance.shape != SHAPE_SINGLE)
		return false;
	if (s->shapes == STEP_ONLY_MULTI && f->instance.shape != SHAPE_MULTI)
		return false;
	return !s->wanted || s->wanted(c, f);
}

void probe_done(struct probe_result *r, const char *fmt, ...)
{
	va_list ap;

	r->probe = PROBE_DONE;
	va_start(ap, fmt);
	vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
}

void probe_todo(struct probe_result *r, const char *fmt, ...)
{
	va_list ap;

	r->probe = PROBE_TODO;
	va_start(ap, fmt);
	vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
}

void probe_blocked(struct probe_result *r, const struct err_kind *kind, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->probe = PROBE_BLOCKED;
	err_set(&r->err, kind, "%s", text);
	str_copy(r->reason, sizeof(r->reason), text);
}

bool probe_cannot(struct probe_result *r, const struct facts *f, enum facts_group group)
{
	const struct err *e = facts_error(f, group);

	if (!e)
		return false;
	r->probe = PROBE_BLOCKED;
	r->err = *e;
	str_copy(r->reason, sizeof(r->reason), e->msg);
	return true;
}
