#include "plan.h"

#include "codes.h"
#include "fixture.h"
#include "machine.h"
#include "suite.h"

static struct machine m;
static struct plan p;

static void plan(void)
{
	plan_make(&p, &m.c, &m.f);
}

/* --- the whole table ------------------------------------------------------------------------ */

/* One letter per machine: fresh, restarted, installed, unproven, ready. D done, R run, A after the
 * restart, - skipped. */
static const struct {
	enum step_id step;
	const char *single, *multi;
} expected[] = {
	{ STEP_PREFLIGHT, "DDDDD", "DDDDD" },
	{ STEP_KERNEL_ARGS, "RDDDD", "RDDDD" },
	{ STEP_LKCA, "-----", "RDDDD" },
	{ STEP_INITRAMFS, "-----", "RDDDD" },
	{ STEP_RESTART, "RDDDD", "RDDDD" },
	{ STEP_TIME_SYNC, "ADDDD", "ADDDD" },
	{ STEP_PACKAGES, "ARDDD", "ARDDD" },
	{ STEP_FETCH_DRIVER, "ARDDD", "ARDDD" },
	{ STEP_FETCH_CUDA, "ARDDD", "ARDDD" },
	{ STEP_FETCH_FABRICMANAGER, "-----", "ARDDD" },
	{ STEP_FETCH_NSCQ, "-----", "ARDDD" },
	{ STEP_SERVICE_ORDER, "ARDDD", "ARDDD" },
	{ STEP_HOLD_SERVICES, "ARDDD", "ARDDD" },
	{ STEP_PERSISTENCED_UNIT, "ARDDD", "ARDDD" },
	{ STEP_FABRICMANAGER, "-----", "ARDDD" },
	{ STEP_DRIVER, "ARDDD", "ARDDD" },
	{ STEP_CUDA, "ARDDD", "ARDDD" },
	{ STEP_NSCQ, "-----", "ARDDD" },
	{ STEP_CUBLAS, "-----", "-----" },
	{ STEP_VERIFIER, "ARDDD", "ARDDD" },
	{ STEP_FABRICMANAGER_START, "-----", "ARRDD" },
	{ STEP_PERSISTENCED_START, "ARRDD", "ARRDD" },
	{ STEP_RELEASE_SERVICES, "DDRDD", "DDRDD" },
	{ STEP_TDX, "ARRRD", "ARRRD" },
	{ STEP_DEVICES, "ARRRD", "ARRRD" },
	{ STEP_FABRIC, "-----", "ARRRD" },
	{ STEP_CC_MODE, "ARRRD", "ARRRD" },
	{ STEP_ATTEST, "ARRRD", "ARRRD" },
	{ STEP_READY, "ARRRD", "ARRRD" },
};

static void (*const stages[])(struct machine *, enum shape, const char *) = {
	machine_fresh, machine_restarted, machine_installed, machine_unproven, machine_ready,
};

#define NVIDIA_JUDGES "{\"attest\": {\"verifier\": \"nvidia\"}}"

START_TEST(the_verifier_is_installed_beforehand_only_where_it_always_judges)
{
	static const struct {
		const char *config;
		enum plan_action action;
	} cases[] = { { "{}", PLAN_SKIP },
		      { "{\"attest\": {\"verifier\": \"native\"}}", PLAN_SKIP },
		      { "{\"attest\": {\"verifier\": \"both\"}}", PLAN_RUN },
		      { NVIDIA_JUDGES, PLAN_RUN } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		machine_restarted(&m, SHAPE_MULTI, cases[i].config);
		plan();
		ck_assert_int_eq(p.rows[STEP_VERIFIER].action, cases[i].action);
		machine_done(&m);
	}
}
END_TEST

START_TEST(each_step_finds_its_place_at_every_stage_of_both_shapes)
{
	static const char letters[] = { [PLAN_DONE] = 'D',	    [PLAN_RUN] = 'R',
					[PLAN_BLOCKED] = 'B',	    [PLAN_SKIP] = '-',
					[PLAN_AFTER_RESTART] = 'A', [PLAN_WAITS] = 'W' };

	ck_assert_uint_eq(ARRAY_SIZE(expected), STEP_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(stages) * 2; i++) {
		enum shape shape = i < ARRAY_SIZE(stages) ? SHAPE_SINGLE : SHAPE_MULTI;

		stages[i % ARRAY_SIZE(stages)](&m, shape, NVIDIA_JUDGES);
		plan();
		for (size_t k = 0; k < STEP_MAX; k++) {
			enum step_id id = expected[k].step;
			const char *line = shape == SHAPE_SINGLE ? expected[k].single : expected[k].multi;

			ck_assert_msg(letters[p.rows[id].action] == line[i % ARRAY_SIZE(stages)],
				      "%s, stage %zu, %s: found %c (%s)", shape_name(shape),
				      i % ARRAY_SIZE(stages), steps[id].id, letters[p.rows[id].action],
				      p.rows[id].r.reason);
			ck_assert_msg(p.rows[id].r.reason[0] != '\0', "%s gives no reason", steps[id].id);
		}
		machine_done(&m);
	}
}
END_TEST

