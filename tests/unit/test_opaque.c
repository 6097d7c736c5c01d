#include "trust/opaque.h"

#include "fixture.h"
#include "forge.h"
#include "suite.h"

static int read_opaque(const struct forge_bytes *b, enum device_type type, struct opaque *o,
		       struct err *e)
{
	return opaque_parse(cur_of(b->v, b->n), type, o, e);
}

/* Whether the good data is still read with one field more. */
static bool takes_field(enum device_type type, uint16_t id, const void *value, size_t n,
			struct err *e)
{
	struct forge_bytes b = { .n = 0 };
	struct opaque o;

	if (type == DEVICE_GPU)
		forge_gpu_opaque(&b);
	else
		forge_switch_opaque(&b);
	forge_field(&b, id, value, n);
	return read_opaque(&b, type, &o, e) == 0;
}

/* Whether the good data is still read with that field's value replaced (value NULL: taken out). */
static bool takes_value(enum device_type type, uint16_t id, const void *value, size_t n,
			struct opaque *o, struct err *e)
{
	struct forge_bytes old = { .n = 0 }, b = { .n = 0 };
	struct cur c;
	bool found = false;

	if (type == DEVICE_GPU)
		forge_gpu_opaque(&old);
	else
		forge_switch_opaque(&old);
	for (c = cur_of(old.v, old.n); cur_left(&c) > 0;) {
		uint16_t other = cur_le16(&c);
		struct cur kept = cur_sub(&c, cur_le16(&c));

		found = found || other == id;
		if (other != id)
			forge_field(&b, other, kept.p, kept.n);
		else if (value)
			forge_field(&b, id, value, n);
	}
	ck_assert(found && cur_done(&c));
	return read_opaque(&b, type, o, e) == 0;
}

