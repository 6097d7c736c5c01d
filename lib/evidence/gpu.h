/* GPUs through NVML. The library's functions and structures are declared here, not taken from its
 * header, with their sizes checked at compile time. What a call may do, and who sees to it, is in
 * evidence/evidence.h. */
#ifndef GN8V_EVIDENCE_GPU_H
#define GN8V_EVIDENCE_GPU_H

#include "evidence/evidence.h"

/* Appends every GPU. ev->mode is filled in even when it then fails. A report call that failed with
 * TIMEOUT, IN_USE, NO_DATA or INSUFFICIENT_RESOURCES is tried again, three times and no more. */
int gpu_collect(struct evidence *ev, struct err *e);

int gpu_reach(const struct pci_gpus *gpus, bool reached[PCI_GPUS_MAX], size_t *ret_n,
	      struct err *e);

int gpu_mode(struct mode *ret, struct err *e);
int gpu_set_ready(bool ready, struct err *e);

#endif
