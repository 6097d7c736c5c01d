#include "excludes.h"

#include "core/fs.h"
#include "fixture.h"
#include "paths.h"
#include "suite.h"

static const char *const needed[] = { "gcc", "kernel-devel-5.10.134-18.al8.x86_64" };
static struct exclude x;

static bool find(enum excludes_scope scope)
{
	x = (struct exclude){ 0 };
	return excludes_find(needed, ARRAY_SIZE(needed), scope, &x);
}

static bool hidden_by(const char *pattern)
{
	_cleanup_free_ char *text = xasprintf("[main]\ngpgcheck=1\nexclude=%s\n", pattern);

	fixture_put(PATH_DNF_CONF, text);
	return find(EXCLUDES_ALL_REPOSITORIES);
}

START_TEST(the_pattern_is_named_with_file_and_line)
{
	ck_assert(hidden_by("kernel*"));
	ck_assert_str_eq(x.package, needed[1]);
	ck_assert_str_eq(x.pattern, "kernel*");
	ck_assert_str_eq(x.where, "/etc/dnf/dnf.conf, line 3");
}
END_TEST

START_TEST(a_pattern_is_held_against_every_form_of_a_name)
{
	static const char *const hit[] = { "kernel-devel", "kernel-devel.x86_64", "kernel-devel-5.10*", "*",
					   "vim, kernel-de?el", "kernel-devel-5.10.134-18.al8.x86_64", "gcc", "gcc.*",
					   "kernel-devel-5.10.134-18.al8" };
	static const char *const miss[] = { "kernel", "kernel-core*", "devel", "gcc-c++", "kernel-devel-4.*", "" };

	for (size_t i = 0; i < ARRAY_SIZE(hit); i++)
		ck_assert_msg(hidden_by(hit[i]), "%s hides nothing", hit[i]);
	for (size_t i = 0; i < ARRAY_SIZE(miss); i++)
		ck_assert_msg(!hidden_by(miss[i]), "%s hides %s", miss[i], x.package);
}
END_TEST

START_TEST(the_file_is_read_as_dnf_reads_it)
{
	fixture_put(PATH_DNF_CONF, "[main]\n# exclude=kernel*\n;exclude=gcc\nexcludepkgs = vim,\n\tnano kernel-devel*\n");
	ck_assert(find(EXCLUDES_ALL_REPOSITORIES));
	ck_assert_str_eq(x.where, "/etc/dnf/dnf.conf, line 5");
	fixture_put(PATH_DNF_CONF, "[main]\nexclude=vim\nkeepcache=1\n kernel*\n");
	ck_assert(!find(EXCLUDES_ALL_REPOSITORIES));
	fixture_put(PATH_DNF_CONF, "[main]\nexclude=kernel*\ndisable_excludes=all\n");
	ck_assert(!find(EXCLUDES_ALL_REPOSITORIES));
}
END_TEST

START_TEST(yum_conf_counts_only_where_there_is_no_dnf_conf)
{
	fixture_put(PATH_YUM_CONF, "[main]\nexclude=kernel*\n");
	ck_assert(find(EXCLUDES_ALL_REPOSITORIES));
	ck_assert_str_eq(x.where, "/etc/yum.conf, line 2");
	fixture_put(PATH_DNF_CONF, "[main]\n");
	ck_assert(!find(EXCLUDES_ALL_REPOSITORIES));
}
END_TEST

/* Another repository may have the package: that is no reason to refuse, but one for a failure. */
START_TEST(a_repositorys_own_exclude_counts_only_in_a_failure)
{
	fixture_put("/etc/yum.repos.d/a.repo", "[off]\nexclude=gcc\nenabled=0\n[plus]\nenabled=1\nexclude=kernel*\n");
	ck_assert(!find(EXCLUDES_ALL_REPOSITORIES));
	ck_assert(find(EXCLUDES_ANY_REPOSITORY));
	ck_assert_str_eq(x.package, needed[1]);
	ck_assert_str_eq(x.where, "/etc/yum.repos.d/a.repo, line 6");
}
END_TEST

START_TEST(without_a_configuration_nothing_is_hidden)
{
	ck_assert(!find(EXCLUDES_ANY_REPOSITORY));
}
END_TEST

SUITE_AROUND("excludes", fixture_root_make, fixture_root_drop, the_pattern_is_named_with_file_and_line,
	     a_pattern_is_held_against_every_form_of_a_name, the_file_is_read_as_dnf_reads_it,
	     yum_conf_counts_only_where_there_is_no_dnf_conf, a_repositorys_own_exclude_counts_only_in_a_failure,
	     without_a_configuration_nothing_is_hidden)
