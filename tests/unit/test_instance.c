/* The metadata service is out of reach in all of these: nobody listens on port 1. */
#include <libgen.h>

#include "codes.h"
#include "core/json.h"
#include "core/str.h"
#include "facts.h"
#include "fixture.h"
#include "paths.h"
#include "suite.h"

#define COPY	"/run/cloud-init/instance-data.json"
#define PRODUCT "/sys/class/dmi/id/product_uuid"
#define UUID	"7f3c1a52-90be-4d61-8a07-5be2d3c4f601"
/* printf 7f3c1a52-90be-4d61-8a07-5be2d3c4f601 | sha256sum */
#define UUID_SHA256 "ee6f1c4501917fe7c170784bdbdaf269c3a716559f6f52794c34b0e50d1992d9"

static struct config c;
static struct facts_instance found;
static struct err e;

static void put_device(unsigned int n, const char *class)
{
	_cleanup_free_ char *vendor = xasprintf("/sys/bus/pci/devices/0000:%02x:00.0/vendor", n);
	_cleanup_free_ char *kind = xasprintf("/sys/bus/pci/devices/0000:%02x:00.0/class", n);

	fixture_put(vendor, "0x10de\n");
	fixture_put(kind, class);
}

static void put_devices(unsigned int gpus, unsigned int switches)
{
	for (unsigned int i = 0; i < gpus; i++)
		put_device(i, "0x030200\n");
	for (unsigned int i = 0; i < switches; i++)
		put_device(gpus + i, "0x068000\n");
}

static void begin(void)
{
	static const char text[] = "{\"metadata\": {\"url\": \"http://127.0.0.1:1\", \"deadline_s\": 1}}";

	fixture_root_make();
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/tmp/gn8v-test-no-bus", 1);
	ck_assert_int_eq(config_parse(&c, text, strlen(text), "config.json", &e), 0);
	fixture_put("/sys/block/vda/size", "83886080\n");
	memset(&found, 0, sizeof(found));
	e = (struct err)ERR_INIT;
}

static void end(void)
{
	config_done(&c);
	fixture_root_drop();
}

/* tests/fixtures/real/cloud-init, with one text replaced by another. */
static char *copy_text(const char *from, const char *to)
{
	_cleanup_free_ char *here = xstrdup(__FILE__), *text = xcalloc(1, 65536);
	_cleanup_free_ char *path =
		xasprintf("%s/../fixtures/real/cloud-init/instance-data-aliyun.json", dirname(here));
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_strbuf_ struct strbuf out = { 0 };

	ck_assert_msg(f != NULL, "%s cannot be read", path);
	ck_assert_uint_gt(fread(text, 1, 65535, f), 0);
	strbuf_begin(&out);
	for (const char *p = text, *at; *p; p = at ? at + strlen(from) : p + strlen(p)) {
		at = from ? strstr(p, from) : NULL;
		strbuf_add(&out, p, at ? (size_t)(at - p) : strlen(p));
		if (at)
			strbuf_add(&out, to, strlen(to));
	}
	return TAKE_PTR(out.s);
}

static void put_copy(const char *from, const char *to)
{
	_cleanup_free_ char *text = copy_text(from, to);

	fixture_put(COPY, text);
}

static void put_status(const char *product, const char *type)
{
	_cleanup_free_ char *text =
		xasprintf("{\"schema\": 1, \"result\": \"ready\", \"instance_id\": \"i-status\", "
			  "\"instance_type\": \"%s\", \"region\": \"cn-beijing\", \"product_uuid_sha256\": \"%s\"}",
			  type, product);

	fixture_put(PATH_STATUS, text);
}

