#include "smi.h"

#include "core/str.h"
#include "suite.h"

typedef int parser(const char *text, bool *ret);

static void check(parser *parse, const char *text, bool expected)
{
	bool found = !expected;

	ck_assert_msg(parse(text, &found) == 0, "not understood: %s", text);
	ck_assert_msg(found == expected, "misunderstood: %s", text);
}

static void check_not_understood(parser *parse, const char *text)
{
	bool found = true, again = false;

	ck_assert_msg(parse(text, &found) == -1 && found, "understood: %s", text);
	ck_assert_msg(parse(text, &again) == -1 && !again, "written: %s", text);
}

START_TEST(what_the_tools_print_is_understood)
{
	check(smi_parse_cc, "CC status: ON\n", true);
	check(smi_parse_cc, "CC status: OFF\n", false);
	check(smi_parse_mgm, "Multi-GPU Mode: Protected PCIe\n", true);
	check(smi_parse_mgm, "Multi-GPU Mode: None\n", false);
	check(smi_parse_devtools, "DevTools Mode: ON\n", true);
	check(smi_parse_devtools, "DevTools Mode: OFF\n", false);
	check(smi_parse_ready, "\nConfidential Compute GPUs Ready state: ready\n\n", true);
	check(smi_parse_ready, "\nConfidential Compute GPUs Ready state: not-ready\n\n", false);
}
END_TEST

START_TEST(blanks_line_ends_and_other_lines_do_not_matter)
{
	check(smi_parse_cc, "\tCC status :  ON \r\n", true);
	check(smi_parse_cc, "warning: persistence mode is legacy\nCC status: OFF", false);
	check(smi_parse_mgm, "   Multi-GPU Mode             : Protected PCIe   \n", true);
	check(smi_parse_mgm, "CC State : OFF\nMulti-GPU Mode: None\nCPU CC Capabilities: None\n", false);
}
END_TEST

START_TEST(what_is_not_understood_is_never_off)
{
	static const char *const cc[] = { "", "\n", "CC status:", "CC status: ", "CC status: MAYBE", "CC status: ONLINE",
					  "CC status: on and off", "CC status ON", "No devices were found\n",
					  "CC status: ON\nCC status: OFF\n", "CC status: ON\nCC status: ON\n",
					  "The CC status: ON\n", "CC statuses: ON\n", "CC status: DEVTOOLS\n",
					  "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
					  "Failed to initialize NVML: Driver/library version mismatch\n", "\377\376\001" };
	static const char *const mgm[] = { "", "Multi-GPU Mode: ON", "Multi-GPU Mode: Protected", "Multi-GPU Mode: NVLE",
					   "Multi-GPU Mode: Protected PCIe (pending)", "Multi-GPU Mode: N/A",
					   "Multi-GPU Mode: None\nMulti-GPU Mode: Protected PCIe\n" };
	static const char *const ready[] = { "", "Confidential Compute GPUs Ready state: READY?",
					     "Ready state: ready", "Confidential Compute GPUs Ready state: ready soon" };

	for (size_t i = 0; i < ARRAY_SIZE(cc); i++)
		check_not_understood(smi_parse_cc, cc[i]);
	for (size_t i = 0; i < ARRAY_SIZE(mgm); i++)
		check_not_understood(smi_parse_mgm, mgm[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ready); i++)
		check_not_understood(smi_parse_ready, ready[i]);
	check_not_understood(smi_parse_devtools, "DevTools Mode: N/A");
	check_not_understood(smi_parse_devtools, "");
}
END_TEST

START_TEST(a_value_longer_than_any_genuine_one_is_not_understood)
{
	static char text[200000];

	memset(text, 'N', sizeof(text) - 1);
	memcpy(text, "CC status: ON", 13);
	check_not_understood(smi_parse_cc, text);
}
END_TEST

/* --- fabric --------------------------------------------------------------------------------- */

