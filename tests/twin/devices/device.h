/* A simulated GPU or NVSwitch: its key and chain, which lie in DIR/state/devices, and the reports
 * that it signs.
 *
 *	root.pem, identity.pem, ica-gpu.pem, ica-switch.pem   certificates above the devices' own,
 *	root.key, ...                                         and their keys, to answer OCSP with
 *	gpu0.pem, switch0.pem, ...                            chains of 5, leaf first
 *	gpu0.key, switch0.key, ...                            keys of the leaves
 *	pdi.json                                              {"gpus": ["16 hex"], "switches": [...]}
 *	rims/ID.json                                          golden values (measure.h) */
#ifndef TWIN_DEVICES_DEVICE_H
#define TWIN_DEVICES_DEVICE_H

#include "core/json.h"
#include "trust/spdm.h"
#include "trust/verdict.h"

/* Makes keys and chains for every device of devices.json, once. */
void device_make_all(void);

/* The PEM text of a device's chain; NULL if there is none. Caller frees. */
char *device_chain(enum device_type type, unsigned int index);

/* A report signed by the device's key; its size, 0 if there is no such device. `row` is its object in
 * devices.json, `bad` one whose firmware is not what it should be. */
size_t device_report(enum device_type type, unsigned int index, struct json_object *row, bool bad,
		     const uint8_t nonce[SPDM_NONCE_SIZE], uint8_t dst[SPDM_REPORT_MAX]);

#endif
