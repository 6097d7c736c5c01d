#include "sys/holders.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>

#include "core/fs.h"
#include "core/str.h"

#define FDS_MAX 65536 /* of one process */

static bool is_pid(const char *name)
{
	return *name && !name[strspn(name, "0123456789")];
}

/* The first of its open files that begins with the prefix. */
static bool holds(const char *pid, const char *prefix, char *dst, size_t dst_size)
{
	_cleanup_free_ char *path = xasprintf("/proc/%s/fd", pid);
	int fd = fs_open(path, O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool found = false;
	size_t looked = 0;

	if (!dir) {
		cleanup_close(&fd);
		return false;
	}
	while (!found && looked++ < FDS_MAX && (entry = readdir(dir))) {
		char target[256];
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = '\0';
		found = str_starts(target, prefix);
		if (found)
			str_copy(dst, dst_size, target);
	}
	closedir(dir);
	if (found)
		str_sanitise(dst);
	return found;
}

/* The last part of a control group's path that is a service or a scope: "0::/system.slice/x.service". */
static void unit_in(char *line, char *dst, size_t dst_size)
{
	char *rest = line, *part;

	while ((part = strsep(&rest, "/")))
		if (str_ends(part, ".service") || str_ends(part, ".scope"))
			str_copy(dst, dst_size, part);
	str_sanitise(dst);
}

/* With version 1 of control groups systemd's own is "1:name=systemd:/…"; with version 2 there is only "0::/…". */
static void read_unit(const char *pid, char *dst, size_t dst_size)
{
	_cleanup_free_ char *path = xasprintf("/proc/%s/cgroup", pid), *text = NULL;
	char *rest, *line;

	*dst = '\0';
	if (fs_read(path, 65536, &text, NULL, NULL) < 0)
		return;
	rest = text;
	while (!*dst && (line = strsep(&rest, "\n")))
		if (str_starts(line, "0::") || strstr(line, ":name=systemd:"))
			unit_in(line, dst, dst_size);
}

static void add(struct holders *h, const char *pid, const char *file)
{
	_cleanup_free_ char *comm = xasprintf("/proc/%s/comm", pid);
	struct holder *one;

	if (h->all++ >= HOLDERS_MAX)
		return;
	one = &h->v[h->n++];
	one->pid = atoi(pid);
	if (!fs_read_line(comm, one->comm, sizeof(one->comm)))
		str_copy(one->comm, sizeof(one->comm), "?");
	str_sanitise(one->comm);
	read_unit(pid, one->unit, sizeof(one->unit));
	str_copy(one->file, sizeof(one->file), file);
}

void holders_find(struct holders *h, const char *prefix)
{
	struct fs_names names;

	*h = (struct holders){ 0 };
	if (fs_list("/proc", &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		char file[sizeof(h->v[0].file)];

		if (is_pid(names.v[i]) && atoi(names.v[i]) != getpid() &&
		    holds(names.v[i], prefix, file, sizeof(file)))
			add(h, names.v[i], file);
	}
	fs_names_done(&names);
}

void holders_text(const struct holders *h, char dst[HOLDERS_TEXT_SIZE])
{
	size_t len = 0, i;

	*dst = '\0';
	for (i = 0; i < h->n; i++) {
		const struct holder *one = &h->v[i];
		char word[256];
		int n = snprintf(word, sizeof(word), "%s%d %s%s%s%s", i ? ", " : "", one->pid,
				 one->comm, *one->unit ? " (" : "", one->unit,
				 *one->unit ? ")" : "");

		if (len + (size_t)n + sizeof(" and 100000 more") > HOLDERS_TEXT_SIZE)
			break;
		memcpy(dst + len, word, (size_t)n + 1);
		len += (size_t)n;
	}
	if (i < h->all)
		snprintf(dst + len, HOLDERS_TEXT_SIZE - len, " and %zu more", h->all - i);
}