/* fetch.before_restart: on a fresh machine the downloads are to run, and all else is as without it; once
 * the machine was restarted there is no difference. */
START_TEST(downloads_may_come_before_the_restart)
{
	static const enum step_id moved[] = { STEP_TIME_SYNC, STEP_FETCH_DRIVER, STEP_FETCH_CUDA,
					      STEP_FETCH_FABRICMANAGER, STEP_FETCH_NSCQ };

	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		static struct plan without;

		stages[i](&m, SHAPE_MULTI, "{}");
		plan();
		without = p;
		m.c.fetch_before_restart = true;
		plan();
		for (size_t k = 0; k < STEP_MAX; k++) {
			bool early = false;

			for (size_t n = 0; n < ARRAY_SIZE(moved); n++)
				early |= i == 0 && moved[n] == k;
			ck_assert_msg(p.rows[k].action == (early ? PLAN_RUN : without.rows[k].action),
				      "stage %zu: %s: %s", i, steps[k].id, plan_action_name(p.rows[k].action));
		}
		machine_done(&m);
	}
}
END_TEST

START_TEST(a_clock_that_is_right_or_unknown_moves_downloads_and_never_the_restart)
{
	machine_fresh(&m, SHAPE_SINGLE, "{\"fetch\": {\"before_restart\": true}}");
	m.f.clock.synchronised = true;
	plan();
	ck_assert_int_eq(p.rows[STEP_TIME_SYNC].action, PLAN_DONE);
	ck_assert_int_eq(p.rows[STEP_FETCH_CUDA].action, PLAN_RUN);
	ck_assert_int_eq(p.rows[STEP_PACKAGES].action, PLAN_AFTER_RESTART);
	machine_done(&m);
	machine_fresh(&m, SHAPE_SINGLE, "{\"fetch\": {\"before_restart\": true}}");
	machine_unread(&m, FACTS_CLOCK, &ERR_BUS);
	plan();
	ck_assert_int_eq(p.rows[STEP_TIME_SYNC].action, PLAN_BLOCKED);
	ck_assert_int_eq(p.rows[STEP_FETCH_CUDA].action, PLAN_WAITS);
	ck_assert_int_eq(p.rows[STEP_RESTART].action, PLAN_RUN);
	machine_done(&m);
}
END_TEST

/* --- refusals ------------------------------------------------------------------------------- */

/* Preflight refuses with this code and these words, and nothing whatever would be run. */
static void check_refused(const struct err_kind *kind, const char *words)
{
	const struct plan_row *row = &p.rows[STEP_PREFLIGHT];

	plan();
	ck_assert_msg(row->action == PLAN_BLOCKED, "not refused: %s", row->r.reason);
	ck_assert_str_eq(row->r.err.kind->code, kind->code);
	ck_assert_has(row->r.err.msg, words);
	ck_assert_has(row->r.reason, words);
	ck_assert_str_ne(err_hint_text(&row->r.err), "");
	for (size_t i = 0; i < STEP_MAX; i++) {
		ck_assert_msg(p.rows[i].action != PLAN_RUN, "%s would run", steps[i].id);
		ck_assert_msg(p.rows[i].action != PLAN_AFTER_RESTART, "%s hopes for a restart", steps[i].id);
	}
	machine_done(&m);
}

static void check_accepted(void)
{
	plan();
	ck_assert_msg(p.rows[STEP_PREFLIGHT].action == PLAN_DONE, "%s", p.rows[STEP_PREFLIGHT].r.reason);
	machine_done(&m);
}

START_TEST(another_distribution_is_refused)
{
	static const struct {
		const char *id, *version;
	} systems[] = { { "centos", "8" },   { "rhel", "8.9" },	 { "ubuntu", "22.04" }, { "alinux", "2.1903" },
			{ "alinux", "4" },   { "alinux", "33" }, { "alinux", "" },	{ "", "" },
			{ "Alinux", "3" },   { "debian", "3" },	 { "anolis", "8.8" } };

	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		machine_fresh(&m, SHAPE_SINGLE, "{}");
		str_copy(m.f.machine.os_id, sizeof(m.f.machine.os_id), systems[i].id);
		str_copy(m.f.machine.os_version, sizeof(m.f.machine.os_version), systems[i].version);
		check_refused(&CODE_OS, "only Alibaba Cloud Linux 3");
	}
}
END_TEST

