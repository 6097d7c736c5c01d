/* Saved evidence: the JSON list of NVIDIA's attestation SDK. One object per device:
 *
 *	arch            "HOPPER", "LS10", ... kept as it is; NVSwitches are SV10, LR10 and LS10
 *	certificate     base64 of the PEM text, leaf first
 *	evidence        base64 of the report
 *	nonce           64 hexadecimal digits; may be missing
 *	driver_version  as NVML said; may be missing
 *	vbios_version   as NVML said; may be missing
 *	version         "1.0"; not looked at
 *
 * Base64 is taken in its one canonical form, without blanks. Other keys are ignored. */
#ifndef GN8V_EVIDENCE_FILE_H
#define GN8V_EVIDENCE_FILE_H

#include "evidence/evidence.h"

int file_parse(struct evidence *ev, const char *text, size_t len, const char *name, struct err *e);
struct json_object *file_format(const struct evidence *ev); /* the caller's */

/* At most EVIDENCE_FILE_MAX bytes of a file of the caller's, as given; a pipe will do. */
int file_read(const char *path, char **ret_text, size_t *ret_len, struct err *e);
int file_write(const char *path, struct json_object *list, struct err *e);

#endif
