#include "facts.h"

#include <errno.h>

#include "core/fs.h"
#include "core/str.h"
#include "paths.h"

/* R2: the instance type decides the shape. */
static const struct {
	const char *type;
	enum shape shape;
} types[] = {
	{"ecs.gn8v-tee.4xlarge",	  SHAPE_SINGLE},
	{ "ecs.gn8v-tee.6xlarge",	  SHAPE_SINGLE},
	{ "ecs.gn8v-tee-8x.16xlarge", SHAPE_MULTI },
	{ "ecs.gn8v-tee-8x.48xlarge", SHAPE_MULTI },
};

enum shape facts_shape_of_type(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(types[i].type, type))
			return types[i].shape;
	return SHAPE_UNKNOWN;
}

/* os-release(5): NAME=value, the value perhaps in quotes. */
static void os_release_get(const char *text, const char *key, char *dst, size_t dst_size)
{
	size_t n = strlen(key);

	dst[0] = '\0';
	for (const char *line = text; line; line = strchr(line, '\n')) {
		_cleanup_free_ char *value = NULL;
		char *v;

		line += *line == '\n';
		if (strncmp(line, key, n) != 0 || line[n] != '=')
			continue;
		value = xstrndup(line + n + 1, strcspn(line + n + 1, "\n"));
		v = str_trim(value);
		if ((*v == '"' || *v == '\'') && strlen(v) >= 2 && v[strlen(v) - 1] == *v) {
			v[strlen(v) - 1] = '\0';
			v++;
		}
		str_copy(dst, dst_size, v);
		str_sanitise(dst);
		return;
	}
}

/* Of /proc, by errno. */
static int cannot_read(const char *path, struct err *e)
{
	err_errno(e, errno, "reading %s", path);
	return err_hint(
		e,
		"cat %s; systemctl cat gn8v-agent shows whether a drop-in hides it; then: systemctl restart gn8v-agent",
		path);
}

/* Not there is an answer; everything else is none. */
static int look_for(const char *path, bool *ret_there, struct err *e)
{
	struct stat st;

	*ret_there = fs_stat(path, &st) == 0;
	if (*ret_there || errno == ENOENT || errno == ENOTDIR)
		return 0;
	return err_errno(e, errno, "looking for %s", path);
}

int facts_read_machine(struct facts_machine *m, struct err *e)
{
	_cleanup_free_ char *os = NULL;

	if (fs_read(PATH_OS_RELEASE, 65536, &os, NULL, e) < 0)
		return -1;
	os_release_get(os, "ID", m->os_id, sizeof(m->os_id));
	os_release_get(os, "VERSION_ID", m->os_version, sizeof(m->os_version));
	os_release_get(os, "PRETTY_NAME", m->os_name, sizeof(m->os_name));
	if (!kernel_release(m->kernel, sizeof(m->kernel)))
		return cannot_read("/proc/sys/kernel/osrelease", e);
	if (!kernel_boot_id(m->boot_id))
		return cannot_read("/proc/sys/kernel/random/boot_id", e);
	if (!kernel_cmdline(m->cmdline, sizeof(m->cmdline)))
		return cannot_read("/proc/cmdline", e);
	if (!kernel_boot_time(&m->boot_time))
		return cannot_read("/proc/stat", e);
	if (!kernel_cpu_has_flag("tdx_guest", &m->tdx_flag))
		return cannot_read("/proc/cpuinfo", e);
	if (look_for(PATH_TDX_DEVICE, &m->tdx_device, e) < 0)
		return -1;
	return pci_count(&m->pci, e);
}

/* vda, sdb or nvme0n1, whole; not nvme0c0n1, which is one path to a disk. */
static bool is_disk_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz", digits[] = "0123456789";
	const char *p = name + 4;
	size_t n;

	if (str_starts(name, "vd") || str_starts(name, "sd"))
		return name[2] && !name[2 + strspn(name + 2, letters)];
	if (!str_starts(name, "nvme"))
		return false;
	n = strspn(p, digits);
	p += n;
	return n > 0 && *p == 'n' && p[1] && !p[1 + strspn(p + 1, digits)];
}

/* A file of /sys that is not there has no value; one that cannot be read is an error. */
static int sys_is(const char *disk, const char *file, const char *value, bool *ret, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("/sys/block/%s/%s", disk, file);
	char text[32];

	*ret = false;
	if (fs_read_line(path, text, sizeof(text)))
		*ret = str_eq(text, value);
	else if (errno != ENOENT && errno != ENODEV)
		return err_errno(e, errno, "reading %s", path);
	return 0;
}

/* Less those without a medium (size 0) and the hidden nodes behind a multipath disk. */
static int is_disk(const char *name, bool *ret, struct err *e)
{
	bool hidden, empty;

	*ret = is_disk_name(name);
	if (!*ret)
		return 0;
	if (sys_is(name, "hidden", "1", &hidden, e) < 0 || sys_is(name, "size", "0", &empty, e) < 0)
		return -1;
	*ret = !hidden && !empty;
	return 0;
}

