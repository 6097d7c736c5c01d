/* Text with its secrets taken out, so that it can be given away. REMOVED stands in the place of
 *
 *	the user and password of a URL, and its query
 *	the value of an Authorization or Cookie header, and what follows "Bearer"
 *	the value of a name that tells of a password, secret, credential, token, key, signature or the
 *	like: behind an equals sign, a colon, or the blank behind an option
 *	USER:PASSWORD behind -u, --user and --proxy-user
 *	a private key in PEM
 *	each secret that was named, wherever it stands
 *
 * Identifiers stay: of instances, interfaces and devices. It errs towards removing too much. */
#ifndef GN8V_CORE_REDACT_H
#define GN8V_CORE_REDACT_H

#include "core/str.h"

#define REDACT_REMOVED "REMOVED"

struct redact {
	char **v; /* secrets by name; owned */
	size_t n;
};

/* A text that is to be removed; one of less than eight characters is not, for it may be anything. */
void redact_secret(struct redact *r, const char *text);
void redact_done(struct redact *r);

/* Appends the text without its secrets; a NUL becomes '?'. r may be NULL. */
void redact_text(const struct redact *r, const char *text, size_t len, struct strbuf *out);

/* The same for a file; text[len] is NUL. Of a JSON object each string is taken for itself, and all that a
 * telling name has goes: it is JSON afterwards too. */
void redact_file(const struct redact *r, const char *text, size_t len, struct strbuf *out);

/* Behind the "://" of a URL: the length of a user and password that an '@' follows. A password may have
 * everything in it that is no blank, double quote or angle bracket. */
size_t redact_url_user(const char *p);

#endif
