/* Topology: whether eight GPUs and four NVSwitches are the parts of one machine, each there once.
 *
 * Every device names its neighbours by PDI in its signed report, and its own PDI stands in its
 * certificates. The devices that were attested must be exactly the ones that name each other: no GPU
 * wired to a switch that nobody attested, none hidden, and none shown twice. */
#ifndef GN8V_TRUST_TOPOLOGY_H
#define GN8V_TRUST_TOPOLOGY_H

#include "trust/opaque.h"

#define TOPOLOGY_GPUS	  8
#define TOPOLOGY_SWITCHES 4

struct topology_device {
	enum device_type type;
	unsigned int index;
	const uint8_t *key;	     /* SHA-256 of the leaf's public key; NULL: not known */
	const uint64_t *pdi;	     /* from the chain; NULL: not known */
	const struct opaque *opaque; /* NULL: not known */
};

/* "count": as many of each as were expected. */
void topology_count(const struct topology_device *devices, size_t n, size_t gpus, size_t switches,
		    struct check *ret);

/* "topology". With a device of which something is not known it is not-run, unless what is known
 * refutes it already. */
void topology_judge(const struct topology_device *devices, size_t n, struct check *ret);

#endif
