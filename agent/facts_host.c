/* Facts about the host: what its owner has set, or has installed, that an installer would stumble over late. It is looked
 * at before anything is fetched. */
#include <errno.h>
#include <sys/statvfs.h>

#include "core/fs.h"
#include "core/str.h"
#include "facts.h"
#include "paths.h"
#include "sys/run.h"

/* An installer unpacks itself into a temporary folder, from which it is then run. The largest of the procedure has
 * 5.0 GiB; what it unpacks to is nowhere said. */
#define UNPACK_BYTES (UINT64_C(12) << 30)

static void read_selinux(struct facts_host *h)
{
	struct stat st;
	char text[16];

	if (fs_stat(PATH_SELINUX "/enforce", &st) < 0)
		str_copy(h->selinux, sizeof(h->selinux), errno == ENOENT ? "disabled" : "");
	else if (fs_read_line(PATH_SELINUX "/enforce", text, sizeof(text)))
		str_copy(h->selinux, sizeof(h->selinux),
			 str_eq(text, "1")   ? "enforcing"
			 : str_eq(text, "0") ? "permissive"
					     : "");
}

/* Who says that little space will do (disk.free_min_gib) means this too. */
static uint64_t room_needed(const struct config *c)
{
	uint64_t all = (uint64_t)c->disk_free_min_gib << 30;

	return all < UNPACK_BYTES ? all : UNPACK_BYTES;
}

struct place {
	bool noexec, small;
	double free_gib;
};

static int look_at(const char *path, const struct config *c, struct place *ret, struct err *e)
{
	struct statvfs st;
	uint64_t bytes;

	if (fs_statvfs(path, &st) < 0)
		return err_set(e, &ERR_IO, "the file system of %s could not be looked at", path);
	bytes = (uint64_t)st.f_bavail * st.f_frsize;
	*ret = (struct place){ .noexec = st.f_flag & ST_NOEXEC,
			       .small = bytes < room_needed(c),
			       .free_gib = (double)bytes / (1u << 30) };
	return 0;
}

/* The first place that is fit; a folder of ours is made below it when an installer runs. */
static int read_unpack(struct facts_host *h, const struct config *c, struct err *e)
{
	const char *const others[] = { c->fetch_dir, PATH_STATE_DIR };
	struct stat st;
	struct place place;
	bool is_there = fs_stat(PATH_TMP, &st) == 0 && S_ISDIR(st.st_mode), some_small;

	if (look_at(PATH_TMP, c, &place, e) < 0)
		return -1;
	if (is_there && !place.noexec && !place.small) {
		h->unpack = UNPACK_TMP;
		return 0;
	}
	if (!is_there)
		str_copy(h->tmp_trouble, sizeof(h->tmp_trouble), "there is no folder " PATH_TMP);
	else if (place.noexec)
		str_copy(h->tmp_trouble, sizeof(h->tmp_trouble), PATH_TMP " is mounted noexec");
	else
		snprintf(h->tmp_trouble, sizeof(h->tmp_trouble), PATH_TMP " has %.1f GiB free",
			 place.free_gib);
	some_small = is_there && !place.noexec;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (look_at(others[i], c, &place, e) < 0)
			return -1;
		some_small |= !place.noexec;
		if (!place.noexec && !place.small &&
		    (size_t)snprintf(h->unpack_dir, sizeof(h->unpack_dir), "%s/" UNPACK_NAME,
				     others[i]) < sizeof(h->unpack_dir)) {
			h->unpack = UNPACK_FOLDER;
			return 0;
		}
	}
	h->unpack_dir[0] = '\0';
	h->unpack = some_small ? UNPACK_SMALL : UNPACK_NOEXEC;
	return 0;
}

/* Where the module lies that the running kernel would load; "" when that is not known. */
static void module_file(const struct facts_machine *m, char *dst, size_t dst_size)
{
	struct run r = { .argv = ARGV(PROG_MODINFO, "-k", m->kernel, "-F", "filename", "nvidia"),
			 .timeout_s = 60,
			 .output_max = 4096 };

	*dst = '\0';
	if (run_wait(&r, NULL) == 0)
		str_copy(dst, dst_size, str_trim(r.output));
	run_done(&r);
}

/* A driver of a package: the installer does not go over it, or leaves a mixture. */
static int read_driver(struct facts_host *h, const struct facts_machine *m,
		       const struct facts_software *s, struct err *e)
{
	_cleanup_free_ char *library = xasprintf(PATH_LIB64 "/libnvidia-ml.so.%s", s->userspace);
	char module[256] = "";
	const char *const files[] = { PATH_ALTERNATE_INSTALL, library, PROG_NVIDIA_SMI, module };
	const char *there[ARRAY_SIZE(files)], *owned = "";
	size_t n = 0;

	h->driver_marker = fs_exists(PATH_ALTERNATE_INSTALL);
	if (*s->module)
		module_file(m, module, sizeof(module));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (*files[i] == '/' && fs_exists(files[i]))
			there[n++] = files[i];
	if (facts_rpm_owner(there, n, h->driver_owner, sizeof(h->driver_owner), &owned, e) < 0)
		return -1;
	str_copy(h->driver_owned, sizeof(h->driver_owned), owned);
	return 0;
}

/* Of what is missing. Python is installed only for the procedure's verifier. */
static void read_excludes(struct facts_host *h, const struct config *c,
			  const struct facts_software *s)
{
	bool python = str_eq(c->attest_verifier, "nvidia") || str_eq(c->attest_verifier, "both") ||
		      c->cublas_install;
	const char *names[FACTS_PACKAGES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < s->missing_n; i++)
		if (python || !strlist_has(&c->attest_python, s->missing[i]))
			names[n++] = s->missing[i];
	h->excluded = excludes_find(names, n, EXCLUDES_ALL_REPOSITORIES, &h->exclude);
}

int facts_read_host(struct facts_host *h, const struct config *c, const struct facts_machine *m,
		    const struct facts_software *s, struct err *e)
{
	read_selinux(h);
	read_excludes(h, c, s);
	return read_driver(h, m, s, e) < 0 ? -1 : read_unpack(h, c, e);
}
