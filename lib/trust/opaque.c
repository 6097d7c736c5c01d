#include "trust/opaque.h"

#include "core/str.h"

#define ANY_LENGTH  0, UINT16_MAX /* never seen, so not judged */
#define TEXT_LENGTH 1, OPAQUE_TEXT_SIZE
#define SKU_MAX	    9
#define VERSION_MAX 1 /* in which what is known of the fields holds */
#define PDI_SIZE    8

struct row {
	uint16_t id;
	const char *name;
	uint16_t least, most; /* lengths */
	bool (*take)(struct cur value, struct opaque *o);
};

/* Up to the first NUL; after it only NULs. */
static bool read_text(struct cur v, char dst[OPAQUE_TEXT_SIZE])
{
	size_t n = 0;

	while (n < v.n && v.p[n] != '\0')
		n++;
	for (size_t i = n; i < v.n; i++)
		if (v.p[i] != '\0')
			return false;
	if (n >= OPAQUE_TEXT_SIZE)
		return false;
	memcpy(dst, v.p, n);
	dst[n] = '\0';
	return true;
}

/* ^[0-9]+(\.[0-9]+){1,3}$ */
static bool is_version(const char *s)
{
	size_t dots = 0;

	for (;; s++) {
		size_t digits = strspn(s, "0123456789");

		s += digits;
		if (digits == 0)
			return false;
		if (*s == '\0')
			return dots >= 1 && dots <= 3;
		if (*s != '.')
			return false;
		dots++;
	}
}

static bool take_driver(struct cur v, struct opaque *o)
{
	return read_text(v, o->driver_version) && is_version(o->driver_version);
}

static bool read_sku(struct cur v, char dst[OPAQUE_TEXT_SIZE])
{
	size_t n;

	if (!read_text(v, dst))
		return false;
	n = strspn(dst, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
	return dst[n] == '\0' && n >= 1 && n <= SKU_MAX;
}

static bool take_chip_sku(struct cur v, struct opaque *o)
{
	return read_sku(v, o->chip_sku);
}

static bool take_project(struct cur v, struct opaque *o)
{
	return read_sku(v, o->project);
}

static bool take_project_sku(struct cur v, struct opaque *o)
{
	return read_sku(v, o->project_sku);
}

/* Bytes b3.b2.b1.b0.b4 in hexadecimal; what b5 to b7 mean is not known. */
static bool take_vbios(struct cur v, struct opaque *o)
{
	snprintf(o->vbios_version, sizeof(o->vbios_version), "%02X.%02X.%02X.%02X.%02X", v.p[3],
		 v.p[2], v.p[1], v.p[0], v.p[4]);
	return true;
}

/* "96.10.55.00.01" as text. */
static bool take_bios(struct cur v, struct opaque *o)
{
	char *s = o->vbios_version;

	if (!read_text(v, s))
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (s[i] >= 'a' && s[i] <= 'f')
			s[i] = (char)(s[i] - 'a' + 'A');
		if (i % 3 == 2 ? s[i] != '.' : s[i] == '\0' || !strchr("0123456789ABCDEF", s[i]))
			return false;
	}
	return true;
}

static bool take_nvdec0(struct cur v, struct opaque *o)
{
	o->nvdec0 = cur_u8(&v);
	return o->has_nvdec0 = true;
}

static bool take_ppcie(struct cur v, struct opaque *o)
{
	o->ppcie = cur_u8(&v);
	return o->has_ppcie = true;
}

static bool take_version(struct cur v, struct opaque *o)
{
	o->version = cur_le16(&v);
	return o->has_version = true;
}

static bool take_feature(struct cur v, struct opaque *o)
{
	o->feature = cur_le16(&v);
	return o->has_feature = true;
}

static bool take_lock(struct cur v, struct opaque *o)
{
	o->lock = cur_le16(&v);
	return o->has_lock = true;
}

static bool take_fwid(struct cur v, struct opaque *o)
{
	memcpy(o->fwid, v.p, sizeof(o->fwid));
	return o->has_fwid = true;
}

