/* Machines that are not there: a configuration and facts built by hand, for tests of probes and of
 * the plan. Each stage stands on the one before it. */
#ifndef GN8V_TESTS_MACHINE_H
#define GN8V_TESTS_MACHINE_H

#include <check.h>

#include "core/str.h"
#include "paths.h"
#include "plan.h"
#include "unitfile.h"

#define MACHINE_BOOT_TIME 1760000000
#define MACHINE_GIB (1024ull * 1024 * 1024)

struct machine {
	struct config c;
	struct facts f;
};

static inline struct facts_unit *machine_unit(struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->f.units.n; i++)
		if (str_eq(m->f.units.v[i].name, name))
			return &m->f.units.v[i];
	ck_assert_uint_lt(m->f.units.n, FACTS_UNITS_MAX);
	str_copy(m->f.units.v[m->f.units.n].name, sizeof(m->f.units.v[0].name), name);
	return &m->f.units.v[m->f.units.n++];
}

static inline void machine_unit_is(struct machine *m, const char *name, const char *load,
				   const char *active, const char *sub, const char *file_state)
{
	struct facts_unit *u = machine_unit(m, name);

	str_copy(u->state.load, sizeof(u->state.load), load);
	str_copy(u->state.active, sizeof(u->state.active), active);
	str_copy(u->state.sub, sizeof(u->state.sub), sub);
	str_copy(u->state.file_state, sizeof(u->state.file_state), file_state);
}

static inline void machine_missing(struct machine *m, const struct strlist *names)
{
	for (size_t i = 0; i < names->n; i++) {
		_cleanup_free_ char *name = str_expand(names->v[i], "kernel", m->f.machine.kernel, NULL);

		str_copy(m->f.software.missing[m->f.software.missing_n++], FACTS_VERSION_SIZE, name);
	}
}

static inline void machine_hardware(struct machine *m, bool multi)
{
	struct facts_machine *h = &m->f.machine;

	str_copy(h->os_id, sizeof(h->os_id), "alinux");
	str_copy(h->os_version, sizeof(h->os_version), "3");
	str_copy(h->os_name, sizeof(h->os_name), "Alibaba Cloud Linux 3 (Soaring Falcon)");
	str_copy(h->kernel, sizeof(h->kernel), "5.10.134-18.al8.x86_64");
	str_copy(h->boot_id, sizeof(h->boot_id), "b0000000-0000-4000-8000-000000000001");
	h->boot_time = MACHINE_BOOT_TIME;
	h->tdx_flag = h->tdx_device = true;
	h->pci = (struct pci_counts){ .gpus = multi ? 8 : 1, .nvswitches = multi ? 4 : 0 };
	str_copy(m->f.instance.id, sizeof(m->f.instance.id), "i-test");
	str_copy(m->f.instance.type, sizeof(m->f.instance.type),
		 multi ? "ecs.gn8v-tee-8x.48xlarge" : "ecs.gn8v-tee.4xlarge");
	m->f.instance.enis = 1;
	m->f.instance.shape = multi ? SHAPE_MULTI : SHAPE_SINGLE;
}

/* As RunInstances leaves it. `config` is the text of config.json. Ended by machine_done. */
static inline void machine_fresh(struct machine *m, enum shape shape, const char *config)
{
	static const char *const absent[] = { UNIT_PERSISTENCED, UNIT_FABRICMANAGER, "ollama.service",
					      "nvidia-cdi-refresh.path", "nvidia-cdi-refresh.service" };
	struct err e = ERR_INIT;

	memset(m, 0, sizeof(*m));
	ck_assert_msg(config_parse(&m->c, config, strlen(config), "config.json", &e) == 0, "%s", e.msg);
	config_set_shape(&m->c, shape);
	m->f.known = FACTS_ALL;
	machine_hardware(m, shape == SHAPE_MULTI);
	m->f.boot = (struct facts_boot){ .swiotlb_known = true,
					 .swiotlb_bytes = MACHINE_GIB,
					 .initramfs_ok = true,
					 .initramfs_time = MACHINE_BOOT_TIME - 86400,
					 .now = MACHINE_BOOT_TIME + 120 };
	machine_missing(m, &m->c.packages);
	machine_missing(m, &m->c.attest_python);
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		machine_unit_is(m, absent[i], "not-found", "inactive", "dead", "");
	machine_unit_is(m, "cloudmonitor.service", "loaded", "active", "running", "enabled");
	m->f.disk = (struct facts_disk){ .free_bytes = 50 * MACHINE_GIB, .where = "/tmp" };
}

