#include "present.h"

#include "codes.h"
#include "core/str.h"
#include "evidence/evidence.h"
#include "gpu.h"
#include "paths.h"
#include "steps/all.h"
#include "sys/unitlog.h"
#include "sys/units.h"

#define DEVICE "device "
#define FAILED " - failed to open"
#define OPENED " - persistence mode enabled"
#define NO_UVM " - Could not Enable UVM Persistence mode"

static bool address_before(const char *message, const char *words, char address[PCI_ADDRESS_SIZE])
{
	const char *end = strstr(message, words);
	size_t n;

	if (!end || !str_starts(message, DEVICE))
		return false;
	n = (size_t)(end - message) - strlen(DEVICE);
	if (n == 0 ||
	    n >= PCI_ADDRESS_SIZE) /* or the words begin before where an address could end */
		return false;
	memcpy(address, message + strlen(DEVICE), n);
	address[n] = '\0';
	return address[strspn(address, "0123456789abcdefABCDEF:.")] == '\0';
}

bool present_failed(const char *message, char address[PCI_ADDRESS_SIZE])
{
	return address_before(message, FAILED, address);
}

static void mark(const struct pci_gpus *gpus, const char *address, bool *marks)
{
	for (size_t i = 0; i < gpus->n; i++)
		marks[i] |= str_eq(gpus->v[i], address);
}

void present_message(const char *text, void *data)
{
	struct present *p = data;
	char address[PCI_ADDRESS_SIZE];

	if (address_before(text, OPENED, address))
		mark(p->gpus, address, p->opened);
	else if (address_before(text, NO_UVM, address))
		mark(p->gpus, address, p->no_uvm);
	else if (present_failed(text, address))
		for (size_t i = 0; i < p->gpus->n; i++)
			p->missing[i] |= str_eq(p->gpus->v[i], address) && !p->opened[i];
}

static size_t list(const struct pci_gpus *gpus, const bool *marks, char text[STEP_NAMES_SIZE])
{
	const char *names[PCI_GPUS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < gpus->n; i++)
		if (marks[i])
			names[n++] = gpus->v[i];
	step_names(names, n, text);
	return n;
}

/* Of this start: an earlier one in this boot may have failed, and be made good. */
static int ask_journal(struct present *m, struct err *e)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	_cleanup_(units_source_done) struct unit_source s = { 0 };

	if (units_open(&u, e) < 0 || units_get_source(u, UNIT_PERSISTENCED, &s, e) < 0)
		return -1;
	unitlog_read(UNIT_PERSISTENCED, s.begun_us, present_message, m);
	return 0;
}

static int ask_nvml(struct worker *w, const struct pci_gpus *gpus, struct present *m, struct err *e)
{
	bool reached[PCI_GPUS_MAX];
	char text[STEP_NAMES_SIZE];
	struct err why = ERR_INIT;
	size_t n, named;

	if (gpu_guard(e) < 0)
		return -1;
	if (evidence_reach_gpus(gpus, reached, &n, &why) < 0) {
		worker_event(w, "NVML could not be asked for the GPUs: %s", why.msg);
		return 0;
	}
	if (n >= gpus->n)
		return 0;
	for (size_t i = 0; i < gpus->n; i++)
		m->missing[i] = !reached[i];
	named = list(gpus, m->missing, text);
	return err_set(
		e, &CODE_GPU_MISSING,
		UNIT_PERSISTENCED
		" is active, but NVML reaches %zu of the %zu GPUs that PCI shows; it does not reach %s",
		n, gpus->n, named == gpus->n - n ? text : "one that it does not name");
}

/* Where it holds other GPUs, it is told to open this one and goes on holding them; where it holds none, it is started again. */
static int hint_again(const struct present *m, struct err *e)
{
	_cleanup_strbuf_ struct strbuf again = { 0 };
	size_t held = 0;

	strbuf_begin(&again);
	for (size_t i = 0; i < m->gpus->n; i++)
		if (m->missing[i])
			strbuf_printf(&again, "nvidia-smi -i %s -pm 1; ", m->gpus->v[i]);
		else
			held++;
	return err_hint(
		e,
		"%ssystemctl restart gn8v-agent has it looked at again; if it stays: "
		"journalctl -k | grep -i nvrm; stop and start the instance, then open a ticket",
		held ? again.s : "systemctl restart " UNIT_PERSISTENCED "; ");
}

int present_check(struct worker *w, struct err *e)
{
	struct pci_gpus gpus;
	struct present m = { .gpus = &gpus };
	char text[STEP_NAMES_SIZE];
	size_t n;

	if (pci_gpus(&gpus, e) < 0 || ask_journal(&m, e) < 0)
		return -1;
	if (list(&gpus, m.no_uvm, text) > 0)
		worker_event(w, UNIT_PERSISTENCED " could not enable UVM persistence mode of %s",
			     text);
	n = list(&gpus, m.missing, text);
	if (n > 0) {
		err_set(e, &CODE_GPU_MISSING,
			UNIT_PERSISTENCED " is active, but it could not open %zu of %zu GPUs: "
					  "its journal says \"failed to open\" of %s",
			n, gpus.n, text);
		return hint_again(&m, e);
	}
	return ask_nvml(w, &gpus, &m, e);
}
