/* The run lock: one agent at a time. The file is inherited by installers, so that one whose agent
 * was killed keeps the next run out until it has ended. */
#ifndef GN8V_CLI_LOCK_H
#define GN8V_CLI_LOCK_H

#include "core/err.h"

/* Takes the lock and hands its descriptor to every program that is run. CODE_LOCKED, with what is
 * known of the holder, when it is taken. */
int lock_take(int *ret_fd, struct err *e);

/* The same for somebody who has a word to write: waits up to timeout_s for another run to end. With
 * -1, *ret_other_run says whether there still is one; an installer that a dead one left is none. */
int lock_wait(unsigned int timeout_s, int *ret_fd, bool *ret_other_run, struct err *e);

#endif