/* R4 to R6 are behind it: the next boot. */
static inline void machine_restarted(struct machine *m, enum shape shape, const char *config)
{
	machine_fresh(m, shape, config);
	str_copy(m->f.machine.boot_id, sizeof(m->f.machine.boot_id), "b0000000-0000-4000-8000-000000000002");
	m->f.boot.swiotlb_in_effect = m->f.boot.swiotlb_everywhere = m->f.boot.swiotlb_next = true;
	m->f.boot.swiotlb_bytes = 8 * MACHINE_GIB;
	m->f.clock.synchronised = true;
	if (shape == SHAPE_MULTI) {
		m->f.boot.lkca_ok = true;
		m->f.boot.lkca_time = MACHINE_BOOT_TIME - 120;
		m->f.boot.initramfs_time = MACHINE_BOOT_TIME - 60;
	}
}

/* Everything is installed, nothing is started yet. */
static inline void machine_installed(struct machine *m, enum shape shape, const char *config)
{
	struct facts_software *s = &m->f.software;

	machine_restarted(m, shape, config);
	s->missing_n = 0;
	s->driver_programs = s->cuda = s->verifier = true;
	s->cuda_folder = FACTS_CUDA_WHOLE;
	str_copy(s->module, sizeof(s->module), m->c.driver_version);
	str_copy(s->userspace, sizeof(s->userspace), m->c.driver_version);
	if (shape == SHAPE_MULTI) {
		str_copy(s->fabricmanager.version, sizeof(s->fabricmanager.version), m->c.driver_version);
		str_copy(s->nscq.version, sizeof(s->nscq.version), m->c.driver_version);
		machine_unit_is(m, UNIT_FABRICMANAGER, "loaded", "inactive", "dead", "disabled");
	}
	for (size_t i = 0; i < m->f.units.n; i++) {
		m->f.units.v[i].order_ok = unitfile_orderable(m->f.units.v[i].name);
		m->f.units.v[i].hold_ok = true;
	}
	machine_unit_is(m, "cloudmonitor.service", "loaded", "inactive", "dead", "disabled");
	machine_unit_is(m, UNIT_PERSISTENCED, "loaded", "inactive", "dead", "disabled");
	m->f.units.hold_flag = m->f.units.persistenced_unit_ok = m->f.units.persistenced.in_use = true;
}

/* A later boot, its services up: only the proof is missing. */
static inline void machine_unproven(struct machine *m, enum shape shape, const char *config)
{
	machine_installed(m, shape, config);
	for (size_t i = 0; i < m->f.units.n; i++)
		m->f.units.v[i].hold_ok = false;
	m->f.units.hold_flag = false;
	machine_unit_is(m, "cloudmonitor.service", "loaded", "active", "running", "enabled");
	machine_unit_is(m, UNIT_PERSISTENCED, "loaded", "active", "running", "enabled");
	if (shape == SHAPE_MULTI)
		machine_unit_is(m, UNIT_FABRICMANAGER, "loaded", "active", "running", "enabled");
}

static inline void machine_ready(struct machine *m, enum shape shape, const char *config)
{
	machine_unproven(m, shape, config);
	m->f.units.gate_open = true;
}

static inline void machine_done(struct machine *m)
{
	config_done(&m->c);
}

/* A group that could not be read, and why. */
static inline void machine_unread(struct machine *m, enum facts_group group, const struct err_kind *kind)
{
	for (unsigned int bit = 0; bit < ARRAY_SIZE(m->f.err); bit++)
		if (group == 1u << bit)
			err_set(&m->f.err[bit], kind, "group %u could not be read", bit);
	m->f.known &= ~(unsigned int)group;
}

#endif
