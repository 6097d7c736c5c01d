/* The files that are fetched and installed: where from, under which name, and how each is judged
 * before it is used: by a pinned SHA-256, or by the rules for signed RPMs. */
#ifndef GN8V_ARTEFACT_H
#define GN8V_ARTEFACT_H

#include "worker.h"

enum artefact_kind { ARTEFACT_DRIVER, ARTEFACT_CUDA, ARTEFACT_FABRICMANAGER, ARTEFACT_NSCQ };

struct artefact {
	enum artefact_kind kind;
	struct strlist urls; /* filled in */
	char *file;	     /* name in fetch.dir, from the first URL, whichever is fetched */
	char *path;	     /* of the machine */
	const char *sha256;  /* pinned; NULL: an RPM whose signature is judged; borrowed */
	uint64_t size;	     /* 0: not known */
	char *package;	     /* name of an RPM, or NULL */
	const char *const *releases; /* that an RPM may have; NULL-terminated; borrowed */
	char version[FACTS_VERSION_SIZE];
};

void artefact_init(struct artefact *a, enum artefact_kind kind, const struct config *c,
		   const struct facts *f);
void artefact_done(struct artefact *a);

/* Whether there is a way to judge it: CODE_DIGEST_UNKNOWN if it is no RPM and has no digest. */
int artefact_judgeable(const struct artefact *a, struct err *e);

/* Fetches it and judges it; afterwards the file lies at a->path. A file that is already there is
 * judged again and kept if it is good. */
int artefact_fetch(struct worker *w, struct artefact *a, struct err *e);

/* Judges what lies at a->path; a bad file is thrown away. */
int artefact_check(struct worker *w, struct artefact *a, struct err *e);

/* Removes the download unless cache.keep. */
int artefact_forget(struct worker *w, struct artefact *a, struct err *e);

/* When all is installed: removes what is left, of older versions and cut off downloads too. packages
 * are those of the status: the files that were fetched here. cache.keep keeps the whole ones. */
int artefact_sweep(const struct config *c, struct json_object *packages, struct err *e);
#endif
