#include "steps.h"

#include "codes.h"
#include "core/clock.h"
#include "fixture.h"
#include "machine.h"
#include "steps/all.h"
#include "suite.h"

static struct machine m;
static struct probe_result r;

static void probe(enum step_id id)
{
	r = (struct probe_result){ 0 };
	steps[id].probe(&m.c, &m.f, &r);
}

static void check_todo(enum step_id id, const char *words)
{
	probe(id);
	ck_assert_msg(r.probe == PROBE_TODO, "%s is not todo: %s", steps[id].id, r.reason);
	ck_assert_has(r.reason, words);
}

static void check_done(enum step_id id)
{
	probe(id);
	ck_assert_msg(r.probe == PROBE_DONE, "%s is not done: %s", steps[id].id, r.reason);
}

/* --- the table ------------------------------------------------------------------------------ */

START_TEST(every_row_of_the_table_is_whole)
{
	for (size_t i = 0; i < STEP_MAX; i++) {
		const struct step *s = &steps[i];

		ck_assert_msg(s->id && *s->id, "row %zu has no id", i);
		ck_assert_msg(s->rows && *s->rows, "%s has no rows", s->id);
		ck_assert_msg(s->title && *s->title, "%s has no title", s->id);
		ck_assert_msg(s->needs != NULL, "%s has no needs", s->id);
		ck_assert_msg(s->probe != NULL, "%s has no probe", s->id);
		ck_assert_msg(!s->apply || s->timeout_s > 0, "%s has no deadline", s->id);
		ck_assert_msg(!s->apply || s->attempts || s->patience_s || s->retry_for_s, "%s is never tried", s->id);
		ck_assert_msg(s->shapes <= STEP_ONLY_MULTI, "%s", s->id);
		ck_assert_uint_lt(strlen(s->id), sizeof(((struct err *)0)->hint));
		ck_assert_msg(s->id[strspn(s->id, "abcdefghijklmnopqrstuvwxyz-")] == '\0', "%s", s->id);
	}
}
END_TEST

START_TEST(a_step_has_the_time_that_it_is_configured_to_wait)
{
	machine_fresh(&m, SHAPE_MULTI, "{\"restart\": {\"cloud_init_wait_s\": 3600}, \"fetch\": {\"deadline_s\": 86400}, "
				       "\"time_sync\": {\"deadline_s\": 3600}, \"steps\": {\"fetch-nscq\": {\"timeout_s\": 7}}}");
	ck_assert_uint_ge(step_deadline_s(&steps[STEP_RESTART], &m.c), 3600 + 60);
	ck_assert_uint_ge(step_deadline_s(&steps[STEP_TIME_SYNC], &m.c), 3600 + 60);
	ck_assert_uint_ge(step_deadline_s(&steps[STEP_FETCH_CUDA], &m.c), 86400 + 60);
	ck_assert_uint_ge(step_deadline_s(&steps[STEP_FETCH_FABRICMANAGER], &m.c), 2 * 86400 + 60);
	ck_assert_uint_eq(step_deadline_s(&steps[STEP_FETCH_NSCQ], &m.c), 7);
	ck_assert_uint_eq(step_deadline_s(&steps[STEP_DRIVER], &m.c), steps[STEP_DRIVER].timeout_s);
	machine_done(&m);
}
END_TEST

/* What a step with this configuration does after so many failures, so long after the first. */
static bool again(enum step_id id, const char *config, unsigned int tries, unsigned int since_s)
{
	bool yes;

	machine_fresh(&m, SHAPE_MULTI, config);
	yes = step_tries_again(&steps[id], &m.c, tries, (uint64_t)since_s * 1000000);
	machine_done(&m);
	return yes;
}

START_TEST(what_waits_for_others_waits_for_minutes_and_counts_nothing)
{
	static const enum step_id patient[] = { STEP_PACKAGES, STEP_FABRICMANAGER, STEP_NSCQ, STEP_FABRIC, STEP_KERNEL_ARGS,
						STEP_VERIFIER, STEP_CUBLAS, STEP_ATTEST };

	for (size_t i = 0; i < ARRAY_SIZE(patient); i++) {
		ck_assert_msg(again(patient[i], "{}", 1, 2), "%s", steps[patient[i]].id);
		ck_assert_msg(again(patient[i], "{}", 1000, 300), "%s", steps[patient[i]].id);
		ck_assert_msg(!again(patient[i], "{}", 2, 86400), "%s", steps[patient[i]].id);
	}
	ck_assert(again(STEP_FABRIC, "{}", 120, 600) && !again(STEP_FABRIC, "{}", 2, 601));
	ck_assert(again(STEP_SERVICE_ORDER, "{}", 1, 86400) && !again(STEP_SERVICE_ORDER, "{}", 2, 1));
	ck_assert(!again(STEP_DRIVER, "{}", 1, 0));
	/* The start of a daemon is not, whatever happens to it: a GPU can be lost. */
	ck_assert(!again(STEP_PERSISTENCED_START, "{}", 1, 0) && !again(STEP_FABRICMANAGER_START, "{}", 1, 0));
}
END_TEST

#define PACKAGES(text) "{\"steps\": {\"packages\": {" text "}}}"

START_TEST(patience_and_attempts_are_configured_apart_and_together)
{
	ck_assert(again(STEP_PACKAGES, PACKAGES("\"patience_s\": 5"), 99, 5));
	ck_assert(!again(STEP_PACKAGES, PACKAGES("\"patience_s\": 5"), 1, 6));
	ck_assert(again(STEP_PACKAGES, PACKAGES("\"attempts\": 3"), 2, 86400));
	ck_assert(!again(STEP_PACKAGES, PACKAGES("\"attempts\": 3"), 3, 0));
	ck_assert(!again(STEP_PACKAGES, PACKAGES("\"attempts\": 3, \"patience_s\": 5"), 2, 6));
	ck_assert(!again(STEP_PACKAGES, PACKAGES("\"attempts\": 3, \"patience_s\": 5"), 3, 1));
	/* A step that counts can be told to wait, and the verdict's own deadline stays one. */
	ck_assert(again(STEP_SERVICE_ORDER, "{\"steps\": {\"service-order\": {\"patience_s\": 60}}}", 50, 60));
	ck_assert(!again(STEP_ATTEST, "{\"attest\": {\"deadline_s\": 9}, \"steps\": {\"attest\": {\"attempts\": 5}}}", 1, 10));
}
END_TEST

