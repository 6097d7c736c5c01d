/* spent LOG COMMAND [ARGUMENT…]: runs the command and appends to LOG, as one line of JSON, what it and its children
 * cost. A program of its own, for the peak of a process counts what it was before exec: a caller in Python would be
 * larger than what it measures. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	double begun = now_s(), wall;
	struct rusage used;
	int status;
	pid_t pid;
	FILE *log;

	if (argc < 3)
		return 2;
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 125;
	wall = now_s() - begun;
	log = fopen(argv[1], "ae");
	if (!log || getrusage(RUSAGE_CHILDREN, &used) < 0)
		return 125;
	fprintf(log, "{\"wall_s\": %.6f, \"cpu_s\": %.6f, \"peak_kib\": %ld}\n", wall,
		seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss);
	if (fclose(log) != 0)
		return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
