#include "trust/claims.h"

#include "core/clock.h"
#include "core/str.h"

/* Both passed, or what kept them from it. */
static enum check_result both(enum check_result a, enum check_result b)
{
	if (a == CHECK_FAILED || b == CHECK_FAILED)
		return CHECK_FAILED;
	return a == CHECK_PASSED ? b : a;
}

static void set_text(struct json_object *o, const char *key, const char *value)
{
	json_set_str(o, key, value && value[0] ? value : NULL);
}

/* "x-nvidia-gpu-" or "x-nvidia-switch-", and the name. */
static void name_of(enum device_type type, const char *name, char *dst, size_t dst_size)
{
	snprintf(dst, dst_size, "x-nvidia-%s-%s", type == DEVICE_GPU ? "gpu" : "switch", name);
}

static void set_value(struct json_object *o, enum device_type type, const char *name,
		      struct json_object *value)
{
	char key[96];

	name_of(type, name, key, sizeof(key));
	json_set(o, key, value);
}

static struct json_object *truth(enum check_result r)
{
	return r == CHECK_PASSED   ? json_object_new_boolean(1)
	       : r == CHECK_FAILED ? json_object_new_boolean(0)
				   : NULL;
}

static const char *status_of(const struct claims_chain *c)
{
	if (c->chain == CHECK_FAILED)
		return "invalid";
	if (c->revoked && c->ocsp == CHECK_FAILED)
		return "revoked";
	if (c->time == CHECK_FAILED || c->time == CHECK_SKIPPED) /* by an option */
		return "expired";
	return both(c->chain, c->time) == CHECK_PASSED ? "valid" : NULL;
}

static const char *ocsp_status_of(const struct claims_chain *c)
{
	if (c->ocsp == CHECK_NOT_RUN || c->ocsp == CHECK_SKIPPED)
		return NULL;
	return c->revoked ? "revoked" : c->ocsp == CHECK_PASSED ? "good" : "unknown";
}

static struct json_object *chain_to_json(const struct claims_chain *c)
{
	struct json_object *o = json_object_new_object();
	char text[CLOCK_TEXT_SIZE] = "";

	if (c->not_after)
		clock_format(c->not_after, text);
	set_text(o, "x-nvidia-cert-expiration-date", text);
	set_text(o, "x-nvidia-cert-status", status_of(c));
	set_text(o, "x-nvidia-cert-ocsp-status", ocsp_status_of(c));
	set_text(o, "x-nvidia-cert-revocation-reason", c->revoked ? c->reason : NULL);
	return o;
}

static void add_rim(struct json_object *o, enum device_type type, const char *which,
		    const struct claims_rim *rim)
{
	/* A manifest that was sought and not had was not fetched, whoever is to blame. */
	enum check_result fetched = rim->fetch == CHECK_UNKNOWN ? CHECK_FAILED : rim->fetch;
	enum check_result structure = both(rim->parse, rim->structure);
	enum check_result signature = both(rim->profile, rim->signature);
	const struct {
		const char *what;
		struct json_object *value;
	} rows[] = {
		{"fetched",		     truth(fetched)	    },
		{ "schema-validated",	      truth(structure)    },
		{ "signature-verified",	truth(signature)	 },
		{ "version-match",	   truth(rim->version) },
		{ "measurements-available", truth(both(structure, signature)) },
		{ "cert-chain",			chain_to_json(&rim->chain)				   },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s-rim-%s", which, rows[i].what);
		set_value(o, type, name, rows[i].value);
	}
}

static struct json_object *mismatches_to_json(const struct measurement_result *r)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < r->bad_n; i++) {
		const struct measurement *m = &r->bad[i];
		struct json_object *o = json_object_new_object();
		char hex[2 * RIM_VALUE_SIZE + 1];

		json_set_int(o, "index", m->index);
		str_hex(hex, m->golden->alternatives[0], RIM_VALUE_SIZE);
		json_set_int(o, "goldenSize", RIM_VALUE_SIZE);
		json_set_str(o, "goldenValue", hex);
		if (m->runtime)
			str_hex(hex, m->runtime, SPDM_VALUE_SIZE);
		json_set_int(o, "runtimeSize", m->runtime ? SPDM_VALUE_SIZE : 0);
		json_set_str(o, "runtimeValue", m->runtime ? hex : NULL);
		json_set_str(o, "measurementSource", m->source);
		json_object_array_add(list, o);
	}
	return list;
}

static void add_common(struct json_object *o, const struct claims *c)
{
	bool gpu = c->type == DEVICE_GPU, accepted = c->verdict == VERDICT_ACCEPTED;

	set_text(o, "iss", gpu ? "LOCAL_GPU_VERIFIER" : "LOCAL_SWITCH_VERIFIER");
	set_text(o, "x-nvidia-device-type", device_type_name(c->type));
	set_text(o, "measres",
		 c->measurements == CHECK_PASSED   ? "success"
		 : c->measurements == CHECK_FAILED ? "fail"
						   : NULL);
	json_set(o, "secboot", accepted ? json_object_new_boolean(1) : NULL);
	set_text(o, "dbgstat", !accepted ? NULL : c->devtools ? "enabled" : "disabled");
	set_text(o, "eat_nonce", c->nonce);
	set_text(o, "hwmodel", c->hwmodel);
	set_text(o, "ueid", c->ueid);
	set_text(o, "oemid", c->oemid);
	set_text(o, "x-nvidia-attestation-warning", c->warning);
	if (c->compared)
		json_set(o, "x-nvidia-mismatch-measurement-records",
			 mismatches_to_json(c->compared));
}

static void add_report(struct json_object *o, const struct claims *c)
{
	const struct {
		const char *name;
		enum check_result check;
	} rows[] = {
		{"arch-check",				c->arch	},
		{ "attestation-report-parsed",		       c->parse	},
		{ "attestation-report-nonce-match",	    c->nonce_match},
		{ "attestation-report-signature-verified",	   c->signature	},
		{ "attestation-report-cert-chain-fwid-match", c->fwid	      },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		set_value(o, c->type, rows[i].name, truth(rows[i].check));
	set_value(o, c->type, "attestation-report-cert-chain", chain_to_json(&c->chain));
}

/* A version is claimed only when it was signed and nobody contradicts it. */
static struct json_object *version(const struct claims *c, enum check_result check,
				   const char *text)
{
	bool told = both(c->signature, check) == CHECK_PASSED && text && text[0];

	return told ? json_object_new_string(text) : NULL;
}

struct json_object *claims_to_json(const struct claims *c)
{
	struct json_object *o = json_object_new_object();
	bool gpu = c->type == DEVICE_GPU;

	add_common(o, c);
	add_report(o, c);
	set_value(o, c->type, gpu ? "vbios-version" : "bios-version",
		  version(c, c->vbios_version, c->vbios));
	if (!gpu) {
		add_rim(o, c->type, "bios", &c->rims[0]);
		json_set_str(o, "x-nvidia-version", "3.0");
		return o;
	}
	set_value(o, c->type, "driver-version", version(c, c->driver_version, c->driver));
	add_rim(o, c->type, "driver", &c->rims[0]);
	add_rim(o, c->type, "vbios", &c->rims[1]);
	set_value(o, c->type, "vbios-index-no-conflict", truth(c->index_conflict));
	set_value(o, c->type, "claims-version", json_object_new_string("3.0"));
	return o;
}
