/* A child program: absolute path, argv array, no shell, standard input from /dev/null, an
 * environment of its own, output taken line by line, a deadline. It has ended when its process has,
 * even if a daemon of its holds the pipes; after a failure nothing that it started is left.
 *
 * Calling sequence:
 *	struct run r = { .argv = ARGV("/usr/sbin/dracut", "--regenerate-all", "-f"), .timeout_s = 600 };
 *	if (run_wait(&r, e) < 0)	also for a non-zero exit; r.status and r.tail for the curious
 *		...
 *	run_done(&r);
 *
 * argv[0] is a path of the machine: what is executed lies below the root (fs_set_root), what the
 * program sees as argv is as written. The call blocks; it belongs into a worker or a command. */
#ifndef GN8V_SYS_RUN_H
#define GN8V_SYS_RUN_H

#include "core/err.h"

#define ARGV(...)    ((const char *const[]){ __VA_ARGS__, NULL })
#define RUN_TAIL_MAX 4096

struct run {
	const char *const *argv;
	const char *const
		*env;	 /* "NAME=value" beside PATH, LANG, HOME; NULL-terminated; may be NULL */
	const char *cwd; /* a path of the machine; NULL: "/" */
	unsigned int timeout_s; /* 0 is a defect, not "for ever" */
	size_t output_max;	/* > 0: keep standard output whole up to this size, in .output */
	bool output_both; /* standard error too, as it came; what is over output_max is dropped, and
			   * does not fail */
	/* Each line of stdout and stderr but blank ones, sanitised, cut at 4 KiB. */
	void (*on_line)(const char *line, void *data);
	void *on_line_data;

	int status;	 /* out: exit status, or -signal, or -1 if it did not run or did not end */
	char *output;	 /* out: owned, terminated; printable ASCII, tabs and line ends, else '?' */
	bool output_cut; /* out: some was dropped (output_both) */
	char tail[RUN_TAIL_MAX]; /* out: the last output of both streams, sanitised, lines kept */
};

/* File descriptor that every child inherits in spite of O_CLOEXEC: the run lock, so that an
 * orphaned installer keeps a second run out. -1 (the default) for none. */
void run_set_inherited_fd(int fd);

/* What children get besides PATH, LANG and HOME: "NAME=value" strings that outlive every run (proxy
 * settings). NULL for none. */
void run_set_environment(const char *const *env);

/* 0 only for exit status 0. Otherwise ERR_CHILD (with the last line of output), ERR_TIMEOUT,
 * ERR_TOO_LARGE (output_max), or ERR_IO when it could not be started. Makes this process the reaper
 * of its orphaned descendants, so that what a failed program left can be killed. */
int run_wait(struct run *r, struct err *e);
void run_done(struct run *r);

/* Makes this process the reaper of its orphaned descendants (PR_SET_CHILD_SUBREAPER). */
void run_adopt_orphans(void);

/* Ends and reaps every child of this process that is not in keep[0..n): what a killed worker or an
 * installer that called setsid() left behind. They get SIGTERM and grace_s seconds (0: none), then
 * SIGKILL. Returns how many there were. */
size_t run_kill_orphans(const pid_t *keep, size_t n, unsigned int grace_s);

#endif
