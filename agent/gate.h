/* The gate: gn8v-ready.target, which asserts that /run/gn8v/ready exists. Only the agent opens it,
 * after every step and the attestation of this boot; closing is safe at any time. */
#ifndef GN8V_GATE_H
#define GN8V_GATE_H

#include "config.h"

/* Flag, then the target, then each gated unit that its owner enabled (gate.mode "attested"). */
int gate_open(const struct config *c, struct err *e);

/* Removes the flag, then stops the target and the gated units. Goes on after an error, so that as
 * much as possible is closed; -1 then. c is NULL when the configuration cannot be read, which must
 * not keep the gate open: then the drop-ins alone say which units are gated. */
int gate_close(const struct config *c, struct err *e);

bool gate_guards_units(const struct config *c); /* gate.mode is "attested" */

#endif
