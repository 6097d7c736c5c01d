#include "sys/kernel.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include "core/fs.h"
#include "core/str.h"

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"

bool kernel_release(char *dst, size_t dst_size)
{
	if (!fs_read_line("/proc/sys/kernel/osrelease", dst, dst_size))
		return false;
	errno = EBADMSG;
	return *dst;
}

bool kernel_cmdline(char *dst, size_t dst_size)
{
	return fs_read_line("/proc/cmdline", dst, dst_size);
}

bool kernel_boot_id(char dst[KERNEL_BOOT_ID_SIZE])
{
	if (!fs_read_line(BOOT_ID_PATH, dst, KERNEL_BOOT_ID_SIZE))
		return false;
	errno = EBADMSG;
	return strlen(dst) == KERNEL_BOOT_ID_SIZE - 1;
}

/* The rest of the first line of a file that begins with `prefix`; caller frees. NULL with errno: ENODATA
 * when there is no such line. Line by line, because these files grow with the number of processors. */
static char *find_line(const char *path, const char *prefix)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	int fd = fs_open(path, O_RDONLY, 0);
	size_t size = 0;

	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f) {
		cleanup_close(&fd);
		return NULL;
	}
	/* getline(3) hands out what it has of a line when the rest cannot be read. */
	while (getline(&line, &size, f) >= 0 && !ferror(f)) {
		if (str_starts(line, prefix))
			return xstrdup(str_trim(line + strlen(prefix)));
	}
	if (!ferror(f))
		errno = ENODATA;
	return NULL;
}

bool kernel_boot_time(int64_t *ret_wall_s)
{
	_cleanup_free_ char *text = find_line("/proc/stat", "btime ");
	char *end;
	long long t;

	if (!text)
		return false;
	errno = 0;
	t = strtoll(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno) {
		errno = EBADMSG;
		return false;
	}
	*ret_wall_s = t;
	return true;
}

bool kernel_cpu_has_flag(const char *flag, bool *ret)
{
	_cleanup_free_ char *text = find_line("/proc/cpuinfo", "flags");
	const char *colon = text ? strchr(text, ':') : NULL;

	if (text)
		errno = EBADMSG; /* unless there is a colon */
	if (colon)
		*ret = str_has_word(colon + 1, flag);
	return colon;
}

/* The end of the token that starts at s: the first blank outside of double quotes. */
static const char *token_end(const char *s)
{
	for (bool quoted = false; *s; s++) {
		if (*s == '"')
			quoted = !quoted;
		else if (!quoted && isspace((unsigned char)*s))
			break;
	}
	return s;
}

/* The kernel's next_arg(): quotes may enclose the whole token or the value alone. */
static bool token_value(const char *s, const char *end, const char *key, const char **ret_value,
			size_t *ret_len)
{
	size_t key_len = strlen(key);
	bool whole = *s == '"';

	s += whole;
	if (whole && end[-1] == '"' && end > s)
		end--;
	if ((size_t)(end - s) < key_len || strncmp(s, key, key_len) != 0)
		return false;
	s += key_len;
	if (s < end && *s != '=')
		return false;
	s += s < end;
	if (!whole && s < end && *s == '"') {
		s++;
		if (s < end && end[-1] == '"')
			end--;
	}
	*ret_value = s;
	*ret_len = (size_t)(end - s);
	return true;
}

bool kernel_cmdline_get(const char *cmdline, const char *key, char *dst, size_t dst_size)
{
	const char *value = NULL, *end;
	size_t len = 0;

	for (const char *s = cmdline;; s = end) {
		while (isspace((unsigned char)*s))
			s++;
		end = token_end(s);
		/* What follows "--" is for init, not for the kernel. */
		if (s == end || (end - s == 2 && str_starts(s, "--")))
			break;
		token_value(s, end, key, &value, &len);
	}
	if (!value || len >= dst_size)
		return false;
	memcpy(dst, value, len);
	dst[len] = '\0';
	return true;
}
