#include "facts.h"

#include "core/str.h"
#include "fixture.h"
#include "paths.h"
#include "suite.h"

static struct config c;
static const struct facts_machine machine = { .kernel = "5.10.134-18.al8.x86_64" };
static struct facts_software s;
static struct facts_host h;
static struct err e = ERR_INIT;

static void begin(void)
{
	static const char text[] = "{\"disk\": {\"free_min_gib\": 0}}";

	fixture_root_make();
	ck_assert_int_eq(config_parse(&c, text, strlen(text), "config.json", &e), 0);
	config_set_shape(&c, SHAPE_SINGLE);
	s = (struct facts_software){ 0 };
	ck_assert_int_eq(fs_mkdirs("/tmp", 0755, &e), 0);
}

static void end(void)
{
	config_done(&c);
	fixture_root_drop();
}

static void look(void)
{
	h = (struct facts_host){ 0 };
	ck_assert_msg(facts_read_host(&h, &c, &machine, &s, &e) == 0, "%s", e.msg);
}

/* An rpm that says this for `rpm -qf`, and ends with that status. */
static void rpm_says(const char *words, int status)
{
	_cleanup_free_ char *text = xasprintf("#!/bin/sh\n[ \"$1\" = -qf ] || exit 99\nprintf '%s'\nexit %d\n", words, status);

	ck_assert_int_eq(fs_write_atomic(PROG_RPM, 0755, text, strlen(text), &e), 0);
}

START_TEST(selinux_is_told_as_it_is_or_not_at_all)
{
	look();
	ck_assert_str_eq(h.selinux, "disabled");
	fixture_put(PATH_SELINUX "/enforce", "1");
	look();
	ck_assert_str_eq(h.selinux, "enforcing");
	fixture_put(PATH_SELINUX "/enforce", "0");
	look();
	ck_assert_str_eq(h.selinux, "permissive");
	fixture_put(PATH_SELINUX "/enforce", "garbage that is long enough");
	look();
	ck_assert_str_eq(h.selinux, "");
	/* It cannot be looked at: that is not its absence. */
	ck_assert_int_eq(fs_remove_tree(PATH_SELINUX, &e), 0);
	fixture_put(PATH_SELINUX, "no folder");
	look();
	ck_assert_str_eq(h.selinux, "");
}
END_TEST

START_TEST(installers_unpack_in_tmp_unless_it_will_not_do)
{
	_cleanup_free_ char *tmp = fs_host_path("/tmp");

	look();
	ck_assert_int_eq(h.unpack, UNPACK_TMP);
	ck_assert_str_eq(h.unpack_dir, "");
	ck_assert_int_eq(rmdir(tmp), 0);
	look();
	ck_assert_int_eq(h.unpack, UNPACK_FOLDER);
	ck_assert_str_eq(h.unpack_dir, "/var/cache/gn8v/.gn8v-unpack");
	ck_assert_str_eq(h.tmp_trouble, "there is no folder /tmp");
}
END_TEST

START_TEST(the_owner_of_the_driver_is_what_rpm_names)
{
	str_copy(s.userspace, sizeof(s.userspace), "535.261.03");
	rpm_says("nobody asks", 99);
	look();
	ck_assert(!h.driver_marker);
	ck_assert_str_eq(h.driver_owner, "");
	fixture_put(PATH_ALTERNATE_INSTALL, "");
	fixture_put("/usr/lib64/libnvidia-ml.so.535.261.03", "");
	rpm_says("file /usr/lib/nvidia/alternate-install-present is not owned by any package\\n"
		 "nvidia-driver-cuda-libs-535.261.03-1.el8\\n", 1);
	look();
	ck_assert(h.driver_marker);
	ck_assert_str_eq(h.driver_owner, "nvidia-driver-cuda-libs-535.261.03-1.el8");
	ck_assert_str_eq(h.driver_owned, "/usr/lib64/libnvidia-ml.so.535.261.03");
}
END_TEST

START_TEST(the_package_of_a_module_alone_counts_too)
{
	static const char modinfo[] = "#!/bin/sh\necho /lib/modules/5.10.134-18.al8.x86_64/extra/nvidia.ko.xz\n";

	str_copy(s.module, sizeof(s.module), "535.261.03");
	ck_assert_int_eq(fs_write_atomic(PROG_MODINFO, 0755, modinfo, strlen(modinfo), &e), 0);
	fixture_put("/lib/modules/5.10.134-18.al8.x86_64/extra/nvidia.ko.xz", "");
	rpm_says("kmod-nvidia-535.261.03-1.el8\\n", 0);
	look();
	ck_assert_str_eq(h.driver_owner, "kmod-nvidia-535.261.03-1.el8");
	ck_assert_str_eq(h.driver_owned, "/lib/modules/5.10.134-18.al8.x86_64/extra/nvidia.ko.xz");
}
END_TEST

START_TEST(an_rpm_that_cannot_tell_is_not_taken_for_nobody)
{
	static const struct {
		const char *words;
		int status;
	} silent[] = {
		{ "", 0 },
		{ "", 1 },
		{ "error: cannot open Packages database in /var/lib/rpm\\n", 1 },
		{ "nvidia-driver-535.261.03-1.el8\\n", 77 },
	};

	fixture_put(PATH_ALTERNATE_INSTALL, "");
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
		struct err cannot = ERR_INIT;

		rpm_says(silent[i].words, silent[i].status);
		h = (struct facts_host){ 0 };
		ck_assert_int_eq(facts_read_host(&h, &c, &machine, &s, &cannot), -1);
		ck_assert_has(cannot.msg, "rpm -qf did not say whose " PATH_ALTERNATE_INSTALL " is");
		ck_assert_msg(!*h.driver_owner, "%s", h.driver_owner);
	}
}
END_TEST

START_TEST(a_hidden_package_counts_when_it_is_missing_and_wanted)
{
	fixture_put(PATH_DNF_CONF, "[main]\nexclude=kernel* python3*\n");
	look();
	ck_assert(!h.excluded);
	str_copy(s.missing[s.missing_n++], FACTS_VERSION_SIZE, "python3.11-pip");
	look();
	ck_assert(!h.excluded);
	str_copy(s.missing[s.missing_n++], FACTS_VERSION_SIZE, "kernel-devel-5.10.134-18.al8.x86_64");
	look();
	ck_assert(h.excluded);
	ck_assert_str_eq(h.exclude.pattern, "kernel*");
}
END_TEST

SUITE_AROUND("facts_host", begin, end, selinux_is_told_as_it_is_or_not_at_all,
	     installers_unpack_in_tmp_unless_it_will_not_do, the_owner_of_the_driver_is_what_rpm_names,
	     the_package_of_a_module_alone_counts_too, an_rpm_that_cannot_tell_is_not_taken_for_nobody, a_hidden_package_counts_when_it_is_missing_and_wanted)
