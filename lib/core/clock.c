#include "core/clock.h"

#include <sys/random.h>

time_t clock_wall_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

uint64_t clock_monotonic_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void clock_sleep_us(uint64_t us)
{
	const struct timespec t = { .tv_sec = (time_t)(us / 1000000),
				    .tv_nsec = (long)(us % 1000000) * 1000 };

	nanosleep(&t, NULL);
}

bool clock_is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

void clock_format(time_t t, char *dst)
{
	struct tm tm;

	dst[0] = '\0';
	if (gmtime_r(&t, &tm) && tm.tm_year >= 0 && tm.tm_year <= 8099)
		strftime(dst, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

bool clock_parse(const char *text, time_t *ret_t)
{
	struct tm tm = { 0 };
	char again[CLOCK_TEXT_SIZE];
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t t;

	if (!end || *end)
		return false;
	t = timegm(&tm);
	/* timegm accepts 31 February; the round trip does not. */
	clock_format(t, again);
	if (strcmp(again, text) != 0)
		return false;
	*ret_t = t;
	return true;
}

uint64_t clock_backoff_us(unsigned int tries, uint64_t first_us, uint64_t max_us)
{
	uint64_t wait_us = first_us, dice = 0;

	for (; tries > 0 && wait_us < max_us; tries--)
		wait_us *= 2;
	if (wait_us > max_us)
		wait_us = max_us;
	/* Early in a boot the kernel may have no random bytes yet: then the clock has to do. */
	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) < 0)
		dice = clock_monotonic_us();
	return dice % (wait_us + 1);
}
