/* R23: nothing touches a GPU before nvidia-persistenced is active (running), nor after it has ended. */
#ifndef GN8V_GPU_H
#define GN8V_GPU_H

#include "core/err.h"

/* 0 while systemd says active (running), asked now. CODE_PERSISTENCED otherwise. Called right before
 * every program that opens a GPU is run or started. */
int gpu_guard(struct err *e);

#endif
