#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include "codes.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/str.h"
#include "package_db.h"
#include "sys/run.h"

/* For another's transaction that is under way as the agent begins: longer than the bootstrap gives its own. */
#define LOCK_WAIT_S 1900
#define LOOKS	    5 /* at packages, while rpm does not answer */

static void send_frame(struct worker *w, enum worker_message type, const void *data, size_t len)
{
	struct worker_frame head = { .type = type, .len = (uint32_t)len };
	const char *parts[] = { (const char *)&head, data };
	size_t lens[] = { sizeof(head), len };

	if (w->fd < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		while (lens[i] > 0) {
			ssize_t n = write(w->fd, parts[i], lens[i]);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				_exit(3); /* the agent is gone: so are we */
			parts[i] += n;
			lens[i] -= (size_t)n;
		}
}

unsigned int worker_left_s(const struct worker *w)
{
	uint64_t now = clock_monotonic_us();

	return now < w->end_us ? (unsigned int)((w->end_us - now + 999999) / 1000000)
			       : WORKER_SLACK_S - 5;
}

void worker_needs(struct worker *w, unsigned int seconds)
{
	uint64_t end_us = clock_monotonic_us() + (uint64_t)seconds * 1000000;

	if (end_us <= w->end_us)
		return;
	w->end_us = end_us;
	send_frame(w, WORKER_NEEDS, &end_us, sizeof(end_us));
}

void worker_progress(struct worker *w, const char *text)
{
	struct worker_progress p = { 0 };

	str_copy(p.text, sizeof(p.text), text);
	send_frame(w, WORKER_PROGRESS, &p, sizeof(p));
}

void worker_event(struct worker *w, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	send_frame(w, WORKER_EVENT, text, strlen(text) + 1);
}

void worker_found(struct worker *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->found, sizeof(w->found), fmt, ap);
	va_end(ap);
}

void worker_restarts(struct worker *w)
{
	send_frame(w, WORKER_RESTARTS, "", 0);
}

void worker_data(struct worker *w, const char *key, struct json_object *o)
{
	_cleanup_json_ struct json_object *pair = json_object_new_object();
	const char *text;

	json_set_str(pair, "key", key);
	json_set(pair, "value", o);
	text = json_object_to_json_string_ext(pair, JSON_C_TO_STRING_PLAIN);
	send_frame(w, WORKER_DATA, text, strlen(text) + 1);
}

void worker_on_line(const char *line, void *data)
{
	if (*line)
		worker_progress(data, line);
}

void worker_on_fetch(const struct fetch_progress *p, void *data)
{
	struct worker_progress all = {
		.done = p->bytes, .total = p->total, .rate = p->rate, .connections = p->connections
	};

	send_frame(data, WORKER_PROGRESS, &all, sizeof(all));
}

/* What programs get besides PATH, LANG and HOME: the proxy, for yum and pip. */
static void set_environment(const struct config *c)
{
	static char *env[5]; /* outlives every run of this worker */
	const char *const values[][2] = {
		{"http_proxy",	c->proxy_http },
		{ "https_proxy", c->proxy_https},
		{ "no_proxy",    c->proxy_none }
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (*values[i][1])
			env[n++] = xasprintf("%s=%s", values[i][0], values[i][1]);
	run_set_environment((const char *const *)env);
}

/* The only way out of a worker. */
static NORETURN void leave(struct worker *w, struct worker_result *r)
{
	run_kill_orphans(NULL, 0, 0);
	send_frame(w, WORKER_RESULT, r, sizeof(*r));
	_exit(0);
}

static void tell_wait(void *w)
{
	worker_event(
		w,
		"an installation was cut off, and another program is installing packages: waiting for it");
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* What cannot be put back is met again by whoever asks rpm, and put back before the next transaction. */
static void put_packages_back(struct worker *w)
{
	struct sigaction wake = { .sa_handler = on_alarm }; /* fcntl(2) ends with EINTR */
	struct err e = ERR_INIT;
	enum package_db_found found;
	int r;

	sigaction(SIGALRM, &wake, NULL);
	alarm(LOCK_WAIT_S);
	r = package_db_put_back(&found, tell_wait, w, &e);
	alarm(0);
	if (r < 0)
		worker_event(
			w,
			"an installation was cut off, and the package database could not be put back: %s",
			e.msg);
	else if (found == PACKAGE_DB_PUT_BACK)
		worker_event(
			w,
			"an installation was cut off: the package database is put back as it was before");
	else if (found == PACKAGE_DB_MOVED_ON)
		worker_event(
			w,
			"an installation was cut off, and packages were installed since: the package database stays as it is");
}

/* A transaction, as of an update at the first boot, can keep rpm from answering: each look takes as long as rpm is waited
 * for, and somebody is told. Who looks on a terminal is not made to wait. */
static void look(struct worker *w, struct facts *f, struct config *c)
{
	const struct err *e;

	facts_look(f, c);
	for (int i = 1; i < LOOKS; i++) {
		e = facts_error(f, FACTS_SOFTWARE);
		if (!e || e->kind->class != ERR_CLASS_RETRY)
			return;
		worker_event(w, "%s: asked again", e->msg);
		facts_collect(f, c, FACTS_SOFTWARE);
		if (!facts_error(f, FACTS_SOFTWARE))
			facts_collect(f, c, FACTS_HOST);
	}
}

static NORETURN void work(struct worker *w, struct config *c)
{
	static struct worker_result r; /* too large for a stack that may be small */

	if (!w->step) { /* it only looks, at packages that are as they were before what was cut off */
		put_packages_back(w);
		look(w, &r.facts, c);
		r.groups = FACTS_ALL;
		leave(w, &r);
	}
	log_set_step(w->step->id);
	r.failed = w->step->apply(w, &r.err) < 0;
	if (r.failed && r.err.kind == &ERR_TIMEOUT)
		err_rekind(&r.err, w->step->on_timeout ? w->step->on_timeout : &CODE_STEP_TIMEOUT);
	r.cut_off = w->cut_off;
	memcpy(r.found, w->found, sizeof(r.found));
	r.facts = w->facts;
	r.groups = w->step->changes;
	facts_collect(&r.facts, c, r.groups);
	w->step->probe(c, &r.facts, &r.probe);
	leave(w, &r);
}

/* Undoes what a child inherits from the agent's event loop: a blocked signal survives exec. */
static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < SIGRTMIN; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, sig == SIGPIPE ? SIG_IGN : SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int worker_start(const struct step *s, const struct config *c, const struct facts *f,
		 unsigned int limit_s, pid_t *ret_pid, int *ret_fd, struct err *e)
{
	pid_t agent = getpid(), pid;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, errno, "pipe to a worker");
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return err_errno(e, errno, "starting a worker");
	}
	if (pid == 0) {
		static struct worker w;
		struct config own =
			*c; /* a copy for this process; the strings are ours since the fork */

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != agent)
			_exit(3);
		reset_signals();
		run_adopt_orphans();
		set_environment(&own);
		w = (struct worker){ .step = s,
				     .config = &own,
				     .fd = fds[1],
				     .end_us = clock_monotonic_us() + (uint64_t)limit_s * 1000000 };
		if (f)
			w.facts = *f;
		work(&w, &own);
	}
	close(fds[1]);
	*ret_pid = pid;
	*ret_fd = fds[0];
	return 0;
}