START_TEST(a_pause_is_never_shorter_than_a_second)
{
	uint64_t longest = 0;

	for (unsigned int tries = 1; tries < 40; tries++)
		for (int i = 0; i < 50; i++) {
			uint64_t us = step_pause_us(&steps[STEP_PACKAGES], tries);

			ck_assert_uint_ge(us, 1000000);
			ck_assert_uint_le(us, 60000000);
			longest = us > longest ? us : longest;
		}
	ck_assert_uint_gt(longest, 30000000);
	ck_assert_uint_eq(step_pause_us(&steps[STEP_FABRIC], 1), 5000000);
	ck_assert_uint_eq(step_pause_us(&steps[STEP_FABRIC], 30), 5000000);
}
END_TEST

/* What is left at some moment of the call, rounded up. */
static void check_time_left(const struct worker *w)
{
	uint64_t before_us = clock_monotonic_us();
	uint64_t left_us = worker_left_s(w) * UINT64_C(1000000);
	uint64_t after_us = clock_monotonic_us();

	ck_assert_uint_ge(after_us + left_us, w->end_us);
	ck_assert_uint_lt(before_us + left_us, w->end_us + 1000000);
}

START_TEST(programs_of_one_step_share_its_time)
{
	struct worker w = { .end_us = clock_monotonic_us() + 7200500000 };

	check_time_left(&w);
	w.end_us -= 3600000000;
	check_time_left(&w);
	/* Past the end there is time to leave things in order, before the engine kills the worker. */
	w.end_us = clock_monotonic_us();
	ck_assert_uint_gt(worker_left_s(&w), 0);
	ck_assert_uint_lt(worker_left_s(&w), WORKER_SLACK_S);
}
END_TEST

