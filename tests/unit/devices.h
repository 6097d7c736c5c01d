/* A machine with simulated devices (tests/twin/devices): a root with their libraries in it, set as
 * the root of core/fs.h, a driver that is loaded and nvidia-persistenced that is active. */
#ifndef GN8V_TESTS_DEVICES_H
#define GN8V_TESTS_DEVICES_H

#include <check.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/str.h"
#include "evidence/evidence.h"

#define DEVICES_DRIVER "570.148.08"

static char devices_dir[64];

static inline void devices_sh(const char *command)
{
	_cleanup_free_ char *text = xasprintf("set -e; D=%s; %s", devices_dir, command);

	ck_assert_msg(system(text) == 0, "%s", text);
}

/* A file of the twin, without going through the library under test. */
static inline void devices_put(const char *part, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", devices_dir, part);
	_cleanup_fclose_ FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
}

/* {"NAME": "ARGUMENT"} */
static inline void devices_fault(const char *json)
{
	devices_put("state/faults", json);
}

/* The line count of a log of the twin. */
static inline size_t devices_lines(const char *part)
{
	_cleanup_free_ char *path = xasprintf("%s/state/%s", devices_dir, part);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	size_t n = 0;
	int c;

	while (file && (c = fgetc(file)) != EOF)
		n += c == '\n';
	return n;
}

/* Where the tests and the simulated libraries were built: BUILD/tests/unit/test_x. */
static inline char *devices_build(void)
{
	char exe[512];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	ck_assert_int_gt(n, 0);
	exe[n] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(exe, '/') = '\0';
	return xasprintf("%s/twin-devices", exe);
}

/* shape: "single" or "multi". */
static inline void devices_make(const char *shape)
{
	const char *slash = strrchr(__FILE__, '/');
	_cleanup_free_ char *build = devices_build();
	_cleanup_free_ char *command = NULL, *root = NULL;
	struct err e = ERR_INIT;

	strcpy(devices_dir, "/tmp/gn8v-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(devices_dir));
	command = xasprintf(
		"B=%s; L=$D/root/usr/lib64; V=" DEVICES_DRIVER ";"
		"mkdir -p $L $D/root/sys/module/nvidia $D/state/units;"
		"cp $B/libnvidia-ml.so $L/libnvidia-ml.so.$V; ln -s libnvidia-ml.so.$V $L/libnvidia-ml.so.1;"
		"cp $B/libnvidia-nscq.so $L/libnvidia-nscq.so.$V; ln -s libnvidia-nscq.so.$V $L/libnvidia-nscq.so.2;"
		"echo $V > $D/root/sys/module/nvidia/version; echo 1 > $D/state/boot; echo '{}' > $D/state/faults;"
		"echo active > $D/state/units/nvidia-persistenced.service;"
		"python3 -B %.*s../twin/fakes/twinlib.py devices %s |"
		"sed 's/\"ppcie_loaded\": false/\"ppcie_loaded\": %s/' > $D/state/devices.json;"
		"$B/twin-devices $D $V",
		build, (int)(slash + 1 - __FILE__), __FILE__, shape,
		str_eq(shape, "multi") ? "true" : "false");
	devices_sh(command);
	root = xasprintf("%s/root", devices_dir);
	ck_assert_int_eq(fs_set_root(root, &e), 0);
}

static inline void devices_make_single(void)
{
	devices_make("single");
}

static inline void devices_make_multi(void)
{
	devices_make("multi");
}

static inline void devices_drop(void)
{
	devices_sh("rm -rf $D");
}

#define ck_assert_has(text, part) \
	ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text)

#endif
