/* nvidia-smi, asked only after nvidia-persistenced is active. What it prints is parsed strictly: an
 * answer that is not understood is an error, never "off". */
#ifndef GN8V_SMI_H
#define GN8V_SMI_H

#include "worker.h"

/* Pure parsers. -1: not understood. */
int smi_parse_cc(const char *text, bool *ret_on);	/* conf-compute -f: "CC status: ON" */
int smi_parse_mgm(const char *text, bool *ret_ppcie);	/* -mgm: "Multi-GPU Mode: Protected PCIe" */
int smi_parse_devtools(const char *text, bool *ret_on); /* -d: "DevTools Mode: OFF" */
int smi_parse_ready(const char *text, bool *ret_ready); /* -grs: "... Ready state: ready" */

/* Fabric sections of `nvidia-smi -q`: how many GPUs there are, and how many are Completed/Success. */
int smi_parse_fabric(const char *text, unsigned int *ret_gpus, unsigned int *ret_completed);

int smi_cc(struct worker *w, bool *ret_on, struct err *e);
int smi_mgm(struct worker *w, bool *ret_ppcie, struct err *e);
int smi_devtools(struct worker *w, bool *ret_on, struct err *e);
int smi_ready(struct worker *w, bool *ret_ready, struct err *e);
int smi_set_ready(struct worker *w, bool ready, struct err *e);
int smi_fabric(struct worker *w, unsigned int *ret_gpus, unsigned int *ret_completed,
	       struct err *e);

#endif
