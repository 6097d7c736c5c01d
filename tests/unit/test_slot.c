/* A worker as the agent sees it: what it says arrives, and its deadline moves where it needs more time. */
#include "slot.h"

#include <signal.h>

#include "core/clock.h"
#include "fixture.h"
#include "suite.h"

static sd_event *loop;
static struct slot slot;
static uint64_t before_us, after_us;

static int waits_long(struct worker *w, struct err *e)
{
	(void)e;
	worker_needs(w, 5000);
	while (pause() < 0)
		;
	return -1;
}

static void nothing_to_see(const struct config *c, const struct facts *f, struct probe_result *r)
{
	(void)c;
	(void)f;
	probe_todo(r, "nothing");
}

static const struct step patient = { .id = "patient", .apply = waits_long, .probe = nothing_to_see, .timeout_s = 60 };

static void on_frame(struct slot *s, const struct worker_frame *head, char *body)
{
	uint64_t end_us;

	ck_assert_int_eq(head->type, WORKER_NEEDS);
	ck_assert_uint_eq(head->len, sizeof(end_us));
	memcpy(&end_us, body, sizeof(end_us));
	ck_assert_int_ge(sd_event_source_get_time(s->deadline, &before_us), 0);
	slot_extend(s, end_us);
	ck_assert_int_ge(sd_event_source_get_time(s->deadline, &after_us), 0);
	sd_event_exit(loop, 0);
}

static void on_end(struct slot *s, int status)
{
	(void)s;
	ck_abort_msg("the worker ended with %d", status);
}

START_TEST(a_worker_that_needs_more_time_is_not_killed_at_its_first_deadline)
{
	struct config c = { 0 };
	struct err e = ERR_INIT;
	sigset_t mask;
	uint64_t now;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	ck_assert_int_ge(sd_event_new(&loop), 0);
	slot_init(&slot, NULL, on_frame, on_end);
	c.proxy_http = c.proxy_https = c.proxy_none = (char[]){ "" };
	ck_assert_msg(slot_start(&slot, loop, &patient, &c, NULL, 60, &e) == 0, "%s", e.msg);
	ck_assert_int_ge(sd_event_loop(loop), 0);
	now = clock_monotonic_us();
	ck_assert_uint_lt(before_us, now + 100 * UINT64_C(1000000));
	ck_assert_uint_gt(after_us, now + 4900 * UINT64_C(1000000));
	slot_kill(&slot);
	sd_event_unref(loop);
}
END_TEST

SUITE("slot", a_worker_that_needs_more_time_is_not_killed_at_its_first_deadline)
