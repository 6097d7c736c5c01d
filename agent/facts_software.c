/* Facts about what is installed: the driver's files and the verifier. Packages and CUDA are in files of their own. */
#include "core/fs.h"
#include "core/str.h"
#include "facts.h"
#include "installer_log.h"
#include "intent.h"
#include "paths.h"
#include "pypackage.h"
#include "sys/run.h"

/* modinfo exits 1 when the running kernel has no such module. */
static int read_module(struct facts_software *s, const struct facts_machine *m, struct err *e)
{
	struct run r = { .argv = ARGV(PROG_MODINFO, "-k", m->kernel, "-F", "version", "nvidia"),
			 .timeout_s = 60,
			 .output_max = 4096 };

	if (run_wait(&r, e) < 0 && r.status != 1) {
		run_done(&r);
		return err_wrap(e, "driver module");
	}
	if (r.status == 0)
		str_copy(s->module, sizeof(s->module), str_trim(r.output));
	run_done(&r);
	return 0;
}

/* libnvidia-ml.so.VERSION; several may be there after a failed removal: the newest counts. */
static int read_userspace(struct facts_software *s, struct err *e)
{
	static const char prefix[] = "libnvidia-ml.so.";
	struct fs_names names;

	if (fs_list(PATH_LIB64, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		const char *version = names.v[i] + sizeof(prefix) - 1;

		if (str_starts(names.v[i], prefix) && strchr(version, '.') &&
		    kernel_version_compare(version, s->userspace) > 0)
			str_copy(s->userspace, sizeof(s->userspace), version);
	}
	fs_names_done(&names);
	s->driver_programs = fs_exists(PROG_NVIDIA_SMI) && fs_exists(PROG_PERSISTENCED);
	return 0;
}

/* Everything is there when the installer's log says that it put every file in place, and what it still had to do shows:
 * the module is loaded, unless it came to its end. */
static bool driver_proven(const struct facts_software *s, const struct facts_machine *m)
{
	struct installer_log log;
	char loaded[FACTS_VERSION_SIZE];

	installer_log_read(&log);
	if (!str_eq(log.version, s->module) || !str_eq(log.version, s->userspace) ||
	    !s->driver_programs || facts_initramfs_gone(m->kernel))
		return false;
	return log.complete ||
	       (log.files_in_place && fs_read_line(PATH_NVIDIA_LOADED, loaded, sizeof(loaded)) &&
		str_eq(loaded, log.version));
}

static int read_begun(struct facts_software *s, const struct facts_machine *m, struct err *e)
{
	_cleanup_free_ char *record = NULL;

	if (intent_read(INTENT_DRIVER, &record, e) < 0)
		return -1;
	s->driver_begun = record != NULL;
	s->driver_proven = record && driver_proven(s, m);
	return 0;
}

/* What pip leaves last of each package: NAME-VERSION.dist-info with a RECORD. */
static bool package_installed(const struct fs_names *found, const char *spec)
{
	for (size_t i = 0; i < found->n; i++) {
		_cleanup_free_ char *record = NULL;

		if (!pypackage_is_dist_info(found->v[i], spec))
			continue;
		record = xasprintf(PATH_VENV_SITE "/%s/RECORD", found->v[i]);
		if (fs_exists(record))
			return true;
	}
	return false;
}

static bool verifier_installed(const struct config *c)
{
	struct fs_names found = { 0 };
	bool all = fs_exists(PROG_VENV_PYTHON) && fs_list(PATH_VENV_SITE, &found, NULL) == 0;

	for (size_t i = 0; all && i < c->attest_packages.n; i++)
		all = package_installed(&found, c->attest_packages.v[i]);
	fs_names_done(&found);
	return all;
}

static bool cublas_installed(void)
{
	static const char *const places[] = { "/usr/local/lib/python3.11/site-packages",
					      "/usr/lib/python3.11/site-packages",
					      "/usr/local/lib64/python3.11/site-packages" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *p =
			xasprintf("%s/nvidia_cublas_cu12-12.4.5.8.dist-info", places[i]);

		if (fs_exists(p))
			return true;
	}
	return false;
}

int facts_read_software(struct facts_software *s, const struct config *c,
			const struct facts_machine *m, struct err *e)
{
	/* The packages' names follow the driver that is there. */
	if (read_module(s, m, e) < 0 || read_userspace(s, e) < 0 || read_begun(s, m, e) < 0 ||
	    facts_read_packages(s, c, m, e) < 0 || facts_read_cuda(s, c, e) < 0)
		return -1;
	s->verifier = verifier_installed(c);
	s->cublas = cublas_installed();
	return 0;
}