static bool take_counts(struct cur v, struct opaque *o)
{
	if (v.n % 4 != 0)
		return false;
	while (cur_left(&v) > 0)
		o->counts[o->counts_n++] = cur_le32(&v);
	return true;
}

static uint64_t big_endian(struct cur *c)
{
	uint64_t value = 0;

	for (size_t i = 0; i < PDI_SIZE; i++)
		value = value << 8 | cur_u8(c);
	return value;
}

/* A GPU writes a switch's PDI least significant byte first, a switch both kinds the other way. */
static bool take_links(struct cur v, struct opaque *o)
{
	for (; o->links_n < OPAQUE_LINKS; o->links_n++)
		o->links[o->links_n] = __builtin_bswap64(big_endian(&v));
	return true;
}

static bool take_pdi(struct cur v, struct opaque *o)
{
	o->pdi = big_endian(&v);
	return o->has_pdi = true;
}

static bool take_gpus(struct cur v, struct opaque *o)
{
	for (; o->gpus_n < OPAQUE_GPUS; o->gpus_n++)
		o->gpus[o->gpus_n] = big_endian(&v);
	memcpy(o->ports, cur_bytes(&v, OPAQUE_PORTS), OPAQUE_PORTS);
	return true;
}

/* clang-format off */
static const struct row gpu_rows[] = {
	{ 1, "CERT_ISSUER_NAME", ANY_LENGTH, NULL },
	{ 2, "CERT_AUTHORITY_KEY_IDENTIFIER", ANY_LENGTH, NULL },
	{ 3, "DRIVER_VERSION", TEXT_LENGTH, take_driver },
	{ 4, "GPU_INFO", 8, 8, NULL },
	{ 5, "SKU", ANY_LENGTH, NULL },
	{ 6, "VBIOS_VERSION", 8, 8, take_vbios },
	{ 7, "MANUFACTURER_ID", ANY_LENGTH, NULL },
	{ 8, "TAMPER_DETECTION", ANY_LENGTH, NULL },
	{ 9, "SMC", ANY_LENGTH, NULL },
	{ 10, "VPR", ANY_LENGTH, NULL },
	{ 11, "NVDEC0_STATUS", 1, 1, take_nvdec0 },
	{ 12, "MSRSCNT", 256, 256, take_counts },
	{ 13, "CPRINFO", 4, 4, NULL },
	{ 14, "BOARD_ID", 4, 4, NULL },
	{ 15, "CHIP_SKU", TEXT_LENGTH, take_chip_sku },
	{ 16, "CHIP_SKU_MOD", TEXT_LENGTH, NULL },
	{ 17, "PROJECT", TEXT_LENGTH, take_project },
	{ 18, "PROJECT_SKU", TEXT_LENGTH, take_project_sku },
	{ 19, "PROJECT_SKU_MOD", TEXT_LENGTH, NULL },
	{ 20, "FWID", 48, 48, take_fwid },
	{ 21, "PROTECTED_PCIE_STATUS", 1, 1, take_ppcie },
	{ 22, "SWITCH_PDI", 144, 144, take_links },
	{ 23, "FLOORSWEPT_PORTS", ANY_LENGTH, NULL },
	{ 24, "POSITION_ID", ANY_LENGTH, NULL },
	{ 25, "LOCK_SWITCH_STATUS", ANY_LENGTH, NULL },
	{ 32, "GPU_LINK_CONN", ANY_LENGTH, NULL },
	{ 33, "SYS_ENABLE_STATUS", ANY_LENGTH, NULL },
	{ 34, "OPAQUE_DATA_VERSION", 2, 2, take_version },
	{ 35, "CHIP_INFO", ANY_LENGTH, NULL },
	{ 36, "FEATURE_FLAG", 2, 2, take_feature },
	{ 0 },
};