/* Disks by the names that the kernel gives to virtio, SCSI and NVMe ones, less one: the system disk. */
int facts_count_data_disks(unsigned int *ret_n, struct err *e)
{
	struct fs_names names;
	unsigned int n = 0;
	int r = 0;

	if (fs_list("/sys/block", &names, e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		bool disk;

		r = is_disk(names.v[i], &disk, e);
		n += r == 0 && disk;
	}
	fs_names_done(&names);
	if (r == 0 && n == 0)
		return err_set(e, &ERR_IO, "no disk is listed in /sys/block");
	if (r == 0)
		*ret_n = n - 1;
	return r;
}

static int read_disk(struct facts_disk *d, const struct config *c, struct err *e)
{
	const char *const places[] = { c->fetch_dir, "/usr/local", "/usr/lib64" };

	d->free_bytes = UINT64_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct statvfs st;
		uint64_t bytes;

		if (fs_statvfs(places[i], &st) < 0)
			return err_set(e, &ERR_IO, "free space of %s could not be read", places[i]);
		bytes = (uint64_t)st.f_bavail * st.f_frsize;
		if (bytes < d->free_bytes) {
			d->free_bytes = bytes;
			str_copy(d->where, sizeof(d->where), places[i]);
		}
	}
	return 0;
}

static int ask_timedated(bool *ret_yes, struct err *e)
{
	_cleanup_(units_close_p) struct units *u = NULL;

	if (units_open(&u, e) < 0)
		return -1;
	return units_clock_synchronised(u, ret_yes, e);
}

/* The kernel's yes is enough. Where it says no, or may not be asked, timedated is asked beside it; that it
 * cannot be asked is told by whoever waits for the clock, and fails nothing here. */
static void read_clock(struct facts_clock *k)
{
	struct kernel_clock kernel;
	struct err e = ERR_INIT;
	bool yes;

	if (kernel_clock(&kernel)) {
		k->told = true;
		k->synchronised = kernel.synchronised;
		k->flagged = kernel.synchronised && kernel.flagged;
	}
	if (k->synchronised)
		return;
	if (ask_timedated(&yes, &e) < 0) {
		str_copy(k->timedated, sizeof(k->timedated), e.msg);
		return;
	}
	k->told = true;
	k->synchronised = yes;
}

static int read_group(struct facts *f, const struct config *c, enum facts_group group,
		      struct err *e)
{
	switch (group) {
	case FACTS_MACHINE: return facts_read_machine(&f->machine, e);
	case FACTS_INSTANCE: return facts_read_instance(&f->instance, c, e);
	case FACTS_BOOT: return facts_read_boot(&f->boot, c, &f->machine, e);
	case FACTS_SOFTWARE: return facts_read_software(&f->software, c, &f->machine, e);
	case FACTS_UNITS: return facts_read_units(&f->units, c, e);
	case FACTS_DISK: return read_disk(&f->disk, c, e);
	case FACTS_CLOCK: read_clock(&f->clock); return 0;
	case FACTS_HOST: return facts_read_host(&f->host, c, &f->machine, &f->software, e);
	default: return err_set(e, &ERR_INTERNAL, "no such group of facts");
	}
}

/* Where each group lies in struct facts, in the order of the bits. */
static const struct {
	size_t offset, size;
} places[] = {
#define PLACE(m)                                                          \
	{                                                                 \
		offsetof(struct facts, m), sizeof(((struct facts *)0)->m) \
	}
	PLACE(machine), PLACE(instance), PLACE(boot),  PLACE(software),
	PLACE(units),	PLACE(disk),	 PLACE(clock), PLACE(host),
#undef PLACE
};

void facts_collect(struct facts *f, const struct config *c, unsigned int mask)
{
	for (size_t bit = 0; bit < ARRAY_SIZE(places); bit++) {
		unsigned int group = 1u << bit;

		if (!(mask & group))
			continue;
		memset((char *)f + places[bit].offset, 0, places[bit].size);
		f->err[bit] = (struct err)ERR_INIT;
		f->known &= ~group;
		if (read_group(f, c, (enum facts_group)group, &f->err[bit]) == 0)
			f->known |= group;
	}
}

void facts_look(struct facts *f, struct config *c)
{
	facts_collect(f, c, FACTS_MACHINE | FACTS_INSTANCE);
	if (f->instance.shape != SHAPE_UNKNOWN)
		config_set_shape(c, f->instance.shape);
	facts_collect(f, c, FACTS_ALL & ~(unsigned int)(FACTS_MACHINE | FACTS_INSTANCE));
}

void facts_merge(struct facts *f, const struct facts *newer, unsigned int mask)
{
	for (size_t bit = 0; bit < ARRAY_SIZE(places); bit++) {
		if (!(mask & 1u << bit))
			continue;
		memcpy((char *)f + places[bit].offset, (const char *)newer + places[bit].offset,
		       places[bit].size);
		f->err[bit] = newer->err[bit];
		f->known = (f->known & ~(1u << bit)) | (newer->known & 1u << bit);
	}
}

const struct err *facts_error(const struct facts *f, enum facts_group group)
{
	for (size_t bit = 0; bit < ARRAY_SIZE(places); bit++)
		if (group == 1u << bit)
			return f->known & group ? NULL : &f->err[bit];
	return NULL;
}

const struct facts_unit *facts_unit(const struct facts *f, const char *name)
{
	for (size_t i = 0; i < f->units.n; i++)
		if (str_eq(f->units.v[i].name, name))
			return &f->units.v[i];
	return NULL;
}

bool facts_driver_packaged(const struct facts *f)
{
	return (f->known & FACTS_HOST) && *f->host.driver_owner;
}

const char *facts_software_driver(const struct facts_software *s, const struct config *c)
{
	bool whole = !s->module[0] || str_eq(s->module, s->userspace);

	if (whole && kernel_version_compare(s->userspace, c->driver_version) >= 0)
		return s->userspace;
	return c->driver_version;
}

const char *facts_driver_version(const struct facts *f, const struct config *c)
{
	return facts_software_driver(&f->software, c);
}
