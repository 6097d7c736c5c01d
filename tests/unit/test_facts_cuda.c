#include "facts.h"

#include "core/str.h"
#include "fixture.h"
#include "intent.h"
#include "paths.h"
#include "suite.h"

#define FOLDER	"/usr/local/cuda-12.8"
#define VERSION FOLDER "/version.json"

static struct err e;
static struct config c;
static struct facts_software s;

static void configure(const char *version, const char *driver)
{
	_cleanup_free_ char *text =
		xasprintf("{\"cuda\": {\"version\": \"%s\", \"driver\": \"%s\"}}", version, driver);

	config_done(&c);
	e = (struct err)ERR_INIT;
	ck_assert_msg(config_parse(&c, text, strlen(text), "config.json", &e) == 0, "%s", e.msg);
	config_set_shape(&c, SHAPE_MULTI);
}

static void make_machine(void)
{
	fixture_root_make();
	c = (struct config){ 0 };
	configure("12.8.1", "570.124.06");
}

static void drop_machine(void)
{
	config_done(&c);
	fixture_root_drop();
}

/* A toolkit with everything that is looked at; `json` is its version.json. */
static void put_toolkit(const char *folder, const char *json)
{
	static const char *const names[] = { "bin/nvcc", "bin/cuda-uninstaller" };
	_cleanup_free_ char *version = xasprintf("%s/version.json", folder);

	fixture_put(version, json);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", folder, names[i]);

		fixture_put(path, "");
	}
}

static void look(void)
{
	s = (struct facts_software){ 0 };
	ck_assert_msg(facts_read_cuda(&s, &c, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(s.cuda, s.cuda_folder == FACTS_CUDA_WHOLE);
}

static void check_whole(const char *json)
{
	put_toolkit(FOLDER, json);
	look();
	ck_assert_msg(s.cuda, "%s is not the toolkit: %s", json, s.cuda_said);
}

static void check_foreign(const char *json, const char *said)
{
	put_toolkit(FOLDER, json);
	look();
	ck_assert_msg(s.cuda_folder == FACTS_CUDA_FOREIGN, "%s is no other toolkit", json);
	ck_assert_has(s.cuda_said, said);
}

static void check_cannot_tell(const char *words)
{
	struct err cannot = ERR_INIT;

	s = (struct facts_software){ 0 };
	ck_assert_int_eq(facts_read_cuda(&s, &c, &cannot), -1);
	ck_assert_has(cannot.msg, words);
	ck_assert(!s.cuda);
}

#define DATED "\"cuda\": {\"name\": \"CUDA SDK\", \"version\": \"12.8.20250303\"}"
#define DRIVER    \
	"{" DATED \
	", \"cuda_nvcc\": {\"version\": \"12.8.93\"}, \"nvidia_driver\": {\"version\": \"570.124.06\"}}"

/* --- the toolkit ---------------------------------------------------------------------------- */

START_TEST(the_driver_in_version_json_tells_the_toolkit)
{
	check_whole(DRIVER);
	check_whole("{\"nvidia_driver\": {\"version\": \"570.124.06\"}}");
	check_foreign(
		"{" DATED
		", \"cuda_nvcc\": {\"version\": \"12.8.61\"}, \"nvidia_driver\": {\"version\": \"570.86.10\"}}",
		"cuda 12.8.20250303, cuda_nvcc 12.8.61, nvidia_driver 570.86.10; cuda.driver is 570.124.06");
	check_foreign(
		"{\"cuda\": {\"version\": \"12.8.1\"}, \"nvidia_driver\": {\"version\": \"570.124.061\"}}",
		"570.124.061");
}
END_TEST

START_TEST(without_the_driver_the_compiler_tells_the_first_two_numbers)
{
	check_whole("{" DATED ", \"cuda_nvcc\": {\"version\": \"12.8.93\"}}");
	check_foreign("{\"cuda_nvcc\": {\"version\": \"12.81.93\"}}", "12.81.93");
	check_whole("{\"cuda_nvcc\": {\"version\": \"12.8\"}}");
	check_foreign("{\"cuda_nvcc\": {\"version\": \"112.8.93\"}}", "112.8.93");
	check_foreign("{\"cuda_nvcc\": {\"version\": \"12.9.86\"}}", "12.9.86");
	check_foreign("{\"cuda_nvcc\": {}}", "no version of it");
	check_foreign("{" DATED "}", "cuda 12.8.20250303;");
	configure("12.81.0", "570.124.06");
	put_toolkit("/usr/local/cuda-12.81", "{\"cuda_nvcc\": {\"version\": \"12.8.93\"}}");
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_FOREIGN);
}
END_TEST

START_TEST(an_entry_without_a_version_is_not_an_absent_one)
{
	check_foreign("{\"cuda_nvcc\": {\"version\": \"12.8.93\"}, \"nvidia_driver\": null}",
		      "12.8.93");
	check_foreign("{\"cuda_nvcc\": {\"version\": \"12.8.93\"}, \"nvidia_driver\": {}}",
		      "12.8.93");
	check_foreign(
		"{\"cuda_nvcc\": {\"version\": \"12.8.93\"}, \"nvidia_driver\": {\"version\": 570}}",
		"12.8.93");
	check_foreign(
		"{\"cuda_nvcc\": {\"version\": \"12.8.93\"}, \"nvidia_driver\": \"570.124.06\"}",
		"12.8.93");
}
END_TEST

START_TEST(a_garbled_version_json_is_no_toolkit)
{
	static const char *const texts[] = { "",
					     "[]",
					     "12.8.1",
					     DRIVER "}",
					     "{\"nvidia_driver\": {\"version\": \"570.124",
					     "null",
					     "\"x\"",
					     ("{\"nvidia_driver\": {\"version\": \"570.124.06\"}, "
					      "\"nvidia_driver\": {\"version\": \"1\"}}") };
	_cleanup_free_ char *large = xcalloc(1, (2 << 20) + 1);

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		check_foreign(texts[i], "version.json");
	memset(large, ' ', 2 << 20);
	check_foreign(large, "larger than");
	ck_assert_int_eq(fs_unlink(VERSION, &e), 0);
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_FOREIGN);
	ck_assert_has(s.cuda_said, "no version.json");
}
END_TEST

