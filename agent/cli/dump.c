/* A device's report and chain, decoded, for people and for comparing parsers with each other. */
#include "cli/cli.h"
#include "core/clock.h"
#include "core/str.h"
#include "trust/opaque.h"

static void set_hex(struct json_object *o, const char *key, const uint8_t *bytes, size_t n)
{
	char *hex = xmalloc(2 * n + 1);

	str_hex(hex, bytes, n);
	json_set_str(o, key, hex);
	free(hex);
}

static void set_error(struct json_object *o, const char *key, const struct err *e)
{
	json_set_str(o, key, e->msg);
}

static struct json_object *dump_blocks(const struct spdm_report *r)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < SPDM_BLOCKS_MAX; i++) {
		struct json_object *o;

		if (!r->values[i].present)
			continue;
		o = json_object_new_object();
		json_set_int(o, "spdm_index", (int64_t)i + 1);
		json_set_int(o, "rim_index", (int64_t)i);
		set_hex(o, "value", r->values[i].bytes, SPDM_VALUE_SIZE);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *dump_fields(const struct opaque *q)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < q->fields_n; i++) {
		struct json_object *o = json_object_new_object();

		json_set_int(o, "type", q->fields[i].id);
		json_set_str(o, "name", q->fields[i].name);
		json_set_int(o, "length", (int64_t)q->fields[i].value.n);
		set_hex(o, "value", q->fields[i].value.p, q->fields[i].value.n);
		json_object_array_add(list, o);
	}
	return list;
}

static void set_text(struct json_object *o, const char *key, const char *text)
{
	if (text[0])
		json_set_str(o, key, text);
}

/* PDIs as they are printed, those that are not used left out. */
static void set_pdis(struct json_object *o, const char *key, const uint64_t *pdis, size_t n)
{
	struct json_object *list;

	if (n == 0)
		return;
	list = json_object_new_array();
	for (size_t i = 0; i < n; i++) {
		char text[17];

		snprintf(text, sizeof(text), "%016llx", (unsigned long long)pdis[i]);
		if (pdis[i])
			json_object_array_add(list, json_object_new_string(text));
	}
	json_set(o, key, list);
}

static struct json_object *dump_derived(const struct opaque *q, enum device_type type)
{
	struct json_object *o = json_object_new_object();

	set_text(o, "driver_version", q->driver_version);
	set_text(o, type == DEVICE_GPU ? "vbios_version" : "bios_version", q->vbios_version);
	set_text(o, "project", q->project);
	set_text(o, "project_sku", q->project_sku);
	set_text(o, "chip_sku", q->chip_sku);
	if (q->has_fwid)
		set_hex(o, "fwid", q->fwid, sizeof(q->fwid));
	if (q->has_nvdec0)
		set_hex(o, "nvdec0_status", &q->nvdec0, 1);
	if (q->has_ppcie)
		set_hex(o, "protected_pcie_status", &q->ppcie, 1);
	if (q->has_feature)
		json_set_int(o, "feature_flag", q->feature);
	if (q->has_pdi)
		set_pdis(o, "device_pdi", &q->pdi, 1);
	set_pdis(o, "switch_pdis", q->links, q->links_n);
	set_pdis(o, "gpu_pdis", q->gpus, q->gpus_n);
	set_text(o, "note", q->note);
	return o;
}

static void dump_report(const struct appraise_device *d, struct json_object *o)
{
	_cleanup_free_ struct opaque *q = xcalloc(1, sizeof(*q));
	struct json_object *request, *response;
	struct spdm_report r;
	struct err e = ERR_INIT;

	json_set_int(o, "total_len", (int64_t)d->report_len);
	if (spdm_parse(d->report, d->report_len, &r, &e) < 0) {
		set_error(o, "report_error", &e);
		return;
	}
	request = json_object_new_object();
	set_hex(request, "nonce", r.nonce, sizeof(r.nonce));
	json_set(o, "request", request);
	response = json_object_new_object();
	json_set_int(response, "number_of_blocks", (int64_t)r.values_n);
	json_set(response, "blocks", dump_blocks(&r));
	set_hex(response, "nonce", r.responder_nonce, sizeof(r.responder_nonce));
	json_set_int(response, "opaque_length", (int64_t)r.opaque.n);
	if (opaque_parse(r.opaque, d->type, q, &e) < 0) {
		set_error(response, "opaque_error", &e);
	} else {
		json_set(response, "opaque", dump_fields(q));
		json_set(o, "derived", dump_derived(q, d->type));
	}
	set_hex(response, "signature", r.signature, sizeof(r.signature));
	json_set(o, "response", response);
}

static void set_time(struct json_object *o, const char *key, time_t t)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(t, text);
	json_set_str(o, key, text);
}

static void dump_chain(const struct appraise_device *d, struct json_object *o)
{
	_cleanup_(x509_chain_free_p) struct x509_chain *chain = NULL;
	struct json_object *list;
	struct err e = ERR_INIT;

	if (x509_chain_parse(d->chain, d->chain_len, X509_DEVICE_COUNT, &chain, &e) < 0) {
		set_error(o, "chain_error", &e);
		return;
	}
	list = json_object_new_array();
	for (size_t i = 0; i < x509_count(chain); i++) {
		_cleanup_free_ char *serial = x509_serial_decimal(chain, i);
		struct json_object *c = json_object_new_object();

		json_set_str(c, "common_name", x509_common_name(chain, i));
		set_text(c, "subject_serial", x509_subject_serial(chain, i));
		json_set_str(c, "serial_dec", serial);
		set_time(c, "not_before", x509_not_before(chain, i));
		set_time(c, "not_after", x509_not_after(chain, i));
		json_object_array_add(list, c);
	}
	json_set(o, "certs", list);
}

struct json_object *cli_dump(const struct appraise_device *d)
{
	struct json_object *o = json_object_new_object();

	json_set_str(o, "type", device_type_name(d->type));
	json_set_int(o, "index", d->index);
	json_set_str(o, "arch", d->arch);
	dump_report(d, o);
	dump_chain(d, o);
	return o;
}
