#include "fixture.h"
#include "forge.h"
#include "suite.h"
#include "trust/x509.h"

START_TEST(a_gpu_is_not_a_switch)
{
	struct forge_made gpu, nvswitch;
	uint64_t pdi = 0;

	forge_begin(&gpu, DEVICE_GPU);
	forge_begin(&nvswitch, DEVICE_NVSWITCH);
	forge_finish(&gpu);
	forge_finish(&nvswitch);
	ck_assert_int_eq(x509_device_check(gpu.chain, DEVICE_GPU, &gpu.e), 0);
	ck_assert_int_eq(x509_device_check(nvswitch.chain, DEVICE_NVSWITCH, &gpu.e), 0);
	ck_assert_int_lt(x509_device_check(gpu.chain, DEVICE_NVSWITCH, &gpu.e), 0);
	ck_assert_has(gpu.e.msg, "not a NVSwitch of architecture LS10");
	ck_assert_has(gpu.e.msg, "GH100 A01 GSP FMC LF");
	ck_assert_int_lt(x509_device_check(nvswitch.chain, DEVICE_GPU, &gpu.e), 0);
	ck_assert_int_eq(x509_device_pdi(gpu.chain, DEVICE_GPU, &pdi, &gpu.e), 0);
	ck_assert_uint_eq(pdi, FORGE_PDI);
	ck_assert_int_eq(x509_device_pdi(nvswitch.chain, DEVICE_NVSWITCH, &pdi, &gpu.e), 0);
	ck_assert_uint_eq(pdi, 0x666e93e19dec7d2d);
	ck_assert_int_lt(x509_device_pdi(gpu.chain, DEVICE_NVSWITCH, &pdi, &gpu.e), 0);
	forge_end(&nvswitch);
	forge_end(&gpu);
}
END_TEST

START_TEST(other_architectures_are_refused_by_name)
{
	static const char *const names[] = { "GB100 A01 GSP FMC LF", "GH100", "gh100 A01",
					     "xGH100 A01" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct forge_made m;

		forge_begin(&m, DEVICE_GPU);
		m.specs[i % 2].cn = names[i];
		forge_finish(&m);
		ck_assert_int_lt(x509_device_check(m.chain, DEVICE_GPU, &m.e), 0);
		ck_assert_has(m.e.msg, names[i]);
		forge_end(&m);
	}
}
END_TEST

START_TEST(a_serial_name_that_is_no_pdi_is_refused)
{
	static const char *const names[] = { NULL,
					     "41",
					     "412921CE551E4EED",
					     "412921CE551E4EEDA3A",
					     "412921CE551E4EEDAX",
					     "422921CE551E4EEDA3" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct forge_made m;
		uint64_t pdi = 7;

		forge_begin(&m, DEVICE_GPU);
		m.specs[1].serial_name = names[i];
		forge_finish(&m);
		ck_assert_int_lt(x509_device_pdi(m.chain, DEVICE_GPU, &pdi, &m.e), 0);
		ck_assert_uint_eq(pdi, 7);
		forge_end(&m);
	}
}
END_TEST

START_TEST(the_firmware_id_is_read_from_the_leaf)
{
	struct forge_made m;
	uint8_t fwid[DIGEST_SHA384_SIZE], expected[DIGEST_SHA384_SIZE];

	memset(expected, FORGE_FWID, sizeof(expected));
	forge_begin(&m, DEVICE_GPU);
	forge_finish(&m);
	ck_assert_msg(x509_device_fwid(m.chain, fwid, &m.e) == 0, "%s", m.e.msg);
	ck_assert_mem_eq(fwid, expected, sizeof(fwid));
	forge_end(&m);
}
END_TEST

static bool has_fwid(struct forge_made *m)
{
	uint8_t fwid[DIGEST_SHA384_SIZE];
	bool has;

	forge_finish(m);
	has = x509_device_fwid(m->chain, fwid, &m->e) == 0;
	forge_end(m);
	return has;
}

/* The same after another leaf was issued from the specs, under the same keys. */
static bool has_fwid_again(struct forge_made *m)
{
	uint8_t fwid[DIGEST_SHA384_SIZE];

	X509_free(m->forged.certs[0]);
	forge_issue(&m->forged, 0, &m->specs[0]);
	forge_parse(m);
	return x509_device_fwid(m->chain, fwid, &m->e) == 0;
}

START_TEST(the_firmware_ids_extension_is_there_once)
{
	struct forge_made m;

	forge_begin(&m, DEVICE_GPU);
	m.specs[0].fwid_ext = NULL;
	ck_assert(!has_fwid(&m));
	forge_begin(&m, DEVICE_GPU);
	m.specs[0].fwid_ext_times = 2;
	ck_assert(!has_fwid(&m));
}
END_TEST

START_TEST(the_firmware_ids_extension_changed_anywhere_is_refused)
{
	struct forge_made m;
	size_t n;

	forge_begin(&m, DEVICE_GPU);
	forge_finish(&m);
	n = m.specs[0].fwid_ext_n;
	ck_assert_uint_gt(n, 100);
	/* The last 48 bytes are the firmware id itself: any value has the right form. */
	for (size_t i = 0; i < n; i++) {
		m.der[i] ^= 1;
		ck_assert_msg(has_fwid_again(&m) == (i >= n - DIGEST_SHA384_SIZE), "byte %zu", i);
		m.der[i] ^= 1;
	}
	forge_end(&m);
}
END_TEST

START_TEST(the_firmware_ids_extension_ends_where_it_should)
{
	struct forge_made m;
	size_t n;

	forge_begin(&m, DEVICE_GPU);
	forge_finish(&m);
	n = m.specs[0].fwid_ext_n;
	for (m.specs[0].fwid_ext_n = 1; m.specs[0].fwid_ext_n < n + 3; m.specs[0].fwid_ext_n++)
		ck_assert(has_fwid_again(&m) == (m.specs[0].fwid_ext_n == n));
	forge_end(&m);
}
END_TEST

START_TEST(the_key_in_the_firmware_ids_extension_is_certificate_1s)
{
	struct forge_made m;
	EVP_PKEY *other = EVP_EC_gen("P-384");

	forge_begin(&m, DEVICE_GPU);
	forge_fwid_der(other, FORGE_FWID, m.der);
	ck_assert(!has_fwid(&m));
	ck_assert_has(m.e.msg, "not the key of certificate 1");
	EVP_PKEY_free(other);
}
END_TEST

SUITE("x509_device", a_gpu_is_not_a_switch, other_architectures_are_refused_by_name,
      a_serial_name_that_is_no_pdi_is_refused, the_firmware_id_is_read_from_the_leaf,
      the_firmware_ids_extension_is_there_once,
      the_firmware_ids_extension_changed_anywhere_is_refused,
      the_firmware_ids_extension_ends_where_it_should,
      the_key_in_the_firmware_ids_extension_is_certificate_1s)
