/* Facts about the CUDA toolkit's folder: the configured toolkit is in it, a run of ours began in it and did not end, or
 * something else is in the way. Nothing in it is executed.
 *
 * The toolkit is told by "nvidia_driver" in version.json, which is the driver version of the runfile's name, also where
 * only the toolkit was installed. The number under "cuda" is no use: CUDA 12 has a date there (12.8.20250303 for 12.8.1).
 * "nvidia_driver" was seen in version.json of 11.8, 13.2.2 and 13.3.1. It is not known to be in that of 12.4.1 and 12.8.1.
 * Where it is absent, the compiler's version decides: it tells 12.8 from 12.9, but not 12.8.0 from 12.8.1. Two runfiles
 * with one driver version (13.3.0 and 13.3.1: 610.43.02) are not told apart either. */
#include <errno.h>
#include <fcntl.h>

#include "core/fs.h"
#include "core/str.h"
#include "facts.h"
#include "intent.h"
#include "paths.h"

#define VERSION_MAX (1024 * 1024)

/* The first two numbers of a version: "12.8" of "12.8.1". */
static size_t branch_len(const char *version)
{
	size_t n = strcspn(version, ".");

	return version[n] ? n + 1 + strcspn(version + n + 1, ".") : n;
}

char *facts_cuda_folder(const struct config *c)
{
	return xasprintf("/usr/local/cuda-%.*s", (int)branch_len(c->cuda_version), c->cuda_version);
}

const char *facts_cuda_name(const char *folder)
{
	return strrchr(folder, '/') + 1;
}

char *facts_cuda_record(const char *folder)
{
	return xasprintf("%s absent\n", folder);
}

char *facts_cuda_record_ended(const char *folder)
{
	return xasprintf("%s ended\n", folder);
}

/* A link counts as itself. *ret_mode is 0 when nothing is there. */
static int look_at(const char *path, mode_t *ret_mode, struct err *e)
{
	_cleanup_fd_ int fd = fs_open(path, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	*ret_mode = 0;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "looking at %s", path);
	*ret_mode = st.st_mode;
	return 0;
}

static int has_file(const char *folder, const char *name, bool *ret_there, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
	struct stat st;

	*ret_there = fs_stat(path, &st) == 0;
	if (!*ret_there && errno != ENOENT && errno != ENOTDIR)
		return err_errno(e, errno, "looking at %s", path);
	return 0;
}

/* --- version.json ----------------------------------------------------------------------------- */

static const char *version_of(struct json_object *o, const char *part)
{
	return json_str(json_get(o, part), "version", "");
}

static bool version_fits(struct json_object *o, const struct config *c)
{
	const char *compiler = version_of(o, "cuda_nvcc");
	size_t n = branch_len(c->cuda_version);

	if (json_object_is_type(o, json_type_object) &&
	    json_object_object_get_ex(o, "nvidia_driver", NULL))
		return str_eq(version_of(o, "nvidia_driver"), c->cuda_driver);
	/* Whole numbers: 12.8 does not begin 12.81. */
	return strncmp(compiler, c->cuda_version, n) == 0 && (compiler[n] == '.' || !compiler[n]);
}

/* The versions it names, for people. */
static void say_versions(struct json_object *o, const struct config *c, char *dst, size_t size)
{
	static const char *const parts[] = { "cuda", "cuda_nvcc", "nvidia_driver" };
	_cleanup_strbuf_ struct strbuf b = { 0 };

	strbuf_begin(&b);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (*version_of(o, parts[i]))
			strbuf_printf(&b, "%s%s %.32s", b.len ? ", " : "", parts[i],
				      version_of(o, parts[i]));
	snprintf(dst, size, "version.json names %s; cuda.driver is %s",
		 b.len ? b.s : "no version of it", c->cuda_driver);
	str_sanitise(dst);
}

/* What is no version.json of the runfile's is not the toolkit; one that cannot be read is an error. */
static int read_version(const char *folder, const struct config *c, bool *ret_fits, char *said,
			size_t said_size, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/version.json", folder), *text = NULL;
	_cleanup_json_ struct json_object *o = NULL;
	struct err garbled = ERR_INIT;
	size_t len;

	if (has_file(folder, "version.json", ret_fits, e) < 0)
		return -1;
	if (!*ret_fits) {
		str_copy(said, said_size, "it has no version.json");
		return 0;
	}
	*ret_fits = false;
	if (fs_read(path, VERSION_MAX, &text, &len, &garbled) < 0 &&
	    garbled.kind != &ERR_TOO_LARGE) {
		*e = garbled;
		return -1;
	}
	if (garbled.kind || json_parse(text, len, path, &o, &garbled) < 0 ||
	    json_check_keys(text, len, path, &garbled) < 0) {
		str_copy(said, said_size, garbled.msg);
		str_sanitise(said);
		return 0;
	}
	*ret_fits = version_fits(o, c);
	say_versions(o, c, said, said_size);
	return 0;
}

