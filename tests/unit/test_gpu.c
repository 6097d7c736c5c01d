#include "evidence/gpu.h"

#include <signal.h>
#include <sys/wait.h>

#include "devices.h"
#include "suite.h"
#include "trust/opaque.h"
#include "trust/x509.h"

/* Collects, and checks that it fails for that reason, leaving no device behind. */
static void fails(const struct err_kind *kind, const char *words)
{
	struct evidence ev = EVIDENCE_INIT;
	struct err e = ERR_INIT;

	ck_assert_int_eq(evidence_from_gpus(&ev, &e), -1);
	ck_assert_msg(e.kind == kind, "%s", e.msg);
	ck_assert_has(e.msg, words);
	ck_assert_uint_eq(ev.n, 0);
	evidence_done(&ev);
}

static void collects(struct evidence *ev)
{
	struct err e = ERR_INIT;

	*ev = (struct evidence)EVIDENCE_INIT;
	ck_assert_msg(evidence_from_gpus(ev, &e) == 0, "%s", e.msg);
}

START_TEST(every_gpu_gives_a_report_that_its_own_chain_signed)
{
	struct evidence ev;
	struct err e = ERR_INIT;

	collects(&ev);
	ck_assert_uint_eq(ev.n, 8);
	for (size_t i = 0; i < ev.n; i++) {
		struct appraise_device *d = &ev.v[i];
		_cleanup_(x509_chain_free_p) struct x509_chain *chain = NULL;
		struct spdm_report r;
		struct opaque o;
		uint64_t pdi = 0;

		ck_assert_int_eq(d->type, DEVICE_GPU);
		ck_assert_uint_eq(d->index, i);
		ck_assert_str_eq(d->arch, "HOPPER");
		ck_assert_str_eq(d->driver_version, DEVICES_DRIVER);
		ck_assert_str_eq(d->vbios_version, "96.00.cf.00.05");
		ck_assert(str_starts(d->id, "GPU-"));
		ck_assert_msg(spdm_parse(d->report, d->report_len, &r, &e) == 0, "%s", e.msg);
		ck_assert_msg(opaque_parse(r.opaque, DEVICE_GPU, &o, &e) == 0, "%s", e.msg);
		ck_assert_msg(x509_chain_parse(d->chain, d->chain_len, X509_DEVICE_COUNT, &chain,
					       &e) == 0,
			      "%s", e.msg);
		ck_assert(spdm_signed_by(&r, x509_key(chain, 0)));
		ck_assert(d->has_nonce && spdm_nonce_is(&r, d->nonce));
		ck_assert_int_eq(x509_device_pdi(chain, DEVICE_GPU, &pdi, &e), 0);
		ck_assert_str_eq(o.driver_version, DEVICES_DRIVER);
		ck_assert_str_eq(o.vbios_version, "96.00.CF.00.05");
	}
	evidence_done(&ev);
	ck_assert_uint_eq(devices_lines("misuse"), 0);
}
END_TEST

START_TEST(the_nonce_is_fresh_for_each_run_and_the_same_for_all_gpus_of_one)
{
	struct evidence a, b;

	collects(&a);
	collects(&b);
	for (size_t i = 1; i < a.n; i++)
		ck_assert_mem_eq(a.v[0].nonce, a.v[i].nonce, SPDM_NONCE_SIZE);
	ck_assert_mem_ne(a.v[0].nonce, b.v[0].nonce, SPDM_NONCE_SIZE);
	evidence_done(&a);
	evidence_done(&b);
}
END_TEST

START_TEST(the_mode_is_what_nvml_says)
{
	struct mode m;
	struct err e = ERR_INIT;

	devices_fault("{\"devtools-on\": \"\"}");
	ck_assert_msg(evidence_get_mode(&m, &e) == 0, "%s", e.msg);
	ck_assert(m.known && !m.ready);
	ck_assert_uint_eq(m.multi_gpu_mode, 1);
	ck_assert_uint_eq(m.environment, 2);
	ck_assert_uint_eq(m.devtools, 1);
}
END_TEST

