/* The ECS instance metadata service, with session tokens (hardened mode works, normal mode too). Where
 * the token step is refused (4xx), or goes on failing and a request without a token is answered, the rest
 * is asked without one, which normal mode allows.
 *
 * Never through a proxy. Refused under a root unless a private bus was given (units_guard).
 * Answers are capped at 64 KiB and must be text; names and values from it are untrusted. */
#ifndef GN8V_SYS_IMDS_H
#define GN8V_SYS_IMDS_H

#include "core/err.h"
#include "core/str.h"

struct imds;

/* url: "http://100.100.100.200". deadline_s is the total time for retries of all requests made
 * through this object; an unreachable service is ERR_NETWORK. */
int imds_open(const char *url, unsigned int deadline_s, struct imds **ret_i, struct err *e);
void imds_close(struct imds *i);
DEFINE_CLEANUP(struct imds *, imds_close)

/* One item, e.g. "instance/instance-type", without line end. ERR_HTTP for 404 and the like.
 * ERR_FORMAT when it is empty, does not fit or holds anything but printable ASCII. */
int imds_get(struct imds *i, const char *item, char *dst, size_t dst_size, struct err *e);

/* How many entries a directory has ("network/interfaces/macs/", "disks/"); 404 is 0. */
int imds_count(struct imds *i, const char *dir, unsigned int *ret_n, struct err *e);

/* The entries themselves, a line each; 404 is ERR_HTTP. ret is the caller's, also on failure. */
int imds_list(struct imds *i, const char *dir, struct strbuf *ret, struct err *e);

/* With what status a token is given, and an item without one, each asked for once: how the service is set.
 * No other request is changed by it. */
int imds_statuses(struct imds *i, const char *item, long *ret_token, long *ret_plain,
		  struct err *e);

/* The token step was refused or failed: what was read since then was read without one. */
bool imds_without_token(const struct imds *i);

#endif
