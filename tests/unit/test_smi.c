#include "smi.h"

#include "core/str.h"
#include "fixture.h"
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
	check(smi_parse_cc, "CC status: ON\nWARNING: infoROM is corrupted at gpu 0000:01:00.0\n", true);
	check(smi_parse_cc, "GPU 00000000:01:00.0\n    CC status: ON\n", true);
	check(smi_parse_mgm, "   Multi-GPU Mode             : Protected PCIe   \n", true);
	check(smi_parse_mgm, "CC State : OFF\nMulti-GPU Mode: None\nCPU CC Capabilities: None\n", false);
}
END_TEST

START_TEST(what_is_not_understood_is_never_off)
{
	static const char *const cc[] = { "", "\n", "CC status:", "CC status: ", "CC status: MAYBE", "CC status: ONLINE",
					  "CC status: on and off", "CC status ON", "No devices were found\n",
					  "CC status: ON\nCC status: OFF\n", "CC status: ON\nCC status: ON\n",
					  "CC Feature: ON\n", "CC Mode: On\n", "No CC capable devices found.\n",
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

static struct smi_fabric parsed(const char *text)
{
	struct smi_fabric f = { .gpus = 99 };

	ck_assert_msg(smi_parse_fabric(text, &f) == 0, "not understood: %s", text);
	ck_assert_uint_eq(f.gpus, f.completed + f.in_progress + f.not_started + f.failed + f.unclear);
	return f;
}

static void check_fabric(const char *text, unsigned int gpus, unsigned int completed)
{
	struct smi_fabric f = parsed(text);

	ck_assert_uint_eq(f.gpus, gpus);
	ck_assert_uint_eq(f.completed, completed);
}

/* The last of eight is so; the others are complete. */
static struct smi_fabric eighth(const char *state, const char *status)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct smi_fabric f;

	strbuf_printf(&text, "\n==============NVSMI LOG==============\n\nAttached GPUs : 8\n");
	for (int i = 0; i < 7; i++)
		add_gpu(&text, i, "Completed", "Success");
	add_gpu(&text, 7, state, status);
	f = parsed(text.s);
	ck_assert_uint_eq(f.gpus, 8);
	ck_assert_uint_ge(f.completed, 7);
	return f;
}

START_TEST(a_fabric_is_completed_for_all_or_counted)
{
	ck_assert_uint_eq(eighth("Completed", "Success").completed, 8);
	ck_assert_uint_eq(eighth("In Progress", "N/A").in_progress, 1);
	ck_assert_uint_eq(eighth("In Progress", "Success").in_progress, 1);
	ck_assert_uint_eq(eighth("Not Started", "Success").not_started, 1);
	ck_assert_uint_eq(eighth("Completed", "N/A").unclear, 1);
	ck_assert_uint_eq(eighth("Completed", "").unclear, 1);
	ck_assert_uint_eq(eighth("N/A", "N/A").unclear, 1);
	ck_assert_uint_eq(eighth("Completed soon", "Success").unclear, 1);
}
END_TEST

START_TEST(completed_with_an_error_is_final_and_named)
{
	struct smi_fabric f = eighth("Completed", "Insufficient Resources");

	ck_assert_uint_eq(f.failed, 1);
	ck_assert_str_eq(f.failure, "Insufficient Resources");
	ck_assert_uint_eq(eighth("In Progress", "GPU is lost").failed, 0);
}
END_TEST

/* --- real outputs --------------------------------------------------------------------------- */

static struct smi_fabric real(const char *name)
{
	_cleanup_free_ char *path = xasprintf("../../fixtures/real/nvidia-smi/fabric-%s.txt", name);
	_cleanup_free_ char *text = fixture_text(path);
	struct smi_fabric f = parsed(text);

	ck_assert_uint_eq(f.gpus, 1);
	return f;
}

START_TEST(what_the_real_tools_print_of_the_fabric_is_understood)
{
	struct smi_fabric f = real("550.163.01-completed-error");

	ck_assert_uint_eq(f.failed, 1);
	ck_assert_str_eq(f.failure, "GPU is lost");
	ck_assert_uint_eq(real("550.163.01-not-started").not_started, 1);
	ck_assert_uint_eq(real("550.163.01-in-progress").in_progress, 1);
	ck_assert_uint_eq(real("570.124.06-none").unclear, 1);
	ck_assert_uint_eq(real("580.159.04-none").unclear, 1);
	f = real("550.163.01-completed");
	ck_assert_uint_eq(f.completed, 1);
	ck_assert_uint_eq(f.healthy + f.unhealthy, 0);
	f = real("580.159.04-unhealthy");
	ck_assert_uint_eq(f.completed, 1);
	ck_assert_uint_eq(f.unhealthy, 1);
	ck_assert_str_eq(f.trouble, "Summary: Unhealthy, Bandwidth: Degraded, Incorrect Configuration: Insufficient NVLinks");
}
END_TEST

/* The whole outputs, where the larger collection lies beside the repository. */
START_TEST(every_recorded_output_is_understood)
{
	static const struct {
		const char *name;
		size_t offset;
	} files[] = {
		{ "550.163.01-q-fabric-completed-error", offsetof(struct smi_fabric, failed) },
		{ "550.163.01-q-fabric-completed", offsetof(struct smi_fabric, completed) },
		{ "550.163.01-q-fabric-in-progress", offsetof(struct smi_fabric, in_progress) },
		{ "550.163.01-q-fabric-not-started", offsetof(struct smi_fabric, not_started) },
		{ "580.159.04-q-cc-off", offsetof(struct smi_fabric, unclear) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = xasprintf("../shared/real/nvidia-smi/nvidia-smi-%s.txt", files[i].name);
		_cleanup_fclose_ FILE *file = fopen(path, "re");
		_cleanup_free_ char *text = xcalloc(1, 1 << 20);
		struct smi_fabric f;

		if (!file) {
			puts("skipped: ../shared/real is not there");
			return;
		}
		ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, file), 0);
		f = parsed(text);
		ck_assert_uint_eq(f.gpus, 1);
		ck_assert_msg(*(unsigned int *)((char *)&f + files[i].offset) == 1, "%s", files[i].name);
	}
}
END_TEST