START_TEST(a_point_release_of_the_distribution_is_accepted)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	str_copy(m.f.machine.os_version, sizeof(m.f.machine.os_version), "3.2104");
	check_accepted();
}
END_TEST

START_TEST(an_old_kernel_is_refused)
{
	static const char *const old[] = { "5.10.134-16.1.al8.x86_64", "5.10.134-17.3.al8.x86_64",
					   "5.10.112-11.al8.x86_64",   "4.19.91-27.al7.x86_64",
					   "5.10.134-9.1.al8.x86_64",  "" };

	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		machine_fresh(&m, SHAPE_MULTI, "{}");
		str_copy(m.f.machine.kernel, sizeof(m.f.machine.kernel), old[i]);
		check_refused(&CODE_KERNEL, "5.10.134-18 or later");
	}
}
END_TEST

START_TEST(newer_kernels_are_accepted)
{
	static const char *const kernels[] = { "5.10.134-18.al8.x86_64",     "5.10.134-19.al8.x86_64",
					       "5.10.134-19.1.al8.x86_64",   "5.10.134-19.3.2.al8.x86_64",
					       "5.10.134-100.1.al8.x86_64",  "5.10.200-1.al8.x86_64",
					       "6.6.30-1.alnx3.x86_64" };

	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		machine_fresh(&m, SHAPE_MULTI, "{}");
		str_copy(m.f.machine.kernel, sizeof(m.f.machine.kernel), kernels[i]);
		check_accepted();
	}
}
END_TEST

START_TEST(a_type_that_is_not_in_the_table_is_refused)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	m.f.instance.shape = SHAPE_UNKNOWN;
	str_copy(m.f.instance.type, sizeof(m.f.instance.type), "ecs.gn9v-tee.4xlarge");
	check_refused(&CODE_TYPE, "ecs.gn9v-tee.4xlarge");
	ck_assert_int_eq(facts_shape_of_type("ecs.gn8v-tee.4xlarge"), SHAPE_SINGLE);
	ck_assert_int_eq(facts_shape_of_type("ecs.gn8v-tee.6xlarge"), SHAPE_SINGLE);
	ck_assert_int_eq(facts_shape_of_type("ecs.gn8v-tee-8x.16xlarge"), SHAPE_MULTI);
	ck_assert_int_eq(facts_shape_of_type("ecs.gn8v-tee-8x.48xlarge"), SHAPE_MULTI);
	ck_assert_int_eq(facts_shape_of_type("ecs.gn8v-tee.4xlarge2"), SHAPE_UNKNOWN);
	ck_assert_int_eq(facts_shape_of_type("ecs.gn8v.4xlarge"), SHAPE_UNKNOWN);
	ck_assert_int_eq(facts_shape_of_type(""), SHAPE_UNKNOWN);
}
END_TEST

START_TEST(a_count_on_pci_that_disagrees_with_the_type_is_refused)
{
	static const struct {
		enum shape shape;
		unsigned int gpus, switches;
	} wrong[] = { { SHAPE_SINGLE, 0, 0 }, { SHAPE_SINGLE, 2, 0 }, { SHAPE_SINGLE, 8, 4 },
		      { SHAPE_SINGLE, 1, 1 }, { SHAPE_MULTI, 7, 4 },  { SHAPE_MULTI, 8, 3 },
		      { SHAPE_MULTI, 1, 0 },  { SHAPE_MULTI, 9, 4 },  { SHAPE_MULTI, 8, 5 } };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_free_ char *words = xasprintf("PCI shows %u and %u", wrong[i].gpus, wrong[i].switches);

		machine_fresh(&m, wrong[i].shape, "{}");
		m.f.machine.pci.gpus = wrong[i].gpus;
		m.f.machine.pci.nvswitches = wrong[i].switches;
		check_refused(&CODE_PCI, words);
	}
}
END_TEST

START_TEST(too_little_disk_is_refused_with_both_numbers)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	m.f.disk.free_bytes = 5 * MACHINE_GIB + MACHINE_GIB / 2;
	check_refused(&CODE_DISK, "5.5 GiB are free for /tmp, 20 GiB are needed");
	machine_fresh(&m, SHAPE_MULTI, "{}");
	m.f.disk.free_bytes = 24 * MACHINE_GIB - 1;
	check_refused(&CODE_DISK, "24 GiB are needed");
	machine_fresh(&m, SHAPE_MULTI, "{}");
	m.f.disk.free_bytes = 24 * MACHINE_GIB;
	check_accepted();
}
END_TEST

