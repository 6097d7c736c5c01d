#include "device.h"

#include <openssl/rand.h>
#include <sys/stat.h>

#include "issue.h"
#include "measure.h"
#include "twin.h"

#define PDI_SIZE 8

static const char *kind_name(enum device_type type)
{
	return type == DEVICE_GPU ? "gpu" : "switch";
}

static char *device_path(enum device_type type, unsigned int index, const char *end)
{
	_cleanup_free_ char *part = xasprintf("devices/%s%u.%s", kind_name(type), index, end);

	return twin_state(part);
}

/* --- keys and chains ---------------------------------------------------------------------------- */

/* Root and identity CA, which all devices share. */
static void make_top(struct forge_chain *top)
{
	struct forge_cert root = { .cn = "Simulated Device Identity CA" };
	struct forge_cert identity = { .cn = "Simulated GH100 Identity" };

	*top = (struct forge_chain){ .n = X509_DEVICE_COUNT };
	issue(top, 4, &root, NULL);
	issue(top, 3, &identity, NULL);
	issue_write_key("root", top->keys[4]);
	issue_write_certificate("root", top->certs[4]);
	issue_write_key("identity", top->keys[3]);
	issue_write_certificate("identity", top->certs[3]);
}

/* The intermediate that all devices of a kind share. */
static void make_ica(struct forge_chain *c, enum device_type type)
{
	_cleanup_free_ char *name = xasprintf("ica-%s", kind_name(type));
	struct forge_cert spec = { .cn = type == DEVICE_GPU ? "Simulated GH100 Provisioner ICA 1"
							    : "Simulated LS_10 Provisioner ICA 1" };

	c->keys[2] = NULL;
	issue(c, 2, &spec, NULL);
	issue_write_key(name, c->keys[2]);
	issue_write_certificate(name, c->certs[2]);
}

static void write_chain(const struct forge_chain *c, enum device_type type, unsigned int index)
{
	_cleanup_free_ char *pem = forge_pem(c), *path = device_path(type, index, "pem");
	_cleanup_free_ char *name = xasprintf("%s%u", kind_name(type), index);

	pem[strlen(pem) - 1] = '\0'; /* as the real ones: no line end after the last */
	twin_write(path, pem);
	issue_write_key(name, c->keys[0]);
}

/* Leaf and BROM certificate, named and numbered as the real ones are. */
static void make_device(struct forge_chain *c, enum device_type type, unsigned int index,
			const char *pdi)
{
	bool gpu = type == DEVICE_GPU;
	_cleanup_free_ char *brom_serial = xasprintf("%s%s", gpu ? "41" : "50", pdi);
	struct forge_cert brom = { .cn = gpu ? "GH100 A01 GSP BROM" : "LS_10 A01 FSP BROM",
				   .serial_name = brom_serial };
	struct forge_cert leaf = { .cn = gpu ? "GH100 A01 GSP FMC LF" : "LS_10 A01 FSP FMC LF" };
	uint8_t der[512];
	char serial[41];

	c->keys[0] = c->keys[1] = NULL;
	issue(c, 1, &brom, brom_serial);
	issue_random(serial, 20);
	leaf.serial_name = serial;
	leaf.fwid_ext = der;
	leaf.fwid_ext_n = forge_fwid_der(c->keys[1], FORGE_FWID, der);
	issue(c, 0, &leaf, serial);
	write_chain(c, type, index);
	for (size_t i = 0; i < 2; i++) {
		X509_free(c->certs[i]);
		EVP_PKEY_free(c->keys[i]);
	}
}

static void make_kind(struct forge_chain *top, enum device_type type, size_t n,
		      struct json_object *pdis)
{
	if (n == 0)
		return;
	make_ica(top, type);
	for (unsigned int i = 0; i < n; i++) {
		char pdi[2 * PDI_SIZE + 1];

		issue_random(pdi, PDI_SIZE);
		json_object_array_add(pdis, json_object_new_string(pdi));
		make_device(top, type, i, pdi);
	}
	X509_free(top->certs[2]);
	EVP_PKEY_free(top->keys[2]);
}

