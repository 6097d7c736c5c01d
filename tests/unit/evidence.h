/* Real evidence, where a machine has it: $GN8V_EVIDENCE, or ../shared/evidence beside the project.
 * Everything that is tested with it is tested with forged evidence (forge.h) too, so a machine
 * without it loses no coverage; it says that it skipped. */
#ifndef GN8V_TESTS_EVIDENCE_H
#define GN8V_TESTS_EVIDENCE_H

#include <check.h>
#include <dirent.h>
#include <openssl/evp.h>

#include "core/json.h"
#include "core/str.h"
#include "trust/verdict.h"

#define EVIDENCE_MAX  64
#define EVIDENCE_TEXT (1 << 20)

struct evidence {
	char name[288]; /* of the dump in decoded/, without ".json" */
	enum device_type type;
	uint8_t *report;
	size_t report_n;
	char *pem;
	size_t pem_n;
	struct json_object *decoded;
};

/* The folder with a part of it appended. Caller frees. */
static inline char *evidence_path(const char *part)
{
	const char *given = getenv("GN8V_EVIDENCE");
	const char *slash = strrchr(__FILE__, '/');

	if (given)
		return xasprintf("%s/%s", given, part);
	return xasprintf("%.*s../../../shared/evidence/%s", (int)(slash + 1 - __FILE__), __FILE__,
			 part);
}

/* Whether it is there; else says so. */
static inline bool evidence_present(void)
{
	_cleanup_free_ char *path = evidence_path("");
	bool there = access(path, R_OK) == 0;

	if (!there)
		printf("skipped: no evidence in %s (GN8V_EVIDENCE=DIR names another place)\n",
		       path);
	return there;
}

/* A file of it, terminated. NULL if there is none. Caller frees. */
static inline char *evidence_text(const char *part, size_t *ret_n)
{
	_cleanup_free_ char *path = evidence_path(part);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = xcalloc(1, EVIDENCE_TEXT);
	size_t n;

	if (!file)
		return NULL;
	n = fread(text, 1, EVIDENCE_TEXT - 1, file);
	ck_assert_msg(n > 0 && n < EVIDENCE_TEXT - 1, "%s cannot be read", path);
	if (ret_n)
		*ret_n = n;
	return TAKE_PTR(text);
}

static inline struct json_object *evidence_json(const char *part)
{
	struct json_object *o = NULL;
	struct err e = ERR_INIT;
	size_t n = 0;
	_cleanup_free_ char *text = evidence_text(part, &n);

	ck_assert_msg(text && json_parse(text, n, part, &o, &e) == 0, "%s: %s", part, e.msg);
	return o;
}

/* Hexadecimal text, line ends aside, into bytes. Caller frees. */
static inline uint8_t *evidence_unhex(const char *hex, size_t *ret_n)
{
	uint8_t *bytes = xcalloc(1, strlen(hex) / 2 + 1);
	size_t n = 0;

	for (; hex[0] && hex[1]; hex++) {
		if (*hex == '\n' || *hex == '\r')
			continue;
		ck_assert_int_eq(sscanf(hex, "%2hhx", &bytes[n++]), 1);
		hex++;
	}
	*ret_n = n;
	return bytes;
}

static inline uint8_t *evidence_unbase64(const char *text, size_t *ret_n)
{
	size_t len = strlen(text), padding = 0;
	uint8_t *bytes = xcalloc(1, len + 4);
	int n = EVP_DecodeBlock(bytes, (const uint8_t *)text, (int)len);

	ck_assert_int_gt(n, 0);
	while (padding < 2 && len > 0 && text[len - 1 - padding] == '=')
		padding++;
	*ret_n = (size_t)n - padding;
	return bytes;
}

static inline void evidence_close(struct evidence *v)
{
	_cleanup_free_ char *dump = xasprintf("decoded/%s.json", v->name);

	v->decoded = evidence_json(dump);
	v->type = str_eq(json_str(v->decoded, "kind", ""), "gpu") ? DEVICE_GPU : DEVICE_NVSWITCH;
}

