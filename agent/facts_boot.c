/* Facts about the next boot and this one: boot entries, modprobe.d, initramfs, SWIOTLB. */
#include "codes.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "facts.h"
#include "kernelargs.h"
#include "mapped.h"
#include "paths.h"
#include "sys/run.h"

/* Standard output of a program that only looks. */
static int look(const char *const *argv, char **ret_text, struct err *e)
{
	struct run r = { .argv = argv, .timeout_s = 60, .output_max = 1024 * 1024 };

	if (run_wait(&r, e) < 0) {
		run_done(&r);
		return -1;
	}
	*ret_text = TAKE_PTR(r.output);
	run_done(&r);
	return 0;
}

static void read_args(struct facts_boot *b, const struct config *c, const struct facts_machine *m,
		      const struct kernel_entries *entries, unsigned int default_index)
{
	const char *next = "";

	b->swiotlb_everywhere = b->nouveau_everywhere = entries->n > 0;
	for (size_t i = 0; i < entries->n; i++) {
		const struct kernel_entry *entry = &entries->v[i];

		b->swiotlb_everywhere &= kernelargs_has_swiotlb(c, entry->args);
		b->nouveau_everywhere &= kernelargs_has_nouveau(entry->args);
		if (entry->index == default_index)
			next = entry->args;
	}
	b->swiotlb_next = kernelargs_has_swiotlb(c, next);
	b->nouveau_next = kernelargs_has_nouveau(next);
	b->swiotlb_in_effect = kernelargs_has_swiotlb(c, m->cmdline);
	b->nouveau_in_effect = kernelargs_has_nouveau(m->cmdline);
}

static int read_entries(struct facts_boot *b, const struct config *c, const struct facts_machine *m,
			struct err *e)
{
	_cleanup_free_ char *info = NULL, *index = NULL;
	_cleanup_free_ struct kernel_entries *entries = xcalloc(1, sizeof(*entries));
	unsigned long n;
	char *end;

	if (look(ARGV(PROG_GRUBBY, "--info=ALL"), &info, e) < 0 ||
	    look(ARGV(PROG_GRUBBY, "--default-index"), &index, e) < 0 ||
	    kernel_entries_parse(info, entries, e) < 0)
		return -1;
	n = strtoul(index, &end, 10);
	if (end == index || n >= KERNEL_ENTRIES_MAX)
		return err_set(e, &ERR_FORMAT,
			       "grubby --default-index: expected a number, found \"%.32s\"", index);
	read_args(b, c, m, entries, (unsigned int)n);
	return 0;
}

static int64_t mtime_s(const char *path)
{
	struct timespec t;

	return fs_mtime(path, &t) ? t.tv_sec : 0;
}

/* Every initramfs of a kernel; crash-dump and rescue images are not booted with a GPU. */
static bool is_initramfs(const char *name)
{
	return str_starts(name, "initramfs-") && str_ends(name, ".img") && !strstr(name, "kdump") &&
	       !strstr(name, "rescue");
}

int facts_initramfs_times(struct timespec *ret_oldest, struct timespec *ret_newest, struct err *e)
{
	struct fs_names names;
	size_t found = 0;

	if (fs_list(PATH_BOOT, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = xasprintf(PATH_BOOT "/%s", names.v[i]);
		struct timespec t;

		if (!is_initramfs(names.v[i]) || !fs_mtime(path, &t))
			continue;
		if (!found || clock_is_before(&t, ret_oldest))
			*ret_oldest = t;
		if (!found++ || clock_is_before(ret_newest, &t))
			*ret_newest = t;
	}
	fs_names_done(&names);
	return found ? 0 : err_set(e, &ERR_IO, "no initramfs-*.img in " PATH_BOOT);
}

static int read_initramfs(struct facts_boot *b, struct err *e)
{
	struct timespec lkca = { 0 }, oldest, newest;

	if (facts_initramfs_times(&oldest, &newest, e) < 0)
		return -1;
	fs_mtime(PATH_MODPROBE_LKCA, &lkca);
	b->initramfs_ok = !clock_is_before(&oldest, &lkca);
	b->initramfs_time = newest.tv_sec;
	return 0;
}

int facts_read_boot(struct facts_boot *b, const struct config *c, const struct facts_machine *m,
		    struct err *e)
{
	if (read_entries(b, c, m, e) < 0)
		return -1;
	b->lkca_ok = fs_equals(PATH_MODPROBE_LKCA, KERNELARGS_LKCA);
	b->lkca_time = mtime_s(PATH_MODPROBE_LKCA);
	b->now = clock_wall_s();
	b->swiotlb_known = kernel_swiotlb_bytes(&b->swiotlb_bytes);
	if (!b->swiotlb_known)
		b->swiotlb_known = b->swiotlb_kept = mapped_kept(m->boot_id, &b->swiotlb_bytes);
	return c->for_shape == SHAPE_MULTI ? read_initramfs(b, e) : 0;
}
