#include "mapped.h"

#include <errno.h>

#include "core/fs.h"
#include "core/str.h"
#include "paths.h"

int mapped_keep(const struct facts *f, struct err *e)
{
	_cleanup_free_ char *text = NULL;

	if (!(f->known & FACTS_MACHINE) || !(f->known & FACTS_BOOT) || !f->boot.swiotlb_known ||
	    f->boot.swiotlb_kept)
		return 0;
	text = xasprintf("%s %llu\n", f->machine.boot_id,
			 (unsigned long long)f->boot.swiotlb_bytes);
	return fs_equals(PATH_MAPPED, text) ? 0 : fs_write_volatile(PATH_MAPPED, 0644, text, e);
}

bool mapped_kept(const char *boot_id, uint64_t *ret_bytes)
{
	unsigned long long bytes;
	char line[128], *end;
	size_t n = strlen(boot_id);

	if (!n || !fs_read_line(PATH_MAPPED, line, sizeof(line)) ||
	    strncmp(line, boot_id, n) != 0 || line[n] != ' ' || line[n + 1] < '0' ||
	    line[n + 1] > '9')
		return false;
	errno = 0;
	bytes = strtoull(line + n + 1, &end, 10);
	if (*end || errno)
		return false;
	*ret_bytes = bytes;
	return true;
}
