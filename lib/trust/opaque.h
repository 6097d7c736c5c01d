/* The opaque part of a report: fields of u16 id, u16 length and a value, little-endian.
 *
 * Ids that are not known for this kind of device are skipped and noted; a known id that comes twice
 * or has a length it cannot have makes the whole fail. Text is taken up to its first NUL, must be
 * padded by NULs alone, and holds only what may stand in a URL or a path. A version newer than the
 * newest known fails too: its fields may mean something else. */
#ifndef GN8V_TRUST_OPAQUE_H
#define GN8V_TRUST_OPAQUE_H

#include "core/err.h"
#include "trust/cur.h"
#include "trust/digest.h"
#include "trust/verdict.h"

#define OPAQUE_FIELDS_MAX 64
#define OPAQUE_TEXT_SIZE  33
#define OPAQUE_LINKS	  18 /* NVLinks of a GPU */
#define OPAQUE_GPUS	  8
#define OPAQUE_PORTS	  64
#define OPAQUE_COUNTS_MAX 64

#define OPAQUE_ENABLED	0xaa
#define OPAQUE_DISABLED 0x55

#define OPAQUE_FEATURE_SPT   0 /* a single GPU */
#define OPAQUE_FEATURE_MPT   1 /* several GPUs */
#define OPAQUE_FEATURE_PPCIE 2

struct opaque_field {
	uint16_t id;
	const char *name; /* NULL for an unknown id */
	struct cur value; /* borrowed */
};

/* An absent field is "", has_x == false or a count of 0. PDIs are numbers, most significant byte
 * first as they are printed. */
struct opaque {
	char driver_version[OPAQUE_TEXT_SIZE]; /* GPU: "550.90.07" */
	char vbios_version[OPAQUE_TEXT_SIZE];  /* "96.00.9F.00.01", upper case; a switch's BIOS */
	char chip_sku[OPAQUE_TEXT_SIZE];       /* GPU: "885" */
	char project[OPAQUE_TEXT_SIZE];	       /* GPU: "G520" */
	char project_sku[OPAQUE_TEXT_SIZE];    /* GPU: "0200" */
	bool has_fwid, has_nvdec0, has_ppcie, has_version, has_feature, has_pdi, has_lock;
	uint8_t fwid[DIGEST_SHA384_SIZE];
	uint8_t nvdec0;		      /* OPAQUE_ENABLED, OPAQUE_DISABLED, or anything */
	uint8_t ppcie;		      /* the same: protected PCIe */
	uint16_t version;	      /* of the opaque data; 1 is the newest known */
	uint16_t feature;	      /* OPAQUE_FEATURE_*, or anything */
	uint64_t pdi;		      /* switch: its own */
	uint16_t lock;		      /* switch: lock status */
	size_t links_n;		      /* GPU: OPAQUE_LINKS or 0 */
	uint64_t links[OPAQUE_LINKS]; /* GPU: the switch at each NVLink, 0 for none */
	size_t gpus_n;		      /* switch: OPAQUE_GPUS or 0 */
	uint64_t gpus[OPAQUE_GPUS];   /* switch: the GPUs it knows */
	uint8_t ports[OPAQUE_PORTS];  /* switch: number of the GPU at each port, 0xff for none */
	size_t counts_n;
	uint32_t counts[OPAQUE_COUNTS_MAX]; /* by RIM index: 0 where nothing was measured */
	size_t fields_n;
	struct opaque_field fields[OPAQUE_FIELDS_MAX]; /* all of them, in order */
	char note[128];				       /* what was skipped; "" for nothing */
};

/* Fails also when a field is missing that names the device's firmware (driver and VBIOS version,
 * chip SKU, project and project SKU of a GPU; BIOS version of a switch). The bytes are borrowed and
 * must outlive *ret. */
int opaque_parse(struct cur c, enum device_type type, struct opaque *ret, struct err *e);

#endif
