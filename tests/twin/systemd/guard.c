#include "guard.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"

static int serve_under(pid_t guard, int (*serve)(const char *dir), const char *dir)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != guard) /* it died before that took effect */
		return EXIT_FAILURE;
	return serve(dir);
}

int guard_run(int (*serve)(const char *dir), const char *dir)
{
	pid_t guard = getpid(), pid, ended;
	sigset_t signals;
	int status;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	proc_adopt_orphans();
	pid = fork();
	if (pid == 0)
		_exit(serve_under(guard, serve, dir));
	for (;;) {
		int signal = sigwaitinfo(&signals, NULL);

		if (signal == SIGTERM || signal == SIGINT)
			kill(pid, SIGTERM);
		while (signal == SIGCHLD && (ended = waitpid(-1, &status, WNOHANG)) > 0)
			if (ended == pid) {
				proc_kill_descendants();
				return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
			}
	}
}