START_TEST(what_is_said_of_it_can_be_printed)
{
	check_foreign("{\"cuda\": {\"version\": \"\\u001b[2J\\u00e4\"}}", "cuda ?[2J??");
	check_foreign("{\"cuda\": {\"version\": \"0123456789012345678901234567890123456789\"}}",
		      "cuda 01234567890123456789012345678901;");
}
END_TEST

START_TEST(a_version_json_that_cannot_be_read_is_neither_yes_nor_no)
{
	put_toolkit(FOLDER, DRIVER);
	ck_assert_int_eq(fs_unlink(VERSION, &e), 0);
	ck_assert_int_eq(fs_mkdirs(VERSION, 0755, &e), 0);
	check_cannot_tell(VERSION);
}
END_TEST

START_TEST(links_in_a_circle_are_neither_yes_nor_no)
{
	_cleanup_free_ char *folder = fs_host_path(FOLDER),
			    *nvcc = fs_host_path(FOLDER "/bin/nvcc");

	put_toolkit(FOLDER, DRIVER);
	ck_assert_int_eq(unlink(nvcc), 0);
	ck_assert_int_eq(symlink("nvcc", nvcc), 0);
	check_cannot_tell("bin/nvcc");
	ck_assert_int_eq(fs_remove_tree(FOLDER, &e), 0);
	ck_assert_int_eq(symlink("cuda-12.8", folder), 0);
	check_cannot_tell(FOLDER);
}
END_TEST

START_TEST(a_toolkit_without_compiler_or_uninstaller_is_not_whole)
{
	static const char *const names[] = { "bin/nvcc", "bin/cuda-uninstaller" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", FOLDER, names[i]);

		put_toolkit(FOLDER, DRIVER);
		ck_assert_int_eq(fs_unlink(path, &e), 0);
		look();
		ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_FOREIGN);
		ck_assert_has(s.cuda_said, names[i]);
	}
}
END_TEST

START_TEST(a_toolkit_elsewhere_behind_a_link_counts)
{
	_cleanup_free_ char *folder = fs_host_path(FOLDER);

	put_toolkit("/data/cuda", DRIVER);
	fixture_put("/usr/local/README", "");
	ck_assert_int_eq(symlink("/data/cuda", folder), 0);
	look();
	ck_assert(s.cuda);
}
END_TEST

/* --- what a run of ours left ---------------------------------------------------------------- */

