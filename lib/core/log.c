#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "core/fs.h"

static int log_level = LOG_INFO;
static bool log_to_journal;
static int log_console = -1;
static const char *log_step;
static void (*log_before)(void *data);
static void *log_before_data;

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
	if (log_to_journal && log_console < 0)
		log_console = fs_open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK, 0);
}

void log_set_step(const char *step)
{
	log_step = step;
}

void log_set_before(void (*before)(void *data), void *data)
{
	log_before = before;
	log_before_data = data;
}

/* For whoever watches the serial console. StandardError=journal+console would not do: systemd sends
 * there only what comes by the stream, and entries with fields do not. A console that is full or
 * absent is nobody's trouble. */
static void say_on_console(const char *step, const char *text)
{
	_cleanup_free_ char *line = NULL;

	if (log_console < 0)
		return;
	line = xasprintf("gn8v: %s%s%s\r\n", step ? step : "", step ? ": " : "", text);
	if (write(log_console, line, strlen(line)) < 0 && errno != EAGAIN) {
		close(log_console);
		log_console = -1;
	}
}

void log_event(int level, const char *step, const char *code, const char *text)
{
	if (level > log_level)
		return;
	if (log_to_journal) {
		sd_journal_send("PRIORITY=%i", level, "MESSAGE=%s%s%s", step ? step : "",
				step ? ": " : "", text, "GN8V_STEP=%s", step ? step : "",
				"GN8V_CODE=%s", code ? code : "", "SYSLOG_IDENTIFIER=gn8v", NULL);
		if (level <= LOG_NOTICE)
			say_on_console(step, text);
		return;
	}
	if (log_before)
		log_before(log_before_data);
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
	log_event(level, log_step, NULL, text);
}