START_TEST(disk_does_not_matter_once_everything_is_installed)
{
	machine_installed(&m, SHAPE_MULTI, "{}");
	m.f.disk.free_bytes = 0;
	check_accepted();
	machine_installed(&m, SHAPE_MULTI, "{}");
	m.f.disk.free_bytes = 0;
	m.f.software.nscq.version[0] = '\0';
	check_refused(&CODE_DISK, "0.0 GiB are free");
}
END_TEST

START_TEST(a_cpu_without_tdx_is_refused)
{
	machine_fresh(&m, SHAPE_MULTI, "{}");
	m.f.machine.tdx_flag = false;
	check_refused(&CODE_TDX, "tdx_guest");
	/* The device node is looked at after the restart: its module may come late. */
	machine_fresh(&m, SHAPE_MULTI, "{}");
	m.f.machine.tdx_device = false;
	check_accepted();
}
END_TEST

START_TEST(nouveau_is_refused_unless_it_is_to_be_kept_away)
{
	machine_fresh(&m, SHAPE_MULTI, "{}");
	m.f.machine.pci.gpus_on_nouveau = 8;
	check_refused(&CODE_NOUVEAU, "nouveau driver holds 8 GPUs");

	machine_fresh(&m, SHAPE_SINGLE, "{\"kernel\": {\"blacklist_nouveau\": true}}");
	m.f.machine.pci.gpus_on_nouveau = 1;
	plan();
	ck_assert_int_eq(p.rows[STEP_PREFLIGHT].action, PLAN_DONE);
	ck_assert_int_eq(p.rows[STEP_KERNEL_ARGS].action, PLAN_RUN);
	ck_assert_int_eq(p.rows[STEP_RESTART].action, PLAN_RUN);
	ck_assert_int_eq(p.rows[STEP_DRIVER].action, PLAN_AFTER_RESTART);
	machine_done(&m);

	/* Blacklisted in this boot, and there all the same: another restart would not help. */
	machine_restarted(&m, SHAPE_SINGLE, "{\"kernel\": {\"blacklist_nouveau\": true}}");
	m.f.boot.nouveau_in_effect = m.f.boot.nouveau_everywhere = m.f.boot.nouveau_next = true;
	m.f.machine.pci.gpus_on_nouveau = 1;
	check_refused(&CODE_NOUVEAU, "nouveau");
}
END_TEST

START_TEST(extra_devices_are_refused_on_8_gpus_while_the_swiotlb_is_small)
{
	machine_fresh(&m, SHAPE_MULTI, "{}");
	m.f.instance.enis = 2;
	check_refused(&CODE_EXTRA, "2 ENIs and 0 data disks");
	machine_fresh(&m, SHAPE_MULTI, "{}");
	m.f.instance.data_disks = 3;
	check_refused(&CODE_EXTRA, "1 ENIs and 3 data disks");
	machine_fresh(&m, SHAPE_MULTI, "{}");
	m.f.instance.data_disks = 1;
	m.f.boot.swiotlb_known = false;
	m.f.boot.swiotlb_bytes = 8 * MACHINE_GIB;
	check_refused(&CODE_SWIOTLB_UNKNOWN, "1 data disks");
	ck_assert_has(CODE_EXTRA.hint, "detach the secondary ENIs and all data disks");
}
END_TEST

static void enis_unknown(enum shape shape, void (*stage)(struct machine *, enum shape, const char *))
{
	stage(&m, shape, "{}");
	m.f.instance.enis = 0;
	m.f.instance.enis_unknown = true;
	str_copy(m.f.instance.why_not, sizeof(m.f.instance.why_not), "metadata service: no answer");
}

START_TEST(how_many_enis_there_are_must_be_known_on_8_gpus_before_the_restart)
{
	enis_unknown(SHAPE_MULTI, machine_fresh);
	check_refused(&CODE_METADATA, "how many ENIs");
	enis_unknown(SHAPE_MULTI, machine_fresh);
	check_refused(&CODE_METADATA, "metadata service: no answer");
	enis_unknown(SHAPE_MULTI, machine_fresh);
	m.f.boot.swiotlb_known = false;
	check_refused(&CODE_METADATA, "how many ENIs");
	/* Known to be too much: no count is needed. */
	enis_unknown(SHAPE_MULTI, machine_fresh);
	m.f.instance.data_disks = 1;
	check_refused(&CODE_EXTRA, "an unknown number of ENIs and 1 data disks");
	enis_unknown(SHAPE_MULTI, machine_restarted);
	check_accepted();
	enis_unknown(SHAPE_SINGLE, machine_fresh);
	check_accepted();
}
END_TEST

