#include "evidence/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>

#include "core/str.h"

#define BASE64_SIZE(n) (((n) + 2) / 3 * 4)

/* --- base64 ------------------------------------------------------------------------------------- */

static char *base64_of(const void *bytes, size_t n)
{
	char *text = xmalloc(BASE64_SIZE(n) + 1);

	text[0] = '\0';
	EVP_EncodeBlock((unsigned char *)text, bytes, (int)n);
	return text;
}

/* At least 1 and at most max bytes. What EVP_DecodeBlock takes too generously shows when the bytes
 * are encoded again. Caller frees; NULL when it is not in order. */
static uint8_t *base64_bytes(const char *text, size_t max, size_t *ret_n)
{
	size_t len = strlen(text), n;
	_cleanup_free_ uint8_t *bytes = NULL;
	_cleanup_free_ char *again = NULL;

	if (len == 0 || len % 4 != 0 || len > BASE64_SIZE(max))
		return NULL;
	bytes = xmalloc(len / 4 * 3);
	if (EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len) < 0)
		return NULL;
	n = len / 4 * 3 - (size_t)(text[len - 1] == '=') - (size_t)(text[len - 2] == '=');
	again = base64_of(bytes, n);
	if (n > max || !str_eq(again, text))
		return NULL;
	*ret_n = n;
	return TAKE_PTR(bytes);
}

/* --- reading ------------------------------------------------------------------------------------ */

