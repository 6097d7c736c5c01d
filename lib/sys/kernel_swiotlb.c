#include <errno.h>
#include <fcntl.h>

#include "core/fs.h"
#include "core/str.h"
#include "sys/kernel.h"

#define SLAB_SIZE   2048 /* IO_TLB_SIZE, include/linux/swiotlb.h */
#define RECORDS_MAX 1000000
#define RECORD_SIZE 16384 /* /dev/kmsg never gives more than 8192 bytes at once */

static const char *const mapped = "software IO TLB: mapped [mem 0x";

bool kernel_swiotlb_line(const char *line, uint64_t *ret_bytes)
{
	unsigned long long start, stop, mib;
	const char *s = strstr(line, mapped);
	int end = 0;

	if (!s)
		return false;
	if (sscanf(s + strlen(mapped), "%llx-0x%llx] (%lluMB)%n", &start, &stop, &mib, &end) != 3 ||
	    end == 0 || mib > UINT64_MAX >> 20)
		return false;
	*ret_bytes = (uint64_t)mib << 20;
	return true;
}

/* "6,123,456,-;text": a priority above 7 has a facility, so the line came from a program. */
static bool from_kernel(const char *record)
{
	char *end;
	unsigned long priority = strtoul(record, &end, 10);

	return *end == ',' && priority < 8;
}

static bool take_lines(struct strbuf *b, uint64_t *ret_bytes)
{
	char *s = b->s, *newline;
	bool found = false;

	while ((newline = strchr(s, '\n'))) {
		*newline = '\0';
		if (from_kernel(s) && kernel_swiotlb_line(s, ret_bytes))
			found = true;
		s = newline + 1;
	}
	b->len = strlen(s);
	memmove(b->s, s, b->len + 1);
	return found;
}

/* Each read(2) of /dev/kmsg gives one record and waits for the next one at the end, hence
 * O_NONBLOCK. EPIPE says that records were overwritten meanwhile; the next read goes on. */
static bool from_log(uint64_t *ret_bytes)
{
	_cleanup_fd_ int fd = fs_open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	_cleanup_strbuf_ struct strbuf b = { 0 };
	bool found = false;

	for (unsigned int i = 0; fd >= 0 && i < RECORDS_MAX; i++) {
		char record[RECORD_SIZE];
		ssize_t n = read(fd, record, sizeof(record));

		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n <= 0 || memchr(record, '\0', (size_t)n))
			break;
		strbuf_add(&b, record, (size_t)n);
		found |= take_lines(&b, ret_bytes);
		if (b.len > RECORD_SIZE)
			break;
	}
	return found;
}

static bool from_debugfs(uint64_t *ret_bytes)
{
	unsigned long long slabs;
	char text[32], *end;

	if (!fs_read_line("/sys/kernel/debug/swiotlb/io_tlb_nslabs", text, sizeof(text)))
		return false;
	errno = 0;
	slabs = strtoull(text, &end, 10);
	if (end == text || *end || errno || slabs > UINT64_MAX / SLAB_SIZE)
		return false;
	*ret_bytes = (uint64_t)slabs * SLAB_SIZE;
	return true;
}

bool kernel_swiotlb_bytes(uint64_t *ret_bytes)
{
	return from_debugfs(ret_bytes) || from_log(ret_bytes);
}