START_TEST(a_worker_that_needs_more_time_has_it_and_tells_the_agent)
{
	struct worker w = { .end_us = clock_monotonic_us() + 1200000000 };
	struct worker_frame head;
	uint64_t end_us;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	w.fd = fds[1];
	worker_needs(&w, 60); /* it has that, and nothing is told */
	ck_assert_uint_le(worker_left_s(&w), 1200);
	worker_needs(&w, 5200);
	ck_assert_uint_gt(worker_left_s(&w), 5100);
	ck_assert_int_eq(read(fds[0], &head, sizeof(head)), sizeof(head));
	ck_assert_int_eq(head.type, WORKER_NEEDS);
	ck_assert_uint_eq(head.len, sizeof(end_us));
	ck_assert_int_eq(read(fds[0], &end_us, sizeof(end_us)), sizeof(end_us));
	ck_assert_uint_eq(end_us, w.end_us);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(ids_are_unique_and_find_their_row)
{
	for (size_t i = 0; i < STEP_MAX; i++) {
		ck_assert_ptr_eq(step_by_id(steps[i].id), &steps[i]);
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(steps[i].id, steps[k].id);
	}
	ck_assert_ptr_null(step_by_id("no-such-step"));
	ck_assert_ptr_null(step_by_id(""));
}
END_TEST

START_TEST(every_step_stands_below_those_it_needs)
{
	for (size_t i = 0; i < STEP_MAX; i++)
		for (const enum step_id *n = steps[i].needs; *n != STEP_MAX; n++)
			ck_assert_msg((size_t)*n < i, "%s needs %s, which stands below it", steps[i].id,
				      steps[*n].id);
	for (size_t i = 0; i < STEP_MAX; i++)
		for (const enum step_id *n = steps[i].needs_early; n && *n != STEP_MAX; n++)
			ck_assert_uint_lt(*n, i);
}
END_TEST

/* Whether `from` needs `to` in the end; by way of a step that is not for the shape, it does not. */
static bool early; /* fetch.before_restart */

static bool reaches_on(enum step_shapes other, enum step_id from, enum step_id to)
{
	const struct config config = { .fetch_before_restart = early };

	if (from == to)
		return true;
	for (const enum step_id *n = step_needs(&steps[from], &config); *n != STEP_MAX; n++)
		if ((other == STEP_BOTH || steps[*n].shapes != other) && reaches_on(other, *n, to))
			return true;
	return false;
}

static bool reaches(enum step_id from, enum step_id to)
{
	return reaches_on(STEP_BOTH, from, to);
}

START_TEST(every_step_rests_on_preflight_and_the_gate_on_every_step)
{
	for (size_t i = 0; i < STEP_MAX; i++) {
		ck_assert_msg(reaches((enum step_id)i, STEP_PREFLIGHT), "%s would run unchecked", steps[i].id);
		ck_assert_msg(reaches(STEP_READY, (enum step_id)i), "the gate does not wait for %s", steps[i].id);
	}
}
END_TEST

START_TEST(before_the_restart_are_downloads_and_what_they_need_and_nothing_else)
{
	for (size_t i = 0; i < STEP_MAX; i++) {
		bool download = steps[i].downloads || i == STEP_TIME_SYNC;
		bool preparation = i < STEP_RESTART;

		early = false;
		ck_assert_msg(reaches((enum step_id)i, STEP_RESTART) == !preparation, "%s", steps[i].id);
		early = true;
		ck_assert_msg(reaches((enum step_id)i, STEP_RESTART) == !(preparation || download), "%s", steps[i].id);
		ck_assert_msg(reaches((enum step_id)i, STEP_PREFLIGHT), "%s would run unchecked", steps[i].id);
		ck_assert_msg(reaches(STEP_READY, (enum step_id)i), "the gate does not wait for %s", steps[i].id);
		ck_assert_msg(!download || !reaches(STEP_RESTART, (enum step_id)i), "the restart waits for %s", steps[i].id);
	}
	early = false;
}
END_TEST

START_TEST(what_a_step_needs_does_not_hang_on_steps_of_the_other_shape)
{
	static const enum step_id pairs[][2] = {
		{ STEP_READY, STEP_PREFLIGHT },		 { STEP_RESTART, STEP_KERNEL_ARGS },
		{ STEP_DRIVER, STEP_HOLD_SERVICES },	 { STEP_DRIVER, STEP_FETCH_DRIVER },
		{ STEP_CUDA, STEP_DRIVER },		 { STEP_PERSISTENCED_START, STEP_DRIVER },
		{ STEP_ATTEST, STEP_PERSISTENCED_START }, { STEP_ATTEST, STEP_VERIFIER },
		{ STEP_VERIFIER, STEP_PACKAGES },	 { STEP_READY, STEP_RELEASE_SERVICES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		ck_assert_msg(reaches_on(STEP_ONLY_MULTI, pairs[i][0], pairs[i][1]), "one GPU: %s without %s",
			      steps[pairs[i][0]].id, steps[pairs[i][1]].id);
		ck_assert_msg(reaches_on(STEP_ONLY_SINGLE, pairs[i][0], pairs[i][1]), "8 GPUs: %s without %s",
			      steps[pairs[i][0]].id, steps[pairs[i][1]].id);
	}
	for (size_t i = 0; i < STEP_MAX; i++) {
		ck_assert(steps[i].shapes == STEP_ONLY_MULTI || reaches_on(STEP_ONLY_MULTI, (enum step_id)i, STEP_PREFLIGHT));
		ck_assert(steps[i].shapes == STEP_ONLY_SINGLE || reaches_on(STEP_ONLY_SINGLE, (enum step_id)i, STEP_PREFLIGHT));
	}
}
END_TEST

START_TEST(nothing_that_uses_a_gpu_can_run_before_persistenced)
{
	static const enum step_id users[] = { STEP_DEVICES, STEP_FABRIC, STEP_CC_MODE, STEP_ATTEST,
					      STEP_RELEASE_SERVICES, STEP_READY };

	for (size_t i = 0; i < ARRAY_SIZE(users); i++)
		ck_assert_msg(reaches(users[i], STEP_PERSISTENCED_START), "%s", steps[users[i]].id);
	ck_assert(reaches(STEP_PERSISTENCED_START, STEP_DRIVER));
	ck_assert(reaches(STEP_PERSISTENCED_START, STEP_HOLD_SERVICES));
	ck_assert(reaches(STEP_PERSISTENCED_START, STEP_FABRICMANAGER_START));
}
END_TEST

START_TEST(nothing_is_installed_beside_the_driver)
{
	static const enum step_id writers[] = { STEP_PACKAGES, STEP_FABRICMANAGER, STEP_CUDA, STEP_NSCQ,
						STEP_HOLD_SERVICES, STEP_PERSISTENCED_UNIT };

	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		ck_assert_msg(reaches(writers[i], STEP_DRIVER) || reaches(STEP_DRIVER, writers[i]),
			      "%s may run beside the driver's installer", steps[writers[i]].id);
}
END_TEST

START_TEST(every_row_of_the_procedure_that_is_a_step_is_named)
{
	/* R25 is the line that creates the instance. */
	for (unsigned int row = 1; row <= 24; row++) {
		char name[8];
		bool named = false;

		snprintf(name, sizeof(name), "R%u", row);
		for (size_t i = 0; i < STEP_MAX; i++)
			named |= str_has_word(steps[i].rows, name);
		ck_assert_msg(named, "no step names %s", name);
	}
}
END_TEST

START_TEST(steps_of_the_other_shape_do_not_apply)
{
	static const enum step_id multi[] = { STEP_LKCA, STEP_INITRAMFS, STEP_FETCH_FABRICMANAGER,
					      STEP_FETCH_NSCQ, STEP_FABRICMANAGER, STEP_NSCQ,
					      STEP_FABRICMANAGER_START, STEP_FABRIC };

	machine_fresh(&m, SHAPE_SINGLE, "{\"cublas\": {\"install\": true}}");
	for (size_t i = 0; i < ARRAY_SIZE(multi); i++)
		ck_assert_msg(!step_applies(&steps[multi[i]], &m.c, &m.f), "%s", steps[multi[i]].id);
	ck_assert(step_applies(&steps[STEP_CUBLAS], &m.c, &m.f));
	machine_done(&m);
	machine_fresh(&m, SHAPE_MULTI, "{\"cublas\": {\"install\": true}}");
	for (size_t i = 0; i < ARRAY_SIZE(multi); i++)
		ck_assert_msg(step_applies(&steps[multi[i]], &m.c, &m.f), "%s", steps[multi[i]].id);
	ck_assert(!step_applies(&steps[STEP_CUBLAS], &m.c, &m.f));
	machine_done(&m);
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	ck_assert(!step_applies(&steps[STEP_CUBLAS], &m.c, &m.f));
	machine_done(&m);
	/* Of a shape that is not known, only what belongs to both applies. */
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	m.f.instance.shape = SHAPE_UNKNOWN;
	ck_assert(!step_applies(&steps[STEP_LKCA], &m.c, &m.f));
	ck_assert(!step_applies(&steps[STEP_CUBLAS], &m.c, &m.f));
	ck_assert(step_applies(&steps[STEP_DRIVER], &m.c, &m.f));
	machine_done(&m);
}
END_TEST

START_TEST(a_group_that_could_not_be_read_blocks_every_step_that_looks_at_it)
{
	static const struct {
		enum facts_group group;
		enum step_id steps[16];
	} rests[] = {
		{ FACTS_HOST, { STEP_PREFLIGHT, STEP_MAX } },
		{ FACTS_BOOT, { STEP_PREFLIGHT, STEP_KERNEL_ARGS, STEP_LKCA, STEP_INITRAMFS, STEP_RESTART, STEP_MAX } },
		{ FACTS_CLOCK, { STEP_TIME_SYNC, STEP_MAX } },
		{ FACTS_SOFTWARE,
		  { STEP_PREFLIGHT, STEP_PACKAGES, STEP_FETCH_DRIVER, STEP_FETCH_CUDA, STEP_FETCH_FABRICMANAGER,
		    STEP_FETCH_NSCQ, STEP_HOLD_SERVICES, STEP_FABRICMANAGER, STEP_DRIVER, STEP_CUDA, STEP_NSCQ,
		    STEP_VERIFIER, STEP_CUBLAS, STEP_MAX } },
		{ FACTS_UNITS,
		  { STEP_PREFLIGHT, STEP_SERVICE_ORDER, STEP_HOLD_SERVICES, STEP_PERSISTENCED_UNIT,
		    STEP_FABRICMANAGER_START, STEP_PERSISTENCED_START, STEP_RELEASE_SERVICES, STEP_TDX,
		    STEP_DEVICES, STEP_FABRIC, STEP_CC_MODE, STEP_ATTEST, STEP_READY, STEP_MAX } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		machine_ready(&m, SHAPE_MULTI, "{}");
		machine_unread(&m, rests[i].group, &ERR_BUS);
		for (const enum step_id *id = rests[i].steps; *id != STEP_MAX; id++) {
			probe(*id);
			ck_assert_msg(r.probe == PROBE_BLOCKED, "%s goes on: %s", steps[*id].id, r.reason);
			ck_assert_str_eq(r.err.kind->code, ERR_BUS.code);
			ck_assert_has(r.reason, "could not be read");
		}
		machine_done(&m);
	}
}
END_TEST

/* --- the host's policy ---------------------------------------------------------------------- */

static void check_refused(const struct err_kind *kind, const char *words, const char *hint)
{
	probe(STEP_PREFLIGHT);
	ck_assert_msg(r.probe == PROBE_BLOCKED, "%s is not refused: %s", kind->code, r.reason);
	ck_assert_str_eq(r.err.kind->code, kind->code);
	ck_assert_int_eq(r.err.kind->class, ERR_CLASS_REFUSE);
	ck_assert_has(r.reason, words);
	ck_assert_has(err_hint_text(&r.err), hint);
}

START_TEST(a_packaged_driver_is_refused_only_where_another_would_be_installed_over_it)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	m.f.host.driver_marker = true;
	check_refused(&CODE_DRIVER_FOREIGN, PATH_ALTERNATE_INSTALL, "rpm -qf " PATH_ALTERNATE_INSTALL);
	str_copy(m.f.host.driver_owner, sizeof(m.f.host.driver_owner), "nvidia-driver-535.261.03-1.el8");
	str_copy(m.f.host.driver_owned, sizeof(m.f.host.driver_owned), PATH_ALTERNATE_INSTALL);
	check_refused(&CODE_DRIVER_FOREIGN, "nvidia-driver-535.261.03-1.el8 owns", "dnf remove nvidia-driver;");
	m.f.host.driver_marker = false;
	str_copy(m.f.software.userspace, FACTS_VERSION_SIZE, "535.261.03");
	str_copy(m.f.software.module, FACTS_VERSION_SIZE, "535.261.03");
	check_refused(&CODE_DRIVER_FOREIGN, "owns", "or keep it: set driver.version to 535.261.03");
	machine_done(&m);
	machine_installed(&m, SHAPE_SINGLE, "{}");
	m.f.host.driver_marker = true;
	check_done(STEP_PREFLIGHT);
	m.f.cut_off = 1ull << STEP_DRIVER;
	check_refused(&CODE_DRIVER_FOREIGN, PATH_ALTERNATE_INSTALL, "rpm -qf");
	machine_done(&m);
	machine_fresh(&m, SHAPE_SINGLE, "{\"driver\": {\"args\": [\"--no-check-for-alternate-installs\"]}}");
	m.f.host.driver_marker = true;
	check_done(STEP_PREFLIGHT);
	machine_done(&m);
}
END_TEST

START_TEST(a_hidden_package_is_refused_while_it_is_missing)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	m.f.host.excluded = true;
	m.f.host.exclude = (struct exclude){ "kernel-devel-5.10.134-18.al8.x86_64", "kernel*", "/etc/dnf/dnf.conf, line 3" };
	check_refused(&CODE_EXCLUDED, "kernel* hides it from yum: /etc/dnf/dnf.conf, line 3",
		      "yum install -y --disableexcludes=all kernel-devel-5.10.134-18.al8.x86_64");
	m.f.software.missing_n = 0;
	check_done(STEP_PREFLIGHT);
	machine_done(&m);
}
END_TEST

START_TEST(without_a_place_to_unpack_nothing_is_installed)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	str_copy(m.f.host.tmp_trouble, sizeof(m.f.host.tmp_trouble), "/tmp is mounted noexec");
	m.f.host.unpack = UNPACK_NOEXEC;
	check_refused(&CODE_TMP_NOEXEC, "/tmp is mounted noexec; /var/cache/gn8v and", "mount -o remount,exec /tmp");
	m.f.host.unpack = UNPACK_SMALL;
	check_refused(&CODE_DISK, "installers unpack", "");
	m.f.software.cuda_begun = true;
	check_done(STEP_PREFLIGHT);
	m.f.software.cuda_begun = false;
	m.f.host.unpack = UNPACK_FOLDER;
	str_copy(m.f.host.unpack_dir, sizeof(m.f.host.unpack_dir), "/var/cache/gn8v/.gn8v-unpack");
	check_done(STEP_PREFLIGHT);
	ck_assert_has(r.reason, "installers unpack in /var/cache/gn8v/.gn8v-unpack: /tmp is mounted noexec");
	machine_done(&m);
	machine_installed(&m, SHAPE_SINGLE, "{}");
	m.f.host.unpack = UNPACK_NOEXEC;
	check_done(STEP_PREFLIGHT);
	machine_done(&m);
	machine_fresh(&m, SHAPE_SINGLE, "{\"driver\": {\"args\": [\"--tmpdir\", \"/data\"]}, \"cuda\": {\"args\": [\"--tmpdir=/data\"]}}");
	m.f.host.unpack = UNPACK_NOEXEC;
	check_done(STEP_PREFLIGHT);
	machine_done(&m);
}
END_TEST

