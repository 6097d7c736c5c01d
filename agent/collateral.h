/* Collateral: what an appraisal needs from others. Reference manifests (RIMs) come from a folder or
 * from a service, revocation answers (OCSP) from a responder: one request per distinct manifest and
 * per distinct certificate, side by side, within one budget of time. Nothing that arrives is believed
 * here, and nothing is kept: the appraisal judges it. */
#ifndef GN8V_COLLATERAL_H
#define GN8V_COLLATERAL_H

#include "net/gather.h"
#include "trust/appraise.h"

struct collateral {
	const char
		*rim_dir; /* of the machine: ID.xml or ID.swidtag; NULL or "": rim_url is asked */
	const char *rim_url; /* base in front of the id */
	/* Of the machine: the key that the service at rim_url wants; NULL or "": none. It is read when it is
	 * needed, and sent to that host alone, over https alone. */
	const char *rim_key_file;
	const char
		*ocsp_url; /* of no meaning when the appraisal's rules say that nobody is asked */
	struct gather_options net;
};

/* What it took. */
struct collateral_report {
	size_t rims;	  /* distinct ones that were wanted */
	size_t questions; /* one per certificate, and those that had to be put in another form */
	unsigned int requests; /* that went out, repeated ones and all */
	uint64_t took_us;
	char note[256]; /* what is strange and changes no verdict; "" for nothing */
};

/* What is not to be had is told to the appraisal, as missing or out of reach. -1 only if a library
 * fails. */
int collateral_obtain(struct appraise *a, const struct collateral *c, struct collateral_report *ret,
		      struct err *e);

/* Whether a key may be read from a path, and sent to that URL: a regular file of root's that nobody else
 * can read, and https. "" is no key. CODE_CONFIG. */
int collateral_key_check(const char *path, const char *rim_url, struct err *e);

/* The manifest out of the service's answer, {"id", "rim": base64, "sha256"}. A digest that does not
 * match is a note: what it is of is nowhere documented, and the manifest is signed. Caller frees. */
int collateral_rim_parse(const char *text, size_t len, const char *id, char **ret, size_t *ret_len,
			 char *note, size_t note_size, struct err *e);

#endif
