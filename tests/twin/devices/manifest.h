/* Reference manifests of the simulated devices, signed under a throw-away root of their own.
 *
 *	rim-root.pem					the root of both chains
 *	rim-gpu-ca.pem, rim-gpu-l3.pem, rim-gpu-l4.pem	the rest, in DIR/state/devices, and keys
 *	rim-switch-ca.pem, ...				*.key of all */
#ifndef TWIN_DEVICES_MANIFEST_H
#define TWIN_DEVICES_MANIFEST_H

/* Makes the chains, once. */
void manifest_make_chains(void);

/* The XML of a manifest, as the faults of ../fakes/FAULTS have it; NULL if the service has none of
 * that id (there is one for each file in rims/). Caller frees. */
char *manifest_make(const char *id);

#endif
