#include "rpmsig.h"

#include <strings.h>

#include "core/str.h"

/* "Header V4 RSA/SHA256 Signature, key ID d42d0685: OK" */
static bool signature_line(const char *line, const char *key_id, const char *verdict)
{
	static const char key[] = "Signature, key ID ";
	const char *at = strstr(line, key);
	size_t n = strlen(key_id);

	if (!at || !str_starts(line, "Header V"))
		return false;
	at += sizeof(key) - 1;
	return strncasecmp(at, key_id, n) == 0 && strncmp(at + n, ": ", 2) == 0 &&
	       str_eq(at + n + 2, verdict);
}

/* A line about a digest or a signature; others are warnings and the file's name. */
static bool is_judgement(const char *line)
{
	return strstr(line, "digest: ") || strstr(line, "ignature: ") ||
	       strstr(line, "ignature, key ID ");
}

enum rpmsig rpmsig_judge(const char *output, int status, const char *key_id)
{
	_cleanup_free_ char *copy = xstrdup(output);
	char *rest = copy, *line;
	bool good_signature = false, any_signature = false, no_key = false, bad = false,
	     payload = false;

	while ((line = strsep(&rest, "\n"))) {
		char *s = str_trim(line);

		any_signature |= strstr(s, "Signature, key ID ") != NULL;
		no_key |= str_ends(s, ": NOKEY") || str_ends(s, ": NOTTRUSTED");
		bad |= is_judgement(s) && !str_ends(s, ": OK") && !str_ends(s, ": NOKEY") &&
		       !str_ends(s, ": NOTTRUSTED");
		good_signature |= signature_line(s, key_id, "OK");
		payload |= str_eq(s, "Payload SHA256 digest: OK");
	}
	if (status == 0 && good_signature && payload && !no_key && !bad)
		return RPMSIG_GOOD;
	if (bad || (status != 0 && !no_key))
		return RPMSIG_CORRUPT;
	return any_signature ? RPMSIG_OTHER_KEY : RPMSIG_UNSIGNED;
}