/* --- before the restart --------------------------------------------------------------------- */

START_TEST(kernel_args_want_every_boot_entry)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	check_todo(STEP_KERNEL_ARGS, "swiotlb=4194304,any");
	m.f.boot.swiotlb_next = m.f.boot.swiotlb_in_effect = true;
	check_todo(STEP_KERNEL_ARGS, "every boot entry");
	m.f.boot.swiotlb_everywhere = true;
	check_done(STEP_KERNEL_ARGS);
	machine_done(&m);
	machine_fresh(&m, SHAPE_SINGLE, "{\"kernel\": {\"blacklist_nouveau\": true, \"swiotlb\": \"524288\"}}");
	check_todo(STEP_KERNEL_ARGS, "swiotlb=524288");
	m.f.boot.swiotlb_everywhere = true;
	check_todo(STEP_KERNEL_ARGS, "blacklist of nouveau");
	m.f.boot.nouveau_everywhere = true;
	check_done(STEP_KERNEL_ARGS);
	machine_done(&m);
}
END_TEST

START_TEST(an_initramfs_is_only_right_with_the_option_it_must_hold)
{
	machine_fresh(&m, SHAPE_MULTI, "{}");
	check_todo(STEP_LKCA, PATH_MODPROBE_LKCA);
	check_todo(STEP_INITRAMFS, "rebuild");
	m.f.boot.lkca_ok = true;
	check_done(STEP_LKCA);
	check_done(STEP_INITRAMFS);
	m.f.boot.initramfs_ok = false;
	check_todo(STEP_INITRAMFS, "rebuild");
	machine_done(&m);
}
END_TEST

