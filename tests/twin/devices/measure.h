/* What simulated firmware measures as: a rule, so that whoever makes reference manifests needs to
 * know nothing but the manifest's id.
 *
 *	kind     ids                    active indices
 *	driver   NV_GPU_DRIVER_GH100_*  7, 21..40
 *	vbios    NV_GPU_VBIOS_*         0..6, 8..12
 *	bios     NV_SWITCH_BIOS_*       0..30
 *
 * The value at an active index is SHA-384 of "ID INDEX", but zero at some, as on real devices. */
#ifndef TWIN_DEVICES_MEASURE_H
#define TWIN_DEVICES_MEASURE_H

#include "core/json.h"

#define MEASURE_SIZE	48
#define MEASURE_INDICES 64

/* False if that manifest says nothing of that index. */
bool measure_value(const char *id, unsigned int index, uint8_t ret[MEASURE_SIZE]);

/* {"id", "kind", "version", "values": [{"index", "active", "hashes": ["..."]} x 64]}; the caller's.
 * NULL when the id is of no kind. */
struct json_object *measure_manifest(const char *id);

/* Ids of the manifests that a device's versions ask for. Callers free. */
char *measure_driver_id(const char *version);
char *measure_vbios_id(const char *version);
char *measure_bios_id(const char *version);

#endif
