#include "installer_log.h"

#include <fcntl.h>

#include "core/fs.h"
#include "core/str.h"
#include "paths.h"

#define LINE_MAX_SIZE 4096
#define READ_MAX      (64u << 20)

/* An entry begins with one of these (log_printf and ui_*() of nvidia-installer); what has none belongs to the one before. */
enum entry { ENTRY_NONE, ENTRY_ERROR, ENTRY_WARNING, ENTRY_SAID };

struct reader {
	struct installer_log *log;
	enum entry kind;
	char text[LINE_MAX_SIZE]; /* of the entry, its first paragraph */
	bool paragraph_over;
	char warning[INSTALLER_LOG_REASON]; /* the entry before, where it was a warning */
	char detail
		[INSTALLER_LOG_REASON]; /* the first line in which a compiler, make or the kernel says what is wrong */
};

static const char abort_answer[] = " (Answer: Abort installation)";
static const char went_on[] =
	"The installer has encountered the following error during installation: '";

/* Its messages go on for a whole paragraph; the first sentence says what is wrong. It writes two blanks after one. */
static void first_sentence(char *text)
{
	char *end = strstr(text, ".  ");

	if (end)
		end[1] = '\0';
}

static void note(struct reader *r, const char *text)
{
	if (r->log->errors++ > 0)
		return;
	str_copy(r->log->reason, sizeof(r->log->reason), text);
	first_sentence(r->log->reason);
}

/* What it asks is answered by the option --no-questions: with a refusal, that is why it ended. */
static void judge_said(struct reader *r)
{
	char *answer = strstr(r->text, abort_answer), *error = strstr(r->text, went_on), *quote;

	if (str_starts(r->text, "Driver file installation is complete"))
		r->log->files_in_place = true;
	else if (str_starts(r->text, "Kernel module load error: ") && !*r->detail)
		str_copy(r->detail, sizeof(r->detail), r->text);
	else if (strstr(r->text, ") is now complete."))
		r->log->complete = true;
	if (answer) {
		*answer = '\0';
		note(r, *r->warning ? r->warning : r->text);
	} else if (error) {
		error += sizeof(went_on) - 1;
		quote = strchr(error, '\'');
		if (quote)
			*quote = '\0';
		note(r, error);
	}
}

static void end_entry(struct reader *r)
{
	if (r->kind == ENTRY_ERROR && !str_starts(r->text, "Installation has failed."))
		note(r, r->text);
	else if (r->kind == ENTRY_SAID)
		judge_said(r);
	str_copy(r->warning, sizeof(r->warning), r->kind == ENTRY_WARNING ? r->text : "");
	if (r->kind == ENTRY_WARNING && strstr(r->text, "already") &&
	    strstr(r->text, "loaded in your kernel"))
		r->log->in_use = true;
	r->kind = ENTRY_NONE;
	r->text[0] = '\0';
}

static enum entry kind_of(const char **line)
{
	static const struct {
		const char *prefix;
		enum entry kind;
	} kinds[] = {
		{"ERROR: ",    ENTRY_ERROR	 },
		{ "WARNING: ", ENTRY_WARNING},
		{ "-> ",	 ENTRY_SAID   },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (str_starts(*line, kinds[i].prefix)) {
			*line += strlen(kinds[i].prefix);
			return kinds[i].kind;
		}
	return ENTRY_NONE;
}

/* "FILE:LINE: error: …" of a compiler, "error: …" of a Makefile, "make: *** …". */
static bool is_detail(const char *line)
{
	return strstr(line, " error: ") || str_starts(line, "error: ") || strstr(line, "*** ");
}

static void append(struct reader *r, const char *line)
{
	size_t len = strlen(r->text);

	snprintf(r->text + len, sizeof(r->text) - len, "%s%s", len ? " " : "", line);
}

static void take_line(struct reader *r, char *raw)
{
	static const char version[] = "installer version: ";
	const char *line = raw;
	enum entry kind = kind_of(&line);

	if (kind != ENTRY_NONE) {
		end_entry(r);
		r->kind = kind;
		r->paragraph_over = false;
		append(r, line);
		return;
	}
	line = str_trim(raw);
	if (str_starts(line, version))
		str_copy(r->log->version, sizeof(r->log->version), line + sizeof(version) - 1);
	if (!*r->detail && is_detail(line))
		str_copy(r->detail, sizeof(r->detail), line);
	r->paragraph_over |= !*line;
	if (r->kind != ENTRY_NONE && !r->paragraph_over)
		append(r, line);
}

/* Two messages only say where to read on. */
static void add_detail(struct reader *r)
{
	char *reason = r->log->reason, *see = strstr(reason, ". See /");
	size_t len;

	if (!*r->detail)
		return;
	if (see)
		*see = '\0';
	else if (*reason && !str_starts(reason, "Unable to load the kernel module"))
		return;
	len = strlen(reason);
	if (len && reason[len - 1] == '.')
		reason[--len] = '\0';
	snprintf(reason + len, sizeof(r->log->reason) - len, "%s%s", len ? ": " : "", r->detail);
	if (r->log->errors == 0)
		r->log->errors = 1;
}

void installer_log_read(struct installer_log *l)
{
	int fd = fs_open(PATH_INSTALLER_LOG, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	_cleanup_free_ struct reader *r = xcalloc(1, sizeof(*r));
	char line[LINE_MAX_SIZE];
	size_t done = 0;

	*l = (struct installer_log){ 0 };
	r->log = l;
	if (!file) {
		cleanup_close(&fd);
		return;
	}
	while (done < READ_MAX && fgets(line, sizeof(line), file)) {
		done += strlen(line) + 1;
		line[strcspn(line, "\n")] = '\0';
		take_line(r, line);
	}
	end_entry(r);
	add_detail(r);
	str_sanitise(l->version);
	str_sanitise(l->reason);
}

void installer_log_mark(struct installer_log_mark *m)
{
	struct stat st;

	*m = (struct installer_log_mark){ 0 };
	if (fs_stat(PATH_INSTALLER_LOG, &st) < 0)
		return;
	*m = (struct installer_log_mark){ .there = true,
					  .dev = st.st_dev,
					  .ino = st.st_ino,
					  .size = st.st_size,
					  .changed = st.st_ctim };
}

bool installer_log_is_new(const struct installer_log_mark *before)
{
	struct installer_log_mark now;

	installer_log_mark(&now);
	if (!now.there || !before->there)
		return now.there;
	return now.dev != before->dev || now.ino != before->ino || now.size != before->size ||
	       now.changed.tv_sec != before->changed.tv_sec ||
	       now.changed.tv_nsec != before->changed.tv_nsec;
}
