/* The run lock: one agent at a time. The file is inherited by installers, so that one whose agent
 * was killed keeps the next run out until it has ended. */
#ifndef GN8V_CLI_LOCK_H
#define GN8V_CLI_LOCK_H

#include "core/err.h"

/* Takes the lock and hands its descriptor to every program that is run. CODE_LOCKED, with what is
 * known of the holder, when it is taken. */
int lock_take(int *ret_fd, struct err *e);

#endif
