#include "rpmsig.h"

#include <ctype.h>
#include <strings.h>

#include "core/str.h"

/* What the lines say together. */
struct said {
	bool header;		/* the header's signature by the key is OK */
	bool both;		/* so is the older one over header and payload */
	bool payload;		/* the payload's digest is OK */
	bool digest, signature; /* there is a line of this kind */
	bool other;		/* a signature is by another key */
	bool bad;		/* something does not fit */
	bool unsure;		/* a line says neither */
};

/* "Header V4 RSA/SHA512 Signature, key ID d42d0685: OK" taken apart. rpm 4.20 writes "Header OpenPGP V4 RSA/SHA512
 * signature, key fingerprint: HEX: OK"; a key's id is the end of its fingerprint. */
struct signature {
	bool of_header; /* otherwise of header and payload */
	bool known;	/* it begins as a signature's line does */
	const char *key;
	size_t key_len;
	bool fingerprint;
	const char *verdict;
};

static const char *after(const char *line, const char *text)
{
	const char *at = strstr(line, text);

	return at ? at + strlen(text) : NULL;
}

static bool skip(const char **line, const char *text)
{
	if (!str_starts(*line, text))
		return false;
	*line += strlen(text);
	return true;
}

static bool parse_signature(const char *line, struct signature *s)
{
	const char *key = after(line, "ignature, key ID "), *end;

	*s = (struct signature){ 0 };
	if (!key) {
		key = after(line, "ignature, key fingerprint: ");
		s->fingerprint = true;
	}
	end = key ? strstr(key, ": ") : NULL;
	if (!end)
		return false;
	s->key = key;
	s->key_len = (size_t)(end - key);
	s->verdict = end + 2;
	s->of_header = skip(&line, "Header ");
	skip(&line, "OpenPGP ");
	s->known = *line == 'V' && isdigit((unsigned char)line[1]);
	return true;
}

static bool is_by(const struct signature *s, const char *key_id)
{
	size_t n = strlen(key_id);

	if (n == 0 || (s->fingerprint ? s->key_len < n : s->key_len != n))
		return false;
	return strncasecmp(s->key + s->key_len - n, key_id, n) == 0;
}

static void judge_signature(const struct signature *s, const char *key_id, struct said *said)
{
	bool ok = str_eq(s->verdict, "OK"), ours = is_by(s, key_id);

	said->signature = true;
	if (str_starts(s->verdict, "BAD"))
		said->bad = true;
	else if (!ours)
		said->other = true;
	else if (!ok ||
		 !s->known) /* NOKEY and NOTTRUSTED of the key itself: it could not be used */
		said->unsure = true;
	else if (s->of_header)
		said->header = true;
	else
		said->both = true;
}

/* "Payload SHA256 digest: OK", "RSA signature: NOTFOUND"; others are warnings and the file's name. NOTFOUND is what rpm
 * needs and did not find, or cannot compute (MD5 in FIPS mode). */
static void judge_line(const char *line, const char *key_id, struct said *said)
{
	const char *digest = after(line, "digest: "), *verdict = digest;
	struct signature s;

	if (parse_signature(line, &s)) {
		judge_signature(&s, key_id, said);
		return;
	}
	if (!verdict)
		verdict = after(line, "ignature: ");
	if (!verdict) {
		said->unsure |= strstr(line, "ignature, key ") != NULL;
		return;
	}
	said->digest |= digest != NULL;
	said->bad |= str_starts(verdict, "BAD");
	said->unsure |= !str_eq(verdict, "OK");
	said->payload |= str_eq(line, "Payload SHA256 digest: OK");
}

enum rpmsig rpmsig_judge(const char *output, int status, const char *key_id)
{
	_cleanup_free_ char *copy = xstrdup(output);
	char *rest = copy, *line;
	struct said said = { 0 };

	while ((line = strsep(&rest, "\n")))
		judge_line(str_trim(line), key_id, &said);
	if (said.bad || (status != 0 && rpmsig_blames_file(output)))
		return RPMSIG_CORRUPT;
	if (said.other)
		return RPMSIG_OTHER_KEY;
	if (status != 0 || said.unsure)
		return RPMSIG_NOT_COVERED;
	if (said.header && (said.payload || said.both))
		return RPMSIG_GOOD;
	return said.digest && !said.signature ? RPMSIG_UNSIGNED : RPMSIG_NOT_COVERED;
}

bool rpmsig_blames_file(const char *words)
{
	static const char *const blame[] = { "not an rpm package", ": BAD", "headerRead failed" };

	for (size_t i = 0; i < ARRAY_SIZE(blame); i++)
		if (strstr(words, blame[i]))
			return true;
	return false;
}

/* Of Berkeley DB as rpm 4.14 has it, and of the formats that came after; yum's last. */
bool rpmsig_blames_database(const char *line)
{
	static const char *const blame[] = { "error: rpmdb",	 "error: db5 error(",
					     "DB_RUNRECOVERY",	 "cannot open Packages ",
					     "sqlite database ", "rpmdb open failed" };

	for (size_t i = 0; i < ARRAY_SIZE(blame); i++)
		if (strstr(line, blame[i]))
			return true;
	return false;
}
