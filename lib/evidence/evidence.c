#include "evidence/evidence.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/random.h>

#include "core/fs.h"
#include "core/str.h"
#include "evidence/file.h"
#include "evidence/gpu.h"
#include "evidence/switch.h"

#define LIBRARY_DIR "/usr/lib64"

const struct err_kind EVIDENCE_LIBRARY = {
	"device-library", ERR_CLASS_STOP, "operator",
	"install the library in the very version of the loaded driver"
};
const struct err_kind EVIDENCE_CALL = {
	"device-call", ERR_CLASS_RETRY, "nvidia",
	"see what the driver logged: journalctl -k --grep 'NVRM|nvidia'"
};
const struct err_kind EVIDENCE_CC_OFF = {
	"cc-off", ERR_CLASS_REFUSE, "operator",
	"check that the instance type is a confidential one: nvidia-smi conf-compute -f"
};

void evidence_done(struct evidence *ev)
{
	for (size_t i = 0; i < ev->n; i++) {
		free((void *)ev->v[i].report);
		free((void *)ev->v[i].chain);
	}
	*ev = (struct evidence)EVIDENCE_INIT;
}

static void drop_behind(struct evidence *ev, size_t n)
{
	while (ev->n > n) {
		ev->n--;
		free((void *)ev->v[ev->n].report);
		free((void *)ev->v[ev->n].chain);
	}
}

static void *copy_of(const void *bytes, size_t n)
{
	void *copy = xmalloc(n + 1);

	memcpy(copy, bytes, n);
	((char *)copy)[n] = '\0';
	return copy;
}

int evidence_add(struct evidence *ev, const struct appraise_device *d, struct err *e)
{
	struct appraise_device *to = &ev->v[ev->n];

	if (ev->n == EVIDENCE_MAX)
		return err_set(e, &ERR_TOO_LARGE, "there are more than %d devices", EVIDENCE_MAX);
	*to = *d;
	to->report = copy_of(d->report, d->report_len);
	to->chain = copy_of(d->chain, d->chain_len);
	to->index = 0;
	for (size_t i = 0; i < ev->n; i++)
		if (ev->v[i].type == d->type)
			to->index++;
	ev->pcie_mode[ev->n] = APPRAISE_NOT_KNOWN;
	ev->n++;
	return 0;
}

int evidence_from_gpus(struct evidence *ev, struct err *e)
{
	size_t n = ev->n;

	if (gpu_collect(ev, e) == 0)
		return 0;
	drop_behind(ev, n);
	return -1;
}

int evidence_from_switches(struct evidence *ev, struct err *e)
{
	size_t n = ev->n;

	if (switch_collect(ev, e) == 0)
		return 0;
	drop_behind(ev, n);
	return -1;
}

int evidence_from_json(struct evidence *ev, const char *text, size_t len, const char *name,
		       struct err *e)
{
	size_t n = ev->n;

	if (file_parse(ev, text, len, name, e) == 0)
		return 0;
	drop_behind(ev, n);
	return -1;
}

int evidence_from_file(struct evidence *ev, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	if (file_read(path, &text, &len, e) < 0)
		return -1;
	return evidence_from_json(ev, text, len, path, e);
}

struct json_object *evidence_to_json(const struct evidence *ev)
{
	return file_format(ev);
}

int evidence_to_file(const struct evidence *ev, const char *path, struct err *e)
{
	_cleanup_json_ struct json_object *list = file_format(ev);

	return file_write(path, list, e);
}

int evidence_reach_gpus(const struct pci_gpus *gpus, bool reached[PCI_GPUS_MAX], size_t *ret_n,
			struct err *e)
{
	return gpu_reach(gpus, reached, ret_n, e);
}

int evidence_get_mode(struct mode *ret, struct err *e)
{
	return gpu_mode(ret, e);
}

int evidence_set_ready(bool ready, struct err *e)
{
	return gpu_set_ready(ready, e);
}

void evidence_facts(const struct evidence *ev, struct appraise_facts *ret)
{
	const struct mode *m = &ev->mode;

	ret->cc_feature = m->known ? (int)m->cc_feature : APPRAISE_NOT_KNOWN;
	ret->multi_gpu_mode = m->known ? (int)m->multi_gpu_mode : APPRAISE_NOT_KNOWN;
	ret->devtools = m->known ? (int)m->devtools : APPRAISE_NOT_KNOWN;
	ret->environment = m->known ? (int)m->environment : APPRAISE_NOT_KNOWN;
	for (size_t i = 0; i < ARRAY_SIZE(ret->switch_mode); i++)
		ret->switch_mode[i] = APPRAISE_NOT_KNOWN;
	for (size_t i = 0; i < ev->n; i++)
		if (ev->v[i].type == DEVICE_NVSWITCH)
			ret->switch_mode[ev->v[i].index] = ev->pcie_mode[i];
}

int evidence_nonce(uint8_t ret[SPDM_NONCE_SIZE], struct err *e)
{
	if (getentropy(ret, SPDM_NONCE_SIZE) < 0)
		return err_errno(e, errno, "no random bytes for a nonce");
	return 0;
}

int evidence_load(const char *soname, void **ret, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(LIBRARY_DIR "/%s", soname);
	_cleanup_free_ char *host = fs_has_root() ? fs_host_path(path) : xstrdup(soname);
	void *lib = dlopen(host, RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		return err_set(e, &EVIDENCE_LIBRARY, "%s cannot be loaded: %s", soname, dlerror());
	*ret = lib;
	return 0;
}
