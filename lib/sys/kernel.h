/* The kernel: release, command line, boot entries, SWIOTLB, boot id, clock. */
#ifndef GN8V_SYS_KERNEL_H
#define GN8V_SYS_KERNEL_H

#include "core/err.h"

#define KERNEL_RELEASE_SIZE 128
#define KERNEL_CMDLINE_SIZE 8192
#define KERNEL_BOOT_ID_SIZE 37

/* -1, 0, 1 as rpm compares two versions (rpmvercmp, with ~ and ^). */
int kernel_version_compare(const char *a, const char *b);

/* Compares a release ("5.10.134-18.al8.x86_64") with a least version-release ("5.10.134-18") part by
 * part as rpm does: version first, then release; what the least does not say does not count. */
bool kernel_release_at_least(const char *release, const char *least);

/* False with errno: EBADMSG when what is there is not understood, ENODATA when it is not in the file. */
bool kernel_release(char *dst, size_t dst_size); /* /proc/sys/kernel/osrelease */
bool kernel_cmdline(char *dst, size_t dst_size); /* /proc/cmdline */
bool kernel_boot_id(char dst[KERNEL_BOOT_ID_SIZE]);
bool kernel_boot_time(int64_t *ret_wall_s); /* btime of /proc/stat */
/* By the first flags line of /proc/cpuinfo; false when there is none. */
bool kernel_cpu_has_flag(const char *flag, bool *ret);

/* The value of key=value in a command line, the last one winning as in the kernel; "" for a bare
 * word. False if it is not there. Tokens are split at blanks outside of double quotes. */
bool kernel_cmdline_get(const char *cmdline, const char *key, char *dst, size_t dst_size);

/* Bytes of SWIOTLB that the kernel mapped: debugfs io_tlb_nslabs (2 KiB each), else the kernel
 * log's "software IO TLB: mapped [mem ...] (8192MB)". False when neither can be read. */
bool kernel_swiotlb_bytes(uint64_t *ret_bytes);

/* The same from one kernel log line; false if it is not that line. */
bool kernel_swiotlb_line(const char *line, uint64_t *ret_bytes);

/* The kernel's own word on its clock (adjtimex(2)), which it is told by whatever disciplines the clock. */
struct kernel_clock {
	bool synchronised; /* the largest error is below 16 s: it grows by 0.5 ms in each second, from 16 s at boot */
	bool flagged; /* STA_UNSYNC all the same: chrony without rtcsync leaves it set */
};

/* False with errno when the kernel cannot be asked: by a system call filter (EPERM, ENOSYS), or below a
 * root directory (EOPNOTSUPP), whose machine has another clock than this host. */
bool kernel_clock(struct kernel_clock *ret);
void kernel_clock_judge(long max_error_us, int status, struct kernel_clock *ret);

/* Boot entries as `grubby --info=ALL` prints them, however many there are. The strings are owned. */
struct kernel_entry {
	unsigned int index;
	char *kernel, *args, *initrd; /* args and initrd are NULL where grubby says none */
};
struct kernel_entries {
	struct kernel_entry *v;
	size_t n;
};
int kernel_entries_parse(const char *text, struct kernel_entries *ret, struct err *e);
void kernel_entries_done(struct kernel_entries *entries);

/* The index that `grubby --default-index` prints. An empty line is what it prints, with status 0, where grubenv names an
 * entry that is gone: then GRUB boots the first one. */
int kernel_entries_default(const char *text, unsigned int *ret_index, struct err *e);

#endif