START_TEST(the_clock_must_be_synchronised_unless_that_is_waived)
{
	machine_fresh(&m, SHAPE_SINGLE, "{}");
	check_todo(STEP_TIME_SYNC, "synchronised");
	m.f.clock.synchronised = true;
	check_done(STEP_TIME_SYNC);
	machine_done(&m);
	machine_fresh(&m, SHAPE_SINGLE, "{\"time_sync\": {\"required\": false}}");
	check_done(STEP_TIME_SYNC);
	machine_done(&m);
}
END_TEST

/* --- what is installed ---------------------------------------------------------------------- */

START_TEST(packages_name_what_is_missing_and_leave_python_to_the_verifier)
{
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	check_todo(STEP_PACKAGES, "install openssl3, gcc, make, elfutils-libelf-devel and kernel-devel-");
	m.f.software.missing_n = 0;
	machine_missing(&m, &m.c.attest_python);
	check_done(STEP_PACKAGES);
	str_copy(m.f.software.missing[m.f.software.missing_n++], FACTS_VERSION_SIZE,
		 "kernel-devel-5.10.134-18.al8.x86_64");
	check_todo(STEP_PACKAGES, "install kernel-devel-5.10.134-18.al8.x86_64");
	machine_done(&m);
}
END_TEST

START_TEST(names_that_do_not_fit_are_counted)
{
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	for (m.f.software.missing_n = 0; m.f.software.missing_n < 40; m.f.software.missing_n++)
		str_copy(m.f.software.missing[m.f.software.missing_n], FACTS_VERSION_SIZE, "openssl3-devel-static");
	check_todo(STEP_PACKAGES, "install openssl3-devel-static, openssl3-devel-static, ");
	check_todo(STEP_PACKAGES, "openssl3-devel-static and 32 more");
	machine_done(&m);
}
END_TEST

START_TEST(the_driver_is_done_only_with_module_libraries_and_programs_of_one_version)
{
	machine_installed(&m, SHAPE_SINGLE, "{}");
	check_done(STEP_DRIVER);
	str_copy(m.f.software.module, FACTS_VERSION_SIZE, "550.54.15");
	check_todo(STEP_DRIVER, "its module for kernel 5.10.134-18.al8.x86_64");
	m.f.software.module[0] = '\0';
	check_todo(STEP_DRIVER, "missing or another version");
	m.f.software.userspace[0] = '\0';
	check_todo(STEP_DRIVER, "install driver 550.144.03 for kernel");
	str_copy(m.f.software.module, FACTS_VERSION_SIZE, "550.144.03");
	check_todo(STEP_DRIVER, "libraries or programs");
	str_copy(m.f.software.userspace, FACTS_VERSION_SIZE, "550.144.03");
	m.f.software.driver_programs = false;
	check_todo(STEP_DRIVER, "libraries or programs");
	machine_done(&m);
}
END_TEST

START_TEST(a_driver_whose_installer_did_not_end_well_is_done_once_it_is_proven)
{
	machine_installed(&m, SHAPE_SINGLE, "{}");
	m.f.software.driver_begun = true;
	check_todo(STEP_DRIVER, "install driver 550.144.03 again: its installer began and did not end well");
	check_todo(STEP_FETCH_DRIVER, "fetch NVIDIA-Linux-x86_64-550.144.03.run");
	m.f.software.driver_proven = true;
	check_done(STEP_DRIVER);
	m.f.software.module[0] = '\0';
	check_todo(STEP_DRIVER, "its module");
	machine_done(&m);
}
END_TEST

START_TEST(a_newer_driver_is_kept_and_fabric_manager_and_nscq_must_equal_it)
{
	struct facts_software *s = &m.f.software;

	machine_installed(&m, SHAPE_MULTI, "{}");
	str_copy(s->module, FACTS_VERSION_SIZE, "570.172.08");
	str_copy(s->userspace, FACTS_VERSION_SIZE, "570.172.08");
	check_done(STEP_DRIVER);
	check_done(STEP_FETCH_DRIVER);
	check_todo(STEP_FABRICMANAGER, "570.148.08 is installed and must equal the driver's 570.172.08");
	check_todo(STEP_NSCQ, "must equal the driver's 570.172.08");
	check_todo(STEP_FETCH_FABRICMANAGER, "nvidia-fabric-manager-570.172.08-1.x86_64.rpm");
	check_todo(STEP_FETCH_NSCQ, "libnvidia-nscq-570-570.172.08-1.x86_64.rpm");
	str_copy(s->fabricmanager.version, FACTS_VERSION_SIZE, "570.172.08");
	str_copy(s->nscq.version, FACTS_VERSION_SIZE, "570.172.08");
	check_done(STEP_FABRICMANAGER);
	check_done(STEP_NSCQ);
	machine_done(&m);
}
END_TEST

START_TEST(an_older_or_half_newer_driver_is_replaced_by_the_configured)
{
	machine_installed(&m, SHAPE_MULTI, "{}");
	str_copy(m.f.software.module, FACTS_VERSION_SIZE, "565.57.01");
	str_copy(m.f.software.userspace, FACTS_VERSION_SIZE, "565.57.01");
	check_todo(STEP_DRIVER, "install driver 570.148.08");
	str_copy(m.f.software.module, FACTS_VERSION_SIZE, "580.65.06");
	check_todo(STEP_DRIVER, "install driver 570.148.08");
	ck_assert_str_eq(facts_driver_version(&m.f, &m.c), "570.148.08");
	str_copy(m.f.software.userspace, FACTS_VERSION_SIZE, "580.65.06");
	ck_assert_str_eq(facts_driver_version(&m.f, &m.c), "580.65.06");
	machine_done(&m);
}
END_TEST