static void put_record(const char *text)
{
	ck_assert_int_eq(intent_end("cuda-12.8", &e), 0);
	ck_assert_msg(intent_begin("cuda-12.8", text, &e) == 0, "%s", e.msg);
}

/* As rpm 4.14 answers of a folder, its version.json and its compiler. */
#define NOBODY(name) "echo 'file " FOLDER name " is not owned by any package'\n"
#define NOBODYS	     NOBODY("") NOBODY("/version.json") NOBODY("/bin/nvcc") "exit 3\n"

static void put_rpm(const char *script)
{
	_cleanup_free_ char *text = xasprintf(
		"#!/bin/sh\nprintf '%%s\\n' \"$*\" >> ${0%%/usr/bin/rpm}/asked\n%s", script);

	ck_assert_int_eq(fs_write_atomic(PROG_RPM, 0755, text, strlen(text), &e), 0);
}

START_TEST(what_is_on_record_as_begun_is_not_whole_however_it_looks)
{
	_cleanup_free_ char *record = facts_cuda_record(FOLDER);

	ck_assert_str_eq(record, FOLDER " absent\n");
	put_record(record);
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_ABSENT);
	ck_assert(s.cuda_begun);
	put_toolkit(FOLDER, DRIVER);
	put_rpm(NOBODYS);
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_BEGUN);
	ck_assert(s.cuda_ended);
	fixture_put(VERSION, "{");
	ck_assert_int_eq(fs_unlink(FOLDER "/bin/cuda-uninstaller", &e), 0);
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_BEGUN);
	ck_assert(!s.cuda_ended);
	ck_assert_int_eq(intent_end("cuda-12.8", &e), 0);
	check_whole(DRIVER);
}
END_TEST

START_TEST(only_the_record_of_a_run_into_nothing_makes_it_ours)
{
	static const char *const texts[] = { "", "absent\n", FOLDER " there\n", FOLDER " absent",
					     "/usr/local/cuda-12.4 absent\n" };
	_cleanup_free_ char *record = facts_cuda_record(FOLDER), *folder = fs_host_path(FOLDER);

	put_toolkit(FOLDER, DRIVER);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		put_record(texts[i]);
		look();
		ck_assert_msg(s.cuda_folder == FACTS_CUDA_FOREIGN, "ours, by the record \"%s\"",
			      texts[i]);
		ck_assert_has(s.cuda_said, PATH_BEGUN);
	}
	/* A run of the runfile makes a folder: a link is somebody else's. */
	put_record(record);
	ck_assert_int_eq(fs_remove_tree(FOLDER, &e), 0);
	put_toolkit("/data/cuda", DRIVER);
	ck_assert_int_eq(symlink("/data/cuda", folder), 0);
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_FOREIGN);
}
END_TEST

START_TEST(the_record_of_another_toolkit_is_no_matter)
{
	put_toolkit(FOLDER, DRIVER);
	ck_assert_int_eq(intent_begin("cuda-12.4", "/usr/local/cuda-12.4 absent\n", &e), 0);
	look();
	ck_assert(s.cuda);
	ck_assert(!s.cuda_begun);
}
END_TEST

/* --- what is in the way --------------------------------------------------------------------- */

START_TEST(rpm_is_asked_only_about_what_is_in_the_way)
{
	_cleanup_free_ char *asked = NULL;

	put_rpm("exit 1\n");
	look();
	check_whole(DRIVER);
	ck_assert(!fs_exists("/asked"));
	put_rpm("echo 'file " FOLDER " is not owned by any package'\n"
		"echo 'error: file " VERSION ": No such file or directory' >&2\n"
		"echo cuda-nvcc-12-8-12.8.61-1\nexit 2\n");
	check_foreign("{}", "no version of it");
	ck_assert_str_eq(s.cuda_package, "cuda-nvcc-12-8-12.8.61-1");
	ck_assert_int_eq(fs_read("/asked", 4096, &asked, NULL, &e), 0);
	ck_assert_str_eq(asked, "-qf --qf %{NAME}-%{VERSION}-%{RELEASE}\\n " FOLDER " " VERSION
				" " FOLDER "/bin/nvcc\n");
}
END_TEST

