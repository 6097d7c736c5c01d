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

/* What the Fabric sections of `nvidia-smi -q` say. */
struct smi_fabric {
	unsigned int gpus;	/* that have such a section */
	unsigned int completed; /* Completed, Success, and nothing that is still being recovered */
	unsigned int in_progress; /* In Progress, or a route or an access is being recovered */
	unsigned int not_started;
	unsigned int failed;	/* Completed with another status, which is final */
	unsigned int unclear;	/* anything else: N/A, words that are not known */
	unsigned int healthy;	/* of those that are completed, by the driver's own word */
	unsigned int unhealthy; /* by the driver's own word */
	char failure[64];	/* the first of these statuses */
	char trouble
		[160]; /* of the first that is unhealthy: "Summary: Unhealthy, Bandwidth: Degraded" */
};
int smi_parse_fabric(const char *text, struct smi_fabric *ret);

int smi_cc(struct worker *w, bool *ret_on, struct err *e);
int smi_mgm(struct worker *w, bool *ret_ppcie, struct err *e);
int smi_devtools(struct worker *w, bool *ret_on, struct err *e);
int smi_ready(struct worker *w, bool *ret_ready, struct err *e);
int smi_set_ready(struct worker *w, bool ready, struct err *e);
/* Has a deadline of its own, well within the step's. CODE_SMI: it could not be told. */
int smi_fabric(struct worker *w, struct smi_fabric *ret, struct err *e);

#endif