START_TEST(what_it_was_asked_for_and_does_not_say_is_kept_as_not_said)
{
	struct evidence ev;
	struct appraise_facts facts;

	devices_fault("{\"nvml-silent\": \"\", \"cc-environment\": \"1\"}");
	collects(&ev);
	ck_assert(ev.v[0].asked);
	ck_assert_str_eq(ev.v[0].driver_version, "");
	ck_assert_str_eq(ev.v[0].vbios_version, "");
	evidence_facts(&ev, &facts);
	ck_assert_int_eq(facts.environment, 1);
	evidence_done(&ev);
}
END_TEST

START_TEST(a_report_that_timed_out_is_asked_for_again_with_another_nonce)
{
	struct evidence ev;
	struct spdm_report r;
	struct err e = ERR_INIT;

	devices_fault("{\"report-timeout\": \"3\"}");
	collects(&ev);
	ck_assert_uint_eq(ev.n, 8);
	ck_assert_mem_ne(ev.v[0].nonce, ev.v[1].nonce, SPDM_NONCE_SIZE);
	ck_assert_int_eq(spdm_parse(ev.v[0].report, ev.v[0].report_len, &r, &e), 0);
	ck_assert(spdm_nonce_is(&r, ev.v[0].nonce));
	evidence_done(&ev);
}
END_TEST

START_TEST(a_report_that_times_out_four_times_is_given_up)
{
	devices_fault("{\"report-timeout\": \"4\"}");
	fails(&EVIDENCE_CALL,
	      "GPU 0 of 8: nvmlDeviceGetConfComputeGpuAttestationReport answered 10 "
	      "NVML_ERROR_TIMEOUT");
}
END_TEST

START_TEST(a_lost_gpu_is_named_and_not_asked_again)
{
	devices_fault("{\"gpu-lost\": \"2\"}");
	fails(&EVIDENCE_CALL, "GPU 2 of 8: nvmlDeviceGetConfComputeGpuCertificate answered 15 "
			      "NVML_ERROR_GPU_IS_LOST (GPU is lost)");
}
END_TEST

START_TEST(a_hidden_gpu_is_one_fewer)
{
	struct evidence ev;

	devices_fault("{\"gpu-missing\": \"\"}");
	collects(&ev);
	ck_assert_uint_eq(ev.n, 7);
	evidence_done(&ev);
}
END_TEST

START_TEST(without_confidential_mode_no_evidence_is_asked_for)
{
	struct evidence ev = EVIDENCE_INIT;
	struct err e = ERR_INIT;

	devices_fault("{\"mgm-none\": \"\"}");
	ck_assert_int_eq(evidence_from_gpus(&ev, &e), -1);
	ck_assert_ptr_eq(e.kind, &EVIDENCE_CC_OFF);
	ck_assert_has(e.msg, "environment 0, ccFeature 0");
	ck_assert(ev.mode.known);
}
END_TEST

START_TEST(a_driver_that_is_not_loaded_or_another_is_named)
{
	devices_put("root/sys/module/nvidia/version", "550.144.03\n");
	fails(&EVIDENCE_CALL, "nvmlInit_v2 answered 18 NVML_ERROR_LIB_RM_VERSION_MISMATCH");
	devices_sh("rm $D/root/sys/module/nvidia/version");
	fails(&EVIDENCE_CALL, "nvmlInit_v2 answered 9 NVML_ERROR_DRIVER_NOT_LOADED");
}
END_TEST

START_TEST(a_library_that_is_missing_or_broken_is_named)
{
	devices_put("root/usr/lib64/libnvidia-ml.so." DEVICES_DRIVER, "simulated library\n");
	fails(&EVIDENCE_LIBRARY, "libnvidia-ml.so.1 cannot be loaded: ");
	devices_sh("rm $D/root/usr/lib64/libnvidia-ml.so.1");
	fails(&EVIDENCE_LIBRARY, "libnvidia-ml.so.1 cannot be loaded: ");
}
END_TEST