START_TEST(a_gpus_opaque_data_is_understood)
{
	struct forge_bytes b = { .n = 0 };
	struct opaque o;
	struct err e = ERR_INIT;

	forge_gpu_opaque(&b);
	ck_assert_msg(read_opaque(&b, DEVICE_GPU, &o, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(o.driver_version, "590.12");
	ck_assert_str_eq(o.vbios_version, "96.00.A5.00.01");
	ck_assert_str_eq(o.chip_sku, "885");
	ck_assert_str_eq(o.project, "G520");
	ck_assert_str_eq(o.project_sku, "0200");
	ck_assert(o.has_fwid && o.fwid[47] == FORGE_FWID);
	ck_assert(o.has_nvdec0 && o.nvdec0 == OPAQUE_DISABLED);
	ck_assert(o.has_ppcie && o.ppcie == OPAQUE_ENABLED);
	ck_assert(o.has_version && o.version == 1);
	ck_assert(o.has_feature && o.feature == OPAQUE_FEATURE_PPCIE);
	ck_assert_uint_eq(o.links_n, OPAQUE_LINKS);
	ck_assert_uint_eq(o.links[0], 0x666e93e19dec7d2d);
	ck_assert_uint_eq(o.links[1], 0x3a53b743d811e977);
	ck_assert_uint_eq(o.links[2], o.links[0]);
	ck_assert_uint_eq(o.links[3], 0);
	ck_assert_uint_eq(o.counts_n, 64);
	ck_assert_uint_eq(o.counts[1], 1);
	ck_assert(!o.has_pdi && !o.has_lock && o.gpus_n == 0);
	ck_assert_uint_eq(o.fields_n, 17);
	ck_assert_str_eq(o.note, "");
}
END_TEST

START_TEST(a_switchs_opaque_data_is_understood)
{
	struct forge_bytes b = { .n = 0 };
	struct opaque o;
	struct err e = ERR_INIT;

	forge_switch_opaque(&b);
	ck_assert_msg(read_opaque(&b, DEVICE_NVSWITCH, &o, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(o.vbios_version, "96.10.73.00.01");
	ck_assert(o.has_pdi && o.pdi == 0x666e93e19dec7d2d);
	ck_assert(o.has_lock && o.lock == 1);
	ck_assert_uint_eq(o.gpus_n, 8);
	ck_assert_uint_eq(o.gpus[7], 0x1717171717171717);
	ck_assert_uint_eq(o.ports[0], 0xff);
	ck_assert_uint_eq(o.ports[32], 7);
	ck_assert_uint_eq(o.counts_n, 27);
	ck_assert(!o.has_fwid && !o.has_ppcie && o.links_n == 0);
}
END_TEST

START_TEST(unknown_fields_are_skipped_and_noted)
{
	struct forge_bytes b = { .n = 0 };
	struct opaque o;
	struct err e = ERR_INIT;

	forge_gpu_opaque(&b);
	forge_field(&b, 37, "x", 1);
	forge_field(&b, 37, "", 0);
	forge_field(&b, 999, "xyz", 3);
	ck_assert_int_eq(read_opaque(&b, DEVICE_GPU, &o, &e), 0);
	ck_assert_has(o.note, "37, 37, 999");
	ck_assert_ptr_null(o.fields[o.fields_n - 1].name);
	ck_assert_uint_eq(o.fields[o.fields_n - 1].value.n, 3);
	ck_assert_str_eq(o.driver_version, "590.12");
}
END_TEST

START_TEST(a_version_newer_than_the_newest_known_is_refused)
{
	struct opaque o;
	struct err e = ERR_INIT;

	ck_assert(takes_value(DEVICE_GPU, 34, "\1\0", 2, &o, &e));
	ck_assert(!takes_value(DEVICE_GPU, 34, "\2\0", 2, &o, &e));
	ck_assert_has(e.msg, "of version 2");
	ck_assert(!takes_value(DEVICE_GPU, 34, "\1\1", 2, &o, &e));
}
END_TEST

START_TEST(a_known_field_that_comes_twice_is_refused)
{
	static const uint16_t ids[] = { 3, 4, 6, 11, 12, 14, 15, 17, 18, 20, 21, 22, 34, 36 };
	struct err e = ERR_INIT;
	uint8_t value[256] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		ck_assert(!takes_field(DEVICE_GPU, ids[i], value, 1, &e));
		ck_assert_has(e.msg, "comes twice");
	}
	ck_assert(takes_field(DEVICE_GPU, 35, "GH100", 5, &e));
	ck_assert(!takes_field(DEVICE_NVSWITCH, 26, value, 128, &e));
}
END_TEST

START_TEST(a_known_field_of_wrong_length_is_refused)
{
	static const struct {
		uint16_t id;
		size_t n;
	} gpu[] = { { 4, 8 },  { 6, 8 },  { 11, 1 },   { 12, 256 }, { 13, 4 }, { 14, 4 },
		    { 20, 48 }, { 21, 1 }, { 22, 144 }, { 34, 2 },   { 36, 2 } },
	  nvswitch[] = { { 6, 14 }, { 22, 8 }, { 23, 2 }, { 24, 2 }, { 25, 2 }, { 26, 128 } };
	struct opaque o;
	struct err e = ERR_INIT;
	uint8_t value[300] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(gpu); i++) {
		ck_assert(takes_value(DEVICE_GPU, gpu[i].id, value, gpu[i].n, &o, &e));
		ck_assert(!takes_value(DEVICE_GPU, gpu[i].id, value, gpu[i].n - 1, &o, &e));
		ck_assert(!takes_value(DEVICE_GPU, gpu[i].id, value, gpu[i].n + 1, &o, &e));
		ck_assert(!takes_value(DEVICE_GPU, gpu[i].id, value, 0, &o, &e));
		ck_assert_has(e.msg, "has 0 bytes");
	}
	for (size_t i = 0; i < ARRAY_SIZE(nvswitch); i++) {
		ck_assert(!takes_value(DEVICE_NVSWITCH, nvswitch[i].id, value, nvswitch[i].n - 1,
				       &o, &e));
		ck_assert(!takes_value(DEVICE_NVSWITCH, nvswitch[i].id, value, nvswitch[i].n + 1,
				       &o, &e));
	}
	ck_assert(!takes_value(DEVICE_NVSWITCH, 12, value, 107, &o, &e));
	ck_assert(!takes_value(DEVICE_NVSWITCH, 12, value, 260, &o, &e));
	ck_assert(takes_value(DEVICE_NVSWITCH, 12, value, 104, &o, &e));
}
END_TEST

START_TEST(data_cut_off_inside_a_field_is_refused)
{
	struct forge_bytes b = { .n = 0 };
	struct opaque o;
	struct err e = ERR_INIT;
	size_t whole;

	forge_switch_opaque(&b);
	whole = b.n;
	/* Where a field ends, the cut is one that the signature alone can tell. */
	for (b.n = whole - 1; b.n > whole - 6; b.n--)
		ck_assert_int_lt(read_opaque(&b, DEVICE_NVSWITCH, &o, &e), 0);
	b.n = 0;
	ck_assert_int_lt(read_opaque(&b, DEVICE_NVSWITCH, &o, &e), 0);
	ck_assert_int_lt(opaque_parse((struct cur){ .failed = true }, DEVICE_GPU, &o, &e), 0);
}
END_TEST

START_TEST(more_fields_than_there_can_be_are_refused)
{
	struct forge_bytes b = { .n = 0 };
	struct opaque o;
	struct err e = ERR_INIT;

	forge_switch_opaque(&b);
	for (size_t i = 7; i < OPAQUE_FIELDS_MAX; i++)
		forge_field(&b, 500, "", 0);
	ck_assert_int_eq(read_opaque(&b, DEVICE_NVSWITCH, &o, &e), 0);
	forge_field(&b, 500, "", 0);
	ck_assert_int_lt(read_opaque(&b, DEVICE_NVSWITCH, &o, &e), 0);
}
END_TEST

static bool takes_driver(const char *text, size_t n)
{
	struct opaque o;
	struct err e = ERR_INIT;

	return takes_value(DEVICE_GPU, 3, text, n, &o, &e);
}

START_TEST(a_driver_version_is_two_to_four_numbers)
{
	ck_assert(takes_driver("550.90.07", 10));
	ck_assert(takes_driver("545.00", 6));
	ck_assert(takes_driver("580.159.03.1\0\0", 14));
	ck_assert(!takes_driver("550", 4));
	ck_assert(!takes_driver("550.90.07.1.2", 14));
	ck_assert(!takes_driver("550.", 5));
	ck_assert(!takes_driver(".550", 5));
	ck_assert(!takes_driver("550..90", 8));
	ck_assert(!takes_driver("550.90/..", 10));
	ck_assert(!takes_driver("550.90.07 ", 11));
	ck_assert(!takes_driver("550.90\0x", 8));
	ck_assert(!takes_driver("\0", 1));
	ck_assert(!takes_driver("550.9000000000000000000000000000000", 33));
}
END_TEST

static bool takes_project(const char *text, size_t n)
{
	struct opaque o;
	struct err e = ERR_INIT;

	return takes_value(DEVICE_GPU, 17, text, n, &o, &e);
}

START_TEST(sku_fields_are_one_to_nine_letters_and_digits)
{
	ck_assert(takes_project("G520", 5));
	ck_assert(takes_project("a", 1));
	ck_assert(takes_project("abcDEF789", 10));
	ck_assert(!takes_project("abcDEF7890", 11));
	ck_assert(!takes_project("\0", 1));
	ck_assert(!takes_project("G5_0", 5));
	ck_assert(!takes_project("../G", 5));
	ck_assert(!takes_project("G5%0", 5));
	ck_assert(!takes_project("G5\xc3\xa4", 5));
	ck_assert(!takes_project("G5\0G5", 5));
}
END_TEST

START_TEST(a_bios_version_is_five_pairs_of_digits)
{
	struct opaque o;
	struct err e = ERR_INIT;

	ck_assert(takes_value(DEVICE_NVSWITCH, 6, "96.10.7a.00.0F", 14, &o, &e));
	ck_assert_str_eq(o.vbios_version, "96.10.7A.00.0F");
	ck_assert(!takes_value(DEVICE_NVSWITCH, 6, "96.10.7g.00.0F", 14, &o, &e));
	ck_assert(!takes_value(DEVICE_NVSWITCH, 6, "96.10.73.0001 ", 14, &o, &e));
	ck_assert(!takes_value(DEVICE_NVSWITCH, 6, "96.10.73.00.0\0", 14, &o, &e));
	ck_assert(!takes_value(DEVICE_NVSWITCH, 6, "96/10/73/00/01", 14, &o, &e));
}
END_TEST

START_TEST(what_names_the_firmware_must_be_there)
{
	static const uint16_t ids[] = { 3, 6, 15, 17, 18 },
			      others[] = { 4, 11, 12, 20, 21, 22, 34, 36 };
	struct opaque o;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		ck_assert(!takes_value(DEVICE_GPU, ids[i], NULL, 0, &o, &e));
	ck_assert_has(e.msg, "PROJECT_SKU");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		ck_assert(takes_value(DEVICE_GPU, others[i], NULL, 0, &o, &e));
	ck_assert(!o.has_feature && o.has_version);
	ck_assert(!takes_value(DEVICE_NVSWITCH, 6, NULL, 0, &o, &e));
	ck_assert(takes_value(DEVICE_NVSWITCH, 26, NULL, 0, &o, &e));
}
END_TEST

SUITE("opaque", a_gpus_opaque_data_is_understood, a_switchs_opaque_data_is_understood,
      unknown_fields_are_skipped_and_noted, a_version_newer_than_the_newest_known_is_refused,
      a_known_field_that_comes_twice_is_refused, a_known_field_of_wrong_length_is_refused,
      data_cut_off_inside_a_field_is_refused, more_fields_than_there_can_be_are_refused,
      a_driver_version_is_two_to_four_numbers, sku_fields_are_one_to_nine_letters_and_digits,
      a_bios_version_is_five_pairs_of_digits, what_names_the_firmware_must_be_there)
