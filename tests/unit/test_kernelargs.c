#include "kernelargs.h"

#include "suite.h"

static struct config c;

static void configure(const char *text)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(config_parse(&c, text, strlen(text), "config.json", &e), 0);
}

START_TEST(the_lines_for_modprobe_are_the_procedures)
{
	ck_assert_str_eq(KERNELARGS_LKCA,
			 "install nvidia /sbin/modprobe ecdsa_generic; /sbin/modprobe ecdh; /sbin/modprobe --ignore-install nvidia\n"
			 "options nvidia NVreg_RegistryDwords=\"RmEnableProtectedPcie=0x1\"\n");
}
END_TEST

START_TEST(the_swiotlb_must_be_the_configured_one)
{
	configure("{}");
	ck_assert(kernelargs_has_swiotlb(&c, "ro quiet swiotlb=4194304,any crashkernel=1G"));
	ck_assert(kernelargs_has_swiotlb(&c, "swiotlb=4194304,any"));
	ck_assert(!kernelargs_has_swiotlb(&c, "ro quiet"));
	ck_assert(!kernelargs_has_swiotlb(&c, ""));
	ck_assert(!kernelargs_has_swiotlb(&c, "swiotlb=4194304"));
	ck_assert(!kernelargs_has_swiotlb(&c, "swiotlb=4194304,anywhere"));
	ck_assert(!kernelargs_has_swiotlb(&c, "xswiotlb=4194304,any"));
	ck_assert(!kernelargs_has_swiotlb(&c, "swiotlb"));
	config_done(&c);
}
END_TEST

START_TEST(of_two_the_last_counts_as_in_the_kernel)
{
	configure("{}");
	ck_assert(kernelargs_has_swiotlb(&c, "swiotlb=524288 swiotlb=4194304,any"));
	ck_assert(!kernelargs_has_swiotlb(&c, "swiotlb=4194304,any swiotlb=524288"));
	config_done(&c);
}
END_TEST

START_TEST(the_size_is_slots_of_2_kib)
{
	configure("{}");
	ck_assert_uint_eq(kernelargs_swiotlb_bytes(&c), 8ull << 30);
	config_done(&c);
	configure("{\"kernel\": {\"swiotlb\": \"524288,force\"}}");
	ck_assert_uint_eq(kernelargs_swiotlb_bytes(&c), 1ull << 30);
	ck_assert(kernelargs_has_swiotlb(&c, "swiotlb=524288,force"));
	config_done(&c);
}
END_TEST

START_TEST(nouveau_is_away_only_with_all_three_words)
{
	ck_assert(kernelargs_has_nouveau("ro " KERNELARGS_NOUVEAU " quiet"));
	ck_assert(!kernelargs_has_nouveau("rd.driver.blacklist=nouveau modprobe.blacklist=nouveau"));
	ck_assert(!kernelargs_has_nouveau("modprobe.blacklist=nouveau nouveau.modeset=0"));
	ck_assert(!kernelargs_has_nouveau("rd.driver.blacklist=nouveau nouveau.modeset=0"));
	ck_assert(!kernelargs_has_nouveau("rd.driver.blacklist=nouveaux modprobe.blacklist=nouveau nouveau.modeset=0"));
	ck_assert(!kernelargs_has_nouveau(""));
}
END_TEST

SUITE("kernelargs", the_lines_for_modprobe_are_the_procedures, the_swiotlb_must_be_the_configured_one,
      of_two_the_last_counts_as_in_the_kernel, the_size_is_slots_of_2_kib,
      nouveau_is_away_only_with_all_three_words)