START_TEST(nothing_is_judged_while_the_shape_is_unknown)
{
	machine_ready(&m, SHAPE_MULTI, "{}");
	m.f.instance.type[0] = '\0';
	m.f.instance.shape = SHAPE_UNKNOWN;
	machine_unread(&m, FACTS_INSTANCE, &CODE_METADATA);
	plan();
	ck_assert_int_eq(p.rows[STEP_PREFLIGHT].action, PLAN_BLOCKED);
	for (size_t i = STEP_PREFLIGHT + 1; i < STEP_MAX; i++) {
		ck_assert_msg(p.rows[i].action == PLAN_WAITS, "%s", steps[i].id);
		ck_assert_has(p.rows[i].r.reason, "not known");
	}
	machine_done(&m);
}
END_TEST

START_TEST(extra_devices_are_welcome_with_a_large_swiotlb_and_on_one_gpu)
{
	machine_restarted(&m, SHAPE_MULTI, "{}");
	m.f.instance.enis = 8;
	m.f.instance.data_disks = 16;
	check_accepted();
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	m.f.instance.enis = 2;
	m.f.instance.data_disks = 1;
	check_accepted();
}
END_TEST

START_TEST(a_file_that_nothing_vouches_for_is_refused_before_it_is_fetched)
{
	machine_fresh(&m, SHAPE_SINGLE, "{\"driver\": {\"version\": \"999.1\"}}");
	check_refused(&CODE_DIGEST_UNKNOWN, "NVIDIA-Linux-x86_64-999.1.run");
	machine_fresh(&m, SHAPE_MULTI, "{\"cuda\": {\"version\": \"13.0.0\"}}");
	check_refused(&CODE_DIGEST_UNKNOWN, "cuda_13.0.0_570.124.06_linux.run");
	machine_fresh(&m, SHAPE_SINGLE,
		      "{\"driver\": {\"version\": \"999.1\", \"sha256\": "
		      "\"0000000000000000000000000000000000000000000000000000000000000000\"}}");
	check_accepted();
	machine_installed(&m, SHAPE_SINGLE, "{\"driver\": {\"version\": \"999.1\"}}");
	check_accepted();
}
END_TEST

START_TEST(a_newer_driver_without_a_module_for_a_new_kernel_is_never_replaced_by_the_configured)
{
	struct facts_software *s = &m.f.software;

	machine_installed(&m, SHAPE_MULTI, "{}");
	s->module[0] = '\0';
	str_copy(s->userspace, FACTS_VERSION_SIZE, "580.65.06");
	check_refused(&CODE_DIGEST_UNKNOWN, "580.65.06");
	machine_installed(&m, SHAPE_MULTI,
			  "{\"driver\": {\"version\": \"580.65.06\", \"sha256\": "
			  "\"0000000000000000000000000000000000000000000000000000000000000000\"}}");
	s->module[0] = '\0';
	plan();
	ck_assert_int_eq(p.rows[STEP_FETCH_DRIVER].action, PLAN_RUN);
	ck_assert_has(p.rows[STEP_DRIVER].r.reason, "install driver 580.65.06");
	check_accepted();
	/* A newer one that is whole needs no digest, whatever else is missing. */
	machine_installed(&m, SHAPE_MULTI, "{}");
	str_copy(s->module, FACTS_VERSION_SIZE, "580.65.06");
	str_copy(s->userspace, FACTS_VERSION_SIZE, "580.65.06");
	s->cuda = false;
	check_accepted();
	/* An older one is replaced as ever. */
	machine_installed(&m, SHAPE_MULTI, "{}");
	s->module[0] = '\0';
	str_copy(s->userspace, FACTS_VERSION_SIZE, "565.57.01");
	check_accepted();
}
END_TEST

START_TEST(what_could_not_be_read_refuses_and_never_counts_as_off)
{
	static const enum facts_group groups[] = { FACTS_MACHINE,  FACTS_INSTANCE, FACTS_BOOT,
						   FACTS_SOFTWARE, FACTS_UNITS,	   FACTS_DISK };

	for (size_t i = 0; i < ARRAY_SIZE(groups) * ARRAY_SIZE(stages); i++) {
		stages[i / ARRAY_SIZE(groups)](&m, SHAPE_MULTI, "{}");
		machine_unread(&m, groups[i % ARRAY_SIZE(groups)], &CODE_METADATA);
		check_refused(&CODE_METADATA, "could not be read");
	}
}
END_TEST

START_TEST(a_group_of_facts_that_is_unknown_leaves_nothing_done_that_rests_on_it)
{
	machine_ready(&m, SHAPE_MULTI, "{}");
	machine_unread(&m, FACTS_SOFTWARE, &ERR_IO);
	plan();
	ck_assert_int_ne(p.rows[STEP_DRIVER].action, PLAN_DONE);
	ck_assert_int_ne(p.rows[STEP_VERIFIER].action, PLAN_DONE);
	ck_assert_int_ne(p.rows[STEP_FETCH_NSCQ].action, PLAN_DONE);
	machine_done(&m);
	machine_ready(&m, SHAPE_MULTI, "{}");
	machine_unread(&m, FACTS_UNITS, &ERR_BUS);
	plan();
	ck_assert_int_ne(p.rows[STEP_READY].action, PLAN_DONE);
	ck_assert_int_ne(p.rows[STEP_ATTEST].action, PLAN_DONE);
	ck_assert_int_ne(p.rows[STEP_PERSISTENCED_START].action, PLAN_DONE);
	machine_done(&m);
}
END_TEST

