#include "trust/rim_content.h"

#include "core/str.h"

#define SWID "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
#define TCG \
	"https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/"
#define SHA384 "http://www.w3.org/2001/04/xmlenc#sha384"
#define DS     "http://www.w3.org/2000/09/xmldsig#"

static const char *chip_of(enum rim_kind kind)
{
	return kind == RIM_SWITCH_BIOS ? "LS10" : "GH100";
}

/* Lower-case only: str_is_hex() takes both cases. */
static bool is_lower_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

static int expect(const char *what, const char *found, const char *expected, struct err *e)
{
	if (str_eq(found, expected))
		return 0;
	return err_set(e, &ERR_FORMAT, "%s is \"%.64s\", expected \"%s\"", what, found, expected);
}

static int read_root(enum rim_kind kind, const xmlNode *root, struct rim_content *c, struct err *e)
{
	enum { ROOT_NAME, TAG_ID }; /* in the order of the table */
	static const struct xmldoc_attr table[] = {
		{"name",	  NULL, NULL,    false},
		{ "tagId",	   NULL, NULL,    false},
		{ "corpus",	    NULL, "false", false},
		{ "patch",	   NULL, "false", false},
		{ "supplemental", NULL, "false", false},
		{ "version",	     NULL, NULL,	 false},
		{ "tagVersion",	NULL, NULL,    false},
	};
	const char *v[ARRAY_SIZE(table)];

	if (!xmldoc_is(root, SWID, "SoftwareIdentity"))
		return err_set(e, &ERR_FORMAT,
			       "the document element is %s, expected SoftwareIdentity",
			       (const char *)root->name);
	if (xmldoc_attrs(root, table, ARRAY_SIZE(table), v, e) < 0 ||
	    expect("SoftwareIdentity name", v[ROOT_NAME], chip_of(kind), e) < 0)
		return -1;
	if (!is_lower_hex(v[TAG_ID], sizeof(c->tag_id) - 1))
		return err_set(e, &ERR_FORMAT, "tagId is not %zu lower-case hexadecimal digits",
			       sizeof(c->tag_id) - 1);
	str_copy(c->tag_id, sizeof(c->tag_id), v[TAG_ID]);
	return 0;
}

static int read_entity(const xmlNode *entity, struct err *e)
{
	static const struct xmldoc_attr table[] = {
		{"name",  NULL, "NVIDIA Corporation",	      false},
		{ "role", NULL, "softwareCreator tagCreator", false},
	};

	return xmldoc_attrs(entity, table, ARRAY_SIZE(table), NULL, e);
}

static int read_meta(enum rim_kind kind, const xmlNode *meta, struct rim_content *c, struct err *e)
{
	enum { VERSION, PRODUCT, EDITION, MANUFACTURER }; /* in the order of the table */
	static const struct xmldoc_attr table[] = {
		{"colloquialVersion",	       NULL, NULL,	   false},
		{ "product",		     NULL, NULL,	 false},
		{ "edition",		     NULL, NULL,	 false},
		{ "PlatformManufacturerId",  TCG,	 "5703",	 false},
		{ "revision",		      NULL, NULL,	  false},
		{ "PayloadType",		 NULL, "direct", false},
		{ "BindingSpec",		 TCG,  "RIMIM",  false},
		{ "BindingSpecVersion",	TCG,  "1.01",   false},
		{ "PlatformManufacturerStr", TCG,  NULL,	true },
		{ "PlatformModel",	   TCG,	NULL,     true },
		{ "FirmwareManufacturer",	  TCG,  NULL,     true },
		{ "FirmwareManufacturerId",  TCG,	 "5703",	 false},
	};
	const char *v[ARRAY_SIZE(table)];

	if (xmldoc_attrs(meta, table, ARRAY_SIZE(table), v, e) < 0 ||
	    expect("Meta product", v[PRODUCT], chip_of(kind), e) < 0 ||
	    expect("Meta edition", v[EDITION], kind == RIM_SWITCH_BIOS ? "SWITCH" : "GPU", e) < 0)
		return -1;
	if (!*v[VERSION] || !str_copy(c->version, sizeof(c->version), v[VERSION]))
		return err_set(e, &ERR_FORMAT, "colloquialVersion is empty or too long: \"%.64s\"",
			       v[VERSION]);
	str_sanitise(c->version);
	str_copy(c->platform_manufacturer_id, sizeof(c->platform_manufacturer_id), v[MANUFACTURER]);
	return 0;
}

