#include "trust/topology.h"

#include <inttypes.h>

#include "core/str.h"

static void start(struct check *c, const char *name)
{
	*c = (struct check){ .result = CHECK_PASSED };
	str_copy(c->name, sizeof(c->name), name);
}

/* Always false, so that a finding is one line. */
static bool say(struct check *c, enum check_result result, const char *fmt, ...) PRINTF(3, 4);
static bool say(struct check *c, enum check_result result, const char *fmt, ...)
{
	va_list ap;

	c->result = result;
	va_start(ap, fmt);
	vsnprintf(c->note, sizeof(c->note), fmt, ap);
	va_end(ap);
	return false;
}

static size_t count(const struct topology_device *d, size_t n, enum device_type type)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += d[i].type == type;
	return found;
}

void topology_count(const struct topology_device *d, size_t n, size_t gpus, size_t switches,
		    struct check *ret)
{
	size_t have_gpus = count(d, n, DEVICE_GPU), have_switches = count(d, n, DEVICE_NVSWITCH);

	start(ret, "count");
	snprintf(ret->expected, sizeof(ret->expected), "%zu gpu, %zu nvswitch", gpus, switches);
	snprintf(ret->found, sizeof(ret->found), "%zu gpu, %zu nvswitch", have_gpus, have_switches);
	if (have_gpus != gpus || have_switches != switches)
		say(ret, CHECK_FAILED,
		    "a device is missing, hidden or too many: compare with lspci -d 10de:");
}

static bool all_distinct(const struct topology_device *d, size_t n, struct check *c)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++) {
			bool same_key = d[i].key && d[k].key &&
					memcmp(d[i].key, d[k].key, DIGEST_SHA256_SIZE) == 0;
			bool same_pdi = d[i].pdi && d[k].pdi && *d[i].pdi == *d[k].pdi;

			if (same_key || same_pdi)
				return say(c, CHECK_FAILED,
					   "%s %u and %s %u are the same device: %s",
					   device_type_name(d[k].type), d[k].index,
					   device_type_name(d[i].type), d[i].index,
					   same_key ? "they have one key" : "they have one PDI");
		}
	return true;
}

static bool all_known(const struct topology_device *d, size_t n, struct check *c)
{
	for (size_t i = 0; i < n; i++)
		if (!d[i].key || !d[i].pdi || !d[i].opaque)
			return say(
				c, CHECK_NOT_RUN,
				"%s %u could not be read well enough to say who its neighbours are",
				device_type_name(d[i].type), d[i].index);
	return true;
}

/* The neighbours that a device names; absent ones are 0. */
static size_t neighbours(const struct topology_device *d, const uint64_t **ret)
{
	*ret = d->type == DEVICE_GPU ? d->opaque->links : d->opaque->gpus;
	return d->type == DEVICE_GPU ? d->opaque->links_n : d->opaque->gpus_n;
}

static bool names(const struct topology_device *d, uint64_t pdi)
{
	const uint64_t *pdis;
	size_t n = neighbours(d, &pdis);

	for (size_t i = 0; i < n; i++)
		if (pdis[i] == pdi)
			return true;
	return false;
}

/* Whether the device names every device of the other kind, and nobody else. */
static bool knows_exactly(const struct topology_device *one, const struct topology_device *d,
			  size_t n, struct check *c)
{
	const uint64_t *pdis;
	size_t pdis_n = neighbours(one, &pdis);

	for (size_t i = 0; i < n; i++)
		if (d[i].type != one->type && !names(one, *d[i].pdi))
			return say(c, CHECK_FAILED,
				   "%s %u does not name %s %u (PDI %016" PRIx64 ")",
				   device_type_name(one->type), one->index,
				   device_type_name(d[i].type), d[i].index, *d[i].pdi);
	for (size_t i = 0; i < pdis_n; i++) {
		bool known = pdis[i] == 0;

		for (size_t k = 0; k < n && !known; k++)
			known = d[k].type != one->type && *d[k].pdi == pdis[i];
		if (!known)
			return say(c, CHECK_FAILED,
				   "%s %u names a %s that was not attested (PDI %016" PRIx64 ")",
				   device_type_name(one->type), one->index,
				   device_type_name(one->type == DEVICE_GPU ? DEVICE_NVSWITCH
									    : DEVICE_GPU),
				   pdis[i]);
	}
	return true;
}

static bool is_whole(const struct topology_device *d, size_t n, struct check *c)
{
	if (count(d, n, DEVICE_GPU) != TOPOLOGY_GPUS ||
	    count(d, n, DEVICE_NVSWITCH) != TOPOLOGY_SWITCHES)
		return say(c, CHECK_FAILED, "%zu GPUs and %zu NVSwitches were attested",
			   count(d, n, DEVICE_GPU), count(d, n, DEVICE_NVSWITCH));
	for (size_t i = 0; i < n; i++) {
		if (d[i].type == DEVICE_NVSWITCH &&
		    (!d[i].opaque->has_pdi || d[i].opaque->pdi != *d[i].pdi))
			return say(c, CHECK_FAILED,
				   "nvswitch %u reports another PDI than its certificate names",
				   d[i].index);
		if (!knows_exactly(&d[i], d, n, c))
			return false;
	}
	return true;
}

void topology_judge(const struct topology_device *d, size_t n, struct check *ret)
{
	start(ret, "topology");
	snprintf(ret->expected, sizeof(ret->expected),
		 "%d GPUs and %d NVSwitches, all different, that name exactly each other",
		 TOPOLOGY_GPUS, TOPOLOGY_SWITCHES);
	if (all_distinct(d, n, ret) && all_known(d, n, ret))
		is_whole(d, n, ret);
}