int facts_cuda_whole(const char *folder, const struct config *c, bool *ret_whole, char *said,
		     size_t said_size, struct err *e)
{
	static const char *const files[] = { "bin/nvcc", "bin/cuda-uninstaller" };

	if (read_version(folder, c, ret_whole, said, said_size, e) < 0)
		return -1;
	for (size_t i = 0; *ret_whole && i < ARRAY_SIZE(files); i++) {
		if (has_file(folder, files[i], ret_whole, e) < 0)
			return -1;
		if (!*ret_whole)
			snprintf(said, said_size, "it has no %s", files[i]);
	}
	return 0;
}

/* --- what is in the way ----------------------------------------------------------------------- */

/* The package that the folder, or something in it, belongs to. */
static int find_package(const char *folder, char *dst, size_t size, struct err *e)
{
	static const char *const names[] = { "", "/version.json", "/bin/nvcc", "/lib64",
					     "/targets/x86_64-linux/lib" };
	char *paths[ARRAY_SIZE(names)];
	const char *there[ARRAY_SIZE(names)];
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		mode_t mode;

		paths[i] = xasprintf("%s%s", folder, names[i]);
		if (r == 0 && (r = look_at(paths[i], &mode, e)) == 0 && mode)
			there[n++] = paths[i];
	}
	if (r == 0)
		r = facts_rpm_owner(there, n, dst, size, NULL, e);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		free(paths[i]);
	return r;
}

/* The record says that a run of ours was interrupted. The folder may be newer: the run may have ended before it made one, and the
 * owner may have installed by hand since. A folder with an uninstaller is finished, and is not removed. A folder is not removed
 * either unless rpm says that no package owns it. */
static int read_begun(struct facts_software *s, const char *folder, struct err *e)
{
	if (has_file(folder, "bin/cuda-uninstaller", &s->cuda_ended, e) < 0 ||
	    find_package(folder, s->cuda_package, sizeof(s->cuda_package), e) < 0)
		return -1;
	s->cuda_folder = *s->cuda_package ? FACTS_CUDA_FOREIGN : FACTS_CUDA_BEGUN;
	str_copy(s->cuda_said, sizeof(s->cuda_said),
		 "a package was installed where an installation did not end");
	return 0;
}

int facts_read_cuda(struct facts_software *s, const struct config *c, struct err *e)
{
	_cleanup_free_ char *folder = facts_cuda_folder(c), *record = NULL;
	_cleanup_free_ char *absent = facts_cuda_record(folder);
	_cleanup_free_ char *ended = facts_cuda_record_ended(folder);
	bool whole;
	mode_t mode;

	if (look_at(folder, &mode, e) < 0 || intent_read(facts_cuda_name(folder), &record, e) < 0)
		return err_wrap(e, "CUDA toolkit");
	s->cuda_begun = record && !str_eq(record, ended);
	if (!mode) {
		s->cuda_folder = FACTS_CUDA_ABSENT;
		return 0;
	}
	if (S_ISDIR(mode) && str_eq(record, absent))
		return read_begun(s, folder, e) < 0 ? err_wrap(e, "CUDA toolkit") : 0;
	if (facts_cuda_whole(folder, c, &whole, s->cuda_said, sizeof(s->cuda_said), e) < 0)
		return err_wrap(e, "CUDA toolkit");
	s->cuda_left = !whole && str_eq(record, ended);
	s->cuda = whole && (!record || str_eq(record, ended));
	s->cuda_folder = s->cuda ? FACTS_CUDA_WHOLE : FACTS_CUDA_FOREIGN;
	if (s->cuda)
		return 0;
	if (whole) /* a record of something else */
		str_copy(s->cuda_said, sizeof(s->cuda_said),
			 "an installation in it did not end, says " PATH_BEGUN);
	/* It is in the way, whosever it is. */
	find_package(folder, s->cuda_package, sizeof(s->cuda_package), NULL);
	return 0;
}
