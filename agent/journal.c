#include "journal.h"

#include <syslog.h>

#include <systemd/sd-daemon.h>

#include "core/log.h"
#include "core/str.h"
#include "version.h"

void journal_open(struct journal *j, struct status *s)
{
	*j = (struct journal){ .status = s };
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

void journal_machine(const struct facts *f)
{
	_cleanup_free_ char *text = NULL;
	const char *shape = shape_name(f->instance.shape);
	char counts[PCI_COUNTS_TEXT_SIZE], note[FACTS_NOTE_SIZE];

	pci_counts_text(f->machine.pci.gpus, f->machine.pci.nvswitches, counts);
	text = xasprintf("gn8v " GN8V_VERSION " on %s %s (%s): %s, kernel %s, boot %.8s",
			 f->instance.type[0] ? f->instance.type : "an instance of unknown type",
			 f->instance.id, shape ? shape : "shape unknown", counts, f->machine.kernel,
			 f->machine.boot_id);
	log_info("%s", text);
	facts_instance_note(&f->instance, note, sizeof(note));
	if (note[0])
		log_warning("%s", note);
}

void journal_start(struct journal *j, const struct step *s, const char *reason)
{
	say(j, s, LOG_INFO, NULL, reason);
	sd_notifyf(0, "STATUS=%s: %s", s->id, reason);
}

void journal_found(struct journal *j, const struct step *s, const char *reason)
{
	_cleanup_free_ char *text = xasprintf("ok: %s", reason);

	say(j, s, LOG_INFO, NULL, text);
}

static char *done_text(const struct status_step *st)
{
	return xasprintf("done in %.1f s: %s", st->duration_s, st->reason);
}

void journal_note_done(struct journal *j, const struct step *s, const struct status_step *st)
{
	_cleanup_free_ char *text = done_text(st);

	status_event(j->status, LOG_INFO, s->id, NULL, text);
}

void journal_tell_done(const struct step *s, const struct status_step *st)
{
	_cleanup_free_ char *text = done_text(st);

	log_event(LOG_INFO, s->id, NULL, text);
}

void journal_retry(struct journal *j, const struct step *s, const struct err *e, uint64_t wait_s)
{
	_cleanup_free_ char *text = xasprintf("[%s] %s; tried again in %llu s", e->kind->code,
					      e->msg, (unsigned long long)wait_s);

	say(j, s, LOG_WARNING, e->kind->code, text);
	sd_notifyf(0, "STATUS=%s: %s", s->id, text);
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
		log_info("%s (%s)", said,
			 r == RESULT_READY ? "nothing had to be done" : "as in the run before");
	else
		say(j, NULL, LOG_NOTICE, NULL, said);
	str_copy(j->status->summary, sizeof(j->status->summary), text);
	sd_notifyf(0, "STATUS=%s", said);
}