void device_make_all(void)
{
	_cleanup_free_ char *dir = twin_state("devices"), *path = twin_state("devices/pdi.json");
	_cleanup_json_ struct json_object *devices = twin_devices();
	_cleanup_json_ struct json_object *o = json_object_new_object();
	struct json_object *gpus = json_object_new_array(), *switches = json_object_new_array();
	struct forge_chain top;

	if (access(path, F_OK) == 0)
		return;
	mkdir(dir, 0755);
	make_top(&top);
	make_kind(&top, DEVICE_GPU, json_count(json_get(devices, "gpus")), gpus);
	make_kind(&top, DEVICE_NVSWITCH, json_count(json_get(devices, "switches")), switches);
	for (size_t i = 3; i < X509_DEVICE_COUNT; i++) {
		X509_free(top.certs[i]);
		EVP_PKEY_free(top.keys[i]);
	}
	json_set(o, "gpus", gpus);
	json_set(o, "switches", switches);
	twin_write(path, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
}

char *device_chain(enum device_type type, unsigned int index)
{
	_cleanup_free_ char *path = device_path(type, index, "pem");

	return twin_text(path);
}

/* --- reports ------------------------------------------------------------------------------------ */

/* Who is who on the fabric. */
struct fabric {
	size_t gpus_n, switches_n;
	uint8_t gpus[8][PDI_SIZE], switches[4][PDI_SIZE]; /* most significant byte first */
};

static size_t read_pdis(struct json_object *list, uint8_t dst[][PDI_SIZE], size_t max)
{
	size_t n = json_count(list) < max ? json_count(list) : max;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < PDI_SIZE; k++)
			sscanf(json_object_get_string(json_item(list, i)) + 2 * k, "%2hhx",
			       &dst[i][k]);
	return n;
}

static void read_fabric(struct fabric *f)
{
	_cleanup_free_ char *path = twin_state("devices/pdi.json");
	_cleanup_free_ char *text = twin_text(path);
	_cleanup_json_ struct json_object *o = NULL;

	*f = (struct fabric){ 0 };
	if (!text || json_parse(text, strlen(text), path, &o, NULL) < 0)
		return;
	f->gpus_n = read_pdis(json_get(o, "gpus"), f->gpus, ARRAY_SIZE(f->gpus));
	f->switches_n = read_pdis(json_get(o, "switches"), f->switches, ARRAY_SIZE(f->switches));
}

struct values {
	size_t n;
	uint8_t v[MEASURE_INDICES][MEASURE_SIZE];
};

static void measure_gpu(struct values *m, const char *vbios, bool bad)
{
	_cleanup_free_ char *driver_id = measure_driver_id(twin_driver());
	_cleanup_free_ char *vbios_id = measure_vbios_id(vbios);

	m->n = 64;
	for (unsigned int i = 0; i < m->n; i++)
		if (!measure_value(driver_id, i, m->v[i]))
			measure_value(vbios_id, i, m->v[i]);
	digest_sha384("no manifest names it", 20, m->v[41]);
	if (bad)
		m->v[9][0] ^= 1;
}

static void measure_switch(struct values *m, const char *bios, bool bad)
{
	_cleanup_free_ char *id = measure_bios_id(bios);

	m->n = 31;
	for (unsigned int i = 0; i < m->n; i++)
		measure_value(id, i, m->v[i]);
	if (bad)
		m->v[8][0] ^= 1;
}

/* Field MSRSCNT: how often something was measured there, so 0 where the value is. */
static void add_counts(struct forge_bytes *b, const struct values *m, size_t n)
{
	static const uint8_t zero[MEASURE_SIZE];
	uint8_t counts[4 * MEASURE_INDICES] = { 0 };

	for (size_t i = 0; i < n && i < m->n; i++)
		counts[4 * i] = memcmp(m->v[i], zero, sizeof(zero)) != 0;
	forge_field(b, 12, counts, 4 * n);
}

/* "96.00.CF.00.05" as b3.b2.b1.b0.b4. */
static void add_vbios(struct forge_bytes *b, const char *text)
{
	uint8_t v[8] = { 0 };

	sscanf(text, "%2hhx.%2hhx.%2hhx.%2hhx.%2hhx", &v[3], &v[2], &v[1], &v[0], &v[4]);
	forge_field(b, 6, v, sizeof(v));
}

/* Each NVLink's switch, least significant byte first. */
static void add_links(struct forge_bytes *b, const struct fabric *f)
{
	uint8_t links[144] = { 0 };

	for (size_t i = 0; i < 18 && f->switches_n > 0; i++)
		for (size_t k = 0; k < PDI_SIZE; k++)
			links[PDI_SIZE * i + k] = f->switches[i % f->switches_n][PDI_SIZE - 1 - k];
	forge_field(b, 22, links, sizeof(links));
}

