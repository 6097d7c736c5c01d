#include "progress.h"

#include <syslog.h>

#include <systemd/sd-daemon.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/str.h"
#include "paths.h"

#define EVERY_US UINT64_C(1000000)
#define MIB	 (1024.0 * 1024.0)

/* --- in words ---------------------------------------------------------------------------------- */

static bool is_download(const struct worker_progress *w)
{
	return w->total || w->done;
}

double progress_eta_s(const struct worker_progress *w)
{
	return w->total && w->rate > 0 ? (double)(w->total - w->done) / w->rate : -1;
}

void progress_text(const struct worker_progress *w, char dst[PROGRESS_TEXT_SIZE])
{
	double eta_s = progress_eta_s(w);
	size_t n;

	if (!is_download(w)) {
		snprintf(dst, PROGRESS_TEXT_SIZE, "%s", w->text);
		return;
	}
	if (!w->total)
		snprintf(dst, PROGRESS_TEXT_SIZE, "%.1f MiB", (double)w->done / MIB);
	else if ((double)w->total < MIB)
		snprintf(dst, PROGRESS_TEXT_SIZE, "%.0f %% of %.0f KiB",
			 100.0 * (double)w->done / (double)w->total, (double)w->total / 1024);
	else
		snprintf(dst, PROGRESS_TEXT_SIZE, "%.0f %% of %.0f MiB",
			 100.0 * (double)w->done / (double)w->total, (double)w->total / MIB);
	n = strlen(dst);
	n += (size_t)snprintf(dst + n, PROGRESS_TEXT_SIZE - n, ", %.1f MiB/s", w->rate / MIB);
	if (eta_s >= 0)
		snprintf(dst + n, PROGRESS_TEXT_SIZE - n, ", %.0f s left", eta_s);
}

/* Sums up the downloads that run; returns how many, and their names. */
static unsigned int sum_up(const struct progress *p, struct worker_progress *ret_all,
			   struct strbuf *names)
{
	bool total_known = true;
	unsigned int n = 0;

	*ret_all = (struct worker_progress){ 0 };
	for (size_t i = 0; i < STEP_MAX; i++) {
		const struct worker_progress *w = &p->steps[i].last;

		if (!p->steps[i].running || !is_download(w))
			continue;
		ret_all->done += w->done;
		ret_all->total += w->total;
		ret_all->rate += w->rate;
		ret_all->connections += w->connections;
		total_known &= w->total > 0;
		strbuf_printf(names, "%s%s", n++ ? ", " : "", steps[i].id);
	}
	if (!total_known)
		ret_all->total = 0;
	return n;
}

/* The step without a download that spoke last. */
static size_t last_speaker(const struct progress *p)
{
	size_t best = STEP_MAX;

	for (size_t i = 0; i < STEP_MAX; i++) {
		const struct progress_step *s = &p->steps[i];

		if (s->running && s->last.text[0] && !is_download(&s->last) &&
		    (best == STEP_MAX || s->at_us > p->steps[best].at_us))
			best = i;
	}
	return best;
}

void progress_line(const struct progress *p, char dst[PROGRESS_LINE_SIZE], double *ret_share)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };
	struct worker_progress all;
	char text[PROGRESS_TEXT_SIZE];
	size_t speaker = last_speaker(p);

	strbuf_begin(&line);
	if (sum_up(p, &all, &line)) {
		progress_text(&all, text);
		strbuf_printf(&line, ": %s", text);
	}
	if (speaker != STEP_MAX)
		strbuf_printf(&line, "%s%s: %s", line.len ? "; " : "", steps[speaker].id,
			      p->steps[speaker].last.text);
	if (ret_share)
		*ret_share = all.total ? (double)all.done / (double)all.total : -1;
	snprintf(dst, PROGRESS_LINE_SIZE, "%s", line.s);
}

/* --- where it is told -------------------------------------------------------------------------- */

static struct json_object *to_json(const struct worker_progress *w, const char *step)
{
	struct json_object *o = json_object_new_object();
	double eta_s = progress_eta_s(w);

	if (step)
		json_set_str(o, "step", step);
	json_set_int(o, "bytes", (int64_t)w->done);
	json_set_int(o, "total", (int64_t)w->total);
	json_set_num(o, "rate", w->rate);
	json_set(o, "eta_s", eta_s < 0 ? NULL : json_object_new_double(eta_s));
	json_set_int(o, "connections", w->connections);
	if (step)
		json_set_str(o, "text", w->text);
	return o;
}

