#include "slot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/clock.h"

void slot_init(struct slot *s, void *owner,
	       void (*on_frame)(struct slot *s, const struct worker_frame *head, char *body),
	       void (*on_end)(struct slot *s, int status))
{
	*s = (struct slot){ .owner = owner, .on_frame = on_frame, .on_end = on_end, .fd = -1 };
}

static void release(sd_event_source **s)
{
	*s = sd_event_source_unref(*s);
}

static void make_free(struct slot *s)
{
	release(&s->io);
	release(&s->child);
	release(&s->deadline);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->pid = 0;
	strbuf_done(&s->in);
}

/* Hands on every frame that is whole. */
static void take_frames(struct slot *s)
{
	struct worker_frame head;
	size_t at = 0;

	while (s->in.len - at >= sizeof(head)) {
		memcpy(&head, s->in.s + at, sizeof(head));
		if (head.len > WORKER_FRAME_MAX || s->in.len - at - sizeof(head) < head.len)
			break;
		s->on_frame(s, &head, s->in.s + at + sizeof(head));
		at += sizeof(head) + head.len;
	}
	memmove(s->in.s, s->in.s + at, s->in.len - at + 1);
	s->in.len -= at;
}

/* Takes what is in the pipe; true while more may come. */
static bool drain(struct slot *s)
{
	char chunk[65536];
	ssize_t n = read(s->fd, chunk, sizeof(chunk));

	if (n <= 0)
		return n < 0 && errno == EINTR;
	strbuf_add(&s->in, chunk, (size_t)n);
	take_frames(s);
	return true;
}

static int on_pipe(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct slot *s = data;

	(void)source;
	(void)fd;
	(void)events;
	if (!drain(s))
		release(&s->io);
	return 0;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *data)
{
	struct slot *s = data;
	int status = info->si_code == CLD_EXITED ? W_EXITCODE(info->si_status, 0) : info->si_status;

	(void)source;
	while (drain(s))
		;
	make_free(s);
	s->on_end(s, status);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *data)
{
	struct slot *s = data;

	(void)source;
	(void)usec;
	s->timed_out = true;
	kill(s->pid, SIGKILL);
	return 0;
}

int slot_start(struct slot *s, sd_event *loop, const struct step *step, const struct config *c,
	       const struct facts *f, unsigned int limit_s, struct err *e)
{
	uint64_t end = clock_monotonic_us() + (uint64_t)(limit_s + WORKER_SLACK_S) * 1000000;

	if (worker_start(step, c, f, limit_s, &s->pid, &s->fd, e) < 0)
		return -1;
	s->timed_out = false;
	s->started_us = clock_monotonic_us();
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) == 0 &&
	    sd_event_add_io(loop, &s->io, s->fd, EPOLLIN, on_pipe, s) >= 0 &&
	    sd_event_add_child(loop, &s->child, s->pid, WEXITED, on_child, s) >= 0 &&
	    sd_event_add_time(loop, &s->deadline, CLOCK_MONOTONIC, end, 0, on_deadline, s) >= 0)
		return 0;
	slot_kill(s);
	return err_set(e, &ERR_INTERNAL, "the event loop refused a worker");
}

void slot_extend(struct slot *s, uint64_t end_us)
{
	sd_event_source_set_time(s->deadline, end_us + (uint64_t)WORKER_SLACK_S * 1000000);
}

void slot_kill(struct slot *s)
{
	if (!s->pid)
		return;
	/* The loop must not see its end too. */
	release(&s->child);
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	while (drain(s))
		;
	make_free(s);
}
