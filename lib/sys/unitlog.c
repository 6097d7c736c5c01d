#include "sys/unitlog.h"

#include <systemd/sd-journal.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/str.h"

#define MESSAGES_MAX 500
#define MESSAGE_SIZE 512
#define DEADLINE_US  5000000

static int match(sd_journal *j, const char *unit, sd_id128_t boot)
{
	_cleanup_free_ char *of_unit = xasprintf("_SYSTEMD_UNIT=%s", unit);
	char hex[SD_ID128_STRING_MAX], of_boot[SD_ID128_STRING_MAX + 16];
	int r = sd_journal_add_match(j, of_unit, 0);

	snprintf(of_boot, sizeof(of_boot), "_BOOT_ID=%s", sd_id128_to_string(boot, hex));
	return r < 0 ? r : sd_journal_add_match(j, of_boot, 0);
}

/* "MESSAGE=..." of the entry that the journal stands at; one without it says nothing. */
static void hand_over(sd_journal *j, void (*on_message)(const char *, void *), void *data)
{
	static const char field[] = "MESSAGE=";
	char text[MESSAGE_SIZE];
	const void *value;
	size_t n;

	if (sd_journal_get_data(j, "MESSAGE", &value, &n) < 0 || n < strlen(field))
		return;
	n -= strlen(field);
	if (n >= sizeof(text))
		n = sizeof(text) - 1;
	memcpy(text, (const char *)value + strlen(field), n);
	text[n] = '\0';
	str_sanitise(text);
	on_message(text, data);
}

static int read_back(sd_journal *j, sd_id128_t boot, uint64_t since_us,
		     void (*on_message)(const char *, void *), void *data)
{
	uint64_t deadline = clock_monotonic_us() + DEADLINE_US, at_us;
	int r = sd_journal_seek_tail(j);

	for (int i = 0; r >= 0 && i < MESSAGES_MAX && clock_monotonic_us() < deadline; i++) {
		sd_id128_t of;

		r = sd_journal_previous(j);
		if (r <= 0)
			return r;
		r = sd_journal_get_monotonic_usec(j, &at_us, &of);
		if (r < 0 || !sd_id128_equal(of, boot) || at_us < since_us)
			return r;
		hand_over(j, on_message, data);
	}
	return r;
}

void unitlog_read(const char *unit, uint64_t since_us,
		  void (*on_message)(const char *text, void *data), void *data)
{
	sd_journal *j = NULL;
	sd_id128_t boot;
	int r;

	if (fs_has_root())
		return;
	r = sd_id128_get_boot(&boot);
	if (r >= 0)
		r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
	if (r >= 0)
		r = sd_journal_set_data_threshold(j, MESSAGE_SIZE + sizeof("MESSAGE="));
	if (r >= 0)
		r = match(j, unit, boot);
	if (r >= 0)
		r = read_back(j, boot, since_us, on_message, data);
	if (r < 0)
		log_debug("the journal of %s cannot be read: error %d", unit, -r);
	sd_journal_close(j);
}
