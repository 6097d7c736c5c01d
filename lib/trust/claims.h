/* Claims about a device under NVIDIA's names, as its verifier's version 3.0 states them. Each is computed
 * from a check of this run: true where it passed, false where it failed, null where it was not run or
 * could not be told. A claim is of its check alone; the verdict is of all. */
#ifndef GN8V_TRUST_CLAIMS_H
#define GN8V_TRUST_CLAIMS_H

#include "trust/measurement.h"
#include "trust/verdict.h"

/* A certificate chain: the device's, or a manifest's. */
struct claims_chain {
	enum check_result chain, time, ocsp;
	time_t not_after;   /* the earliest in it; 0: not known */
	bool revoked;	    /* the OCSP check failed, or passed on hold, for this */
	const char *reason; /* of the revocation; NULL: none */
};

/* A reference manifest. */
struct claims_rim {
	enum check_result fetch, parse, structure, profile, signature, version;
	struct claims_chain chain;
};

#define CLAIMS_RIMS 2 /* of a GPU: driver, VBIOS; of a switch only the first: BIOS */

struct claims {
	enum device_type type;
	enum verdict verdict; /* of the device */
	bool devtools;	      /* debugging is possible */
	enum check_result arch, parse, nonce_match, signature, fwid, driver_version, vbios_version;
	enum check_result index_conflict, measurements;
	struct claims_chain chain;
	struct claims_rim rims[CLAIMS_RIMS];
	const struct measurement_result *compared; /* NULL: not compared */
	/* Values, each NULL or "" where it is not known; borrowed. */
	const char *nonce, *driver, *vbios, *hwmodel, *ueid, *oemid, *warning;
};

/* The caller owns it. */
struct json_object *claims_to_json(const struct claims *c);

#endif
