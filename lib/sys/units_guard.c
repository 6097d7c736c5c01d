#include "sys/units.h"

#include <sys/stat.h>

#include "core/fs.h"
#include "core/str.h"

/* %41 is "A"; sd-bus and dbus-daemon read addresses so. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		char hex[3] = { 0 };

		if (*s == '%' && s[1] && s[2]) {
			memcpy(hex, s + 1, 2);
			*out++ = (char)strtoul(hex, NULL, 16);
			s += 2;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* Where the path leads once links are followed; of one that does not exist, where its directory
 * does, else the path itself. NULL for a link that leads nowhere now, but may later. */
static char *resolve(const char *path)
{
	char *real = realpath(path, NULL), *slash, target[1];
	_cleanup_free_ char *dir = NULL, *dir_real = NULL;

	if (real)
		return real;
	if (readlink(path, target, sizeof(target)) >= 0)
		return NULL;
	dir = xstrdup(path);
	slash = strrchr(dir, '/');
	*slash = '\0';
	dir_real = realpath(*dir ? dir : "/", NULL);
	return dir_real ? xasprintf("%s/%s", dir_real, slash + 1) : xstrdup(path);
}

static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* The message bus's socket, and PID 1's private one, which speaks the same protocol. */
static bool is_system_socket(const char *path)
{
	static const char *const dirs[] = { "/run/dbus/", "/var/run/dbus/", "/run/systemd/",
					    "/var/run/systemd/" };
	_cleanup_free_ char *real = resolve(path);

	if (!real)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (str_starts(path, dirs[i]) || str_starts(real, dirs[i]))
			return true;
	return same_file(real, "/run/dbus/system_bus_socket") ||
	       same_file(real, "/run/systemd/private");
}

/* Only one form of address is let through, since sd-bus knows many that lead to the host. */
int units_guard(struct err *e)
{
	const char *address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS"); /* as sd-bus asks for it */
	_cleanup_free_ char *path = NULL;

	if (!fs_has_root())
		return 0;
	if (!address || !*address) {
		err_set(e, &ERR_ARGUMENT,
			"with --root, DBUS_SYSTEM_BUS_ADDRESS must name a private bus");
	} else if (!str_starts(address, "unix:path=/") || strchr(address, ';')) {
		err_set(e, &ERR_ARGUMENT,
			"with --root, DBUS_SYSTEM_BUS_ADDRESS must be unix:path=/..., not %s",
			address);
	} else {
		path = xstrdup(address + strlen("unix:path="));
		path[strcspn(path, ",")] = '\0';
		unescape(path);
		if (path[0] == '/' && !is_system_socket(path))
			return 0;
		err_set(e, &ERR_ARGUMENT,
			"with --root, DBUS_SYSTEM_BUS_ADDRESS is this machine's own bus: %s", path);
	}
	return err_hint(
		e, "start a private dbus-daemon and set DBUS_SYSTEM_BUS_ADDRESS=unix:path=SOCKET");
}