/* Letters, digits and the signs of versions: it goes into messages, and is compared. */
static bool is_plain(const char *s)
{
	return s[strspn(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-")] ==
	       '\0';
}

/* NULL when it is no text, or one with a NUL in it. */
static const char *text_of(struct json_object *o, const char *key)
{
	const char *s = json_str(o, key, NULL);

	return s && strlen(s) == (size_t)json_object_get_string_len(json_get(o, key)) ? s : NULL;
}

/* The text of a key into dst: "" when it is missing and need not be there. */
static int take_text(struct json_object *o, const char *key, bool needed, char *dst, size_t size,
		     struct err *e)
{
	struct json_object *value = json_get(o, key);
	const char *s = text_of(o, key);

	if (!needed && (!value || (s && s[0] == '\0')))
		return 0;
	if (!s || s[0] == '\0' || strlen(s) >= size || !is_plain(s))
		return err_set(
			e, &ERR_FORMAT,
			"\"%s\" must be a text of 1 to %zu letters, digits, '.', '_' and '-'", key,
			size - 1);
	str_copy(dst, size, s);
	return 0;
}

static int take_nonce(struct json_object *o, struct appraise_device *d, struct err *e)
{
	const char *hex = text_of(o, "nonce");

	if (!json_get(o, "nonce"))
		return 0;
	if (!hex || strlen(hex) != 2 * SPDM_NONCE_SIZE || !str_is_hex(hex, 2 * SPDM_NONCE_SIZE))
		return err_set(e, &ERR_FORMAT, "\"nonce\" must be %d hexadecimal digits",
			       2 * SPDM_NONCE_SIZE);
	for (size_t i = 0; i < SPDM_NONCE_SIZE; i++)
		sscanf(hex + 2 * i, "%2hhx", &d->nonce[i]);
	d->has_nonce = true;
	return 0;
}

static int take_bytes(struct json_object *o, const char *key, size_t max, uint8_t **ret_bytes,
		      size_t *ret_n, struct err *e)
{
	const char *text = text_of(o, key);
	uint8_t *bytes = text ? base64_bytes(text, max, ret_n) : NULL;

	if (!bytes)
		return err_set(e, &ERR_FORMAT, "\"%s\" must be base64 of 1 to %zu bytes", key, max);
	*ret_bytes = bytes;
	return 0;
}

static enum device_type type_of(const char *arch)
{
	static const char *const switches[] = { "SV10", "LR10", "LS10" };

	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		if (str_eq(arch, switches[i]))
			return DEVICE_NVSWITCH;
	return DEVICE_GPU;
}

static int take_device(struct evidence *ev, struct json_object *o, struct err *e)
{
	_cleanup_free_ uint8_t *report = NULL, *chain = NULL;
	struct appraise_device d = { .has_nonce = false };

	if (!json_object_is_type(o, json_type_object))
		return err_set(e, &ERR_FORMAT, "it is not an object");
	if (take_text(o, "arch", true, d.arch, sizeof(d.arch), e) < 0 ||
	    take_text(o, "driver_version", false, d.driver_version, sizeof(d.driver_version), e) <
		    0 ||
	    take_text(o, "vbios_version", false, d.vbios_version, sizeof(d.vbios_version), e) < 0 ||
	    take_nonce(o, &d, e) < 0 ||
	    take_bytes(o, "evidence", SPDM_REPORT_MAX, &report, &d.report_len, e) < 0 ||
	    take_bytes(o, "certificate", EVIDENCE_CHAIN_MAX, &chain, &d.chain_len, e) < 0)
		return -1;
	d.type = type_of(d.arch);
	d.report = report;
	d.chain = (const char *)chain;
	return evidence_add(ev, &d, e);
}

int file_parse(struct evidence *ev, const char *text, size_t len, const char *name, struct err *e)
{
	_cleanup_json_ struct json_object *list = NULL;

	if (len > EVIDENCE_FILE_MAX)
		return err_set(e, &ERR_TOO_LARGE, "%s has more than %d bytes", name,
			       EVIDENCE_FILE_MAX);
	if (json_parse(text, len, name, &list, e) < 0)
		return -1;
	if (!json_object_is_type(list, json_type_array) || json_count(list) == 0)
		return err_set(e, &ERR_FORMAT, "%s is not a list of devices' evidence", name);
	for (size_t i = 0; i < json_count(list); i++)
		if (take_device(ev, json_item(list, i), e) < 0)
			return err_wrap(e, "%s: entry %zu", name, i);
	return 0;
}

int file_read(const char *path, char **ret_text, size_t *ret_len, struct err *e)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = xmalloc(EVIDENCE_FILE_MAX + 2);
	size_t n;

	if (!file)
		return err_errno(e, errno, "%s cannot be opened", path);
	n = fread(text, 1, EVIDENCE_FILE_MAX + 1, file);
	if (ferror(file))
		return err_errno(e, errno, "%s cannot be read", path);
	if (n > EVIDENCE_FILE_MAX)
		return err_set(e, &ERR_TOO_LARGE, "%s has more than %d bytes", path,
			       EVIDENCE_FILE_MAX);
	text[n] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_len = n;
	return 0;
}

/* --- writing ------------------------------------------------------------------------------------ */

static struct json_object *format_device(const struct appraise_device *d)
{
	_cleanup_free_ char *certificate = base64_of(d->chain, d->chain_len);
	_cleanup_free_ char *report = base64_of(d->report, d->report_len);
	struct json_object *o = json_object_new_object();
	char nonce[2 * SPDM_NONCE_SIZE + 1];

	json_set_str(o, "arch", d->arch);
	json_set_str(o, "certificate", certificate);
	if (d->driver_version[0])
		json_set_str(o, "driver_version", d->driver_version);
	json_set_str(o, "evidence", report);
	if (d->has_nonce) {
		str_hex(nonce, d->nonce, sizeof(d->nonce));
		json_set_str(o, "nonce", nonce);
	}
	if (d->vbios_version[0])
		json_set_str(o, "vbios_version", d->vbios_version);
	json_set_str(o, "version", "1.0");
	return o;
}

struct json_object *file_format(const struct evidence *ev)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < ev->n; i++)
		json_object_array_add(list, format_device(&ev->v[i]));
	return list;
}

int file_write(const char *path, struct json_object *list, struct err *e)
{
	const char *text = json_object_to_json_string_ext(
		list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	FILE *file = fopen(path, "we");

	if (!file)
		return err_errno(e, errno, "%s cannot be written", path);
	fprintf(file, "%s\n", text);
	if (fflush(file) != 0 || ferror(file)) {
		err_errno(e, errno, "%s cannot be written", path);
		fclose(file);
		return -1;
	}
	if (fclose(file) != 0)
		return err_errno(e, errno, "%s cannot be written", path);
	return 0;
}