/* --- what a step hands on ------------------------------------------------------------------- */

START_TEST(a_clock_that_cannot_be_asked_blocks_only_what_comes_after_it)
{
	machine_restarted(&m, SHAPE_MULTI, "{}");
	machine_unread(&m, FACTS_CLOCK, &ERR_BUS);
	plan();
	ck_assert_int_eq(p.rows[STEP_TIME_SYNC].action, PLAN_BLOCKED);
	ck_assert_int_eq(p.rows[STEP_PACKAGES].action, PLAN_WAITS);
	ck_assert_int_eq(p.rows[STEP_FETCH_DRIVER].action, PLAN_WAITS);
	ck_assert_int_eq(p.rows[STEP_READY].action, PLAN_WAITS);
	ck_assert_int_eq(p.rows[STEP_SERVICE_ORDER].action, PLAN_RUN);
	machine_done(&m);
	machine_restarted(&m, SHAPE_MULTI, "{\"time_sync\": {\"required\": false}}");
	machine_unread(&m, FACTS_CLOCK, &ERR_BUS);
	plan();
	ck_assert_int_eq(p.rows[STEP_TIME_SYNC].action, PLAN_DONE);
	ck_assert_int_eq(p.rows[STEP_PACKAGES].action, PLAN_RUN);
	machine_done(&m);
}
END_TEST

START_TEST(a_block_reaches_through_steps_that_are_done)
{
	/* hold-services is done, restart is blocked: what needs hold-services needs restart too. */
	machine_installed(&m, SHAPE_SINGLE, "{}");
	m.f.boot.swiotlb_bytes = MACHINE_GIB;
	m.f.units.persistenced_unit_ok = false;
	plan();
	ck_assert_int_eq(p.rows[STEP_RESTART].action, PLAN_BLOCKED);
	ck_assert_int_eq(p.rows[STEP_HOLD_SERVICES].action, PLAN_DONE);
	ck_assert_int_eq(p.rows[STEP_PERSISTENCED_UNIT].action, PLAN_WAITS);
	ck_assert_int_eq(p.rows[STEP_FABRICMANAGER].action, PLAN_SKIP);
	ck_assert_int_eq(p.rows[STEP_TDX].action, PLAN_WAITS);
	ck_assert_int_eq(p.rows[STEP_READY].action, PLAN_WAITS);
	machine_done(&m);
}
END_TEST

START_TEST(a_restart_that_is_due_postpones_what_needs_it_and_nothing_else)
{
	machine_installed(&m, SHAPE_MULTI, "{}");
	m.f.boot.swiotlb_in_effect = false;
	plan();
	ck_assert_int_eq(p.rows[STEP_RESTART].action, PLAN_RUN);
	ck_assert_int_eq(p.rows[STEP_DRIVER].action, PLAN_DONE);
	ck_assert_int_eq(p.rows[STEP_FABRICMANAGER_START].action, PLAN_AFTER_RESTART);
	ck_assert_int_eq(p.rows[STEP_PERSISTENCED_START].action, PLAN_AFTER_RESTART);
	ck_assert_int_eq(p.rows[STEP_ATTEST].action, PLAN_AFTER_RESTART);
	machine_done(&m);
}
END_TEST

START_TEST(a_block_behind_a_restart_waits_for_the_restart)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	machine_unread(&m, FACTS_CLOCK, &ERR_BUS);
	plan();
	ck_assert_int_eq(p.rows[STEP_TIME_SYNC].action, PLAN_AFTER_RESTART);
	ck_assert_int_eq(p.rows[STEP_PACKAGES].action, PLAN_AFTER_RESTART);
	machine_done(&m);
}
END_TEST

START_TEST(preflight_tells_the_mode_of_selinux_or_that_it_is_unknown)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	plan();
	ck_assert_has(p.rows[STEP_PREFLIGHT].r.reason, "TDX guest, SELinux unknown");
	str_copy(m.f.host.selinux, sizeof(m.f.host.selinux), "enforcing");
	plan();
	ck_assert_has(p.rows[STEP_PREFLIGHT].r.reason, "TDX guest, SELinux enforcing");
	machine_done(&m);
}
END_TEST

