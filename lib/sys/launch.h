/* fork and exec, done with care: what a child program starts with. For sys/run.c alone, which
 * describes it and waits for it.
 *
 * The child has a process group of its own, no blocked or ignored signals, standard input from
 * /dev/null, a pipe each for output and errors, nothing else open but inherited_fd, and dies with
 * its parent. That the program could not be executed is known when launch_start returns. */
#ifndef GN8V_SYS_LAUNCH_H
#define GN8V_SYS_LAUNCH_H

#include <sys/types.h>

#include "core/err.h"

struct launch {
	const char *const *argv; /* argv[0] is a path of the machine */
	const char *const *env;	 /* all of it */
	const char *cwd;	 /* a path of the machine */
	int inherited_fd;	 /* or -1 */

	pid_t pid;	    /* out: the caller reaps it */
	int pid_fd;	    /* out: readable once it has ended */
	int out_fd, err_fd; /* out: non-blocking ends of its standard output and error */
};

int launch_start(struct launch *l, struct err *e);

#endif
