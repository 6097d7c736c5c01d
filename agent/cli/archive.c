#include "cli/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/utsname.h>

#include "cli/cli.h"
#include "core/targz.h"
#include "version.h"

#define FOLDER	  "gn8v-logs/"
#define TOTAL_MAX (64UL * 1024 * 1024)

void archive_begin(struct archive *a)
{
	struct utsname u = { 0 };
	struct tm tm;
	char when[32];

	a->at = time(NULL);
	uname(&u);
	gmtime_r(&a->at, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	strbuf_printf(
		&a->index,
		"# What gn8v " GN8V_VERSION " found, %s, kernel %s\n\n"
		"R: recorded here; -: no answer, and why. A file that came from a program begins with lines of '#': what was\n"
		"run, and how it ended; its own words follow the line `# ---`. Other files are copies. Secrets were replaced by\n" REDACT_REMOVED
		", identifiers of instance, interfaces and devices were not. Nothing on the machine was changed.\n\n"
		"| file | kind | source |\n|---|---|---|\n",
		when, u.release);
}

void archive_done(struct archive *a)
{
	redact_done(&a->secrets);
	strbuf_done(&a->tar);
	strbuf_done(&a->index);
}

bool archive_add(struct archive *a, const char *file, const char *data, size_t len, struct err *e)
{
	_cleanup_strbuf_ struct strbuf clean = { 0 };
	_cleanup_free_ char *name = xasprintf(FOLDER "%s", file);

	strbuf_begin(&clean);
	redact_file(&a->secrets, data, len, &clean);
	if (a->tar.len + clean.len > TOTAL_MAX) {
		err_set(e, &ERR_TOO_LARGE, "left out: the archive would be larger than %lu bytes",
			TOTAL_MAX);
		return false;
	}
	return targz_add(&a->tar, name, clean.s, clean.len, a->at, e) == 0;
}

void archive_tell(struct archive *a, const char *file, bool answered, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf words = { 0 };
	char text[1400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	redact_text(&a->secrets, text, strlen(text), &words);
	strbuf_printf(&a->index, "| %s | %s | %s |\n", file, answered ? "R" : "-",
		      words.s ? words.s : "");
	a->answered += answered;
	a->missing += !answered;
}

static int write_file(const char *path, const struct strbuf *gz, struct err *e)
{
	_cleanup_free_ char *host = cli_path(path);
	_cleanup_fd_ int fd =
		open(host, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t done = 0;

	if (fd < 0 && errno == EEXIST) {
		err_set(e, &ERR_ARGUMENT, "%s: is there already, and is not overwritten", path);
		err_hint(e, "name another file");
		return -1;
	}
	if (fd < 0)
		return err_errno(e, errno, "%s", path);
	while (done < gz->len) {
		ssize_t n = write(fd, gz->s + done, gz->len - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (done == gz->len && fsync(fd) == 0)
		return 0;
	err_errno(e, errno, "writing %s", path);
	unlink(host);
	return -1;
}

int archive_write(struct archive *a, const char *path, struct err *e)
{
	_cleanup_strbuf_ struct strbuf gz = { 0 };

	if (targz_add(&a->tar, FOLDER "fixtures/INDEX.md", a->index.s, a->index.len, a->at, e) < 0)
		return -1;
	targz_end(&a->tar, &gz);
	return write_file(path, &gz, e);
}
