/* tdx (R15), devices and fabric (R14, R23), cc-mode (R16, R17): looked at again at every boot. */
#include "codes.h"
#include "core/fs.h"
#include "paths.h"
#include "present.h"
#include "smi.h"
#include "steps/all.h"

PROBE(tdx)
{
	(void)c;
	verify_probe(f, r, "look for the CPU flag tdx_guest and " PATH_TDX_DEVICE);
}

APPLY(tdx)
{
	const struct err *unread;

	facts_collect(&w->facts, w->config, FACTS_MACHINE);
	unread = facts_error(&w->facts, FACTS_MACHINE);
	if (unread) {
		*e = *unread;
		return -1;
	}
	if (!w->facts.machine.tdx_flag)
		return err_set(e, &CODE_TDX, "the CPU does not show the flag tdx_guest");
	if (!w->facts.machine.tdx_device) {
		err_set(e, &CODE_TDX, PATH_TDX_DEVICE " is missing");
		err_hint(e, "modprobe tdx_guest; ls -l " PATH_TDX_DEVICE
			    "; if it stays missing, open a ticket");
		return -1;
	}
	worker_found(w, "the CPU shows tdx_guest, and " PATH_TDX_DEVICE " is there");
	return 0;
}

PROBE(devices)
{
	(void)c;
	verify_probe(f, r, "look for the device node of each GPU and NVSwitch");
}

APPLY(devices)
{
	bool multi = w->config->for_shape == SHAPE_MULTI;
	unsigned int gpus = multi ? 8 : 1, switches = multi ? 4 : 0;
	char counts[PCI_COUNTS_TEXT_SIZE];

	if (!fs_exists("/dev/nvidiactl"))
		return err_set(e, &CODE_DEVICES, "/dev/nvidiactl is missing");
	for (unsigned int i = 0; i < gpus; i++) {
		_cleanup_free_ char *path = xasprintf("/dev/nvidia%u", i);

		if (!fs_exists(path))
			return err_set(e, &CODE_DEVICES, "%s is missing: %u GPUs are expected",
				       path, gpus);
	}
	for (unsigned int i = 0; i < switches; i++) {
		_cleanup_free_ char *path = xasprintf("/dev/nvidia-nvswitch%u", i);

		if (!fs_exists(path))
			return err_set(e, &CODE_DEVICES,
				       "%s is missing: %u NVSwitches are expected", path, switches);
	}
	/* In a later boot nvidia-persistenced was started before the agent could look. */
	if (present_check(w, e) < 0)
		return -1;
	pci_counts_text(gpus, switches, counts);
	worker_found(w, "%s: each has its device node", counts);
	return 0;
}

PROBE(fabric)
{
	(void)c;
	verify_probe(f, r, "ask for the fabric state of every GPU");
}

APPLY(fabric)
{
	unsigned int gpus, completed;

	if (smi_fabric(w, &gpus, &completed, e) < 0)
		return -1;
	if (gpus != 8 || completed != gpus)
		return err_set(e, &CODE_FABRIC,
			       "the fabric is complete for %u of 8 GPUs (%u are listed)", completed,
			       gpus);
	worker_found(w, "the fabric is complete for %u GPUs", completed);
	return 0;
}

PROBE(cc_mode)
{
	(void)c;
	verify_probe(f, r,
		     f->instance.shape == SHAPE_MULTI ? "ask for the multi-GPU mode"
						      : "ask for the CC status");
}

APPLY(cc_mode)
{
	bool on, devtools;

	if (w->config->for_shape == SHAPE_MULTI) {
		if (smi_mgm(w, &on, e) < 0)
			return -1;
		if (!on)
			return err_set(e, &CODE_PPCIE_OFF,
				       "nvidia-smi conf-compute -mgm says Multi-GPU Mode: None, "
				       "where Protected PCIe is expected");
	} else {
		if (smi_cc(w, &on, e) < 0)
			return -1;
		if (!on)
			return err_set(e, &CODE_CC_OFF,
				       "nvidia-smi conf-compute -f says CC status: OFF");
	}
	if (smi_devtools(w, &devtools, e) < 0)
		return -1;
	if (devtools)
		return err_set(e, &CODE_DEVTOOLS,
			       "nvidia-smi conf-compute -d says DevTools Mode: ON");
	worker_found(w, "%s; developer tools are off",
		     w->config->for_shape == SHAPE_MULTI ? "Multi-GPU Mode: Protected PCIe"
							 : "CC status: ON");
	return 0;
}
