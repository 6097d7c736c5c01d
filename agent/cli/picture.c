#include "cli/picture.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "status.h"

void picture_init(struct picture *p, unsigned int timeout_s, bool drawn)
{
	*p = (struct picture){ .fd = inotify_init1(IN_CLOEXEC) };
	p->end_us = timeout_s ? clock_monotonic_us() + (uint64_t)timeout_s * 1000000 : 0;
	terminal_init(&p->terminal, stdout);
	p->terminal.live &= drawn;
}

void picture_done(struct picture *p)
{
	terminal_erase(&p->terminal);
	cleanup_close(&p->fd);
}

/* Before the first run, or the first of a boot, a folder is not there, and not ours to make: its
 * nearest parent is watched until it is. */
static int watch(int fd, const char *folder, struct err *e)
{
	_cleanup_free_ char *dir = xstrdup(folder);

	for (char *slash;; *slash = '\0') {
		_cleanup_free_ char *path = fs_host_path(*dir ? dir : "/");

		if (inotify_add_watch(fd, path, IN_MOVED_TO | IN_CREATE | IN_DELETE) >= 0)
			return 0;
		slash = strrchr(dir, '/');
		if (errno != ENOENT || !slash)
			return err_errno(e, errno, "watching %s", path);
	}
}

/* Progress is of use to those alone who see it. */
int picture_watch(struct picture *p, struct err *e)
{
	if (p->terminal.live && watch(p->fd, PATH_RUN_DIR, e) < 0)
		return -1;
	return watch(p->fd, PATH_STATE_DIR, e);
}

bool picture_wait(struct picture *p)
{
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };
	char events[4096];
	int ms = -1;

	if (p->end_us) {
		uint64_t now = clock_monotonic_us(), left_ms;

		if (now >= p->end_us)
			return false;
		left_ms = (p->end_us - now) / 1000 + 1;
		ms = left_ms < INT_MAX ? (int)left_ms : INT_MAX;
	}
	if (poll(&fd, 1, ms) == 0)
		return ms == INT_MAX; /* 24 days are poll's most */
	return read(p->fd, events, sizeof(events)) > 0 || errno == EINTR;
}

/* --- what is seen ------------------------------------------------------------------------------ */

static uint64_t number(struct json_object *o, const char *key)
{
	int64_t n = json_int(o, key, 0);

	return n > 0 ? (uint64_t)n : 0;
}

bool picture_progress(struct json_object *progress, const char *id, char dst[PICTURE_TEXT_SIZE])
{
	struct json_object *live = json_get(progress, "steps"), *row = NULL;
	char text[PROGRESS_TEXT_SIZE], bar[TERMINAL_BAR_SIZE] = "";
	struct worker_progress w = { 0 };

	for (size_t i = 0; i < json_count(live) && !row; i++)
		if (str_eq(json_str(json_item(live, i), "step", ""), id))
			row = json_item(live, i);
	if (!row)
		return false;
	w.done = number(row, "bytes");
	w.total = number(row, "total");
	w.rate = json_num(row, "rate", 0);
	str_copy(w.text, sizeof(w.text), json_str(row, "text", ""));
	progress_text(&w, text);
	if (w.total)
		terminal_bar((double)w.done / (double)w.total, bar);
	snprintf(dst, PICTURE_TEXT_SIZE, "%s%s%s", bar, *bar ? " " : "", text);
	return true;
}

bool picture_waits(struct json_object *step, char dst[PICTURE_WAITS_SIZE])
{
	const char *next = json_str(step, "next_try", ""), *end = json_str(step, "gives_up", "");
	const char *why = json_str(json_get(step, "error"), "message", "");

	if (!*next)
		return false;
	snprintf(dst, PICTURE_WAITS_SIZE, "tried again at %s%s%s: %s", next,
		 *end ? ", given up after " : "", end, why);
	return true;
}

void picture_draw(struct picture *p, struct json_object *status, const char *result)
{
	_cleanup_json_ struct json_object *progress = NULL;
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct json_object *list = json_get(status, "steps");

	if (!p->terminal.live)
		return;
	json_read(PATH_PROGRESS, STATUS_MAX, &progress, NULL);
	strbuf_begin(&text);
	strbuf_printf(&text, "%s\n", result);
	for (size_t i = 0; i < json_count(list); i++) {
		struct json_object *s = json_item(list, i);
		const char *id = json_str(s, "id", "");
		char words[PICTURE_TEXT_SIZE], waits[PICTURE_WAITS_SIZE];

		if (picture_waits(s, waits))
			strbuf_printf(&text, "  %-20s %s\n", id, waits);
		if (!str_eq(json_str(s, "state", ""), "running"))
			continue;
		if (!picture_progress(progress, id, words))
			str_copy(words, sizeof(words), json_str(s, "reason", ""));
		strbuf_printf(&text, "  %-20s %s\n", id, words);
	}
	terminal_draw(&p->terminal, text.s);
}