START_TEST(a_package_in_what_was_begun_is_never_removed)
{
	_cleanup_free_ char *record = facts_cuda_record(FOLDER);

	put_record(record);
	put_toolkit(FOLDER, DRIVER);
	put_rpm("echo cuda-nvcc-12-8-12.8.93-1\nexit 2\n");
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_FOREIGN);
	ck_assert_str_eq(s.cuda_package, "cuda-nvcc-12-8-12.8.93-1");
	put_rpm(NOBODYS);
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_BEGUN);
}
END_TEST

/* What is no package's is removed: that must have been said. */
START_TEST(a_rpm_that_does_not_answer_does_not_make_it_ours)
{
	static const char *const scripts[] = {
		"echo 'error: rpmdb: BDB0113 Thread/process 1/2 failed: BDB1507' >&2\necho 'error: cannot open Packages database' >&2\nexit 1\n",
		NOBODY("") "exit 3\n",
		"exit 0\n",
		"exit 3\n",
		"kill -9 $$\n",
		"exit 127\n"
	};
	_cleanup_free_ char *record = facts_cuda_record(FOLDER);

	put_record(record);
	put_toolkit(FOLDER, DRIVER);
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		put_rpm(scripts[i]);
		check_cannot_tell("did not say whose " FOLDER " is");
	}
	ck_assert_int_eq(fs_unlink(PROG_RPM, &e), 0);
	check_cannot_tell("did not say whose " FOLDER " is");
}
END_TEST

/* A rpm that cannot open its database says of each file that nobody owns it. */
START_TEST(a_rpm_with_a_broken_database_does_not_make_it_ours)
{
	_cleanup_free_ char *record = facts_cuda_record(FOLDER);

	put_record(record);
	put_toolkit(FOLDER, DRIVER);
	put_rpm("echo 'error: cannot open Packages database in /var/lib/rpm' >&2\n" NOBODYS);
	check_cannot_tell("cannot open Packages database");
}
END_TEST

START_TEST(a_library_of_a_package_is_enough)
{
	_cleanup_free_ char *record = facts_cuda_record(FOLDER);

	put_record(record);
	fixture_put(FOLDER "/targets/x86_64-linux/lib/libcudart.so.12", "");
	put_rpm(NOBODY("") "echo cuda-cudart-12-8-12.8.90-1\nexit 1\n");
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_FOREIGN);
	ck_assert_str_eq(s.cuda_package, "cuda-cudart-12-8-12.8.90-1");
}
END_TEST

START_TEST(a_rpm_that_does_not_answer_names_nobody)
{
	put_rpm("echo 'file x is not owned by any package'; exit 3\n");
	check_foreign("{}", "no version of it");
	ck_assert_str_eq(s.cuda_package, "");
	put_rpm("kill -9 $$\n");
	check_foreign("{}", "no version of it");
	ck_assert_str_eq(s.cuda_package, "");
	ck_assert_int_eq(fs_unlink(PROG_RPM, &e), 0);
	check_foreign("{}", "no version of it");
}
END_TEST

START_TEST(a_file_in_the_place_of_the_folder_is_in_the_way)
{
	fixture_put(FOLDER, "mine");
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_FOREIGN);
	ck_assert_has(s.cuda_said, "no version.json");
	ck_assert_int_eq(fs_unlink(FOLDER, &e), 0);
	ck_assert_int_eq(fs_mkdirs(FOLDER, 0755, &e), 0);
	look();
	ck_assert_int_eq(s.cuda_folder, FACTS_CUDA_FOREIGN);
}
END_TEST

/* --- the real world ------------------------------------------------------------------------- */

/* The text of a file below the repository's folder, or beside it; NULL when it is not there. Caller frees. */
static char *real_text(const char *folder, const char *name)
{
	const char *slash = strrchr(__FILE__, '/');
	_cleanup_free_ char *path =
		xasprintf("%.*s%s/%s", (int)(slash + 1 - __FILE__), __FILE__, folder, name);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char *text;

	if (!file)
		return NULL;
	text = xcalloc(1, 65536);
	ck_assert_uint_gt(fread(text, 1, 65535, file), 0);
	return text;
}

