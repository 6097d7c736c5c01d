/* ready: the gate opens, after everything else. */
#include "gate.h"
#include "steps/all.h"

PROBE(ready)
{
	(void)c;
	if (probe_cannot(r, f, FACTS_UNITS))
		return;
	if (f->units.gate_open)
		probe_done(r, "gn8v-ready.target is active");
	else
		probe_todo(r, "open the gate: gn8v-ready.target");
}

APPLY(ready)
{
	return gate_open(w->config, e);
}
