/* What `gn8v collect-logs` brings home: THE table of files in the archive and where each comes from.
 * Every row only looks: nothing is installed, started, stopped, mounted or set, and no address but the
 * metadata service's is asked. tests/twin/looks.py has, by hand, what may be run. */
#ifndef GN8V_ANSWERS_H
#define GN8V_ANSWERS_H

#include "core/base.h"

#define ANSWER_GPU 1U /* opens a GPU: only while nvidia-persistenced is active (running) */
#define ANSWER_END 2U /* of a file that is too large its end counts, not its beginning */
#define ANSWER_SET \
	4U /* of the metadata service: not the item, but the statuses of token step and plain GET */

/* A row has a program, a path to copy, or an item of the metadata service. A path may have a `*` in each
 * of its parts: every file that matches gives an answer, and the parts that matched stand for the `*` of
 * `file`. A row with both a program and a path runs once for each match, which is {file} among its
 * arguments. {fetch} is fetch.dir. An item that ends in '/' is a list. */
struct answer {
	const char *file; /* in the archive */
	const char *const *argv;
	const char *path;
	const char *item;
	const char *keep; /* words, separated by '|': only lines that have one, in any case */
	const char *need; /* a path of the machine: without it there is nothing to ask */
	unsigned int timeout_s;
	size_t max; /* bytes; 0: ANSWER_MAX */
	unsigned int flags;
};

#define ANSWER_MAX	 (256UL * 1024)
#define ANSWER_TIMEOUT_S 20U

extern const struct answer answers[];
extern const size_t answers_n;

#endif
