#include "core/log.h"

#include <sys/stat.h>

#include <systemd/sd-journal.h>

#include "core/str.h"

static int log_level = LOG_INFO;
static bool log_to_journal;

/* systemd.exec(5), JOURNAL_STREAM: "device:inode" of the stream that was connected; a process
 * whose standard error was redirected since must not believe it. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(void)
{
	log_to_journal = stderr_is_journal();
	log_level = log_to_journal ? LOG_DEBUG : LOG_INFO;
}

void log_event(int level, const char *step, const char *code, const char *text)
{
	if (level > log_level)
		return;
	if (log_to_journal) {
		sd_journal_send("PRIORITY=%i", level, "MESSAGE=%s%s%s", step ? step : "",
				step ? ": " : "", text, "GN8V_STEP=%s", step ? step : "",
				"GN8V_CODE=%s", code ? code : "",
				"SYSLOG_IDENTIFIER=gn8v", NULL);
		return;
	}
	if (step)
		fprintf(stderr, "%-18s %s\n", step, text);
	else
		fprintf(stderr, "%s\n", text);
}

void log_write(int level, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_event(level, NULL, NULL, text);
}
