/* PCI devices as sysfs shows them, without any driver. */
#ifndef GN8V_SYS_PCI_H
#define GN8V_SYS_PCI_H

#include "core/err.h"

#define PCI_VENDOR_NVIDIA 0x10de
#define PCI_CLASS_3D	  0x0302 /* 3D controller */
#define PCI_CLASS_VGA	  0x0300
#define PCI_CLASS_BRIDGE  0x0680 /* other bridge: NVSwitch */

struct pci_counts {
	unsigned int gpus;	      /* vendor NVIDIA, class 3D or VGA */
	unsigned int nvswitches;      /* vendor NVIDIA, class bridge */
	unsigned int gpus_on_nouveau; /* bound to the driver nouveau */
};

/* Fails when any device cannot be read: one that is not seen could be a GPU. Devices that go away
 * meanwhile are not counted. */
int pci_count(struct pci_counts *ret, struct err *e);

#define PCI_ADDRESS_SIZE 32
#define PCI_GPUS_MAX	 64

/* Where the GPUs are: "0000:0f:00.0", sorted. */
struct pci_gpus {
	char v[PCI_GPUS_MAX][PCI_ADDRESS_SIZE];
	size_t n;
};
int pci_gpus(struct pci_gpus *ret, struct err *e);

#define PCI_COUNTS_TEXT_SIZE 64

/* For people: "1 GPU and 0 NVSwitches". */
void pci_counts_text(unsigned int gpus, unsigned int nvswitches, char dst[PCI_COUNTS_TEXT_SIZE]);

#endif