/* Which fields there are, and in which order, is as in real reports of such drivers. */
static void gpu_opaque(struct forge_bytes *b, const struct fabric *f, const struct values *m,
		       const char *vbios)
{
	const char *driver = twin_driver();
	bool ppcie = twin_ppcie_on();
	uint8_t fwid[48];

	memset(fwid, FORGE_FWID, sizeof(fwid));
	add_vbios(b, vbios);
	forge_field(b, 14, "\x37\x04\x00\x00", 4);
	forge_field(b, 15, "885\0\0\0\0\0\0", 9);
	forge_field(b, 16, "0\0\0\0\0", 5);
	forge_text_field(b, 17, "G520");
	forge_text_field(b, 18, "0200");
	forge_field(b, 19, "\0\0", 2);
	forge_field(b, 3, driver, strlen(driver) + 1);
	forge_field(b, 4, "\x80\x01\0\0\0\0\0\0", 8);
	add_counts(b, m, 64);
	forge_field(b, 13, "\0\xc0\x01\0", 4);
	forge_field(b, 11, "\x55", 1);
	forge_field(b, 20, fwid, sizeof(fwid));
	forge_field(b, 21, ppcie ? "\xaa" : "\x55", 1);
	if (ppcie)
		add_links(b, f);
	if (atoi(driver) >= 580) {
		forge_field(b, 34, "\x01\0", 2);
		forge_field(b, 36, ppcie ? "\x02\0" : "\0\0", 2);
	}
}

static void switch_opaque(struct forge_bytes *b, const struct fabric *f, const struct values *m,
			  unsigned int index, const char *bios)
{
	uint8_t gpus[128];

	memset(gpus, 0, 64);
	memcpy(gpus, f->gpus, sizeof(f->gpus));
	memset(gpus + 64, 0xff, 64);
	for (size_t port = 0; port < 24; port++)
		gpus[96 + port] = (uint8_t)(port % 8);
	forge_field(b, 6, bios, strlen(bios));
	forge_field(b, 22, f->switches[index], PDI_SIZE);
	add_counts(b, m, 27);
	forge_field(b, 26, gpus, sizeof(gpus));
	forge_field(b, 23, "\xec\0", 2);
	forge_field(b, 24, (uint8_t[]){ (uint8_t)index, 0 }, 2);
	forge_field(b, 25, "\x01\0", 2);
}

static EVP_PKEY *read_key(enum device_type type, unsigned int index)
{
	_cleanup_free_ char *path = device_path(type, index, "key");
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	return file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
}

/* Puts the measured values and the device's own nonce where forge.h put a pattern. */
static void fill_in(struct forge_bytes *b, const struct values *m)
{
	size_t record = SPDM_NONCE_SIZE + 5 + 8;

	for (size_t i = 0; i < m->n; i++)
		memcpy(b->v + record + 55 * i + 7, m->v[i], MEASURE_SIZE);
	ck_assert_int_eq(RAND_bytes(b->v + record + 55 * m->n, SPDM_NONCE_SIZE), 1);
}

size_t device_report(enum device_type type, unsigned int index, struct json_object *row, bool bad,
		     const uint8_t nonce[SPDM_NONCE_SIZE], uint8_t dst[SPDM_REPORT_MAX])
{
	const char *version = json_str(row, "vbios", "");
	_cleanup_free_ struct values *m = xcalloc(1, sizeof(*m));
	struct forge_bytes opaque = { .n = 0 }, report = { .n = 0 };
	struct forge_report spec = { .nonce = nonce, .opaque = &opaque };
	EVP_PKEY *key = read_key(type, index);
	struct fabric f;

	if (!key)
		return 0;
	read_fabric(&f);
	if (type == DEVICE_GPU) {
		measure_gpu(m, version, bad);
		gpu_opaque(&opaque, &f, m, version);
	} else {
		measure_switch(m, version, bad);
		switch_opaque(&opaque, &f, m, index, version);
	}
	forge_report(&report, type, key, &spec);
	fill_in(&report, m);
	forge_sign(&report, key);
	EVP_PKEY_free(key);
	memcpy(dst, report.v, report.n);
	return report.n;
}