START_TEST(what_is_installed_is_not_fetched)
{
	machine_restarted(&m, SHAPE_MULTI, "{}");
	check_todo(STEP_FETCH_DRIVER, "fetch NVIDIA-Linux-x86_64-570.148.08.run");
	check_todo(STEP_FETCH_CUDA, "fetch cuda_12.8.1_570.124.06_linux.run");
	check_todo(STEP_FETCH_FABRICMANAGER, "fetch nvidia-fabric-manager-570.148.08-1.x86_64.rpm");
	check_todo(STEP_FETCH_NSCQ, "fetch libnvidia-nscq-570-570.148.08-1.x86_64.rpm");
	machine_done(&m);
	machine_installed(&m, SHAPE_MULTI, "{}");
	for (enum step_id id = STEP_FETCH_DRIVER; id <= STEP_FETCH_NSCQ; id++) {
		check_done(id);
		ck_assert_has(r.reason, "not needed");
	}
	m.f.software.cuda = false;
	check_todo(STEP_FETCH_CUDA, "cuda_12.8.1");
	check_todo(STEP_CUDA, "install CUDA 12.8.1");
	check_done(STEP_FETCH_DRIVER);
	machine_done(&m);
}
END_TEST

START_TEST(another_cuda_toolkit_is_named_with_its_package_and_what_to_do)
{
	struct facts_software *s = &m.f.software;

	machine_fresh(&m, SHAPE_SINGLE, "{}");
	s->cuda_folder = FACTS_CUDA_FOREIGN;
	str_copy(s->cuda_said, sizeof(s->cuda_said), "it has no version.json");
	probe(STEP_PREFLIGHT);
	ck_assert_int_eq(r.probe, PROBE_BLOCKED);
	ck_assert_ptr_eq(r.err.kind, &CODE_CUDA_FOREIGN);
	ck_assert_str_eq(r.err.msg, "/usr/local/cuda-12.4 is in the way of CUDA 12.4.1: it has no version.json");
	ck_assert_has(err_hint_text(&r.err), "\"cuda\": {\"replace\": true}");
	str_copy(s->cuda_package, sizeof(s->cuda_package), "cuda-nvcc-12-4-12.4.99-1");
	probe(STEP_PREFLIGHT);
	ck_assert_has(r.err.msg, "; it belongs to the package cuda-nvcc-12-4-12.4.99-1");
	ck_assert_has(err_hint_text(&r.err), "yum remove cuda-nvcc-12-4-12.4.99-1, or set \"cuda\": {\"replace\": true}");
	probe(STEP_CUDA);
	ck_assert_ptr_eq(r.err.kind, &CODE_CUDA_FOREIGN);
	machine_done(&m);
	machine_fresh(&m, SHAPE_SINGLE, "{\"cuda\": {\"replace\": true}}");
	s->cuda_folder = FACTS_CUDA_FOREIGN;
	check_done(STEP_PREFLIGHT);
	check_todo(STEP_CUDA, "what is in /usr/local/cuda-12.4 is moved aside");
	machine_done(&m);
}
END_TEST

START_TEST(fabric_manager_and_nscq_that_are_missing_are_installed)
{
	machine_installed(&m, SHAPE_MULTI, "{}");
	m.f.software.fabricmanager.version[0] = m.f.software.nscq.version[0] = '\0';
	check_todo(STEP_FABRICMANAGER, "install Fabric Manager 570.148.08");
	check_todo(STEP_NSCQ, "install NSCQ 570.148.08");
	machine_done(&m);
}
END_TEST

START_TEST(verifier_and_cublas_follow_what_is_there)
{
	machine_installed(&m, SHAPE_SINGLE, "{\"cublas\": {\"install\": true}}");
	check_done(STEP_VERIFIER);
	check_todo(STEP_CUBLAS, "12.4.5.8");
	m.f.software.cublas = true;
	check_done(STEP_CUBLAS);
	m.f.software.verifier = false;
	check_todo(STEP_VERIFIER, PATH_VENV);
	machine_done(&m);
}
END_TEST

/* --- units ---------------------------------------------------------------------------------- */

START_TEST(service_order_wants_the_drop_in_of_services_that_are_not_installed_too)
{
	machine_installed(&m, SHAPE_SINGLE, "{}");
	check_done(STEP_SERVICE_ORDER);
	machine_unit(&m, "ollama.service")->order_ok = false;
	check_todo(STEP_SERVICE_ORDER, "ollama.service");
	machine_unit(&m, "ollama.service")->order_ok = true;
	/* A path that is ordered after a service closes a circle. */
	machine_unit(&m, "nvidia-cdi-refresh.path")->order_ok = true;
	check_todo(STEP_SERVICE_ORDER, "nvidia-cdi-refresh.path");
	machine_unit(&m, "nvidia-cdi-refresh.path")->order_ok = false;
	/* Neither is ordered after itself. */
	machine_unit(&m, UNIT_PERSISTENCED)->order_ok = false;
	check_done(STEP_SERVICE_ORDER);
	machine_done(&m);
}
END_TEST

START_TEST(the_gate_drop_in_is_there_when_configured_and_only_then)
{
	machine_installed(&m, SHAPE_SINGLE, "{\"gate\": {\"mode\": \"attested\"}}");
	check_todo(STEP_SERVICE_ORDER, "drop-ins");
	for (size_t i = 0; i < m.c.gate_units.n; i++)
		machine_unit(&m, m.c.gate_units.v[i])->gate_there = true;
	check_todo(STEP_SERVICE_ORDER, "drop-ins");
	for (size_t i = 0; i < m.c.gate_units.n; i++)
		machine_unit(&m, m.c.gate_units.v[i])->gate_ok = true;
	check_done(STEP_SERVICE_ORDER);
	machine_done(&m);
	machine_installed(&m, SHAPE_SINGLE, "{}");
	machine_unit(&m, "ollama.service")->gate_there = machine_unit(&m, "ollama.service")->gate_ok = true;
	check_todo(STEP_SERVICE_ORDER, "ollama.service");
	machine_done(&m);
}
END_TEST

