/* The OCSP responder for the chains of the simulated devices and of their manifests.
 *
 * It answers for what these issued: the roots, identity CA and provisioner ICAs of the devices, and
 * root, CA and L3 of the manifests. BROM certificates are issuers too, but a responder cannot have their
 * keys. Every answer is signed by a fresh delegate of the issuer.
 *
 * As the real service is documented, a number that a device's issuer never gave out is good, and one that
 * a manifest's issuer never gave out is unknown. */
#ifndef TWIN_DEVICES_RESPONDER_H
#define TWIN_DEVICES_RESPONDER_H

#include <stddef.h>
#include <stdint.h>

/* The DER of an answer to any bytes, as the faults of ../fakes/FAULTS have it. Caller frees. */
uint8_t *responder_answer(const uint8_t *request, size_t n, size_t *ret_n);

#endif