static void check_found(enum facts_source from, const char *id, enum shape shape)
{
	ck_assert_msg(facts_read_instance(&found, &c, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(found.from, from);
	ck_assert_str_eq(found.id, id);
	ck_assert_str_eq(found.region, "cn-beijing");
	ck_assert_int_eq(found.shape, shape);
	ck_assert(found.enis_unknown);
	ck_assert_has(found.why_not, "metadata service");
}

static void check_none(const char *words)
{
	ck_assert_int_eq(facts_read_instance(&found, &c, &e), -1);
	ck_assert_ptr_eq(e.kind, &CODE_METADATA);
	ck_assert_has(e.msg, "metadata service http://127.0.0.1:1");
	ck_assert_has(e.msg, words);
	ck_assert_int_eq(found.from, SOURCE_NONE);
}

START_TEST(cloud_inits_copy_says_what_instance_it_is)
{
	char note[FACTS_NOTE_SIZE];

	put_devices(1, 0);
	put_copy(NULL, NULL);
	check_found(SOURCE_CLOUD_INIT, "i-2ze00000000000000fix", SHAPE_SINGLE);
	ck_assert_str_eq(found.type, "ecs.gn8v-tee.4xlarge");
	facts_instance_note(&found, note, sizeof(note));
	ck_assert_has(note, "cloud-init");
	ck_assert_has(note, "127.0.0.1:1");
}
END_TEST

START_TEST(a_shape_that_the_type_does_not_say_is_told_as_the_configurations)
{
	struct facts_instance i = { .type = "ecs.gn9v-tee.4xlarge", .from = SOURCE_METADATA, .shape = SHAPE_SINGLE };
	char note[FACTS_NOTE_SIZE];

	facts_instance_note(&i, note, sizeof(note));
	ck_assert_str_eq(note, "the shape is the configuration's, single, and not that of ecs.gn9v-tee.4xlarge");
	i.from = SOURCE_METADATA_PLAIN;
	facts_instance_note(&i, note, sizeof(note));
	ck_assert_has(note, "read without one; the shape is the configuration's");
	i.shape = SHAPE_UNKNOWN;
	i.from = SOURCE_METADATA;
	facts_instance_note(&i, note, sizeof(note));
	ck_assert_str_eq(note, "");
	i.shape = SHAPE_MULTI;
	str_copy(i.type, sizeof(i.type), "ecs.gn8v-tee-8x.16xlarge");
	facts_instance_note(&i, note, sizeof(note));
	ck_assert_str_eq(note, "");
}
END_TEST

START_TEST(its_keys_may_be_written_with_underscores)
{
	put_devices(1, 0);
	put_copy("\"meta-data\"", "\"meta_data\"");
	check_found(SOURCE_CLOUD_INIT, "i-2ze00000000000000fix", SHAPE_SINGLE);
}
END_TEST

START_TEST(what_cloud_init_hides_or_lacks_is_no_type)
{
	static const struct {
		const char *from, *to, *words;
	} damages[] = {
		{ "ecs.gn8v-tee.4xlarge", "redacted for non-root user", "instance-type is no such thing: \"redacted" },
		{ "\"cn-beijing\"", "\"redacted for non-root user\"", "region-id is no such thing" },
		{ "\"instance-type\"", "\"other\"", "it has no instance-type" },
		{ "\"ecs.gn8v-tee.4xlarge\"", "17", "it has no instance-type" },
		{ "\"aliyun\"", "\"none\"", "not of Alibaba Cloud" },
		{ "\"instance_id\": \"i-2ze00000000000000fix\"", "\"instance_id\": \"i-another\"", "two instances" },
		{ "\"ds\"", "\"ds2\"", "it has no instance-id" },
		{ "{", "", "instance-data.json" },
		{ "ecs.gn8v-tee.4xlarge", "ecs.gn8v-tee.4xlarge\\u001b[2J", "no such thing: \"ecs.gn8v-tee.4xlarge?[2J" },
	};

	put_devices(1, 0);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		put_copy(damages[i].from, damages[i].to);
		check_none(damages[i].words);
	}
}
END_TEST

START_TEST(a_copy_counts_only_where_pci_agrees)
{
	put_copy("ecs.gn8v-tee.4xlarge", "ecs.gn8v-tee-8x.16xlarge");
	put_devices(1, 0);
	check_none("it says ecs.gn8v-tee-8x.16xlarge, and PCI shows 1 GPU and 0 NVSwitches");
	put_devices(8, 4);
	check_found(SOURCE_CLOUD_INIT, "i-2ze00000000000000fix", SHAPE_MULTI);
	put_copy(NULL, NULL);
	memset(&found, 0, sizeof(found));
	check_none("PCI shows 8 GPUs and 4 NVSwitches");
	put_copy("ecs.gn8v-tee.4xlarge", "ecs.g9.large");
	check_none("not known, ecs.g9.large");
}
END_TEST

START_TEST(pci_that_cannot_be_read_agrees_with_nothing)
{
	put_copy(NULL, NULL);
	ck_assert_int_eq(fs_mkdirs("/sys/bus/pci/devices/0000:00:00.0/vendor", 0755, &e), 0);
	check_none("0000:00:00.0/vendor");
}
END_TEST

START_TEST(a_configured_shape_is_what_pci_must_agree_with)
{
	put_devices(1, 0);
	put_copy("ecs.gn8v-tee.4xlarge", "ecs.gn9-tee.4xlarge");
	check_none("not known");
	free(c.shape);
	c.shape = xstrdup("single");
	check_found(SOURCE_CLOUD_INIT, "i-2ze00000000000000fix", SHAPE_SINGLE);
	free(c.shape);
	c.shape = xstrdup("multi");
	memset(&found, 0, sizeof(found));
	check_none("PCI shows 1 GPU");
}
END_TEST

START_TEST(the_status_of_the_same_machine_says_it_too)
{
	put_devices(8, 4);
	fixture_put(PRODUCT, UUID "\n");
	put_status(UUID_SHA256, "ecs.gn8v-tee-8x.48xlarge");
	check_found(SOURCE_STATUS, "i-status", SHAPE_MULTI);
	ck_assert_str_eq(found.product, UUID_SHA256);
	/* cloud-init's copy is of this boot. */
	put_copy("ecs.gn8v-tee.4xlarge", "ecs.gn8v-tee-8x.16xlarge");
	check_found(SOURCE_CLOUD_INIT, "i-2ze00000000000000fix", SHAPE_MULTI);
}
END_TEST

START_TEST(the_case_of_the_uuid_does_not_matter)
{
	put_devices(1, 0);
	fixture_put(PRODUCT, "7F3C1A52-90BE-4D61-8A07-5BE2D3C4F601\n");
	put_status(UUID_SHA256, "ecs.gn8v-tee.6xlarge");
	check_found(SOURCE_STATUS, "i-status", SHAPE_SINGLE);
}
END_TEST

START_TEST(the_status_of_another_machine_says_nothing)
{
	put_devices(1, 0);
	put_status(UUID_SHA256, "ecs.gn8v-tee.4xlarge");
	check_none("no product_uuid");
	fixture_put(PRODUCT, "7f3c1a52-90be-4d61-8a07-5be2d3c4f602\n");
	check_none("not written on this machine");
	put_status("", "ecs.gn8v-tee.4xlarge");
	check_none("not written on this machine");
	fixture_put(PRODUCT, "Not Settable\n");
	put_status("", "ecs.gn8v-tee.4xlarge");
	check_none("no product_uuid");
	fixture_put(PRODUCT, UUID "\n");
	put_status(UUID_SHA256, "ecs.gn8v-tee-8x.48xlarge");
	check_none("PCI shows 1 GPU");
	put_status(UUID_SHA256, "");
	check_none("it has no instance_type");
}
END_TEST

START_TEST(placeholders_tell_no_machine_from_another)
{
	static const char *const none[] = { "",
					    "Not Settable",
					    "Not Specified",
					    "To Be Filled By O.E.M.",
					    "00000000-0000-0000-0000-000000000000",
					    "ffffffff-ffff-ffff-ffff-ffffffffffff",
					    "FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF",
					    "03000200-0400-0500-0006-000700080009",
					    "12345678-1234-5678-90AB-CDDEEFAABBCC",
					    "7f3c1a52-90be-4d61-8a07-5be2d3c4f60",
					    "7f3c1a52-90be-4d61-8a07-5be2d3c4f6012",
					    "7f3c1a52 90be 4d61 8a07 5be2d3c4f601",
					    "7f3c1a52-90be-4d61-8a07-5be2d3c4f60x" };

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		ck_assert_msg(!facts_product_is_real(none[i]), "%s", none[i]);
	ck_assert(facts_product_is_real(UUID));
	ck_assert(facts_product_is_real("00000000-0000-0000-0000-000000000001"));
}
END_TEST

START_TEST(sources_have_names_that_come_back)
{
	static const enum facts_source all[] = { SOURCE_METADATA, SOURCE_METADATA_PLAIN, SOURCE_CLOUD_INIT,
						 SOURCE_STATUS };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		ck_assert_int_eq(facts_source_of(facts_source_name(all[i])), all[i]);
	ck_assert_int_eq(facts_source_of("guessed"), SOURCE_NONE);
	ck_assert_int_eq(facts_source_of(NULL), SOURCE_NONE);
	ck_assert_ptr_null(facts_source_name(SOURCE_NONE));
}
END_TEST

SUITE_AROUND("instance", begin, end, cloud_inits_copy_says_what_instance_it_is,
	     a_shape_that_the_type_does_not_say_is_told_as_the_configurations, its_keys_may_be_written_with_underscores,
	     what_cloud_init_hides_or_lacks_is_no_type, a_copy_counts_only_where_pci_agrees,
	     pci_that_cannot_be_read_agrees_with_nothing, a_configured_shape_is_what_pci_must_agree_with,
	     the_status_of_the_same_machine_says_it_too, the_case_of_the_uuid_does_not_matter,
	     the_status_of_another_machine_says_nothing, placeholders_tell_no_machine_from_another,
	     sources_have_names_that_come_back)