START_TEST(a_step_that_was_cut_off_is_run_again)
{
	static const enum step_id again[] = { STEP_KERNEL_ARGS, STEP_LKCA,	 STEP_INITRAMFS,
					      STEP_PACKAGES,	STEP_DRIVER,	 STEP_NSCQ,
					      STEP_VERIFIER,	STEP_FABRICMANAGER };

	for (size_t i = 0; i < ARRAY_SIZE(again); i++) {
		machine_installed(&m, SHAPE_MULTI, NVIDIA_JUDGES);
		m.f.cut_off = UINT64_C(1) << again[i];
		plan();
		ck_assert_msg(p.rows[again[i]].action == PLAN_RUN, "%s is believed", steps[again[i]].id);
		ck_assert_has(p.rows[again[i]].r.reason, "cut off");
		machine_done(&m);
	}
}
END_TEST

START_TEST(of_cuda_the_record_of_its_run_counts_and_not_the_status)
{
	machine_installed(&m, SHAPE_MULTI, "{}");
	m.f.cut_off = UINT64_C(1) << STEP_CUDA;
	plan();
	ck_assert_int_eq(p.rows[STEP_CUDA].action, PLAN_DONE);
	ck_assert_int_eq(p.rows[STEP_FETCH_CUDA].action, PLAN_DONE);
	m.f.cut_off = 0;
	m.f.software.cuda = false;
	m.f.software.cuda_folder = FACTS_CUDA_BEGUN;
	plan();
	ck_assert_int_eq(p.rows[STEP_CUDA].action, PLAN_RUN);
	ck_assert_has(p.rows[STEP_CUDA].r.reason, "/usr/local/cuda-12.8 did not end");
	ck_assert_int_eq(p.rows[STEP_FETCH_CUDA].action, PLAN_RUN);
	machine_done(&m);
}
END_TEST

START_TEST(another_cuda_toolkit_blocks_all_but_where_it_is_replaced)
{
	static const enum shape shapes[] = { SHAPE_SINGLE, SHAPE_MULTI };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		machine_fresh(&m, shapes[i], "{}");
		m.f.software.cuda_folder = FACTS_CUDA_FOREIGN;
		plan();
		ck_assert_int_eq(p.rows[STEP_PREFLIGHT].action, PLAN_BLOCKED);
		ck_assert_str_eq(p.rows[STEP_PREFLIGHT].r.err.kind->code, "cuda-foreign");
		for (size_t k = STEP_PREFLIGHT + 1; k < STEP_MAX; k++)
			ck_assert_msg(p.rows[k].action != PLAN_RUN && p.rows[k].action != PLAN_BLOCKED, "%s", steps[k].id);
		ck_assert_int_eq(p.rows[STEP_FETCH_CUDA].action, PLAN_WAITS);
		machine_done(&m);
		machine_restarted(&m, shapes[i], "{\"cuda\": {\"replace\": true}}");
		m.f.software.cuda_folder = FACTS_CUDA_FOREIGN;
		plan();
		ck_assert_int_eq(p.rows[STEP_PREFLIGHT].action, PLAN_DONE);
		ck_assert_int_eq(p.rows[STEP_FETCH_CUDA].action, PLAN_RUN);
		ck_assert_int_eq(p.rows[STEP_CUDA].action, PLAN_RUN);
		ck_assert_has(p.rows[STEP_CUDA].r.reason, "moved aside");
		machine_done(&m);
	}
}
END_TEST

/* Ours was cut off; then its owner installed the same version as packages, and it is left to them. */
START_TEST(a_packaged_driver_is_kept_whatever_became_of_ours_before)
{
	machine_installed(&m, SHAPE_SINGLE, "{}");
	m.f.cut_off = UINT64_C(1) << STEP_DRIVER;
	m.f.software.driver_begun = m.f.host.driver_marker = true;
	plan();
	ck_assert_int_eq(p.rows[STEP_PREFLIGHT].action, PLAN_BLOCKED); /* nobody's: it is not proven */
	str_copy(m.f.host.driver_owner, sizeof(m.f.host.driver_owner), "nvidia-driver-550.144.03-1.el8");
	plan();
	ck_assert_msg(p.rows[STEP_PREFLIGHT].action == PLAN_DONE, "%s", p.rows[STEP_PREFLIGHT].r.reason);
	ck_assert_msg(p.rows[STEP_DRIVER].action == PLAN_DONE, "%s", p.rows[STEP_DRIVER].r.reason);
	ck_assert_int_eq(p.rows[STEP_FETCH_DRIVER].action, PLAN_DONE);
	m.f.software.driver_programs = false;
	plan();
	ck_assert_int_eq(p.rows[STEP_PREFLIGHT].action, PLAN_BLOCKED);
	ck_assert_str_eq(p.rows[STEP_PREFLIGHT].r.err.kind->code, "driver-foreign");
	machine_done(&m);
}
END_TEST

