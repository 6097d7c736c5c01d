/* Reference manifests, as manifest.h says.
 *
 * Plays NVIDIA's RIMs for GH100 (driver, VBIOS) and LS10 (BIOS), schema version 1 of SWID tags with TCG's extension.
 * Source: the schema and the checks of nv-local-gpu-verifier 2.5.0 (PyPI, verifier/rim); TCG's Reference Integrity Manifest
 * Information Model; XML Signature, canonical XML 1.1; NVIDIA's public manifests for the way in which they are written.
 * Simplified: values by a rule (measure.h), throw-away keys, a chain of four.
 */
#include "manifest.h"

#include "../../unit/forge_rim.h"
#include "issue.h"
#include "measure.h"
#include "twin.h"

#define L4_UNTIL 1704067200 /* 2024-01-01, of a signer that has expired */

enum { L4, L3, CA, ROOT };

/* By place in the chain; `gpu` or `switch` stands in all but the root's. */
static char *file_of(size_t place, bool of_switch)
{
	static const char *const ends[] = { "l4", "l3", "ca" };

	return place == ROOT ? xstrdup("rim-root")
			     : xasprintf("rim-%s-%s", of_switch ? "switch" : "gpu", ends[place]);
}

static void write_place(const struct forge_chain *c, size_t place, bool of_switch)
{
	_cleanup_free_ char *file = file_of(place, of_switch);

	issue_write_key(file, c->keys[place]);
	issue_write_certificate(file, c->certs[place]);
}

static void drop(struct forge_chain *c, size_t place)
{
	X509_free(c->certs[place]);
	EVP_PKEY_free(c->keys[place]);
	c->certs[place] = NULL;
	c->keys[place] = NULL;
}

/* Names as NVIDIA's have them. */
#define SPECS(chip, signer)                                                              \
	{                                                                                \
		{ .cn = signer }, { .cn = "Simulated Reference Value L3 " chip " 001" }, \
			{ .cn = "Simulated Reference Value " chip " CA" },               \
			{ .cn = "Simulated CoRIM signing Root CA" },                     \
	}

static const struct forge_cert specs[2][X509_RIM_COUNT] = {
	SPECS("GH100", "Simulated HCC RIM L4 Signer"),
	SPECS("LS10", "Simulated Reference Value L4 LS10"),
};

void manifest_make_chains(void)
{
	_cleanup_free_ char *path = twin_state("devices/rim-root.pem");
	struct forge_chain c = { .n = X509_RIM_COUNT };

	if (access(path, F_OK) == 0)
		return;
	issue(&c, ROOT, &specs[0][ROOT], NULL);
	for (int of_switch = 0; of_switch < 2; of_switch++) {
		for (size_t i = ROOT; i-- > 0;) {
			issue(&c, i, &specs[of_switch][i], NULL);
			write_place(&c, i, of_switch);
		}
		for (size_t i = 0; i < ROOT; i++)
			drop(&c, i);
	}
	write_place(&c, ROOT, false);
	drop(&c, ROOT);
}

static void read_chain(struct forge_chain *c, bool of_switch)
{
	c->n = X509_RIM_COUNT;
	for (size_t i = 0; i < c->n; i++) {
		_cleanup_free_ char *file = file_of(i, of_switch);

		c->keys[i] = issue_read_key(file);
		c->certs[i] = issue_read_certificate(file, 0);
		ck_assert(c->keys[i] && c->certs[i]);
	}
}

/* The signer's certificate as it was before it was renewed: same key, same number. */
static void expire_signer(struct forge_chain *c, bool of_switch)
{
	struct forge_cert spec = specs[of_switch][L4];
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(c->certs[L4]), NULL);
	char *hex = BN_bn2hex(number);

	spec.until = L4_UNTIL;
	X509_free(c->certs[L4]);
	issue(c, L4, &spec, hex);
	OPENSSL_free(hex);
	BN_free(number);
}

static enum rim_kind kind_of(struct json_object *manifest)
{
	const char *kind = json_str(manifest, "kind", "");

	return str_eq(kind, "driver")  ? RIM_GPU_DRIVER
	       : str_eq(kind, "vbios") ? RIM_GPU_VBIOS
				       : RIM_SWITCH_BIOS;
}

/* The id comes from outside and becomes a part of a path. */
static bool exists(const char *id)
{
	_cleanup_free_ char *part = xasprintf("devices/rims/%s.json", id), *path = NULL;

	if (strchr(id, '/'))
		return false;
	path = twin_state(part);
	return access(path, F_OK) == 0;
}

char *manifest_make(const char *id)
{
	static const unsigned int wrong[] = { 7, 9, 8 }; /* by enum rim_kind */
	_cleanup_json_ struct json_object *o = exists(id) ? measure_manifest(id) : NULL;
	uint8_t values[MEASURE_INDICES][MEASURE_SIZE];
	struct forge_chain chain;
	struct forge_rim spec = { .chain = &chain, .values = values[0] };
	bool of_switch;
	char *xml;

	if (!o)
		return NULL;
	spec.kind = kind_of(o);
	spec.version = json_str(o, "version", "");
	of_switch = spec.kind == RIM_SWITCH_BIOS;
	for (unsigned int i = 0; i < MEASURE_INDICES; i++)
		measure_value(id, i, values[i]);
	if (twin_fault_on("rim-wrong-measurement", id))
		values[wrong[spec.kind]][0] ^= 1;
	read_chain(&chain, of_switch);
	if (twin_fault_on("rim-expired-signer", id))
		expire_signer(&chain, of_switch);
	xml = forge_rim(&spec);
	forge_chain_done(&chain);
	return xml;
}
