/* Attestation as this program does it by itself, in three parts that share nothing but bytes: evidence
 * is collected from the devices, collateral is fetched from the network, and both are judged. */
#ifndef GN8V_NATIVE_H
#define GN8V_NATIVE_H

#include "collateral.h"
#include "config.h"
#include "evidence/evidence.h"

struct native {
	enum appraise_shape shape;
	time_t at; /* 0: the time when judging begins */
	bool ocsp, ocsp_nonce, allow_hold, allow_expired_rim;
	const char *device_root, *rim_root; /* PEM files of the machine; NULL or "": NVIDIA's */
	bool roots_of_config;		    /* nobody but root may be able to write those files */
	struct collateral collateral;
};

/* What the configuration says, for its shape, now. Its strings are borrowed. */
void native_from_config(struct native *n, const struct config *c);

/* Evidence of every device of the machine, while nobody else that asks here calls one. The caller knows
 * that nvidia-persistenced is active; a call into a device may hang. */
int native_collect(enum shape shape, struct evidence *ev, struct err *e);

/* Fetches what is wanted and judges. The caller releases *ret with appraisal_done(). -1: a root cannot
 * be read, or a library failed; all else is in the verdict. */
int native_judge(const struct native *n, const struct evidence *ev, struct appraisal *ret,
		 struct collateral_report *ret_report, struct err *e);

#endif