START_TEST(a_client_before_persistenced_costs_the_session)
{
	devices_put("state/units/nvidia-persistenced.service", "activating\n");
	fails(&EVIDENCE_CALL, "nvmlDeviceGetHandleByIndex_v2 answered 999");
	devices_put("state/units/nvidia-persistenced.service", "active\n");
	fails(&EVIDENCE_CALL, "nvmlDeviceGetHandleByIndex_v2 answered 999");
	ck_assert_uint_eq(devices_lines("gpu.jsonl"), 2);
}
END_TEST

START_TEST(the_ready_state_is_set_and_read_back)
{
	struct mode m;
	struct err e = ERR_INIT;

	ck_assert_msg(evidence_set_ready(true, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(evidence_get_mode(&m, &e), 0);
	ck_assert(m.ready);
	ck_assert_int_eq(evidence_set_ready(false, &e), 0);
	ck_assert_int_eq(evidence_get_mode(&m, &e), 0);
	ck_assert(!m.ready);
}
END_TEST

START_TEST(a_terminal_ready_state_asks_for_a_restart)
{
	struct err e = ERR_INIT;

	devices_fault("{\"ready-terminal\": \"\"}");
	ck_assert_int_eq(evidence_set_ready(true, &e), -1);
	ck_assert_has(e.msg, "answered 2 NVML_ERROR_INVALID_ARGUMENT");
	ck_assert_has(err_hint_text(&e), "restart");
}
END_TEST

START_TEST(faults_of_the_evidence_itself_are_not_seen_here)
{
	static const char *const faults[] = { "{\"attest-rejected\": \"1\"}",
					      "{\"other-chain\": \"1\"}" };

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		_cleanup_(x509_chain_free_p) struct x509_chain *chain = NULL;
		struct evidence ev;
		struct spdm_report good, r;
		struct err e = ERR_INIT;

		devices_fault(faults[i]);
		collects(&ev);
		ck_assert_int_eq(spdm_parse(ev.v[0].report, ev.v[0].report_len, &good, &e), 0);
		ck_assert_int_eq(spdm_parse(ev.v[1].report, ev.v[1].report_len, &r, &e), 0);
		ck_assert_int_eq(x509_chain_parse(ev.v[1].chain, ev.v[1].chain_len,
						  X509_DEVICE_COUNT, &chain, &e),
				 0);
		ck_assert(spdm_signed_by(&r, x509_key(chain, 0)) == (i == 0));
		ck_assert((memcmp(good.values, r.values, sizeof(r.values)) == 0) == (i == 1));
		evidence_done(&ev);
	}
}
END_TEST

START_TEST(a_single_gpu_is_in_its_own_mode)
{
	struct evidence ev;
	struct spdm_report r;
	struct opaque o;
	struct err e = ERR_INIT;

	devices_drop();
	devices_make("single");
	collects(&ev);
	ck_assert_uint_eq(ev.n, 1);
	ck_assert_uint_eq(ev.mode.cc_feature, 1);
	ck_assert_uint_eq(ev.mode.multi_gpu_mode, 0);
	ck_assert_int_eq(spdm_parse(ev.v[0].report, ev.v[0].report_len, &r, &e), 0);
	ck_assert_int_eq(opaque_parse(r.opaque, DEVICE_GPU, &o, &e), 0);
	ck_assert_uint_eq(o.ppcie, OPAQUE_DISABLED);
	evidence_done(&ev);
	devices_fault("{\"cc-off\": \"\"}");
	fails(&EVIDENCE_CC_OFF, "confidential computing is off");
}
END_TEST

START_TEST(a_call_that_hangs_can_be_ended_from_outside)
{
	struct evidence ev = EVIDENCE_INIT;
	struct err e = ERR_INIT;
	int status = 0;
	pid_t child;

	devices_fault("{\"report-hangs\": \"5\"}");
	child = fork();
	if (child == 0)
		_exit(evidence_from_gpus(&ev, &e) == 0);
	for (int i = 0; i < 500 && devices_lines("gpu.jsonl") == 0; i++)
		usleep(10000);
	usleep(200000);
	ck_assert_int_eq(waitpid(child, &status, WNOHANG), 0);
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	devices_fault("{}");
	collects(&ev); /* it left nothing locked */
	evidence_done(&ev);
}
END_TEST

/* The addresses of the simulated machine (fakes/twinlib.py). */
static void eight_gpus(struct pci_gpus *gpus)
{
	gpus->n = 8;
	for (size_t i = 0; i < 8; i++)
		snprintf(gpus->v[i], PCI_ADDRESS_SIZE, "0000:00:%02zx.0", 7 + i);
}

START_TEST(a_gpu_without_a_handle_is_known_by_its_address)
{
	struct pci_gpus gpus;
	bool reached[PCI_GPUS_MAX];
	struct err e = ERR_INIT;
	size_t n = 0;

	eight_gpus(&gpus);
	ck_assert_msg(evidence_reach_gpus(&gpus, reached, &n, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(n, 8);
	for (size_t i = 0; i < 8; i++)
		ck_assert(reached[i]);
	devices_fault("{\"persistenced-skips-gpu\": \"\"}");
	ck_assert_int_eq(evidence_reach_gpus(&gpus, reached, &n, &e), 0);
	ck_assert_uint_eq(n, 7);
	for (size_t i = 0; i < 8; i++)
		ck_assert(reached[i] == (i < 7));
}
END_TEST

START_TEST(addresses_that_nvml_writes_otherwise_make_no_gpu_unreachable)
{
	struct pci_gpus gpus = { .v = { "somewhere else" }, .n = 1 };
	bool reached[PCI_GPUS_MAX];
	struct err e = ERR_INIT;
	size_t n = 0;

	ck_assert_int_eq(evidence_reach_gpus(&gpus, reached, &n, &e), 0);
	ck_assert_uint_eq(n, 8);
	ck_assert(reached[0]);
}
END_TEST

START_TEST(gpus_of_a_driver_that_does_not_answer_cannot_be_told)
{
	struct pci_gpus gpus;
	bool reached[PCI_GPUS_MAX];
	struct err e = ERR_INIT;
	size_t n = 0;

	eight_gpus(&gpus);
	devices_sh("rm $D/root/sys/module/nvidia/version");
	ck_assert_int_eq(evidence_reach_gpus(&gpus, reached, &n, &e), -1);
	ck_assert_has(e.msg, "DRIVER_NOT_LOADED");
}
END_TEST

SUITE_AROUND("gpu", devices_make_multi, devices_drop,
	     every_gpu_gives_a_report_that_its_own_chain_signed,
	     the_nonce_is_fresh_for_each_run_and_the_same_for_all_gpus_of_one,
	     the_mode_is_what_nvml_says, what_it_was_asked_for_and_does_not_say_is_kept_as_not_said,
	     a_report_that_timed_out_is_asked_for_again_with_another_nonce,
	     a_report_that_times_out_four_times_is_given_up,
	     a_lost_gpu_is_named_and_not_asked_again, a_hidden_gpu_is_one_fewer,
	     without_confidential_mode_no_evidence_is_asked_for,
	     a_driver_that_is_not_loaded_or_another_is_named,
	     a_library_that_is_missing_or_broken_is_named,
	     a_client_before_persistenced_costs_the_session, the_ready_state_is_set_and_read_back,
	     a_terminal_ready_state_asks_for_a_restart,
	     faults_of_the_evidence_itself_are_not_seen_here, a_single_gpu_is_in_its_own_mode,
	     a_call_that_hangs_can_be_ended_from_outside, a_gpu_without_a_handle_is_known_by_its_address,
	     addresses_that_nvml_writes_otherwise_make_no_gpu_unreachable,
	     gpus_of_a_driver_that_does_not_answer_cannot_be_told)
