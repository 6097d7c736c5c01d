/* Whether nvidia-persistenced could open every GPU. It ends its start well when it found one to list, whether that could be
 * opened or not (setup_devices() of 550 to 595 ignores it, and only says so to syslog). */
#ifndef GN8V_PRESENT_H
#define GN8V_PRESENT_H

#include "sys/pci.h"
#include "worker.h"

/* The word of nvidia-persistenced's journal about each GPU, by PCI address. */
struct present {
	const struct pci_gpus *gpus;
	bool missing[PCI_GPUS_MAX];
	bool opened[PCI_GPUS_MAX]; /* said later than what is read next */
	bool no_uvm[PCI_GPUS_MAX];
};

/* For unitlog_read, the newest message first: of a GPU its last word counts, for `nvidia-smi -pm 1` has the daemon try again one
 * that it could not open. That it opened it the daemon says with --verbose alone. data is a struct present. */
void present_message(const char *text, void *data);

/* Asks the journal first, which touches no GPU, then NVML, once nvidia-persistenced is active. A GPU that the daemon does not
 * hold is not asked for through NVML: a client that comes and goes can cost its session. CODE_GPU_MISSING names the GPU
 * where that can be told. Where NVML cannot be asked at all, that is said, and nothing follows from it: later steps ask it. */
int present_check(struct worker *w, struct err *e);

/* Pure: the address in "device 0000:0f:00.0 - failed to open."; false for another line. */
bool present_failed(const char *message, char address[PCI_ADDRESS_SIZE]);

#endif
