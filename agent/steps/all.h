/* The probes and applies of every step, for the table in steps.c. */
#ifndef GN8V_STEPS_ALL_H
#define GN8V_STEPS_ALL_H

#include "sys/run.h"
#include "worker.h"

#define PROBE(name) \
	void name##_probe(const struct config *c, const struct facts *f, struct probe_result *r)
#define APPLY(name) int name##_apply(struct worker *w, struct err *e)
#define STEP(name)   \
	PROBE(name); \
	APPLY(name)

#define GIB (1024.0 * 1024.0 * 1024.0)

PROBE(preflight);
STEP(kernel_args);
STEP(lkca);
STEP(initramfs);
STEP(restart);
STEP(time_sync);
STEP(packages);
STEP(fetch_driver);
STEP(fetch_cuda);
STEP(fetch_fabricmanager);
STEP(fetch_nscq);
STEP(service_order);
STEP(hold_services);
STEP(persistenced_unit);
STEP(fabricmanager);
STEP(driver);
STEP(cuda);
STEP(nscq);
STEP(cublas);
STEP(verifier);
STEP(fabricmanager_start);
STEP(persistenced_start);
STEP(release_services);
STEP(tdx);
STEP(devices);
STEP(fabric);
STEP(cc_mode);
STEP(attest);
STEP(ready);

/* What of the host's own policy, or of another's driver, would make an installer fail late. True, with r filled in, when there
 * is something. */
bool host_refuses(const struct config *c, const struct facts *f, struct probe_result *r);

/* The failure of yum, once more, when it says that what it was asked for is hidden from it: *e then names what hides it. */
int host_name_exclude(const struct worker *w, const char *const *packages, size_t n, struct err *e);

/* Whether everything that R11 to R13 and R20 install is there already. */
bool all_installed(const struct config *c, const struct facts *f);

/* True, with r filled in, when another CUDA toolkit is where ours belongs, and cuda.replace is off. */
bool cuda_in_the_way(const struct config *c, const struct facts_software *s,
		     struct probe_result *r);

/* True, with r blocked, where nvidia-persistenced or Fabric Manager is masked, where systemd uses something else than our
 * unit, or orders Fabric Manager so that a boot cannot come to its end. FACTS_UNITS must be known. */
bool units_in_the_way(const struct facts *f, struct probe_result *r);

#define STEP_NAMES_SIZE 200

/* "a, b and c"; what does not fit is counted: "a, b and 7 more". */
void step_names(const char *const *names, size_t n, char dst[STEP_NAMES_SIZE]);

/* Probe of a verifying step: done only while the gate is open in this boot. */
void verify_probe(const struct facts *f, struct probe_result *r, const char *what);

/* Runs a program of the procedure with the step's deadline; its output becomes progress. A failure
 * gets `kind`, a passed deadline stays ERR_TIMEOUT. cwd may be NULL. */
int step_run(struct worker *w, const char *const *argv, const char *cwd,
	     const struct err_kind *kind, struct err *e);

/* step_play for an installer that unpacks itself, from fetch.dir. Where /tmp will not do, it is given a folder of ours as its
 * temporary one, which is removed afterwards: by TMPDIR and by its option --tmpdir, in the form that the file's head knows. */
enum step_tmpdir { STEP_TMPDIR_TWO_WORDS, STEP_TMPDIR_EQUALS };
int step_install(struct worker *w, struct run *r, enum step_tmpdir form,
		 const struct err_kind *kind, struct err *e);

/* Removes that folder where a run that was cut off left it; a record says so. */
int step_sweep_unpacked(struct err *e);

/* The same for a program that needs more said (argv, env, cwd). r is done afterwards. */
int step_play(struct worker *w, struct run *r, const struct err_kind *kind, struct err *e);

/* Before something rebuilds an initramfs, in a boot that has the driver option: the option's file, where it was written by
 * a clock that was ahead, would look newer than that initramfs. It gets the time of the boot. */
int lkca_not_ahead(struct err *e);

/* Starts a unit and waits for it, as long as systemd does or as the step's configured deadline says. Where a job is under
 * way already (a boot's) it is joined. A start that failed is the end of it: a GPU whose initialisation was cut off can
 * be lost until it is reset. Only where the joined job never ran the unit's program is the unit started after it. */
int step_start_unit(struct worker *w, struct units *u, const char *name, struct err *e);

/* Waits until a unit that is being started no longer is: for who means to stop it then, or to restart the machine. */
int step_settle_unit(struct worker *w, struct units *u, const char *name, struct err *e);

/* Stops a unit and waits for it: longer than the 90 s after which systemd kills what does not stop (DefaultTimeoutStopSec=,
 * systemd-system.conf(5)), but not beyond the step's deadline. */
int step_stop_unit(struct worker *w, struct units *u, const char *name, struct err *e);

/* step_run for a program that people can run too: the hint is its command line. */
int step_run_plain(struct worker *w, const char *const *argv, const char *cwd,
		   const struct err_kind *kind, struct err *e);
int step_hint_command(struct err *e, const char *const *argv, const char *cwd); /* always -1 */

/* step_run_plain for rpm and yum: what they wrote is on the disk when it is over. */
int packages_run(struct worker *w, const char *const *argv, const char *cwd,
		 const struct err_kind *kind, struct err *e);

/* Whether a package that was asked for is not installed. */
bool package_missing(const struct facts *f, const char *name);

/* In a step that was cut off: those of the packages that are installed and damaged are installed
 * anew, and all that was installed is on the disk. */
int packages_mend(struct worker *w, const char *const *names, size_t n, struct err *e);

#endif
