#include "journal.h"

#include <syslog.h>

#include <systemd/sd-daemon.h>

#include "core/fs.h"
#include "core/log.h"
#include "core/str.h"
#include "paths.h"

#define MIB (1024.0 * 1024.0)

void journal_open(struct journal *j, struct status *s)
{
	*j = (struct journal){ .status = s };
}

void journal_close(struct journal *j)
{
	if (j->status)
		fs_unlink(PATH_PROGRESS, NULL);
	j->status = NULL;
}

static void say(struct journal *j, const struct step *s, int level, const char *code,
		const char *text)
{
	log_event(level, s ? s->id : NULL, code, text);
	status_event(j->status, level, s ? s->id : NULL, code, text);
}

void journal_say(struct journal *j, const struct step *s, int level, const char *text)
{
	say(j, s, level, NULL, text);
}

void journal_error(struct journal *j, const struct step *s, const struct err *e)
{
	_cleanup_free_ char *hint =
		xasprintf("to mend it (%s): %s", e->kind->who, err_hint_text(e));
	_cleanup_free_ char *text = xasprintf("FAILED [%s] %s", e->kind->code, e->msg);

	say(j, s, LOG_ERR, e->kind->code, text);
	say(j, s, LOG_ERR, e->kind->code, hint);
	sd_notifyf(0, "STATUS=%s: %s", s ? s->id : "gn8v", e->msg);
}

void journal_machine(struct journal *j, const struct facts *f)
{
	_cleanup_free_ char *text = NULL;
	const char *shape = shape_name(f->instance.shape);

	(void)j;
	text = xasprintf("%s %s (%s): %u GPU, %u NVSwitch, kernel %s, boot %.8s",
			 f->instance.type[0] ? f->instance.type : "instance of unknown type",
			 f->instance.id, shape ? shape : "shape unknown", f->machine.pci.gpus,
			 f->machine.pci.nvswitches, f->machine.kernel, f->machine.boot_id);
	log_info("%s", text);
}

void journal_start(struct journal *j, const struct step *s, const char *reason)
{
	say(j, s, LOG_INFO, NULL, reason);
	sd_notifyf(0, "STATUS=%s: %s", s->id, reason);
	j->said_tenths[s - steps] = 0;
}

void journal_found(struct journal *j, const struct step *s, const char *reason)
{
	_cleanup_free_ char *text = xasprintf("ok: %s", reason);

	say(j, s, LOG_INFO, NULL, text);
}

void journal_done(struct journal *j, const struct step *s, const struct status_step *st)
{
	_cleanup_free_ char *text = xasprintf("done in %.1f s: %s", st->duration_s, st->reason);

	say(j, s, LOG_INFO, NULL, text);
	j->last[s - steps] = (struct worker_progress){ 0 };
}

void journal_retry(struct journal *j, const struct step *s, const struct err *e, uint64_t wait_s)
{
	_cleanup_free_ char *text = xasprintf("[%s] %s; tried again in %llu s", e->kind->code,
					      e->msg, (unsigned long long)wait_s);

	say(j, s, LOG_WARNING, e->kind->code, text);
	sd_notifyf(0, "STATUS=%s: %s", s->id, text);
}

static void format_bytes(const struct worker_progress *p, char *dst, size_t dst_size)
{
	double left = p->rate > 0 ? (double)(p->total - p->done) / p->rate : 0;

	double share = 100.0 * (double)p->done / (double)p->total;

	if ((double)p->total < MIB)
		snprintf(dst, dst_size, "%.0f %% of %.0f KiB", share, (double)p->total / 1024);
	else
		snprintf(dst, dst_size, "%.0f %% of %.0f MiB, %.1f MiB/s, %.0f s left", share,
			 (double)p->total / MIB, p->rate / MIB, left);
}

/* Volatile on purpose: never synced, gone with the boot. */
static void write_progress(struct journal *j)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();
	struct json_object *a = json_object_new_array();
	char at[CLOCK_TEXT_SIZE];

	clock_format(clock_wall_s(), at);
	json_set_str(o, "at", at);
	for (size_t i = 0; i < STEP_MAX; i++) {
		const struct worker_progress *p = &j->last[i];
		struct json_object *row;

		if (j->status->steps[i].state != STATE_RUNNING || (!p->total && !p->text[0]))
			continue;
		row = json_object_new_object();
		json_set_str(row, "step", steps[i].id);
		json_set_int(row, "bytes", (int64_t)p->done);
		json_set_int(row, "total", (int64_t)p->total);
		json_set_num(row, "rate", p->rate);
		json_set_str(row, "text", p->text);
		json_object_array_add(a, row);
	}
	json_set(o, "steps", a);
	fs_write_volatile(PATH_PROGRESS, 0644, json_object_to_json_string(o), NULL);
}

void journal_progress(struct journal *j, const struct step *s, const struct worker_progress *p)
{
	size_t i = (size_t)(s - steps);
	uint64_t now = clock_monotonic_us();
	char text[160];

	j->last[i] = *p;
	if (p->total) {
		unsigned int tenths = (unsigned int)(10 * p->done / p->total);

		format_bytes(p, text, sizeof(text));
		if (tenths > j->said_tenths[i]) {
			bool at_once = j->said_tenths[i] == 0 && p->done == p->total;

			j->said_tenths[i] = tenths;
			if (!at_once)
				log_event(LOG_INFO, s->id, NULL, text);
		}
	} else {
		str_copy(text, sizeof(text), p->text);
		log_event(LOG_DEBUG, s->id, NULL, text);
	}
	if (now - j->written_us < 1000000)
		return;
	j->written_us = now;
	sd_notifyf(0, "STATUS=%s: %s", s->id, text);
	write_progress(j);
}

void journal_summary(struct journal *j, enum result r, const char *fmt, ...)
{
	char text[sizeof(j->status->summary)];
	_cleanup_free_ char *said = NULL;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	said = xasprintf("%s: %s", result_name(r), text);
	/* A run that found everything as it was leaves the status as it was, events included. */
	if (str_eq(text, j->status->summary) && j->status->result == r)
		log_info("%s (nothing had to be done)", said);
	else
		say(j, NULL, LOG_NOTICE, NULL, said);
	str_copy(j->status->summary, sizeof(j->status->summary), text);
	sd_notifyf(0, "STATUS=%s", said);
}
