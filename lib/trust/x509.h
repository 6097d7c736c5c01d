/* Certificate chains of devices (5) and of reference manifests (4): leaf first, pinned root last.
 *
 * A chain is parsed once, whole and strictly, and judged by X509_verify_cert, with nothing trusted
 * but the chain's own last certificate, and that only when its SHA-256 is the pinned one. No
 * default paths, no partial chains, no clock: the time is an argument. */
#ifndef GN8V_TRUST_X509_H
#define GN8V_TRUST_X509_H

#include <openssl/types.h>
#include <time.h>

#include "core/err.h"
#include "trust/cur.h"
#include "trust/digest.h"
#include "trust/verdict.h"

#define X509_DEVICE_COUNT 5 /* leaf, BROM, provisioner ICA, identity CA, root */
#define X509_RIM_COUNT	  4 /* signer, L3, CA, root */
#define X509_COUNT_MAX	  5
#define X509_PEM_MAX	  65536
#define X509_NAME_SIZE	  65 /* X.520 allows 64 characters in a commonName or serialNumber */

/* SHA-256 of NVIDIA's two roots, as DER. */
extern const uint8_t x509_device_root[DIGEST_SHA256_SIZE]; /* "NVIDIA Device Identity CA" */
extern const uint8_t x509_rim_root[DIGEST_SHA256_SIZE];	   /* "NVIDIA CoRIM signing Root CA" */

struct x509_chain;

/* PEM text of exactly `count` certificates; between and after them only line ends, after the last
 * also NULs. ERR_FORMAT says what is wrong. */
int x509_chain_parse(const void *pem, size_t len, size_t count, struct x509_chain **ret,
		     struct err *e);

/* The same from the DER of each certificate (a manifest carries them so). */
int x509_chain_from_der(const struct cur *ders, size_t n, size_t count, struct x509_chain **ret,
			struct err *e);

void x509_chain_free(struct x509_chain *c);
DEFINE_CLEANUP(struct x509_chain *, x509_chain_free)

/* What became of a chain. The two claims are independent of each other: an expired chain whose
 * signatures hold is chain_ok and not time_ok. Only both together are trust. */
struct x509_result {
	/* X509_verify_cert accepts it, under the pinned root, in the order presented, with ECDSA
	 * P-384 and SHA-384 throughout and a leaf that is for signatures alone. */
	bool chain_ok;
	bool time_ok;	      /* every certificate is valid at that time; its end is exclusive */
	bool expired;	      /* not time_ok, and only because the end of some has passed */
	char chain_note[256]; /* why not chain_ok, naming the certificate; else "" */
	char time_note[256];  /* why not time_ok, naming the first certificate and its dates */
	time_t not_after;     /* the earliest end of validity in the chain */
};

/* -1 only if the crypto library fails; a bad chain is a result. */
int x509_chain_verify(const struct x509_chain *c, const uint8_t root[DIGEST_SHA256_SIZE], time_t at,
		      struct x509_result *ret, struct err *e);

/* SHA-256 of the last certificate as presented: what is compared with the pin. */
const uint8_t *x509_root_digest(const struct x509_chain *c);

/* A store that trusts the chain's root alone, if it is the pinned one, and judges at that time.
 * For verifying the signer of an OCSP answer. The caller frees it (X509_STORE_free). */
int x509_store(const struct x509_chain *c, const uint8_t root[DIGEST_SHA256_SIZE], time_t at,
	       X509_STORE **ret, struct err *e);

/* Certificate i, 0 the leaf; all borrowed from the chain. i must be below x509_count(). */
size_t x509_count(const struct x509_chain *c);
X509 *x509_cert(const struct x509_chain *c, size_t i);
EVP_PKEY *x509_key(const struct x509_chain *c, size_t i);
/* The subject's names as printable ASCII, "" unless there is exactly one of that kind. */
const char *x509_common_name(const struct x509_chain *c, size_t i);
const char *x509_subject_serial(const struct x509_chain *c, size_t i); /* attribute serialNumber */
time_t x509_not_before(const struct x509_chain *c, size_t i);
time_t x509_not_after(const struct x509_chain *c, size_t i);

/* The certificate's own serial number in decimal (claim "ueid" is the leaf's). Caller frees. */
char *x509_serial_decimal(const struct x509_chain *c, size_t i);

/* SHA-256 of the SubjectPublicKeyInfo: an identity to tell devices apart by. */
int x509_key_digest(const struct x509_chain *c, size_t i, uint8_t ret[DIGEST_SHA256_SIZE],
		    struct err *e);

/* What a device chain says of its device. All are meaningful only for a chain that was verified.
 *
 * x509_device_check: the leaf's and the BROM certificate's commonName begin with "GH100 " (GPU) or
 * "LS_10 " (NVSwitch); chain and signature alone do not tell one from the other. */
int x509_device_check(const struct x509_chain *c, enum device_type type, struct err *e);

/* The device's PDI, from certificate 1's serialNumber: "41" (GPU) or "50" (NVSwitch) and 16
 * hexadecimal digits. */
int x509_device_pdi(const struct x509_chain *c, enum device_type type, uint64_t *ret,
		    struct err *e);

/* The firmware id that certificate 1 vouches for, from extension 2.23.133.5.4.1 of the leaf; its
 * embedded key must be certificate 1's. */
int x509_device_fwid(const struct x509_chain *c, uint8_t ret[DIGEST_SHA384_SIZE], struct err *e);

#endif
