/* What tests read and write: the files of tests/unit/fixtures, found through __FILE__, and a
 * temporary root below which every path of the machine lies. */
#ifndef GN8V_TESTS_FIXTURE_H
#define GN8V_TESTS_FIXTURE_H

#include <check.h>
#include <sys/stat.h>

#include "core/fs.h"

static char fixture_root[64];

/* The text of tests/unit/fixtures/NAME. Caller frees. */
static inline char *fixture_text(const char *name)
{
	const char *slash = strrchr(__FILE__, '/');
	_cleanup_free_ char *path = xasprintf("%.*sfixtures/%s", (int)(slash + 1 - __FILE__), __FILE__, name);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char *text = xcalloc(1, 1 << 20);

	ck_assert_msg(file != NULL, "%s cannot be read", path);
	ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, file), 0);
	return text;
}

/* The text of shared/real/NAME beside the repository, where more of what real programs said may lie; NULL, with a word, where
 * it does not. Caller frees. */
static inline char *fixture_shared(const char *name)
{
	const char *slash = strrchr(__FILE__, '/');
	_cleanup_free_ char *path = xasprintf("%.*s../../../shared/real/%s", (int)(slash + 1 - __FILE__), __FILE__, name);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char *text = file ? xcalloc(1, 1 << 20) : NULL;

	if (!file)
		printf("skipped: there is no %s\n", path);
	else
		ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, file), 0);
	return text;
}

/* For SUITE_AROUND. Looks before anything is written whether the root holds: were it broken, the
 * tests would write all over the machine they run on. */
static inline void fixture_root_make(void)
{
	static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY" };
	struct err e = ERR_INIT;
	_cleanup_free_ char *inside = NULL, *name = NULL;

	/* Whoever runs the tests may have a proxy; what they expect does not know it. */
	for (size_t i = 0; i < ARRAY_SIZE(proxies); i++)
		unsetenv(proxies[i]);
	strcpy(fixture_root, "/tmp/gn8v-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fixture_root));
	name = xasprintf("/inside-%s", strrchr(fixture_root, '-') + 1);
	inside = xasprintf("%s%s", fixture_root, name);
	ck_assert_int_eq(mkdir(inside, 0700), 0);
	ck_assert_int_eq(fs_set_root(fixture_root, &e), 0);
	if (!fs_exists(name) || fs_exists(fixture_root)) {
		rmdir(inside);
		rmdir(fixture_root);
		ck_abort_msg("paths are not looked up below the root: nothing was written");
	}
	ck_assert_int_eq(rmdir(inside), 0);
}

static inline void fixture_root_drop(void)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", fixture_root);

	ck_assert_int_eq(system(command), 0);
}

/* A file of the machine, written as anybody would. */
static inline void fixture_put(const char *path, const char *text)
{
	struct err e = ERR_INIT;

	ck_assert_msg(fs_write_atomic(path, 0644, text, strlen(text), &e) == 0, "%s", e.msg);
}

/* The file's identity: another one after it was replaced. */
static inline ino_t fixture_inode(const char *path)
{
	struct stat st;

	ck_assert_int_eq(fs_stat(path, &st), 0);
	return st.st_ino;
}

#define ck_assert_has(text, part) ck_assert_msg(strstr(text, part), "\"%s\" is not in \"%s\"", part, text)

#endif
