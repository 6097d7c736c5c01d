/* Facts about the next boot and this one: boot entries, modprobe.d, initramfs, SWIOTLB. */
#include <errno.h>

#include "codes.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/str.h"
#include "facts.h"
#include "intent.h"
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

/* --- strangers --------------------------------------------------------------------------------- */

static void add_stranger(struct facts_strangers *s, const char *name)
{
	size_t len = strlen(s->names);

	if (s->named == s->n++ && len + strlen(name) + sizeof(", ") <= sizeof(s->names)) {
		snprintf(s->names + len, sizeof(s->names) - len, "%s%s", len ? ", " : "", name);
		s->named++;
	}
}

const char *facts_strangers_text(const struct facts_strangers *s, const char *why,
				 char dst[FACTS_STRANGERS_SIZE])
{
	char more[48] = "";

	*dst = '\0';
	if (!s->n)
		return dst;
	if (s->n > s->named)
		snprintf(more, sizeof(more), "%s%zu%s", s->named ? " and " : "", s->n - s->named,
			 s->named ? " more" : "");
	snprintf(dst, FACTS_STRANGERS_SIZE, "; not counted, for %s: %s%s", why, s->names, more);
	return dst;
}

/* --- boot entries ------------------------------------------------------------------------------ */

/* Only what is certainly not there is gone. */
static bool is_gone(const char *path)
{
	struct stat st;

	return fs_stat(path, &st) < 0 && errno == ENOENT;
}

/* A file that an entry names is there, or may be. Where /boot is a file system of its own, an entry names it without
 * that folder. */
static bool may_be_there(const char *path)
{
	_cleanup_free_ char *below = xasprintf(PATH_BOOT "%s", path);

	return path[0] != '/' || !is_gone(path) || !is_gone(below);
}

static bool can_boot(const struct kernel_entry *entry)
{
	return may_be_there(entry->kernel);
}

/* The first of the images that it names; the others are of no consequence here ("$tuned_initrd"). */
static bool is_bare(const struct kernel_entry *entry)
{
	_cleanup_free_ char *first =
		entry->initrd ? xstrndup(entry->initrd, strcspn(entry->initrd, " ")) : NULL;

	return first && !may_be_there(first);
}

bool facts_initramfs_gone(const char *kernel)
{
	_cleanup_free_ char *image = xasprintf(PATH_BOOT "/initramfs-%s.img", kernel);
	_cleanup_free_ char *itself = xasprintf(PATH_BOOT "/vmlinuz-%s", kernel);

	return is_gone(image) && fs_exists(itself);
}

static size_t count_bootable(struct facts_boot *b, const struct kernel_entries *entries)
{
	size_t n = 0;

	for (size_t i = 0; i < entries->n; i++)
		if (can_boot(&entries->v[i]))
			n++;
		else
			add_stranger(&b->entries, entries->v[i].kernel);
	return n;
}

static void read_args(struct facts_boot *b, const struct config *c, const struct facts_machine *m,
		      const struct kernel_entries *entries, unsigned int default_index)
{
	/* This machine was booted from one of them: where none seems to have a kernel, it is the look that is wrong. */
	bool all = count_bootable(b, entries) == 0;
	const char *next = "";

	if (all)
		b->entries = (struct facts_strangers){ 0 };
	b->swiotlb_everywhere = b->nouveau_everywhere = entries->n > 0;
	for (size_t i = 0; i < entries->n; i++) {
		const struct kernel_entry *entry = &entries->v[i];
		const char *args = entry->args ? entry->args : "";

		if (!all && !can_boot(entry)) {
			b->next_gone |= entry->index == default_index;
			continue;
		}
		b->swiotlb_everywhere &= kernelargs_has_swiotlb(c, args);
		b->nouveau_everywhere &= kernelargs_has_nouveau(args);
		if (entry->index == default_index) {
			next = args;
			b->next_bare = !all && is_bare(entry);
		}
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
	struct kernel_entries entries;
	unsigned int next;

	if (look(ARGV(PROG_GRUBBY, "--info=ALL"), &info, e) < 0 ||
	    look(ARGV(PROG_GRUBBY, "--default-index"), &index, e) < 0 ||
	    kernel_entries_default(index, &next, e) < 0 ||
	    kernel_entries_parse(info, &entries, e) < 0)
		return -1;
	read_args(b, c, m, &entries, next);
	kernel_entries_done(&entries);
	return 0;
}

/* --- the driver's option and the initramfs ------------------------------------------------------ */

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

/* Whether dracut rewrites it with all others: it looks for modules of that kernel. */
static bool has_modules(const char *image)
{
	size_t skip = strlen("initramfs-");
	_cleanup_free_ char *kernel = xstrndup(image + skip, strlen(image) - skip - strlen(".img"));
	_cleanup_free_ char *list = xasprintf(PATH_MODULES "/%s/modules.dep", kernel);
	_cleanup_free_ char *binary = xasprintf(PATH_MODULES "/%s/modules.dep.bin", kernel);

	return !is_gone(list) || !is_gone(binary);
}

int facts_initramfs_times(struct timespec *ret_oldest, struct timespec *ret_newest,
			  struct facts_strangers *ret_strangers, struct err *e)
{
	struct facts_strangers strangers = { 0 };
	struct fs_names names;
	size_t found = 0;

	if (fs_list(PATH_BOOT, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = xasprintf(PATH_BOOT "/%s", names.v[i]);
		struct timespec t;

		if (!is_initramfs(names.v[i]) || !fs_mtime(path, &t))
			continue;
		if (!has_modules(names.v[i])) {
			add_stranger(&strangers, names.v[i]);
			continue;
		}
		if (!found || clock_is_before(&t, ret_oldest))
			*ret_oldest = t;
		if (!found++ || clock_is_before(ret_newest, &t))
			*ret_newest = t;
	}
	fs_names_done(&names);
	if (ret_strangers)
		*ret_strangers = strangers;
	return found ? 0
		     : err_set(e, &ERR_IO,
			       "no initramfs-*.img in " PATH_BOOT " of a kernel in " PATH_MODULES);
}

static int read_initramfs(struct facts_boot *b, struct err *e)
{
	struct timespec lkca = { 0 }, oldest, newest;
	_cleanup_free_ char *record = NULL;

	if (intent_read(INTENT_INITRAMFS, &record, e) < 0)
		return -1;
	b->initramfs_begun = record != NULL;
	if (facts_initramfs_times(&oldest, &newest, &b->images, b->initramfs_begun ? NULL : e) < 0)
		return b->initramfs_begun ? 0 : -1;
	fs_mtime(PATH_MODPROBE_LKCA, &lkca);
	b->initramfs_ok = !b->initramfs_begun && !clock_is_before(&oldest, &lkca);
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
