#include "net/answer.h"

#include <curl/curl.h>
#include <strings.h>

#include "core/clock.h"
#include "core/str.h"

#define RETRY_AFTER_MAX_S 86400

static const char *value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	line += n + 1;
	return line + strspn(line, " \t");
}

/* "bytes 0-99/1000" or "bytes 0-99" with "/" and "*" */
static void read_range(struct answer *a, const char *value)
{
	unsigned long long first, last, total = 0;
	int n = sscanf(value, "bytes %llu-%llu/%llu", &first, &last, &total);

	a->has_range = n >= 2 && first <= last && last < UINT64_MAX && (n == 2 || last < total);
	if (!a->has_range)
		return;
	a->start = first;
	a->end = last + 1;
	a->total = total;
}

/* Seconds, or a date (RFC 9110 10.2.3). */
static unsigned int retry_after(const char *value)
{
	char *end;
	unsigned long s = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end) {
		time_t then = curl_getdate(value, NULL), now = clock_wall_s();

		s = then > now ? (unsigned long)(then - now) : 0;
	}
	return s < RETRY_AFTER_MAX_S ? (unsigned int)s : RETRY_AFTER_MAX_S;
}

static void read_validator(char dst[ANSWER_VALIDATOR_SIZE], const char *value)
{
	if (!str_copy(dst, ANSWER_VALIDATOR_SIZE, value))
		dst[0] = '\0';
}

void answer_line(struct answer *a, const char *line)
{
	const char *value;

	if (str_starts(line, "HTTP/")) {
		*a = (struct answer){ 0 };
		sscanf(line, "%*s %ld", &a->status);
	} else if ((value = value_of(line, "Content-Length"))) {
		a->length = a->chunked ? 0 : strtoull(value, NULL, 10);
	} else if (value_of(line, "Transfer-Encoding")) {
		a->chunked = true; /* then a Content-Length does not count (RFC 9112 6.3) */
		a->length = 0;
	} else if ((value = value_of(line, "Content-Range"))) {
		read_range(a, value);
	} else if ((value = value_of(line, "Accept-Ranges"))) {
		a->no_ranges = strcasecmp(value, "none") == 0;
	} else if ((value = value_of(line, "Retry-After"))) {
		a->retry_after_s = retry_after(value);
	} else if ((value = value_of(line, "ETag"))) {
		if (*value == '"')
			read_validator(a->etag, value);
	} else if ((value = value_of(line, "Last-Modified"))) {
		read_validator(a->last_modified, value);
	}
}