static const struct row switch_rows[] = {
	{ 1, "CERT_ISSUER_NAME", ANY_LENGTH, NULL },
	{ 2, "CERT_AUTHORITY_KEY_IDENTIFIER", ANY_LENGTH, NULL },
	{ 6, "VBIOS_VERSION", 14, 14, take_bios },
	{ 12, "MSRSCNT", 4, 4 * OPAQUE_COUNTS_MAX, take_counts },
	{ 20, "FWID", 48, 48, take_fwid },
	{ 21, "PROTECTED_PCIE_STATUS", 1, 1, take_ppcie },
	{ 22, "DEVICE_PDI", 8, 8, take_pdi },
	{ 23, "DISABLED_PORTS", 2, 2, NULL },
	{ 24, "SWITCH_POSITION_ID", 2, 2, NULL },
	{ 25, "SWITCH_LOCK_STATUS", 2, 2, take_lock },
	{ 26, "SWITCH_GPU_PDIS", 128, 128, take_gpus },
	{ 0 },
};
/* clang-format on */

static const struct row *find_row(enum device_type type, uint16_t id)
{
	const struct row *row = type == DEVICE_GPU ? gpu_rows : switch_rows;

	for (; row->name; row++)
		if (row->id == id)
			return row;
	return NULL;
}

static void note_skipped(struct opaque *o, uint16_t id)
{
	size_t len = strlen(o->note);

	snprintf(o->note + len, sizeof(o->note) - len, "%s%u",
		 len > 0 ? ", " : "fields of unknown meaning were skipped: ", id);
}

static int take_field(const struct row *row, struct cur value, struct opaque *o, struct err *e)
{
	for (size_t i = 0; i < o->fields_n; i++)
		if (o->fields[i].id == row->id)
			return err_set(e, &ERR_FORMAT, "opaque field %u (%s) comes twice", row->id,
				       row->name);
	if (value.n < row->least || value.n > row->most)
		return err_set(e, &ERR_FORMAT, "opaque field %u (%s) has %zu bytes, not %u to %u",
			       row->id, row->name, value.n, row->least, row->most);
	if (row->take && !row->take(value, o))
		return err_set(e, &ERR_FORMAT, "opaque field %u (%s) has a value it cannot have",
			       row->id, row->name);
	return 0;
}

static int parse_field(struct cur *c, enum device_type type, struct opaque *o, struct err *e)
{
	uint16_t id = cur_le16(c);
	struct cur value = cur_sub(c, cur_le16(c));
	const struct row *row = find_row(type, id);

	if (!cur_ok(c))
		return err_set(e, &ERR_FORMAT, "the opaque data is cut off after %zu fields",
			       o->fields_n);
	if (o->fields_n == OPAQUE_FIELDS_MAX)
		return err_set(e, &ERR_FORMAT, "the opaque data has more than %d fields",
			       OPAQUE_FIELDS_MAX);
	if (!row)
		note_skipped(o, id);
	else if (take_field(row, value, o, e) < 0)
		return -1;
	o->fields[o->fields_n++] = (struct opaque_field){ id, row ? row->name : NULL, value };
	return 0;
}

/* Without these no reference manifest can be named. */
static int require_names(const struct opaque *o, enum device_type type, struct err *e)
{
	const char *missing = !o->vbios_version[0]	? "VBIOS_VERSION"
			      : type == DEVICE_NVSWITCH ? NULL
			      : !o->driver_version[0]	? "DRIVER_VERSION"
			      : !o->chip_sku[0]		? "CHIP_SKU"
			      : !o->project[0]		? "PROJECT"
			      : !o->project_sku[0]	? "PROJECT_SKU"
							: NULL;

	if (missing)
		return err_set(e, &ERR_FORMAT, "the opaque data has no field %s", missing);
	return 0;
}

int opaque_parse(struct cur c, enum device_type type, struct opaque *ret, struct err *e)
{
	struct opaque o = { .note = "" };

	if (!cur_ok(&c))
		return err_set(e, &ERR_FORMAT, "there is no opaque data");
	while (cur_left(&c) > 0)
		if (parse_field(&c, type, &o, e) < 0)
			return -1;
	if (o.version > VERSION_MAX)
		return err_set(e, &ERR_FORMAT,
			       "the opaque data is of version %u, of which nothing is known: the "
			       "newest known is %d",
			       o.version, VERSION_MAX);
	if (require_names(&o, type, e) < 0)
		return -1;
	*ret = o;
	return 0;
}