START_TEST(services_are_held_only_while_something_is_to_be_installed)
{
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	check_todo(STEP_HOLD_SERVICES, "stop and hold back ollama.service, nvidia-cdi-refresh.path, "
				       "nvidia-cdi-refresh.service and cloudmonitor.service");
	machine_done(&m);
	machine_installed(&m, SHAPE_SINGLE, "{}");
	check_done(STEP_HOLD_SERVICES);
	ck_assert_has(r.reason, "not needed");
	m.f.software.cuda = false;
	check_done(STEP_HOLD_SERVICES);
	ck_assert_str_eq(r.reason, "the services that use the GPU are held back");
	machine_unit_is(&m, "cloudmonitor.service", "loaded", "active", "running", "disabled");
	check_todo(STEP_HOLD_SERVICES, "stop and hold back cloudmonitor.service");
	machine_unit_is(&m, "cloudmonitor.service", "loaded", "failed", "failed", "enabled");
	check_todo(STEP_HOLD_SERVICES, "disable cloudmonitor.service");
	machine_unit_is(&m, "cloudmonitor.service", "loaded", "failed", "failed", "disabled");
	check_done(STEP_HOLD_SERVICES);
	m.f.units.hold_flag = false;
	check_todo(STEP_HOLD_SERVICES, "hold back");
	m.f.units.hold_flag = true;
	machine_unit(&m, "nvidia-cdi-refresh.path")->hold_ok = false;
	check_todo(STEP_HOLD_SERVICES, "nvidia-cdi-refresh.path");
	machine_done(&m);
}
END_TEST

START_TEST(held_services_are_released_while_the_flag_is_there)
{
	machine_installed(&m, SHAPE_SINGLE, "{}");
	check_todo(STEP_RELEASE_SERVICES, "let the held services go");
	m.f.units.hold_flag = false;
	check_done(STEP_RELEASE_SERVICES);
	machine_done(&m);
}
END_TEST

/* Neither activating, nor another sub-state, nor disabled will do. */
static void check_unit_step(enum step_id id, const char *unit, bool sub_matters)
{
	machine_unit_is(&m, unit, "loaded", "active", "running", "enabled");
	check_done(id);
	machine_unit_is(&m, unit, "loaded", "activating", "start", "enabled");
	check_todo(id, unit);
	machine_unit_is(&m, unit, "loaded", "failed", "failed", "enabled");
	check_todo(id, unit);
	machine_unit_is(&m, unit, "loaded", "active", "running", "disabled");
	check_todo(id, unit);
	machine_unit_is(&m, unit, "not-found", "inactive", "dead", "");
	check_todo(id, unit);
	if (!sub_matters)
		return;
	machine_unit_is(&m, unit, "loaded", "active", "exited", "enabled");
	check_todo(id, unit);
}

START_TEST(the_daemons_must_be_active_and_enabled)
{
	machine_unproven(&m, SHAPE_MULTI, "{}");
	check_unit_step(STEP_PERSISTENCED_START, UNIT_PERSISTENCED, true);
	check_unit_step(STEP_FABRICMANAGER_START, UNIT_FABRICMANAGER, false);
	m.f.units.n = 0;
	check_todo(STEP_PERSISTENCED_START, UNIT_PERSISTENCED);
	check_todo(STEP_FABRICMANAGER_START, UNIT_FABRICMANAGER);
	machine_done(&m);
}
END_TEST

START_TEST(the_persistenced_unit_must_be_ours)
{
	machine_installed(&m, SHAPE_SINGLE, "{}");
	check_done(STEP_PERSISTENCED_UNIT);
	m.f.units.persistenced_unit_ok = false;
	check_todo(STEP_PERSISTENCED_UNIT, PATH_PERSISTENCED_UNIT);
	machine_done(&m);
}
END_TEST

static void check_blocked(enum step_id id, const struct err_kind *kind, const char *words, const char *hint)
{
	probe(id);
	ck_assert_msg(r.probe == PROBE_BLOCKED, "%s is not blocked: %s", steps[id].id, r.reason);
	ck_assert_ptr_eq(r.err.kind, kind);
	ck_assert_has(r.reason, words);
	ck_assert_has(err_hint_text(&r.err), hint);
}

START_TEST(a_masked_daemon_is_refused_before_anything_else)
{
	machine_restarted(&m, SHAPE_SINGLE, "{}");
	machine_unit_is(&m, UNIT_FABRICMANAGER, "masked", "inactive", "dead", "masked");
	machine_unit_is(&m, "ollama.service", "masked", "inactive", "dead", "masked");
	check_done(STEP_PREFLIGHT);
	machine_unit_is(&m, UNIT_PERSISTENCED, "masked", "inactive", "dead", "masked");
	check_blocked(STEP_PREFLIGHT, &CODE_UNIT_MASKED, UNIT_PERSISTENCED " is masked",
		      "systemctl unmask " UNIT_PERSISTENCED ";");
	check_blocked(STEP_PERSISTENCED_UNIT, &CODE_UNIT_MASKED, UNIT_PERSISTENCED, "unmask");
	/* Masked on the disk, which systemd has not read yet. */
	machine_unit_is(&m, UNIT_PERSISTENCED, "loaded", "active", "running", "masked-runtime");
	check_blocked(STEP_PREFLIGHT, &CODE_UNIT_MASKED, "until the next restart", "unmask --runtime " UNIT_PERSISTENCED);
	machine_done(&m);
	machine_restarted(&m, SHAPE_MULTI, "{}");
	machine_unit_is(&m, UNIT_FABRICMANAGER, "masked", "inactive", "dead", "masked");
	check_blocked(STEP_PREFLIGHT, &CODE_UNIT_MASKED, UNIT_FABRICMANAGER " is masked", UNIT_FABRICMANAGER);
	machine_done(&m);
}
END_TEST