/* Volatile on purpose: never synced, gone with the boot. */
static void write_file(const struct progress *p)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();
	_cleanup_strbuf_ struct strbuf names = { 0 };
	struct json_object *a = json_object_new_array();
	struct worker_progress all;
	char at[CLOCK_TEXT_SIZE];

	clock_format(clock_wall_s(), at);
	json_set_str(o, "at", at);
	strbuf_begin(&names);
	json_set(o, "downloads", sum_up(p, &all, &names) ? to_json(&all, NULL) : NULL);
	for (size_t i = 0; i < STEP_MAX; i++) {
		const struct worker_progress *w = &p->steps[i].last;

		if (p->steps[i].running && (is_download(w) || w->text[0]))
			json_object_array_add(a, to_json(w, steps[i].id));
	}
	json_set(o, "steps", a);
	fs_write_volatile(PATH_PROGRESS, 0644, json_object_to_json_string(o), NULL);
}

static void draw(struct progress *p, const char *line, double share)
{
	_cleanup_free_ char *text = NULL;
	char bar[TERMINAL_BAR_SIZE];

	if (share < 0) {
		terminal_draw(&p->terminal, line);
		return;
	}
	terminal_bar(share, bar);
	text = xasprintf("%s %s", bar, line);
	terminal_draw(&p->terminal, text);
}

static void tell(struct progress *p)
{
	char line[PROGRESS_LINE_SIZE];
	double share;

	p->written_us = clock_monotonic_us();
	progress_line(p, line, &share);
	if (*line)
		sd_notifyf(0, "STATUS=%s", line);
	draw(p, line, share);
	write_file(p);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct progress *p = data;

	(void)source;
	(void)usec;
	p->timer = sd_event_source_unref(p->timer);
	tell(p);
	return 0;
}

/* Now, if the last time is a second ago, else when it is: the last word is never lost. */
static void tell_soon(struct progress *p)
{
	uint64_t due = p->written_us + EVERY_US;

	if (p->timer)
		return;
	if (clock_monotonic_us() >= due ||
	    sd_event_add_time(p->loop, &p->timer, CLOCK_MONOTONIC, due, 1, on_timer, p) < 0)
		tell(p);
}

/* --- what happens ------------------------------------------------------------------------------ */

static void before_log(void *data)
{
	terminal_erase(data);
}

void progress_init(struct progress *p, sd_event *loop)
{
	*p = (struct progress){ .loop = sd_event_ref(loop) };
	terminal_init(&p->terminal, stderr);
	if (p->terminal.live)
		log_set_before(before_log, &p->terminal);
}

void progress_done(struct progress *p)
{
	log_set_before(NULL, NULL);
	if (!p->loop)
		return;
	terminal_erase(&p->terminal);
	sd_event_source_unref(p->timer);
	sd_event_unref(p->loop);
	fs_unlink(PATH_PROGRESS, NULL);
	*p = (struct progress){ 0 };
}

void progress_begin(struct progress *p, const struct step *s)
{
	p->steps[s - steps] = (struct progress_step){ .running = true };
}

/* Nine lines of a download at most: its end is the step's to say. What was here before it began is one. */
static void say_tenth(struct progress_step *ps, const struct step *s)
{
	const struct worker_progress *w = &ps->last;
	unsigned int tenths = w->total ? (unsigned int)(10 * w->done / w->total) : 0;
	char text[PROGRESS_TEXT_SIZE];

	if (tenths <= ps->tenths)
		return;
	ps->tenths = tenths;
	if (w->done == w->total)
		return;
	progress_text(w, text);
	log_event(LOG_INFO, s->id, NULL, text);
}

void progress_take(struct progress *p, const struct step *s, const struct worker_progress *w)
{
	struct progress_step *ps = &p->steps[s - steps];

	ps->last = *w;
	ps->at_us = clock_monotonic_us();
	if (is_download(w))
		say_tenth(ps, s);
	else
		log_event(LOG_DEBUG, s->id, NULL, w->text);
	tell_soon(p);
}

void progress_end(struct progress *p, const struct step *s)
{
	p->steps[s - steps] = (struct progress_step){ 0 };
	tell_soon(p);
}
