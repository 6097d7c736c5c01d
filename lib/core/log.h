/* Log lines: to the journal when the process's standard error is connected to it (JOURNAL_STREAM,
 * see systemd.exec(5)), else as text to standard error. */
#ifndef GN8V_CORE_LOG_H
#define GN8V_CORE_LOG_H

#include <syslog.h>

#include "core/base.h"

/* Where lines go is decided once, from the environment, after the root was set. The journal gets debug
 * lines too (what programs print), a terminal does not. Beside the journal the machine's console gets
 * the few lines from LOG_NOTICE upwards. */
void log_open(void);

/* Called before each line that goes to standard error, for whoever draws there too. NULL: nobody. */
void log_set_before(void (*before)(void *data), void *data);

/* The step that lines of log_write belong to in this process, until another is named. NULL: none. */
void log_set_step(const char *step);

void log_write(int level, const char *fmt, ...) PRINTF(2, 3);

/* A line with fields for journalctl: GN8V_STEP=, GN8V_CODE=. step and code may be NULL. */
void log_event(int level, const char *step, const char *code, const char *text);

#define log_debug(...)	 log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_error(...)	 log_write(LOG_ERR, __VA_ARGS__)

#endif
