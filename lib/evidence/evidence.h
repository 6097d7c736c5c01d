/* Evidence: what the devices of a machine say of themselves, signed and not yet judged, taken from
 * NVML, from NSCQ, or from a file. Nothing here is believed: trust/appraise.h judges it.
 *
 * The caller sees to three things that this room cannot know:
 *  - No device function is called before nvidia-persistenced is active. A client that comes and goes
 *    earlier can cost the confidential-computing session until the instance is stopped and started.
 *  - One caller at a time: device calls beside each other have left GPUs unusable.
 *  - A call into a device can hang. It runs in a process that somebody else can end.
 *
 * With a root set (core/fs.h) the libraries are those below it. */
#ifndef GN8V_EVIDENCE_EVIDENCE_H
#define GN8V_EVIDENCE_EVIDENCE_H

#include "core/json.h"
#include "sys/pci.h"
#include "trust/appraise.h"

#define EVIDENCE_MAX	   VERDICT_DEVICES_MAX
#define EVIDENCE_FILE_MAX  (4 * 1024 * 1024)
#define EVIDENCE_CHAIN_MAX 65536

struct mode {
	bool known;		     /* false for saved evidence: nobody was asked */
	unsigned int cc_feature;     /* 1: confidential computing is on */
	unsigned int devtools;	     /* 1: debugging tools may look in */
	unsigned int multi_gpu_mode; /* 0 none, 1 protected PCIe, 2 NVLE */
	unsigned int environment;    /* 0 unavailable, 1 simulation, 2 production */
	bool ready;		     /* the GPUs accept work */
};

struct evidence {
	struct appraise_device v[EVIDENCE_MAX]; /* their bytes are owned by this struct */
	int pcie_mode[EVIDENCE_MAX]; /* of a switch, as NSCQ says; else APPRAISE_NOT_KNOWN */
	size_t n;
	struct mode mode;
	char note[256]; /* what the operator should know though nothing failed; "" for nothing */
};

#define EVIDENCE_INIT  \
	{              \
		.n = 0 \
	}

extern const struct err_kind EVIDENCE_LIBRARY; /* NVML or NSCQ cannot be loaded, or is too old */
extern const struct err_kind EVIDENCE_CALL; /* a device call failed: the words name call and code */
extern const struct err_kind EVIDENCE_CC_OFF; /* neither confidential computing nor PPCIE is on */

/* Each appends devices, numbered from 0 per type, or leaves the devices as they were. One fresh nonce
 * per kind of device; a report that had to be asked for again has one of its own. */
int evidence_from_gpus(struct evidence *ev, struct err *e); /* also fills in mode, first of all */
int evidence_from_switches(struct evidence *ev, struct err *e);

/* The list that NVIDIA's attestation SDK writes; further files append. The path is the caller's own,
 * as given: not below the root. An error names the entry. */
int evidence_from_file(struct evidence *ev, const char *path, struct err *e);
int evidence_from_json(struct evidence *ev, const char *text, size_t len, const char *name,
		       struct err *e);
struct json_object *evidence_to_json(const struct evidence *ev); /* the caller's */
int evidence_to_file(const struct evidence *ev, const char *path, struct err *e);

void evidence_done(struct evidence *ev);

/* What was found out beside the evidence, as an appraisal takes it. */
void evidence_facts(const struct evidence *ev, struct appraise_facts *ret);

/* Which of the GPUs at these PCI addresses NVML can reach, that is gives a handle for, one after another. *ret_n is how many it
 * reaches in all; reached[i] is true of each when it is n, and where NVML cannot tell of one by its address. */
int evidence_reach_gpus(const struct pci_gpus *gpus, bool reached[PCI_GPUS_MAX], size_t *ret_n,
			struct err *e);

/* The GPUs' ready state, for the whole machine. Setting it needs root; it is read back. */
int evidence_get_mode(struct mode *ret, struct err *e);
int evidence_set_ready(bool ready, struct err *e);

/* --- for the files of this room ----------------------------------------------------------------- */

/* An entry with everything but bytes from *d, and its own copy of the bytes. */
int evidence_add(struct evidence *ev, const struct appraise_device *d, struct err *e);

int evidence_nonce(uint8_t ret[SPDM_NONCE_SIZE], struct err *e);

/* dlopen of a library of the machine, by its soname; what is missing is named. */
int evidence_load(const char *soname, void **ret, struct err *e);

#endif