START_TEST(what_systemd_uses_in_the_place_of_the_persistenced_unit_is_refused)
{
	struct unitfile_others *o = &m.f.units.persistenced;

	machine_ready(&m, SHAPE_SINGLE, "{}");
	check_done(STEP_PREFLIGHT);
	str_copy(o->harmless, sizeof(o->harmless), PATH_ETC_UNITS "/" UNIT_PERSISTENCED ".d/limit.conf");
	check_done(STEP_PREFLIGHT);
	check_done(STEP_PERSISTENCED_UNIT);
	ck_assert_has(r.reason, o->harmless);
	str_copy(o->path, sizeof(o->path), PATH_ETC_UNITS "/" UNIT_PERSISTENCED);
	check_blocked(STEP_PREFLIGHT, &CODE_UNIT_OVERRIDDEN, "in the place of " PATH_PERSISTENCED_UNIT,
		      PATH_ETC_UNITS "/" UNIT_PERSISTENCED);
	str_copy(o->sets, sizeof(o->sets), "ExecStart");
	check_blocked(STEP_PREFLIGHT, &CODE_UNIT_OVERRIDDEN, "sets ExecStart= of " UNIT_PERSISTENCED, o->path);
	str_copy(o->sets, sizeof(o->sets), "TimeoutStartSec");
	o->start_s = 3;
	check_blocked(STEP_PREFLIGHT, &CODE_UNIT_OVERRIDDEN, "sets TimeoutStartSec= of " UNIT_PERSISTENCED, o->path);
	ck_assert_has(r.reason, "cut off after 3 s");
	o->start_s = 0;
	str_copy(o->sets, sizeof(o->sets), "After");
	str_copy(o->behind, sizeof(o->behind), "multi-user.target");
	check_blocked(STEP_PREFLIGHT, &CODE_UNIT_OVERRIDDEN, " after multi-user.target, which waits", o->path);
	*o->path = '\0';
	str_copy(o->behind, sizeof(o->behind), "late.service");
	check_blocked(STEP_PREFLIGHT, &CODE_UNIT_OVERRIDDEN, "after late.service, which waits", "systemctl cat late.service");
	machine_done(&m);
}
END_TEST

START_TEST(fabric_manager_that_waits_for_what_waits_for_it_is_mended_or_refused)
{
	machine_ready(&m, SHAPE_MULTI, "{}");
	check_done(STEP_FABRICMANAGER_START);
	m.f.units.fabricmanager.todo = FMUNIT_WRITE;
	check_todo(STEP_FABRICMANAGER_START, "write " PATH_FABRICMANAGER_COPY);
	m.f.units.fabricmanager.todo = FMUNIT_REMOVE;
	check_todo(STEP_FABRICMANAGER_START, "remove " PATH_FABRICMANAGER_COPY);
	m.f.units.fabricmanager.todo = FMUNIT_NOTHING;
	strcpy(m.f.units.fabricmanager.behind, "multi-user.target");
	check_blocked(STEP_PREFLIGHT, &CODE_UNIT_ORDER, "ordered after multi-user.target", "After=multi-user.target");
	m.f.instance.shape = SHAPE_SINGLE;
	machine_done(&m);
}
END_TEST

START_TEST(the_proof_is_taken_unless_the_gate_is_open_in_this_boot)
{
	static const enum step_id proofs[] = { STEP_TDX, STEP_DEVICES, STEP_FABRIC, STEP_CC_MODE, STEP_ATTEST,
					       STEP_READY };

	machine_unproven(&m, SHAPE_MULTI, "{}");
	for (size_t i = 0; i < ARRAY_SIZE(proofs); i++) {
		ck_assert(steps[proofs[i]].verifies);
		check_todo(proofs[i], "");
	}
	m.f.units.gate_open = true;
	for (size_t i = 0; i < ARRAY_SIZE(proofs); i++)
		check_done(proofs[i]);
	machine_done(&m);
}
END_TEST

SUITE_AROUND("steps", fixture_root_make, fixture_root_drop, a_step_has_the_time_that_it_is_configured_to_wait,
	     what_waits_for_others_waits_for_minutes_and_counts_nothing,
	     patience_and_attempts_are_configured_apart_and_together, a_pause_is_never_shorter_than_a_second,
	     a_worker_that_needs_more_time_has_it_and_tells_the_agent, programs_of_one_step_share_its_time,
	     every_row_of_the_table_is_whole,
	     ids_are_unique_and_find_their_row, every_step_stands_below_those_it_needs,
	     every_step_rests_on_preflight_and_the_gate_on_every_step,
	     before_the_restart_are_downloads_and_what_they_need_and_nothing_else,
	     what_a_step_needs_does_not_hang_on_steps_of_the_other_shape,
	     nothing_that_uses_a_gpu_can_run_before_persistenced, nothing_is_installed_beside_the_driver,
	     every_row_of_the_procedure_that_is_a_step_is_named, steps_of_the_other_shape_do_not_apply,
	     a_group_that_could_not_be_read_blocks_every_step_that_looks_at_it,
	     kernel_args_want_every_boot_entry, an_initramfs_is_only_right_with_the_option_it_must_hold,
	     the_clock_must_be_synchronised_unless_that_is_waived,
	     packages_name_what_is_missing_and_leave_python_to_the_verifier, names_that_do_not_fit_are_counted,
	     a_packaged_driver_is_refused_only_where_another_would_be_installed_over_it,
	     a_hidden_package_is_refused_while_it_is_missing, without_a_place_to_unpack_nothing_is_installed,
	     the_driver_is_done_only_with_module_libraries_and_programs_of_one_version,
	     a_driver_whose_installer_did_not_end_well_is_done_once_it_is_proven,
	     a_newer_driver_is_kept_and_fabric_manager_and_nscq_must_equal_it,
	     an_older_or_half_newer_driver_is_replaced_by_the_configured, what_is_installed_is_not_fetched,
	     another_cuda_toolkit_is_named_with_its_package_and_what_to_do, fabric_manager_and_nscq_that_are_missing_are_installed, verifier_and_cublas_follow_what_is_there,
	     service_order_wants_the_drop_in_of_services_that_are_not_installed_too,
	     the_gate_drop_in_is_there_when_configured_and_only_then,
	     services_are_held_only_while_something_is_to_be_installed,
	     held_services_are_released_while_the_flag_is_there, the_daemons_must_be_active_and_enabled,
	     the_persistenced_unit_must_be_ours, a_masked_daemon_is_refused_before_anything_else,
	     what_systemd_uses_in_the_place_of_the_persistenced_unit_is_refused,
	     fabric_manager_that_waits_for_what_waits_for_it_is_mended_or_refused, the_proof_is_taken_unless_the_gate_is_open_in_this_boot)
