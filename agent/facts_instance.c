/* The instance: its id, type and region. The metadata service says them. When that is out of reach, or
 * says nothing, two copies of what it said earlier are asked: cloud-init's, made in this boot, and our own
 * status, written on the same machine. A copy counts only where PCI shows the devices of its type. How
 * many ENIs there are now, no copy can tell. */
#include <ctype.h>
#include <strings.h>

#include "codes.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/str.h"
#include "facts.h"
#include "paths.h"
#include "status.h"
#include "sys/imds.h"

#define CLOUD_INIT_DIR "/run/cloud-init"
#define CLOUD_INIT_MAX (1024 * 1024)

static const char *const source_names[] = {
	[SOURCE_METADATA] = "metadata",
	[SOURCE_METADATA_PLAIN] = "metadata-without-token",
	[SOURCE_CLOUD_INIT] = "cloud-init",
	[SOURCE_STATUS] = "status",
};

const char *facts_source_name(enum facts_source s)
{
	return source_names[s];
}

enum facts_source facts_source_of(const char *name)
{
	for (size_t i = SOURCE_NONE + 1; i < ARRAY_SIZE(source_names); i++)
		if (str_eq(source_names[i], name))
			return (enum facts_source)i;
	return SOURCE_NONE;
}

/* --- which machine this is ---------------------------------------------------------------------- */

/* Firmware that was given no identity says so in many ways: words, one digit throughout, or the sample
 * of its maker. None of them tells one machine from another. */