/* One GPU as `nvidia-smi -q` prints it, as far as it matters. */
static void add_gpu(struct strbuf *text, int i, const char *state, const char *status)
{
	strbuf_printf(text,
		      "GPU 00000000:%02X:00.0\n"
		      "    Product Name                          : NVIDIA H20\n"
		      "    Performance State                     : P0\n"
		      "    GSP Firmware Version                  : 570.148.08\n"
		      "    Fabric\n"
		      "        State                             : %s\n"
		      "        Status                            : %s\n"
		      "        CliqueId                          : 0\n"
		      "        ClusterUUID                       : 00000000-0000-0000-0000-000000000000\n"
		      "        Health\n"
		      "            Bandwidth                     : N/A\n"
		      "    ECC Mode\n"
		      "        Current                           : Enabled\n",
		      i, state, status);
}

static void check_fabric(const char *text, unsigned int gpus, unsigned int completed)
{
	unsigned int n = 99, ok = 99;

	ck_assert_int_eq(smi_parse_fabric(text, &n, &ok), 0);
	ck_assert_uint_eq(n, gpus);
	ck_assert_uint_eq(ok, completed);
}

static void check_eight(const char *state, const char *status, unsigned int completed)
{
	struct strbuf text = { 0 };

	strbuf_printf(&text, "\n==============NVSMI LOG==============\n\nAttached GPUs : 8\n");
	for (int i = 0; i < 7; i++)
		add_gpu(&text, i, "Completed", "Success");
	add_gpu(&text, 7, state, status);
	check_fabric(text.s, 8, completed);
	strbuf_done(&text);
}

START_TEST(a_fabric_is_completed_for_all_or_counted)
{
	check_eight("Completed", "Success", 8);
	check_eight("In Progress", "N/A", 7);
	check_eight("In Progress", "Success", 7);
	check_eight("Completed", "N/A", 7);
	check_eight("Completed", "Insufficient Resources", 7);
	check_eight("Not Started", "Success", 7);
	check_eight("N/A", "N/A", 7);
	check_eight("Completed soon", "Success", 7);
}
END_TEST

START_TEST(no_fabric_section_is_not_understood)
{
	unsigned int n = 99, ok = 99;

	ck_assert_int_eq(smi_parse_fabric("", &n, &ok), -1);
	ck_assert_int_eq(smi_parse_fabric("State : Completed\nStatus : Success\n", &n, &ok), -1);
	ck_assert_int_eq(smi_parse_fabric("No devices were found\n", &n, &ok), -1);
	ck_assert_uint_eq(n, 99);
	ck_assert_uint_eq(ok, 99);
}
END_TEST

START_TEST(a_section_is_not_completed_by_the_words_of_another)
{
	check_fabric("Fabric\n    Status : Success\n", 1, 0);
	check_fabric("Fabric\n    State : Completed\nFabric\n    Status : Success\n", 2, 0);
	check_fabric("Fabric\n    State : Completed\n    Status : Success\n    Status : Success\n", 1, 1);
	check_fabric("    Fabric\n        State : Completed\n    Remapped Rows\n        Status : Success\n", 1, 0);
	check_fabric("    Performance\n        State : Completed\n    Fabric\n        Status : Success\n", 1, 0);
}
END_TEST

START_TEST(no_parser_minds_bytes_that_are_no_text)
{
	unsigned char junk[4096];
	uint32_t x = 7;

	for (int round = 0; round < 200; round++) {
		unsigned int n, ok;
		bool b;

		for (size_t i = 0; i < sizeof(junk) - 1; i++) {
			x = x * 1664525 + 1013904223;
			junk[i] = x >> 24 ? (unsigned char)(x >> 24) : '\n';
		}
		junk[sizeof(junk) - 1] = '\0';
		ck_assert_int_eq(smi_parse_cc((char *)junk, &b), -1);
		ck_assert_int_eq(smi_parse_mgm((char *)junk, &b), -1);
		ck_assert_int_eq(smi_parse_fabric((char *)junk, &n, &ok), -1);
	}
}
END_TEST

SUITE("smi", what_the_tools_print_is_understood, blanks_line_ends_and_other_lines_do_not_matter,
      what_is_not_understood_is_never_off, a_value_longer_than_any_genuine_one_is_not_understood,
      a_fabric_is_completed_for_all_or_counted, no_fabric_section_is_not_understood,
      a_section_is_not_completed_by_the_words_of_another, no_parser_minds_bytes_that_are_no_text)
