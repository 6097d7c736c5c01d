#include "sys/pci.h"

#include <errno.h>
#include <fcntl.h>

#include "core/fs.h"
#include "core/str.h"

#define DEVICES "/sys/bus/pci/devices"

/* A device that went away while we looked: its file is gone, or open and without a device behind it. */
static bool went_away(int errnum)
{
	return errnum == ENOENT || errnum == ENODEV;
}

/* "0x10de". ret_there is false for a device that went away; one that cannot be read is an error. */
static int read_hex(const char *device, const char *name, unsigned long *ret, bool *ret_there,
		    struct err *e)
{
	_cleanup_free_ char *path = xasprintf(DEVICES "/%s/%s", device, name);
	unsigned long value;
	char text[32], *end;

	*ret_there = fs_read_line(path, text, sizeof(text));
	if (!*ret_there)
		return went_away(errno) ? 0 : err_errno(e, errno, "reading %s", path);
	value = strtoul(text, &end, 16);
	if (!str_starts(text, "0x") || end == text + 2 || *end)
		return err_set(e, &ERR_FORMAT, "%s is not a hexadecimal number", path);
	*ret = value;
	return 0;
}

/* No link: no driver is bound. */
static int driver_is(const char *device, const char *driver, bool *ret, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(DEVICES "/%s/driver", device);
	_cleanup_fd_ int fd = fs_open(path, O_PATH | O_NOFOLLOW, 0);
	char target[512];
	const char *slash;
	ssize_t n;

	*ret = false;
	if (fd < 0 && went_away(errno))
		return 0;
	n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target) - 1);
	if (n < 0)
		return err_errno(e, errno, "reading the link %s", path);
	target[n] = '\0';
	slash = strrchr(target, '/');
	*ret = str_eq(slash ? slash + 1 : target, driver);
	return 0;
}

static int count_device(const char *device, struct pci_counts *c, struct err *e)
{
	unsigned long vendor = 0, class = 0;
	bool there, nouveau;

	if (read_hex(device, "vendor", &vendor, &there, e) < 0)
		return -1;
	if (!there || vendor != PCI_VENDOR_NVIDIA)
		return 0;
	if (read_hex(device, "class", &class, &there, e) < 0)
		return -1;
	switch (there ? class >> 8 : 0) { /* base class and subclass, without the interface */
	case PCI_CLASS_3D:
	case PCI_CLASS_VGA:
		if (driver_is(device, "nouveau", &nouveau, e) < 0)
			return -1;
		c->gpus++;
		c->gpus_on_nouveau += nouveau;
		break;
	case PCI_CLASS_BRIDGE: c->nvswitches++; break;
	}
	return 0;
}

int pci_count(struct pci_counts *ret, struct err *e)
{
	struct pci_counts c = { 0 };
	struct fs_names devices;
	int r = 0;

	/* An empty folder is a machine without devices; none at all is a /sys that is not mounted. */
	if (!fs_exists(DEVICES))
		return err_errno(e, errno, "looking at " DEVICES);
	if (fs_list(DEVICES, &devices, e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < devices.n; i++)
		r = count_device(devices.v[i], &c, e);
	fs_names_done(&devices);
	if (r == 0)
		*ret = c;
	return r;
}

int pci_gpus(struct pci_gpus *ret, struct err *e)
{
	struct fs_names devices;
	int r = 0;

	ret->n = 0;
	if (fs_list(DEVICES, &devices, e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < devices.n && ret->n < PCI_GPUS_MAX; i++) {
		struct pci_counts one = { 0 };

		r = count_device(devices.v[i], &one, e);
		if (r == 0 && one.gpus > 0)
			str_copy(ret->v[ret->n++], PCI_ADDRESS_SIZE, devices.v[i]);
	}
	fs_names_done(&devices);
	return r;
}

void pci_counts_text(unsigned int gpus, unsigned int nvswitches, char dst[PCI_COUNTS_TEXT_SIZE])
{
	snprintf(dst, PCI_COUNTS_TEXT_SIZE, "%u GPU%s and %u NVSwitch%s", gpus,
		 gpus == 1 ? "" : "s", nvswitches, nvswitches == 1 ? "" : "es");
}
