/* tdx (R15), devices and fabric (R14, R23), cc-mode (R16, R17): looked at again at every boot. */
#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "present.h"
#include "smi.h"
#include "steps/all.h"
#include "sys/units.h"

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

/* Its own end would leave every GPU In Progress. */
static int fabricmanager_runs(struct err *e)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	struct unit_state s;

	if (units_open(&u, e) < 0 || units_get(u, UNIT_FABRICMANAGER, &s, e) < 0)
		return -1;
	if (!str_eq(s.active, "inactive") && !str_eq(s.active, "failed"))
		return 0;
	return err_set(e, &CODE_FABRICMANAGER,
		       UNIT_FABRICMANAGER " is %s (%s), and the fabric is not complete", s.active,
		       s.sub);
}

/* "5 In Progress, 2 Not Started": what is not complete yet. */
static int not_yet(const struct smi_fabric *f, struct err *e)
{
	const struct {
		unsigned int n;
		const char *word;
	} parts[] = {
		{f->in_progress,  "In Progress"	},
		{ f->not_started, "Not Started"	},
		{ f->unclear,     "no known state"}
	};
	char text[128] = "";

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		size_t n = strlen(text);

		if (parts[i].n)
			snprintf(text + n, sizeof(text) - n, "%s%u %s", n ? ", " : "", parts[i].n,
				 parts[i].word);
	}
	return err_set(e, &CODE_FABRIC, "the fabric is complete for %u of 8 GPUs: %s", f->completed,
		       text);
}

static int judge_health(struct worker *w, const struct smi_fabric *f, struct err *e)
{
	if (f->unhealthy && !w->config->fabric_allow_unhealthy)
		return err_set(
			e, &CODE_FABRIC_UNHEALTHY,
			"the fabric is complete, and the driver calls it unhealthy for %u of 8 GPUs: %s",
			f->unhealthy, f->trouble);
	if (f->unhealthy)
		worker_event(w,
			     "the driver calls the fabric unhealthy for %u of 8 GPUs (%s): "
			     "fabric.allow_unhealthy goes on",
			     f->unhealthy, f->trouble);
	return 0;
}

/* While GPUs register, nvidia-smi may fail or hang: that says nothing of the fabric. */
static int could_not_tell(struct err *e)
{
	char words[sizeof(e->msg)];

	if (e->kind != &CODE_SMI)
		return -1;
	str_copy(words, sizeof(words), e->msg);
	if (fabricmanager_runs(e) < 0)
		return -1;
	err_set(e, &CODE_FABRIC, "whether the fabric is complete could not be told: %s", words);
	return err_hint(e, "nvidia-smi -q; journalctl -k | grep -i nvrm; "
			   "journalctl -b -u " UNIT_FABRICMANAGER
			   "; then: systemctl restart gn8v-agent");
}

/* One look. What is in progress is looked at again by the engine, every few seconds and for minutes: the GPUs register with
 * the fabric long after Fabric Manager is active. */
APPLY(fabric)
{
	struct smi_fabric f;

	if (smi_fabric(w, &f, e) < 0)
		return could_not_tell(e);
	if (f.gpus != 8)
		return err_set(e, &CODE_FABRIC_FAILED, "nvidia-smi -q lists %u GPUs, not 8",
			       f.gpus);
	if (f.failed)
		return err_set(e, &CODE_FABRIC_FAILED,
			       "the fabric ended with \"%s\" for %u of 8 GPUs", f.failure,
			       f.failed);
	if (f.completed != f.gpus)
		return fabricmanager_runs(e) < 0 ? -1 : not_yet(&f, e);
	if (judge_health(w, &f, e) < 0)
		return -1;
	if (f.unhealthy)
		worker_found(w, "the fabric is complete for 8 GPUs, %u of them unhealthy: %s",
			     f.unhealthy, f.trouble);
	else if (f.healthy == f.gpus)
		worker_found(w, "the fabric is complete for 8 GPUs, all of them healthy");
	else
		worker_found(
			w,
			"the fabric is complete for 8 GPUs; of %u the driver does not tell the health",
			f.gpus - f.healthy);
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
