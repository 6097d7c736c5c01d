#include "pypackage.h"

#include <ctype.h>

#include "core/str.h"

#define SUFFIX		  ".dist-info"
#define PPCIE_MAJOR_LIMIT 3

static size_t separators(const char *s, size_t n)
{
	size_t len = 0;

	while (len < n && strchr("-_.", s[len]))
		len++;
	return len;
}

bool pypackage_same(const char *a, size_t n, const char *b, size_t m)
{
	while (n > 0 && m > 0) {
		size_t in_a = separators(a, n), in_b = separators(b, m);

		if ((in_a > 0) != (in_b > 0) ||
		    (in_a == 0 && tolower((unsigned char)*a) != tolower((unsigned char)*b)))
			return false;
		in_a += in_a == 0;
		in_b += in_b == 0;
		a += in_a;
		b += in_b;
		n -= in_a;
		m -= in_b;
	}
	return n == 0 && m == 0;
}

/* Of "NAME[extra]==VERSION", without what stands behind the name. */
static size_t name_length(const char *spec)
{
	return strcspn(spec, "[=");
}

const char *pypackage_fault(const char *spec)
{
	static const char ppcie[] = "nv-ppcie-verifier";
	const char *version = strstr(spec, "==");

	if (!version || !pypackage_same(spec, name_length(spec), ppcie, sizeof(ppcie) - 1))
		return NULL;
	/* "1!3.0" has an epoch in front: as new as can be. */
	if (strchr(version, '!') || strtol(version + 2, NULL, 10) >= PPCIE_MAJOR_LIMIT)
		return "nv-ppcie-verifier before version 3, which no longer names the devices that it verified";
	return NULL;
}

bool pypackage_is_dist_info(const char *file, const char *spec)
{
	const char *version = strstr(spec, "=="), *dash;
	size_t stem;

	if (!version || !str_ends(file, SUFFIX))
		return false;
	stem = strlen(file) - strlen(SUFFIX);
	/* A version has no dash. */
	dash = memrchr(file, '-', stem);
	version += 2;
	return dash && strlen(version) == (size_t)(file + stem - dash - 1) &&
	       strncmp(dash + 1, version, strlen(version)) == 0 &&
	       pypackage_same(file, (size_t)(dash - file), spec, name_length(spec));
}

static const char *sha256_of(struct json_object *archive)
{
	static const char prefix[] = "sha256=";
	const char *hash = json_str(archive, "hash", "");
	const char *sha256 = json_str(json_get(archive, "hashes"), "sha256", NULL);

	if (!sha256 && str_starts(hash, prefix))
		sha256 = hash + sizeof(prefix) - 1;
	return sha256 && str_is_hex(sha256, 64) ? sha256 : NULL;
}

struct json_object *pypackage_digests(struct json_object *report)
{
	struct json_object *list = json_get(report, "install"), *out = json_object_new_array();

	for (size_t i = 0; i < json_count(list); i++) {
		struct json_object *item = json_item(list, i), *meta = json_get(item, "metadata"),
				   *o;
		const char *sha256 =
			sha256_of(json_get(json_get(item, "download_info"), "archive_info"));
		_cleanup_free_ char *file = xasprintf("%s==%s", json_str(meta, "name", "?"),
						      json_str(meta, "version", "?"));

		if (!sha256)
			continue;
		o = json_object_new_object();
		json_set_str(o, "file", file);
		json_set_str(o, "sha256", sha256);
		json_object_array_add(out, o);
	}
	return out;
}