/* A number below `end` as it is written: digits, no zero in front. */
static bool read_number(const char *s, unsigned int end, unsigned int *ret)
{
	char again[16];
	unsigned int n = 0;

	if (!*s || strlen(s) > 4 || strspn(s, "0123456789") != strlen(s))
		return false;
	for (const char *p = s; *p; p++)
		n = n * 10 + (unsigned int)(*p - '0');
	snprintf(again, sizeof(again), "%u", n);
	*ret = n;
	return n < end && str_eq(s, again);
}

/* Whether a Resource's name is for that index: "Measurement_7", "MixedHashedMeasurement_34",
 * "HashedMeasurement_12_FSP". */
static bool names_index(const char *name, unsigned int index)
{
	char want[32];
	const char *p;

	snprintf(want, sizeof(want), "Measurement_%u", index);
	p = strstr(name, want);
	return p && (p[strlen(want)] == '\0' || p[strlen(want)] == '_');
}

static unsigned int hex_digit(char c)
{
	return c <= '9' ? (unsigned int)(c - '0') : (unsigned int)(c - 'a') + 10;
}

static bool read_hash(const char *hex, uint8_t dst[RIM_VALUE_SIZE])
{
	if (!hex || !is_lower_hex(hex, 2 * (size_t)RIM_VALUE_SIZE))
		return false;
	for (size_t i = 0; i < RIM_VALUE_SIZE; i++)
		dst[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	return true;
}

/* Hash0 to Hash{n-1}, and no other. */
static int read_hashes(const char *const *hashes, unsigned int n, struct rim_value *value,
		       struct err *e)
{
	for (unsigned int i = 0; i < RIM_ALTERNATIVES_MAX; i++) {
		if (i < n ? !read_hash(hashes[i], value->alternatives[i]) : hashes[i] != NULL)
			return err_set(e, &ERR_FORMAT, "Hash%u is %s", i,
				       i >= n	    ? "there, beyond the alternatives"
				       : !hashes[i] ? "missing"
						    : "not 96 lower-case hexadecimal digits");
	}
	value->alternatives_n = (uint8_t)n;
	return 0;
}

/* In the order of resource_attrs. */
enum { INDEX, ACTIVE, ALTERNATIVES, NAME, HASH0 };

static const struct xmldoc_attr resource_attrs[] = {
	{"index",	   NULL,	 NULL,	       false},
	{ "active",	    NULL,	  NULL,		false},
	{ "alternatives", NULL,	NULL,	      false},
	{ "name",	  NULL,	NULL,	      false},
	{ "Hash0",	   SHA384, NULL,		 true },
	{ "Hash1",	   SHA384, NULL,		 true },
	{ "Hash2",	   SHA384, NULL,		 true },
	{ "Hash3",	   SHA384, NULL,		 true },
	{ "type",	  NULL,	"Measurement", false},
	{ "size",	  NULL,	"48",	      false},
};

static int read_resource(const xmlNode *resource, struct rim_content *c, uint64_t *seen,
			 struct err *e)
{
	const char *v[ARRAY_SIZE(resource_attrs)];
	unsigned int index, alternatives;

	if (xmldoc_attrs(resource, resource_attrs, ARRAY_SIZE(resource_attrs), v, e) < 0)
		return -1;
	if (!read_number(v[INDEX], RIM_VALUES, &index))
		return err_set(e, &ERR_FORMAT, "index \"%.16s\" is not 0 to %d", v[INDEX],
			       RIM_VALUES - 1);
	if (*seen & UINT64_C(1) << index)
		return err_set(e, &ERR_FORMAT, "index %u occurs twice", index);
	*seen |= UINT64_C(1) << index;
	if (!names_index(v[NAME], index))
		return err_set(e, &ERR_FORMAT, "index %u is named \"%.64s\"", index, v[NAME]);
	if (!str_eq(v[ACTIVE], "True") && !str_eq(v[ACTIVE], "False"))
		return err_set(e, &ERR_FORMAT,
			       "index %u: active is \"%.16s\", expected True or False", index,
			       v[ACTIVE]);
	if (!read_number(v[ALTERNATIVES], RIM_ALTERNATIVES_MAX + 1, &alternatives) ||
	    alternatives == 0)
		return err_set(e, &ERR_FORMAT, "index %u: alternatives \"%.16s\" is not 1 to %d",
			       index, v[ALTERNATIVES], RIM_ALTERNATIVES_MAX);
	if (read_hashes(&v[HASH0], alternatives, &c->values[index], e) < 0)
		return err_wrap(e, "index %u", index);
	c->values[index].active = str_eq(v[ACTIVE], "True");
	return 0;
}

static int read_payload(const xmlNode *payload, struct rim_content *c, struct err *e)
{
	uint64_t seen = 0;

	if (xmldoc_attrs(payload, NULL, 0, NULL, e) < 0)
		return -1;
	if (!xmldoc_only_elements(payload))
		return err_set(e, &ERR_FORMAT, "Payload has text in it");
	for (const xmlNode *n = xmldoc_first(payload); n; n = xmldoc_next(n)) {
		if (!xmldoc_is(n, SWID, "Resource") || n->children)
			return err_set(e, &ERR_FORMAT,
				       "Payload has a child that is no empty Resource: %s",
				       (const char *)n->name);
		if (read_resource(n, c, &seen, e) < 0)
			return err_wrap(e, "Resource");
	}
	if (seen != UINT64_MAX)
		return err_set(e, &ERR_FORMAT,
			       "Payload has %d Resources, expected one for each of %d indices",
			       __builtin_popcountll(seen), RIM_VALUES);
	return 0;
}

/* The children in their order; the document element has nothing else. */
static int take_children(const xmlNode *root, bool detached, const xmlNode *ret[3], struct err *e)
{
	static const char *const names[] = { "Entity", "Meta", "Payload" };
	const xmlNode *child = xmldoc_first(root);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++, child = xmldoc_next(child)) {
		if (!xmldoc_is(child, SWID, names[i]))
			return err_set(e, &ERR_FORMAT,
				       "SoftwareIdentity: child %zu is %s, expected %s", i + 1,
				       child ? (const char *)child->name : "missing", names[i]);
		ret[i] = child;
	}
	if (ret[0]->children || ret[1]->children)
		return err_set(e, &ERR_FORMAT, "Entity or Meta is not empty");
	if (!detached) {
		if (!xmldoc_is(child, DS, "Signature"))
			return err_set(e, &ERR_FORMAT,
				       "SoftwareIdentity: there is no Signature at its end");
		child = xmldoc_next(child);
	}
	if (child || !xmldoc_only_elements(root))
		return err_set(e, &ERR_FORMAT,
			       "SoftwareIdentity has more in it than a manifest: %s",
			       child ? (const char *)child->name : "text");
	return 0;
}

int rim_content_read(enum rim_kind kind, const xmlDoc *doc, bool detached, struct rim_content *ret,
		     struct err *e)
{
	const xmlNode *root = xmlDocGetRootElement(doc), *child[3];
	_cleanup_free_ struct rim_content *c = xcalloc(1, sizeof(*c));

	if (read_root(kind, root, c, e) < 0 || take_children(root, detached, child, e) < 0 ||
	    read_entity(child[0], e) < 0 || read_meta(kind, child[1], c, e) < 0 ||
	    read_payload(child[2], c, e) < 0)
		return -1;
	*ret = *c;
	return 0;
}
