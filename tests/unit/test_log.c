#include "core/log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <systemd/sd-journal.h>

#include "core/fs.h"
#include "core/str.h"
#include "fixture.h"
#include "suite.h"

static unsigned int sent;
static bool has_console = true;

/* In the place of libsystemd's, so that no test writes into the journal of this computer. */
int sd_journal_send_with_location(const char *file, const char *line, const char *func, const char *format, ...)
{
	(void)file;
	(void)line;
	(void)func;
	(void)format;
	sent++;
	return 0;
}

/* Standard error becomes a file which JOURNAL_STREAM names, or does not. */
static void begin(bool journal)
{
	_cleanup_free_ char *path = fs_host_path("/stderr"), *stream = NULL;
	struct stat st;
	int fd;

	fixture_put("/stderr", "");
	if (has_console)
		fixture_put("/dev/console", "");
	fd = open(path, O_WRONLY | O_APPEND);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	close(fd);
	stream = xasprintf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino + !journal);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open();
}

START_TEST(the_journal_gets_every_line_and_the_console_the_few_that_matter)
{
	begin(true);
	log_event(LOG_DEBUG, "driver", NULL, "said by a program");
	log_event(LOG_INFO, "driver", NULL, "done");
	log_event(LOG_ERR, "driver", "driver-install-failed", "FAILED");
	log_event(LOG_NOTICE, NULL, NULL, "failed: no driver");
	ck_assert_uint_eq(sent, 4);
	ck_assert(fs_equals("/dev/console", "gn8v: driver: FAILED\r\ngn8v: failed: no driver\r\n"));
	ck_assert(fs_equals("/stderr", ""));
}
END_TEST

START_TEST(a_stream_that_was_redirected_since_is_not_the_journal)
{
	begin(false);
	log_event(LOG_DEBUG, NULL, NULL, "nothing for a terminal");
	log_event(LOG_ERR, NULL, NULL, "FAILED");
	ck_assert_uint_eq(sent, 0);
	ck_assert(fs_equals("/stderr", "FAILED\n"));
	ck_assert(fs_equals("/dev/console", ""));
}
END_TEST

START_TEST(a_line_that_a_step_says_begins_with_its_name)
{
	begin(false);
	log_set_step("attest");
	log_warning("another root");
	log_set_step(NULL);
	log_warning("nobody's");
	ck_assert(fs_equals("/stderr", "attest             another root\nnobody's\n"));
}
END_TEST

START_TEST(a_machine_without_a_console_loses_nothing)
{
	has_console = false;
	begin(true);
	log_event(LOG_ERR, NULL, NULL, "FAILED");
	ck_assert_uint_eq(sent, 1);
}
END_TEST

SUITE_AROUND("log", fixture_root_make, fixture_root_drop,
	     the_journal_gets_every_line_and_the_console_the_few_that_matter,
	     a_stream_that_was_redirected_since_is_not_the_journal, a_line_that_a_step_says_begins_with_its_name,
	     a_machine_without_a_console_loses_nothing)
