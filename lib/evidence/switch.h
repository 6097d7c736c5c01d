/* NVSwitches through NSCQ, whose library must be of the driver's very version. What a call may do,
 * and who sees to it, is in evidence/evidence.h. */
#ifndef GN8V_EVIDENCE_SWITCH_H
#define GN8V_EVIDENCE_SWITCH_H

#include "evidence/evidence.h"

/* Appends every NVSwitch and its pcie_mode. A warning of the library is no failure: ev->note has it. */
int switch_collect(struct evidence *ev, struct err *e);

#endif