bool facts_product_is_real(const char *uuid)
{
	static const char *const samples[] = { "03000200-0400-0500-0006-000700080009",
					       "00020003-0004-0005-0006-000700080009",
					       "12345678-1234-5678-90ab-cddeefaabbcc" };
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	bool differ = false;

	for (size_t i = 0; i < sizeof(form); i++) {
		if (form[i] == 'x' ? !isxdigit((unsigned char)uuid[i]) : uuid[i] != form[i])
			return false;
		differ |= form[i] == 'x' && tolower(uuid[i]) != tolower(uuid[0]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		if (strcasecmp(uuid, samples[i]) == 0)
			return false;
	return differ;
}

/* Its digest, because the kernel shows it to root alone, and the status is for everybody. */
static void read_product(char dst[HASH_HEX_SIZE])
{
	_cleanup_(hash_free_p) struct hash *h = NULL;
	char uuid[64];

	*dst = '\0';
	if (!fs_read_line("/sys/class/dmi/id/product_uuid", uuid, sizeof(uuid)) ||
	    !facts_product_is_real(uuid))
		return;
	for (char *p = uuid; *p; p++)
		*p = (char)tolower(*p);
	h = hash_new();
	hash_add(h, uuid, strlen(uuid));
	if (!hash_hex(h, dst))
		*dst = '\0';
}

/* --- the metadata service ----------------------------------------------------------------------- */

static int read_metadata(struct facts_instance *i, const struct config *c, struct err *e)
{
	_cleanup_(imds_close_p) struct imds *imds = NULL;

	if (imds_open(c->metadata_url, (unsigned int)c->metadata_deadline_s, &imds, e) < 0 ||
	    imds_get(imds, "instance-id", i->id, sizeof(i->id), e) < 0 ||
	    imds_get(imds, "instance/instance-type", i->type, sizeof(i->type), e) < 0 ||
	    imds_get(imds, "region-id", i->region, sizeof(i->region), e) < 0 ||
	    imds_count(imds, "network/interfaces/macs/", &i->enis, e) < 0)
		return -1;
	i->enis_unknown = i->enis == 0; /* every instance has one */
	i->from = imds_without_token(imds) ? SOURCE_METADATA_PLAIN : SOURCE_METADATA;
	return 0;
}

/* --- copies ------------------------------------------------------------------------------------- */

/* Ids, types and regions are one word each. What cloud-init hides from others than root is a sentence. */
static int take_word(struct json_object *o, const char *key, char *dst, size_t dst_size,
		     struct err *e)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *value = json_str(o, key, "");

	if (!*value)
		return err_set(e, &ERR_FORMAT, "it has no %s", key);
	if (value[strspn(value, letters)] || !str_copy(dst, dst_size, value)) {
		_cleanup_free_ char *shown = xasprintf("%.40s", value);

		str_sanitise(shown);
		return err_set(e, &ERR_FORMAT, "its %s is no such thing: \"%s\"", key, shown);
	}
	return 0;
}

static struct json_object *get_either(struct json_object *o, const char *key, const char *other)
{
	struct json_object *v = json_get(o, key);

	return v ? v : json_get(o, other);
}

/* cloud-init writes instance-data.json in every boot (sources/__init__.py, persist_instance_data): v1 is
 * the same for all clouds; ds has what the data source read, for AliYun under "meta-data" the tree of the
 * metadata service. */
int facts_parse_cloud_init(struct json_object *o, struct facts_instance *i, struct err *e)
{
	struct json_object *v1 = json_get(o, "v1");
	struct json_object *tree = get_either(json_get(o, "ds"), "meta-data", "meta_data");
	const char *cloud = json_str(v1, "cloud_name", json_str(v1, "cloud-name", ""));
	const char *id = json_str(v1, "instance_id", json_str(v1, "instance-id", NULL));

	if (!str_eq(cloud, "aliyun"))
		return err_set(e, &ERR_FORMAT, "it is not of Alibaba Cloud");
	if (take_word(tree, "instance-id", i->id, sizeof(i->id), e) < 0 ||
	    take_word(json_get(tree, "instance"), "instance-type", i->type, sizeof(i->type), e) <
		    0 ||
	    take_word(tree, "region-id", i->region, sizeof(i->region), e) < 0)
		return -1;
	if (id && !str_eq(id, i->id))
		return err_set(e, &ERR_FORMAT, "it names two instances");
	i->from = SOURCE_CLOUD_INIT;
	return 0;
}

static int read_cloud_init(struct facts_instance *i, struct err *e)
{
	_cleanup_json_ struct json_object *o = NULL;

	if (fs_private_dir(CLOUD_INIT_DIR, e) < 0 ||
	    json_read(CLOUD_INIT_DIR "/instance-data.json", CLOUD_INIT_MAX, &o, e) < 0)
		return -1;
	return facts_parse_cloud_init(o, i, e);
}

static int read_status(struct facts_instance *i, struct err *e)
{
	_cleanup_json_ struct json_object *o = NULL;

	if (!i->product[0])
		return err_set(e, &ERR_FORMAT, "this machine has no product_uuid to know it by");
	if (json_read(PATH_STATUS, STATUS_MAX, &o, e) < 0)
		return -1;
	if (!str_eq(json_str(o, "product_uuid_sha256", ""), i->product))
		return err_set(e, &ERR_FORMAT, "it was not written on this machine");
	if (take_word(o, "instance_id", i->id, sizeof(i->id), e) < 0 ||
	    take_word(o, "instance_type", i->type, sizeof(i->type), e) < 0 ||
	    take_word(o, "region", i->region, sizeof(i->region), e) < 0)
		return -1;
	i->from = SOURCE_STATUS;
	return 0;
}

/* A copy may be another machine's, of which this disk was made. */
static int check_devices(const struct facts_instance *i, struct err *e)
{
	bool multi = i->shape == SHAPE_MULTI;
	char counts[PCI_COUNTS_TEXT_SIZE];
	struct pci_counts n;

	if (i->shape == SHAPE_UNKNOWN)
		return err_set(e, &ERR_FORMAT, "it names a type that is not known, %s", i->type);
	if (pci_count(&n, e) < 0)
		return -1;
	if (n.gpus == (multi ? 8 : 1) && n.nvswitches == (multi ? 4 : 0))
		return 0;
	pci_counts_text(n.gpus, n.nvswitches, counts);
	return err_set(e, &ERR_FORMAT, "it says %s, and PCI shows %s", i->type, counts);
}

/* --- which counts ------------------------------------------------------------------------------- */

static enum shape shape_of(const struct config *c, const char *type)
{
	return str_eq(c->shape, "single")  ? SHAPE_SINGLE
	       : str_eq(c->shape, "multi") ? SHAPE_MULTI
					   : facts_shape_of_type(type);
}

static int try_copy(struct facts_instance *i, const struct config *c,
		    int (*read)(struct facts_instance *, struct err *), struct err *e)
{
	struct facts_instance found = { .enis_unknown = true };

	str_copy(found.product, sizeof(found.product), i->product);
	if (read(&found, e) < 0)
		return -1;
	found.shape = shape_of(c, found.type);
	if (check_devices(&found, e) < 0)
		return -1;
	*i = found;
	return 0;
}

/* An answer that came and is garbled is no reason to ask others; none, or a refusal, is. */
static bool is_silence(const struct err *e)
{
	return e->kind == &ERR_NETWORK || e->kind == &ERR_TIMEOUT || e->kind == &ERR_HTTP;
}

static int fall_back(struct facts_instance *i, const struct config *c, struct err *e)
{
	struct err first = ERR_INIT, second = ERR_INIT;
	char why_not[sizeof(i->why_not)];

	str_copy(why_not, sizeof(why_not), e->msg);
	if (try_copy(i, c, read_cloud_init, &first) < 0 &&
	    try_copy(i, c, read_status, &second) < 0) {
		_cleanup_free_ char *text = xasprintf(
			"%.300s; cloud-init's copy does not help: %.150s; nor the status: %.150s",
			why_not, first.msg, second.msg);

		return err_set(e, &CODE_METADATA, "%s", text);
	}
	str_copy(i->why_not, sizeof(i->why_not), why_not);
	return 0;
}

int facts_read_instance(struct facts_instance *i, const struct config *c, struct err *e)
{
	read_product(i->product);
	if (read_metadata(i, c, e) < 0) {
		bool silent = is_silence(e);

		if (silent || e->kind == &ERR_FORMAT)
			err_rekind(e, &CODE_METADATA);
		err_wrap(e, "metadata service %s", c->metadata_url);
		if (!silent || fall_back(i, c, e) < 0)
			return -1;
		*e = (struct err)ERR_INIT;
	}
	i->shape = shape_of(c, i->type);
	return facts_count_data_disks(&i->data_disks, e);
}

void facts_instance_note(const struct facts_instance *i, char *dst, size_t dst_size)
{
	size_t n;

	*dst = '\0';
	if (i->from == SOURCE_METADATA_PLAIN)
		str_copy(
			dst, dst_size,
			"the metadata service gave no token: the instance type was read without one");
	else if (i->from == SOURCE_CLOUD_INIT || i->from == SOURCE_STATUS)
		snprintf(dst, dst_size, "the instance type is from %s, and PCI agrees: %s",
			 i->from == SOURCE_STATUS ? "the status of an earlier run"
						  : "cloud-init's copy in " CLOUD_INIT_DIR,
			 i->why_not);
	n = strlen(dst);
	if (shape_name(i->shape) && i->shape != facts_shape_of_type(i->type))
		snprintf(dst + n, dst_size - n,
			 "%sthe shape is the configuration's, %s, and not that of %s",
			 n ? "; " : "", shape_name(i->shape), i->type);
}
