/* Time: seconds of the wall clock, microseconds of the monotonic clock, RFC 3339 text in UTC. */
#ifndef GN8V_CORE_CLOCK_H
#define GN8V_CORE_CLOCK_H

#include <time.h>

#include "core/base.h"

#define CLOCK_TEXT_SIZE sizeof("2026-11-22T00:00:00Z")

time_t clock_wall_s(void);
uint64_t clock_monotonic_us(void);

/* A signal ends it early. */
void clock_sleep_us(uint64_t us);

/* How long to wait after try number `tries` (from 0): anything up to first_us, doubled each time, at
 * most max_us ("full jitter"), so that many machines do not come back at once. */
uint64_t clock_backoff_us(unsigned int tries, uint64_t first_us, uint64_t max_us);

bool clock_is_before(const struct timespec *a, const struct timespec *b);

/* "2026-11-22T00:00:00Z". dst holds CLOCK_TEXT_SIZE bytes. */
void clock_format(time_t t, char *dst);

/* RFC 3339 with "Z" only; false for anything else. */
bool clock_parse(const char *text, time_t *ret_t);

#endif