static const struct {
	const char *file, *version, *driver;
	bool whole;
} real[] = {
	{"version.json-11.8.20220929",		"11.8.0",  "520.61.05",  true },
	{ "version.json-11.8.20220929",		"11.8.0",  "520.56.06",  false},
	{ "version.json-11.5.2-no-driver",	   "11.5.2",  "495.29.05",  true },
	{ "version.json-11.5.2-no-driver",	   "11.51.2", "495.29.05",  false},
	{ "version.json-12.8.20250303-cuda-only", "12.8.1",  "570.124.06", false},
	{ "version.json-12.6.20241114-cuda-only", "12.6.3",  "560.35.05",	 false},
	{ "version.json-12.2.20230823-cuda-only", "12.2.2",  "535.104.05", false},
	{ "version.json-12.1.20230222-cuda-only", "12.1.1",  "530.30.02",	 false},
	{ "version.json-13.2.2",			 "13.2.2",  "595.71.05",	true },
	{ "version.json-13.2.2",			 "13.2.1",  "595.58.03",	false},
	{ "version.json-13.3.1",			 "13.3.1",  "610.43.02",	true },
};

START_TEST(version_json_of_real_toolkits_is_understood)
{
	for (size_t i = 0; i < ARRAY_SIZE(real); i++) {
		_cleanup_free_ char *json = real_text("../fixtures/real/cuda", real[i].file),
				    *folder = NULL;

		ck_assert_msg(json != NULL, "%s cannot be read", real[i].file);
		configure(real[i].version, real[i].driver);
		folder = facts_cuda_folder(&c);
		put_toolkit(folder, json);
		look();
		ck_assert_msg(s.cuda == real[i].whole, "%s as CUDA %s of %s: %s", real[i].file,
			      real[i].version, real[i].driver, s.cuda_said);
	}
}
END_TEST

START_TEST(version_json_of_more_real_toolkits_is_understood)
{
	static const struct {
		const char *file, *version, *driver;
		bool whole;
	} more[] = {
		{"version.json-11.8-excerpt.json",		    "11.8.0", "520.61.05",  true },
		{ "version.json-12.1.20230222-cuda-only.json", "12.1.1", "530.30.02",  false},
		{ "version.json-12.2.20230823-cuda-only.json", "12.2.2", "535.104.05", false},
		{ "version.json-12.6.20241114-cuda-only.json", "12.6.3", "560.35.05",  false},
		{ "version.json-13.0.3-cuda-only.json",	"13.0.3", "580.126.20", false},
		{ "version.json-13.1.1-cuda-only.json",	"13.1.1", "590.48.01",  false},
		{ "version.json-13.3-excerpt.json",	    "13.3.1", "610.43.02",  false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		_cleanup_free_ char *json = real_text("../../../shared/real/cuda", more[i].file),
				    *folder = NULL;

		if (!json) {
			printf("skipped: no %s in shared/real/cuda beside the repository\n",
			       more[i].file);
			continue;
		}
		configure(more[i].version, more[i].driver);
		folder = facts_cuda_folder(&c);
		put_toolkit(folder, json);
		look();
		ck_assert_msg(s.cuda == more[i].whole, "%s as CUDA %s: %s", more[i].file,
			      more[i].version, s.cuda_said);
	}
}
END_TEST

SUITE_AROUND("facts_cuda", make_machine, drop_machine, the_driver_in_version_json_tells_the_toolkit,
	     without_the_driver_the_compiler_tells_the_first_two_numbers,
	     an_entry_without_a_version_is_not_an_absent_one, a_garbled_version_json_is_no_toolkit,
	     what_is_said_of_it_can_be_printed,
	     a_version_json_that_cannot_be_read_is_neither_yes_nor_no,
	     links_in_a_circle_are_neither_yes_nor_no,
	     a_toolkit_without_compiler_or_uninstaller_is_not_whole,
	     a_toolkit_elsewhere_behind_a_link_counts,
	     what_is_on_record_as_begun_is_not_whole_however_it_looks,
	     only_the_record_of_a_run_into_nothing_makes_it_ours,
	     the_record_of_another_toolkit_is_no_matter, rpm_is_asked_only_about_what_is_in_the_way,
	     a_package_in_what_was_begun_is_never_removed,
	     a_rpm_that_does_not_answer_does_not_make_it_ours, a_library_of_a_package_is_enough,
	     a_rpm_with_a_broken_database_does_not_make_it_ours,
	     a_rpm_that_does_not_answer_names_nobody,
	     a_file_in_the_place_of_the_folder_is_in_the_way,
	     version_json_of_real_toolkits_is_understood,
	     version_json_of_more_real_toolkits_is_understood)
