#include "evidence/switch.h"

#include "devices.h"
#include "suite.h"
#include "trust/opaque.h"
#include "trust/x509.h"

static void fails(const struct err_kind *kind, const char *words)
{
	struct evidence ev = EVIDENCE_INIT;
	struct err e = ERR_INIT;

	ck_assert_int_eq(evidence_from_switches(&ev, &e), -1);
	ck_assert_msg(e.kind == kind, "%s", e.msg);
	ck_assert_has(e.msg, words);
	ck_assert_uint_eq(ev.n, 0);
	evidence_done(&ev);
}

static void collects(struct evidence *ev)
{
	struct err e = ERR_INIT;

	*ev = (struct evidence)EVIDENCE_INIT;
	ck_assert_msg(evidence_from_switches(ev, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(ev->n, 4);
}

START_TEST(every_switch_gives_a_report_that_its_own_chain_signed)
{
	struct evidence ev;
	struct err e = ERR_INIT;

	collects(&ev);
	ck_assert_str_eq(ev.note, "");
	ck_assert_str_eq(ev.v[0].id, "SWX-F6E1D86E-20D5-7BE5-85AD-E5EF52A80504");
	for (size_t i = 0; i < ev.n; i++) {
		struct appraise_device *d = &ev.v[i];
		_cleanup_(x509_chain_free_p) struct x509_chain *chain = NULL;
		struct spdm_report r;
		struct opaque o;
		uint64_t pdi = 0;

		ck_assert_int_eq(d->type, DEVICE_NVSWITCH);
		ck_assert_uint_eq(d->index, i);
		ck_assert_str_eq(d->arch, "LS10");
		ck_assert_int_eq(ev.pcie_mode[i], 3);
		ck_assert_msg(spdm_parse(d->report, d->report_len, &r, &e) == 0, "%s", e.msg);
		ck_assert_msg(opaque_parse(r.opaque, DEVICE_NVSWITCH, &o, &e) == 0, "%s", e.msg);
		ck_assert_msg(x509_chain_parse(d->chain, d->chain_len, X509_DEVICE_COUNT, &chain,
					       &e) == 0,
			      "%s", e.msg);
		ck_assert(spdm_signed_by(&r, x509_key(chain, 0)));
		ck_assert(d->has_nonce && spdm_nonce_is(&r, d->nonce));
		ck_assert_int_eq(x509_device_pdi(chain, DEVICE_NVSWITCH, &pdi, &e), 0);
		ck_assert_uint_eq(o.pdi, pdi);
		ck_assert_str_eq(o.vbios_version, "96.10.6D.00.01");
	}
	evidence_done(&ev);
}
END_TEST

START_TEST(gpus_and_switches_name_each_other)
{
	struct evidence ev;
	struct err e = ERR_INIT;
	uint64_t pdis[12];

	collects(&ev);
	ck_assert_msg(evidence_from_gpus(&ev, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(ev.n, 12);
	for (size_t i = 0; i < ev.n; i++) {
		_cleanup_(x509_chain_free_p) struct x509_chain *chain = NULL;

		ck_assert_int_eq(x509_chain_parse(ev.v[i].chain, ev.v[i].chain_len,
						  X509_DEVICE_COUNT, &chain, &e),
				 0);
		ck_assert_int_eq(x509_device_pdi(chain, ev.v[i].type, &pdis[i], &e), 0);
	}
	for (size_t i = 0; i < ev.n; i++) {
		struct spdm_report r;
		struct opaque o;

		ck_assert_int_eq(spdm_parse(ev.v[i].report, ev.v[i].report_len, &r, &e), 0);
		ck_assert_int_eq(opaque_parse(r.opaque, ev.v[i].type, &o, &e), 0);
		for (size_t k = 0; k < o.gpus_n; k++)
			ck_assert_uint_eq(o.gpus[k], pdis[4 + k]);
		for (size_t k = 0; k < o.links_n; k++)
			ck_assert_uint_eq(o.links[k], pdis[k % 4]);
		ck_assert_uint_eq(i < 4 ? o.gpus_n : o.links_n, i < 4 ? 8 : 18);
	}
	ck_assert_mem_ne(ev.v[0].nonce, ev.v[4].nonce, SPDM_NONCE_SIZE);
	evidence_done(&ev);
}
END_TEST

START_TEST(another_version_without_a_session_hints_at_it)
{
	struct evidence ev = EVIDENCE_INIT;
	struct err e = ERR_INIT;

	devices_fault("{\"nscq-mismatch\": \"\"}");
	ck_assert_int_eq(evidence_from_switches(&ev, &e), -1);
	ck_assert_has(e.msg, "nscq_session_create answered 1 (RDT init failure) and no session");
	ck_assert_has(err_hint_text(&e), "version of the loaded driver");
	evidence_done(&ev);
}
END_TEST

START_TEST(another_version_with_a_session_goes_on_and_says_so)
{
	struct evidence ev;

	devices_fault("{\"nscq-mismatch\": \"session\"}");
	collects(&ev);
	ck_assert_has(ev.note, "warning 1 (RDT init failure); its version may differ");
	evidence_done(&ev);
}
END_TEST

START_TEST(a_library_of_another_version_than_the_driver_fails)
{
	devices_put("root/sys/module/nvidia/version", "550.144.03\n");
	fails(&EVIDENCE_CALL, "RDT init failure");
	devices_sh("rm $D/root/sys/module/nvidia/version");
	fails(&EVIDENCE_CALL, "answered -3 (resource not mountable)");
	devices_sh("rm $D/root/usr/lib64/libnvidia-nscq.so.2");
	fails(&EVIDENCE_LIBRARY, "libnvidia-nscq.so.2 cannot be loaded");
}
END_TEST

START_TEST(a_callback_that_says_error_fails_and_names_the_path)
{
	devices_fault("{\"mgm-none\": \"\"}");
	fails(&EVIDENCE_CALL,
	      "NVSwitch 0 of 4: NSCQ: /SWX-F6E1D86E-20D5-7BE5-85AD-E5EF52A80504/config/certificate "
	      "answered -7 (driver error)");
}
END_TEST

START_TEST(a_pcie_mode_is_recorded_as_it_is)
{
	struct evidence ev;

	devices_fault("{\"pcie-mode\": \"2\"}");
	collects(&ev);
	ck_assert_int_eq(ev.pcie_mode[3], 2);
	evidence_done(&ev);
	devices_fault("{\"pcie-mode\": \"-1\"}");
	collects(&ev);
	ck_assert_int_eq(ev.pcie_mode[0], -1);
	evidence_done(&ev);
}
END_TEST

START_TEST(an_appraisal_is_told_what_was_found_out_and_what_was_not)
{
	struct appraise_facts facts;
	struct evidence ev;
	struct err e = ERR_INIT;

	collects(&ev);
	evidence_facts(&ev, &facts);
	ck_assert_int_eq(facts.multi_gpu_mode, APPRAISE_NOT_KNOWN);
	ck_assert_int_eq(evidence_from_gpus(&ev, &e), 0);
	evidence_facts(&ev, &facts);
	ck_assert_int_eq(facts.multi_gpu_mode, 1);
	ck_assert_int_eq(facts.cc_feature, 0);
	ck_assert_int_eq(facts.devtools, 0);
	ck_assert_int_eq(facts.switch_mode[3], 3);
	ck_assert_int_eq(facts.switch_mode[4], APPRAISE_NOT_KNOWN);
	evidence_done(&ev);
}
END_TEST

START_TEST(a_duplicate_switch_shows_in_its_chain)
{
	struct evidence ev;

	devices_fault("{\"duplicate-switch\": \"\"}");
	collects(&ev);
	ck_assert_uint_eq(ev.v[0].chain_len, ev.v[1].chain_len);
	ck_assert_mem_eq(ev.v[0].chain, ev.v[1].chain, ev.v[0].chain_len);
	ck_assert_str_ne(ev.v[0].id, ev.v[1].id);
	evidence_done(&ev);
}
END_TEST

SUITE_AROUND("switch", devices_make_multi, devices_drop,
	     every_switch_gives_a_report_that_its_own_chain_signed,
	     gpus_and_switches_name_each_other, another_version_without_a_session_hints_at_it,
	     another_version_with_a_session_goes_on_and_says_so,
	     a_library_of_another_version_than_the_driver_fails,
	     a_callback_that_says_error_fails_and_names_the_path, a_pcie_mode_is_recorded_as_it_is,
	     an_appraisal_is_told_what_was_found_out_and_what_was_not,
	     a_duplicate_switch_shows_in_its_chain)
