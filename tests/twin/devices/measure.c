#include "measure.h"

#include <ctype.h>

#include "core/str.h"
#include "trust/digest.h"

struct kind {
	const char *name, *prefix;
	uint64_t active, zero; /* a bit for each index */
};

#define BITS(from, to) (((2ULL << ((to) - (from))) - 1) << (from))

static const struct kind kinds[] = {
	{"driver", "NV_GPU_DRIVER_GH100_", BITS(7, 7) | BITS(21, 40),
	  BITS(23,								    24) | BITS(28, 28)},
	{	  "vbios",			     "NV_GPU_VBIOS_G520_0200_885_",		  BITS(0,	  6) | BITS(8,						       12),
	  BITS(0,					  0) | BITS(8,	       8) | BITS(10,   10) },
	{ "bios", "NV_SWITCH_BIOS_5612_0002_890_",			   BITS(0,			   30),
	  BITS(7,		  7) | BITS(9, 9) | BITS(12,	     13) | BITS(15,   17) | BITS(27, 30) },
};

static const struct kind *find_kind(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (str_starts(id, kinds[i].prefix))
			return &kinds[i];
	return NULL;
}

bool measure_value(const char *id, unsigned int index, uint8_t ret[MEASURE_SIZE])
{
	const struct kind *kind = find_kind(id);
	_cleanup_free_ char *text = xasprintf("%s %u", id, index);

	memset(ret, 0, MEASURE_SIZE);
	if (!kind || index >= MEASURE_INDICES || !(kind->active >> index & 1))
		return false;
	return kind->zero >> index & 1 || digest_sha384(text, strlen(text), ret);
}

/* An id without its prefix; with the dots that a VBIOS version has and its id has not. */
static void version_of(const struct kind *kind, const char *id, char *dst, size_t size)
{
	const char *s = id + strlen(kind->prefix);
	size_t n = 0;

	if (kind == &kinds[0]) {
		str_copy(dst, size, s);
		return;
	}
	for (; *s && n + 2 < size; s++) {
		dst[n++] = *s;
		if ((s - id - (ptrdiff_t)strlen(kind->prefix)) % 2 == 1 && s[1])
			dst[n++] = '.';
	}
	dst[n] = '\0';
}

struct json_object *measure_manifest(const char *id)
{
	const struct kind *kind = find_kind(id);
	struct json_object *o, *values;
	char version[64];

	if (!kind)
		return NULL;
	o = json_object_new_object();
	values = json_object_new_array();
	version_of(kind, id, version, sizeof(version));
	json_set_str(o, "id", id);
	json_set_str(o, "kind", kind->name);
	json_set_str(o, "version", version);
	json_set(o, "values", values);
	for (unsigned int i = 0; i < MEASURE_INDICES; i++) {
		struct json_object *value = json_object_new_object();
		struct json_object *hashes = json_object_new_array();
		uint8_t bytes[MEASURE_SIZE];
		char hex[2 * MEASURE_SIZE + 1];

		json_set_int(value, "index", i);
		json_set_bool(value, "active", measure_value(id, i, bytes));
		str_hex(hex, bytes, sizeof(bytes));
		json_object_array_add(hashes, json_object_new_string(hex));
		json_set(value, "hashes", hashes);
		json_object_array_add(values, value);
	}
	return o;
}

static char *id_without_dots(const struct kind *kind, const char *version)
{
	char *id = xasprintf("%s%s", kind->prefix, version), *to = id + strlen(kind->prefix);

	for (const char *s = to; *s; s++)
		if (*s != '.')
			*to++ = (char)toupper(*s);
	*to = '\0';
	return id;
}

char *measure_driver_id(const char *version)
{
	return xasprintf("%s%s", kinds[0].prefix, version);
}

char *measure_vbios_id(const char *version)
{
	return id_without_dots(&kinds[1], version);
}

char *measure_bios_id(const char *version)
{
	return id_without_dots(&kinds[2], version);
}
