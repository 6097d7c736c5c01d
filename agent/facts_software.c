/* Facts about what is installed: the package database, the driver's files, the verifier. */
#include "artefact.h"
#include "core/fs.h"
#include "core/str.h"
#include "facts.h"
#include "paths.h"
#include "sys/run.h"

#define RPM_FORMAT "%{NAME} %{VERSION}-%{RELEASE}.%{ARCH}\\n"

/* `rpm -q` exits with the number of packages that are not installed, so the status says nothing
 * about trouble; its words do. */
static int query_rpm(const char *const *names, size_t n, char **ret_text, struct err *e)
{
	const char *argv[FACTS_PACKAGES_MAX + 8] = { PROG_RPM, "-q", "--qf", RPM_FORMAT };
	struct run r = { .argv = argv, .timeout_s = 120, .output_max = 256 * 1024 };

	for (size_t i = 0; i < n; i++)
		argv[4 + i] = names[i];
	if (run_wait(&r, e) < 0 && (r.status < 1 || r.status > (int)n)) {
		run_done(&r);
		return err_wrap(e, "package database");
	}
	*ret_text = r.output ? TAKE_PTR(r.output) : xstrdup("");
	run_done(&r);
	return 0;
}

/* The version in "NAME VERSION-RELEASE.ARCH", without release; "" when it is not installed. */
static void version_of(const char *text, const char *name, char *dst, size_t dst_size)
{
	size_t n = strlen(name);

	dst[0] = '\0';
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) == 0 && line[n] == ' ') {
			str_copy(dst, dst_size, line + n + 1);
			dst[strcspn(dst, "-\n")] = '\0';
			return;
		}
	}
}

/* What yum is asked for may carry a version ("kernel-devel-5.10..."): rpm takes it the same way
 * and says "package X is not installed" for each that is missing. */
static int read_packages(struct facts_software *s, const struct config *c,
			 const struct facts_machine *m, struct err *e)
{
	const char *names[FACTS_PACKAGES_MAX];
	_cleanup_free_ char *text = NULL, *nscq = NULL;
	char *kernel_name[FACTS_PACKAGES_MAX] = { 0 };
	size_t n = 0, wanted;
	int r;

	nscq = artefact_nscq_package(facts_software_driver(s, c));
	for (size_t i = 0; i < c->packages.n; i++, n++)
		names[n] = kernel_name[n] = str_expand(c->packages.v[i], "kernel", m->kernel, NULL);
	for (size_t i = 0; i < c->attest_python.n; i++, n++)
		names[n] = c->attest_python.v[i];
	wanted = n;
	names[n++] = ARTEFACT_FABRICMANAGER_PACKAGE;
	names[n++] = nscq;
	r = query_rpm(names, n, &text, e);
	for (size_t i = 0; r == 0 && i < wanted; i++) {
		_cleanup_free_ char *line = xasprintf("package %s is not installed", names[i]);

		if (strstr(text, line))
			str_copy(s->missing[s->missing_n++], FACTS_VERSION_SIZE, names[i]);
	}
	if (r == 0) {
		version_of(text, ARTEFACT_FABRICMANAGER_PACKAGE, s->fabricmanager,
			   FACTS_VERSION_SIZE);
		version_of(text, nscq, s->nscq, FACTS_VERSION_SIZE);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kernel_name); i++)
		free(kernel_name[i]);
	return r;
}

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

/* What pip leaves last of each package: NAME-VERSION.dist-info with a RECORD. */
static bool verifier_installed(const struct config *c)
{
	if (!fs_exists(PROG_VENV_PYTHON))
		return false;
	for (size_t i = 0; i < c->attest_packages.n; i++) {
		const char *spec = c->attest_packages.v[i], *eq = strstr(spec, "==");
		_cleanup_free_ char *record = NULL;

		if (!eq)
			return false;
		record = xasprintf(PATH_VENV
				   "/lib/python3.11/site-packages/%.*s-%s.dist-info/RECORD",
				   (int)(eq - spec), spec, eq + 2);
		if (!fs_exists(record))
			return false;
	}
	return true;
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
	if (read_module(s, m, e) < 0 || read_userspace(s, e) < 0 || read_packages(s, c, m, e) < 0 ||
	    facts_read_cuda(s, c, e) < 0)
		return -1;
	s->verifier = verifier_installed(c);
	s->cublas = cublas_installed();
	return 0;
}