START_TEST(what_only_looks_restarts_or_fetches_is_not_run_again_for_having_been_cut_off)
{
	machine_ready(&m, SHAPE_MULTI, "{}");
	m.f.cut_off = UINT64_C(1) << STEP_RESTART | UINT64_C(1) << STEP_ATTEST |
		      UINT64_C(1) << STEP_PREFLIGHT | UINT64_C(1) << STEP_READY |
		      UINT64_C(1) << STEP_FETCH_DRIVER | UINT64_C(1) << STEP_FETCH_NSCQ;
	plan();
	for (size_t i = 0; i < STEP_MAX; i++)
		ck_assert_msg(p.rows[i].action == PLAN_DONE || p.rows[i].action == PLAN_SKIP, "%s", steps[i].id);
	machine_done(&m);
}
END_TEST

START_TEST(a_step_that_was_cut_off_on_another_shape_stays_skipped)
{
	machine_installed(&m, SHAPE_SINGLE, "{}");
	m.f.cut_off = UINT64_C(1) << STEP_NSCQ;
	plan();
	ck_assert_int_eq(p.rows[STEP_NSCQ].action, PLAN_SKIP);
	ck_assert_str_eq(p.rows[STEP_NSCQ].r.reason, "not for this shape");
	machine_done(&m);
}
END_TEST

START_TEST(the_plan_is_the_same_when_it_is_made_twice)
{
	static struct plan again;

	machine_fresh(&m, SHAPE_MULTI, "{}");
	plan();
	plan_make(&again, &m.c, &m.f);
	for (size_t i = 0; i < STEP_MAX; i++) {
		ck_assert_int_eq(p.rows[i].action, again.rows[i].action);
		ck_assert_str_eq(p.rows[i].r.reason, again.rows[i].r.reason);
	}
	machine_done(&m);
}
END_TEST

START_TEST(every_action_has_a_name)
{
	for (enum plan_action a = PLAN_DONE; a <= PLAN_WAITS; a++)
		ck_assert_str_ne(plan_action_name(a), "");
	ck_assert_str_eq(plan_action_name(PLAN_AFTER_RESTART), "after-restart");
}
END_TEST

SUITE_AROUND("plan", fixture_root_make, fixture_root_drop,
	     the_verifier_is_installed_beforehand_only_where_it_always_judges,
	     each_step_finds_its_place_at_every_stage_of_both_shapes, downloads_may_come_before_the_restart,
	     a_clock_that_is_right_or_unknown_moves_downloads_and_never_the_restart, another_distribution_is_refused,
	     a_point_release_of_the_distribution_is_accepted, an_old_kernel_is_refused,
	     newer_kernels_are_accepted, a_type_that_is_not_in_the_table_is_refused,
	     a_count_on_pci_that_disagrees_with_the_type_is_refused,
	     too_little_disk_is_refused_with_both_numbers,
	     disk_does_not_matter_once_everything_is_installed, a_cpu_without_tdx_is_refused,
	     nouveau_is_refused_unless_it_is_to_be_kept_away,
	     extra_devices_are_refused_on_8_gpus_while_the_swiotlb_is_small,
	     how_many_enis_there_are_must_be_known_on_8_gpus_before_the_restart,
	     nothing_is_judged_while_the_shape_is_unknown, extra_devices_are_welcome_with_a_large_swiotlb_and_on_one_gpu,
	     a_file_that_nothing_vouches_for_is_refused_before_it_is_fetched,
	     a_newer_driver_without_a_module_for_a_new_kernel_is_never_replaced_by_the_configured,
	     what_could_not_be_read_refuses_and_never_counts_as_off,
	     a_group_of_facts_that_is_unknown_leaves_nothing_done_that_rests_on_it,
	     a_clock_that_cannot_be_asked_blocks_only_what_comes_after_it,
	     a_block_reaches_through_steps_that_are_done,
	     a_restart_that_is_due_postpones_what_needs_it_and_nothing_else,
	     a_block_behind_a_restart_waits_for_the_restart, a_step_that_was_cut_off_is_run_again,
	     a_packaged_driver_is_kept_whatever_became_of_ours_before,
	     preflight_tells_the_mode_of_selinux_or_that_it_is_unknown,
	     of_cuda_the_record_of_its_run_counts_and_not_the_status,
	     another_cuda_toolkit_blocks_all_but_where_it_is_replaced,
	     what_only_looks_restarts_or_fetches_is_not_run_again_for_having_been_cut_off,
	     a_step_that_was_cut_off_on_another_shape_stays_skipped,
	     the_plan_is_the_same_when_it_is_made_twice, every_action_has_a_name)
