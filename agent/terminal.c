#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "core/str.h"

void terminal_init(struct terminal *t, FILE *out)
{
	const char *term = getenv("TERM");

	*t = (struct terminal){ .out = out };
	t->live = isatty(fileno(out)) && !(term && str_eq(term, "dumb"));
}

static size_t width(const struct terminal *t)
{
	struct winsize w;

	return ioctl(fileno(t->out), TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col : 80;
}

/* What programs print may steer the terminal: control characters are not drawn. */
static void add_line(struct strbuf *b, const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = (unsigned char)line[i] < 0x20 || line[i] == 0x7f ? ' ' : line[i];

		strbuf_add(b, &c, 1);
	}
	strbuf_add(b, "\n", 1);
}

/* One write: what is half drawn would flicker. The last column stays free: there some terminals begin
 * the next line. */
void terminal_draw(struct terminal *t, const char *text)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };
	size_t columns = t->live ? width(t) - 1 : 0;

	if (!t->live)
		return;
	strbuf_begin(&b);
	if (t->drawn)
		strbuf_printf(&b, "\033[%uA\r\033[J", t->drawn);
	for (t->drawn = 0; *text; t->drawn++) {
		size_t n = strcspn(text, "\n");

		add_line(&b, text, n < columns ? n : columns);
		text += n + (text[n] == '\n');
	}
	fwrite(b.s, 1, b.len, t->out);
	fflush(t->out);
}

void terminal_erase(struct terminal *t)
{
	if (t->drawn)
		terminal_draw(t, "");
}

void terminal_bar(double share, char dst[TERMINAL_BAR_SIZE])
{
	const int all = TERMINAL_BAR_SIZE - 3;
	int full = share <= 0 ? 0 : share >= 1 ? all : (int)(share * all);

	dst[0] = '[';
	memset(dst + 1, '.', (size_t)all);
	memset(dst + 1, '#', (size_t)full);
	memcpy(dst + 1 + all, "]", 2);
}