/* --- health --------------------------------------------------------------------------------- */

/* A GPU that is complete, with these lines under Health. */
static struct smi_fabric health(const char *lines)
{
	_cleanup_free_ char *text = xasprintf("    Fabric\n        State : Completed\n        Status : Success\n        Health\n%s"
					      "    Processes : None\n    Clocks\n        Bandwidth : Degraded\n",
					      lines);

	return parsed(text);
}

#define H(name, value) "            " name " : " value "\n"

START_TEST(bad_health_is_the_drivers_own_word)
{
	static const char *const bad[] = {
		H("Summary", "Unhealthy"),
		H("Summary", "Limited Capacity"),
		H("Summary", "Something Else"),
		H("Summary", "Healthy") H("Bandwidth", "Degraded"),
		H("Summary", "N/A") H("Bandwidth", "Degraded"),
		H("Bandwidth", "Degraded"),
		H("Route Unhealthy", "True"),
		H("Incorrect Configuration", "Invalid Location"),
	};
	static const char *const good[] = {
		H("Summary", "Healthy") H("Bandwidth", "Full") H("Route Unhealthy", "False") H("Incorrect Configuration", "None"),
		H("Summary", "Healthy") H("Bandwidth", "N/A"),
		H("Bandwidth", "Full"),
	};
	static const char *const silent[] = { "",
					      H("Summary", "N/A"),
					      H("Bandwidth", "N/A"),
					      H("Summary", "Unknown"),
					      H("Bandwidth", "Odd"),
					      H("Partition Assigned", "False") };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(health(bad[i]).unhealthy == 1 && health(bad[i]).healthy == 0, "%s", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ck_assert_msg(health(good[i]).unhealthy == 0 && health(good[i]).healthy == 1, "%s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		ck_assert_msg(health(silent[i]).unhealthy == 0 && health(silent[i]).healthy == 0, "%s", silent[i]);
	ck_assert_str_eq(health(H("Summary", "Limited Capacity")).trouble, "Summary: Limited Capacity");
}
END_TEST

START_TEST(what_is_being_recovered_is_waited_for)
{
	struct smi_fabric f = health(H("Summary", "Healthy") H("Route Recovery in progress", "True"));

	ck_assert_uint_eq(f.in_progress, 1);
	ck_assert_uint_eq(f.completed, 0);
	ck_assert_uint_eq(health(H("Access Timeout Recovery", "True")).in_progress, 1);
	/* Waiting mends no link that is missing. */
	ck_assert_uint_eq(health(H("Summary", "Unhealthy") H("Route Recovery in progress", "True")).unhealthy, 1);
}
END_TEST

START_TEST(no_fabric_section_is_not_understood)
{
	struct smi_fabric f = { .gpus = 99 };

	ck_assert_int_eq(smi_parse_fabric("", &f), -1);
	ck_assert_int_eq(smi_parse_fabric("State : Completed\nStatus : Success\n", &f), -1);
	ck_assert_int_eq(smi_parse_fabric("No devices were found\n", &f), -1);
	ck_assert_uint_eq(f.gpus, 99);
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
		struct smi_fabric f;
		bool b;

		for (size_t i = 0; i < sizeof(junk) - 1; i++) {
			x = x * 1664525 + 1013904223;
			junk[i] = x >> 24 ? (unsigned char)(x >> 24) : '\n';
		}
		junk[sizeof(junk) - 1] = '\0';
		ck_assert_int_eq(smi_parse_cc((char *)junk, &b), -1);
		ck_assert_int_eq(smi_parse_mgm((char *)junk, &b), -1);
		ck_assert_int_eq(smi_parse_fabric((char *)junk, &f), -1);
	}
}
END_TEST

SUITE("smi", what_the_tools_print_is_understood, blanks_line_ends_and_other_lines_do_not_matter,
      what_is_not_understood_is_never_off, a_value_longer_than_any_genuine_one_is_not_understood,
      a_fabric_is_completed_for_all_or_counted, completed_with_an_error_is_final_and_named,
      what_the_real_tools_print_of_the_fabric_is_understood, every_recorded_output_is_understood,
      bad_health_is_the_drivers_own_word, what_is_being_recovered_is_waited_for, no_fabric_section_is_not_understood,
      a_section_is_not_completed_by_the_words_of_another, no_parser_minds_bytes_that_are_no_text)
