#include "core/err.h"

#include <errno.h>

const struct err_kind ERR_IO = { "io", ERR_CLASS_STOP, "operator",
				 "look at the named file and at dmesg for disk errors" };
const struct err_kind ERR_DISK_FULL = {
	"disk-full", ERR_CLASS_STOP, "operator",
	"free space on the named file system (df -h), then: systemctl restart gn8v-agent"
};
const struct err_kind ERR_FORMAT = { "format", ERR_CLASS_STOP, "operator",
				     "correct the named input" };
const struct err_kind ERR_TOO_LARGE = {
	"too-large", ERR_CLASS_STOP, "operator",
	"look at the named input: it is larger than anything genuine"
};
const struct err_kind ERR_NETWORK = {
	"network", ERR_CLASS_RETRY, "network",
	"check the public IPv4 address, route, DNS and proxy of the instance"
};
const struct err_kind ERR_HTTP = {
	"http", ERR_CLASS_RETRY, "network",
	"open the named URL by hand; set another URL in /etc/gn8v/config.json if it has moved"
};
const struct err_kind ERR_UNTRUSTED = {
	"untrusted", ERR_CLASS_STOP, "operator",
	"check the clock, the proxy and fetch.ca_file: the peer could not prove who it is"
};
const struct err_kind ERR_DIGEST = {
	"digest-mismatch", ERR_CLASS_STOP, "operator",
	"the file is not the one that was pinned and was thrown away; compare with the vendor's digest, try another mirror"
};
const struct err_kind ERR_CHILD = { "child-failed", ERR_CLASS_STOP, "operator",
				    "read the program's own output in journalctl -u gn8v-agent" };
const struct err_kind ERR_TIMEOUT = { "timeout", ERR_CLASS_RETRY, "operator",
				      "read journalctl -u gn8v-agent for what it waited for" };
const struct err_kind ERR_BUS = { "systemd", ERR_CLASS_RETRY, "operator",
				  "systemctl status; journalctl -b -p warning" };
const struct err_kind ERR_ARGUMENT = { "argument", ERR_CLASS_STOP, "operator", "see gn8v --help" };
const struct err_kind ERR_INTERNAL = { "internal", ERR_CLASS_STOP, "gn8v",
				       "report this with journalctl -u gn8v-agent -b" };

const char *err_class_name(enum err_class class)
{
	static const char *const names[] = {
		[ERR_CLASS_RETRY] = "retry",
		[ERR_CLASS_STOP] = "stop",
		[ERR_CLASS_REFUSE] = "refuse",
	};

	return names[class];
}

int err_set(struct err *e, const struct err_kind *kind, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	e->kind = kind;
	e->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

/* Puts `prefix` in front of e->msg, joined by ": "; the tail is cut if it does not fit. */
static void prepend(struct err *e, const char *prefix)
{
	char joined[sizeof(e->msg)];
	int n = snprintf(joined, sizeof(joined), "%s: ", prefix);
	size_t at = n < 0 ? 0 : (size_t)n, room = at < sizeof(joined) ? sizeof(joined) - at : 0;
	size_t len = strlen(e->msg);

	if (room > 0) {
		if (len >= room)
			len = room - 1;
		memcpy(joined + at, e->msg, len);
		joined[at + len] = '\0';
	}
	memcpy(e->msg, joined, sizeof(joined));
}

int err_errno(struct err *e, int errnum, const char *fmt, ...)
{
	char prefix[sizeof(e->msg)];
	char buf[128];
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	err_set(e, errnum == ENOSPC || errnum == EDQUOT ? &ERR_DISK_FULL : &ERR_IO, "%s",
		strerror_r(errnum, buf, sizeof(buf)));
	prepend(e, prefix);
	if (errnum == EACCES || errnum == EPERM)
		err_hint(
			e,
			"a permission is missing: run it as root; as root, look at the owner, the mode and the "
			"SELinux label (ls -lZ) of what is named");
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char prefix[sizeof(e->msg)];
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	prepend(e, prefix);
	return -1;
}

int err_rekind(struct err *e, const struct err_kind *kind)
{
	if (e)
		e->kind = kind;
	return -1;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return -1;
}

const char *err_hint_text(const struct err *e)
{
	if (e->hint[0])
		return e->hint;
	return e->kind && e->kind->hint ? e->kind->hint : "";
}