/* One pair of report.hex and chain.pem per folder of `dir`. */
static inline void evidence_from_folders(const char *dir, const char *prefix, struct evidence *v,
					 size_t *n)
{
	_cleanup_free_ char *path = evidence_path(dir);
	struct dirent **names = NULL;
	int count = scandir(path, &names, NULL, alphasort);

	ck_assert_int_gt(count, 2);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *report = xasprintf("%s/%s/report.hex", dir, names[i]->d_name);
		_cleanup_free_ char *chain = xasprintf("%s/%s/chain.pem", dir, names[i]->d_name);
		_cleanup_free_ char *hex = evidence_text(report, NULL);

		if (hex) {
			ck_assert_uint_lt(*n, EVIDENCE_MAX);
			snprintf(v[*n].name, sizeof(v->name), "%s%s", prefix, names[i]->d_name);
			v[*n].report = evidence_unhex(hex, &v[*n].report_n);
			v[*n].pem = evidence_text(chain, &v[*n].pem_n);
			evidence_close(&v[(*n)++]);
		}
		free(names[i]);
	}
	free(names);
}

/* The list that NVIDIA's SDK writes. */
static inline void evidence_from_list(const char *part, const char *name, struct evidence *v,
				      size_t *n)
{
	_cleanup_json_ struct json_object *list = evidence_json(part);
	size_t count = json_count(list);

	for (size_t i = 0; i < count; i++, (*n)++) {
		struct json_object *o = json_item(list, i);

		ck_assert_uint_lt(*n, EVIDENCE_MAX);
		if (count == 1)
			snprintf(v[*n].name, sizeof(v->name), "%s", name);
		else
			snprintf(v[*n].name, sizeof(v->name), "%s_%zu", name, i);
		v[*n].report = evidence_unbase64(json_str(o, "evidence", ""), &v[*n].report_n);
		v[*n].pem = (char *)evidence_unbase64(json_str(o, "certificate", ""), &v[*n].pem_n);
		evidence_close(&v[*n]);
	}
}

static inline void evidence_free(struct evidence *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].report);
		free(v[i].pem);
		json_object_put(v[i].decoded);
	}
}

/* All of it, zeroed before; the number, 0 when there is none here. */
static inline size_t evidence_load(struct evidence v[EVIDENCE_MAX])
{
	size_t n = 0;

	memset(v, 0, sizeof(*v) * EVIDENCE_MAX);
	if (!evidence_present())
		return 0;
	evidence_from_folders("gpu", "", v, &n);
	evidence_from_folders("switch", "switch_", v, &n);
	evidence_from_list("json/evidence_hopper_590_12.json", "evidence_hopper_590_12", v, &n);
	evidence_from_list("json/hopper_evidence.json", "hopper_evidence", v, &n);
	evidence_from_list("json/hopper_evidence_cert_hold.json", "hopper_evidence_cert_hold", v,
			   &n);
	evidence_from_list("json/multi_gpu_hopper.json", "multi_gpu_hopper", v, &n);
	evidence_from_list("json/multi_switch_ls10.json", "multi_switch_ls10", v, &n);
	evidence_from_list("json/switch_evidence_ls10.json", "switch_evidence_ls10", v, &n);
	evidence_from_list("ppcie/gpu_evidence.json", "ppcie_gpu_evidence", v, &n);
	evidence_from_list("ppcie/switch_evidence.json", "ppcie_switch_evidence", v, &n);
	return n;
}

/* Whether the bytes are the hexadecimal text. */
static inline bool evidence_same(const void *bytes, size_t n, const char *hex)
{
	_cleanup_free_ char *found = xmalloc(2 * n + 1);

	str_hex(found, bytes, n);
	return strcasecmp(found, hex) == 0;
}

#endif
