/* Text with its secrets taken out, so that it can be given away. REMOVED stands in the place of
 *
 *	the user and password of a URL
 *	the value of an Authorization or Cookie header, and what follows "Bearer"
 *	the value behind a name with password, passwd, secret, credential, token, api key or access
 *	key in it and a colon or an equals sign; of a token, one of at least eight characters
 *	the signature in the query of a URL
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

#endif
