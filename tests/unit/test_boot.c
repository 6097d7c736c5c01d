/* Boot entries and initramfs images: what grubby really prints, what counts, and what is synced. */
#include <sys/syscall.h>

#include "codes.h"
#include "core/str.h"
#include "facts.h"
#include "fixture.h"
#include "intent.h"
#include "kernelargs.h"
#include "paths.h"
#include "steps.h"
#include "suite.h"

#define KERNEL "5.10.134-18.al8.x86_64"
#define RESCUE "0-rescue-20250117134700000000000000000000"
#define OLD    "5.10.134-16.1.al8.x86_64"

static struct config c;
static struct facts f;

/* The text of tests/fixtures/real/NAME, or of the larger collection beside the repository; NULL if it is not there. */
static char *real_text(const char *folder, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char *text;

	if (!file)
		return NULL;
	text = xcalloc(1, 1 << 20);
	ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, file), 0);
	return text;
}

static char *fixture(const char *name)
{
	_cleanup_free_ char *up = xasprintf("../../fixtures/real/%s", name);

	return fixture_text(up);
}

/* A grubby that prints these. */
static void put_grubby(const char *info, const char *index)
{
	struct err e = ERR_INIT;
	_cleanup_free_ char *script = xasprintf(
		"#!/bin/sh\ncase $1 in\n--info=ALL) cat <<'END'\n%sEND\n;;\n--default-index) printf '%%s' '%s';;\nesac\n",
		info, index);

	ck_assert_msg(fs_write_atomic(PROG_GRUBBY, 0755, script, strlen(script), &e) == 0, "%s",
		      e.msg);
}

static void put_kernel(const char *release, bool modules)
{
	_cleanup_free_ char *kernel = xasprintf("/boot/vmlinuz-%s", release);
	_cleanup_free_ char *image = xasprintf("/boot/initramfs-%s.img", release);
	_cleanup_free_ char *list = xasprintf("/lib/modules/%s/modules.dep", release);

	fixture_put(kernel, "kernel\n");
	fixture_put(image, "image\n");
	if (modules)
		fixture_put(list, "");
}

static void made_at(const char *path, int64_t t)
{
	struct err e = ERR_INIT;

	ck_assert_msg(fs_set_mtime(path, &(struct timespec){ .tv_sec = t }, &e) == 0, "%s", e.msg);
}

static void begin(void)
{
	struct err e = ERR_INIT;

	fixture_root_make();
	memset(&f, 0, sizeof(f));
	ck_assert_int_eq(config_parse(&c, "{}", 2, "config.json", &e), 0);
	config_set_shape(&c, SHAPE_MULTI);
	put_kernel(KERNEL, true);
	put_kernel(RESCUE, false);
	fixture_put(PATH_MODPROBE_LKCA, KERNELARGS_LKCA);
	made_at(PATH_MODPROBE_LKCA, 1700000000);
	made_at("/boot/initramfs-" KERNEL ".img", 1700000100);
}

static void end(void)
{
	config_done(&c);
	fixture_root_drop();
}

static void look(void)
{
	facts_collect(&f, &c, FACTS_BOOT);
	ck_assert_msg(f.known & FACTS_BOOT, "%s", facts_error(&f, FACTS_BOOT)->msg);
}

static void check_reason(enum step_id id, enum probe wanted, const char *words)
{
	struct probe_result r = { 0 };

	f.known = FACTS_ALL;
	steps[id].probe(&c, &f, &r);
	ck_assert_msg(r.probe == wanted, "%s: %s", steps[id].id, r.reason);
	ck_assert_has(r.reason, words);
}

/* --- what grubby prints ----------------------------------------------------------------------- */

START_TEST(what_the_real_grubby_prints_is_understood)
{
	static const char *const names[] = { "grubby/info-inline.txt", "grubby/info-opts.txt" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *text = fixture(names[i]);
		struct kernel_entries entries;
		struct err e = ERR_INIT;

		ck_assert_msg(kernel_entries_parse(text, &entries, &e) == 0, "%s", e.msg);
		ck_assert_uint_eq(entries.n, 2);
		ck_assert_str_eq(entries.v[0].kernel, "/boot/vmlinuz-" KERNEL);
		ck_assert_str_eq(entries.v[1].kernel, "/boot/vmlinuz-" RESCUE);
		ck_assert_uint_eq(entries.v[1].index, 1);
		ck_assert_has(entries.v[0].args, "crashkernel=0M-2G:0M,2G-8G:192M");
		ck_assert_int_eq(kernelargs_has_swiotlb(&c, entries.v[0].args), i == 1);
		ck_assert_int_eq(kernelargs_has_swiotlb(&c, entries.v[1].args), i == 1);
		kernel_entries_done(&entries);
	}
}
END_TEST

/* All that was recorded, where the larger collection lies beside the repository. */
START_TEST(every_recorded_answer_of_the_real_grubby_is_understood)
{
	static const char *const kinds[] = { "inline", "opts", "stale" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *folder = xasprintf("../shared/real/grubby/%s", kinds[i]);
		_cleanup_free_ char *before = real_text(folder, "info-ALL.before-update.txt");
		_cleanup_free_ char *after = real_text(folder, "info-ALL.after-update.txt");
		_cleanup_free_ char *text = real_text(folder, "default-index.txt");
		struct kernel_entries entries;
		struct err e = ERR_INIT;
		unsigned int index = 99;

		if (!before || !after || !text) {
			puts("skipped: ../shared/real is not there");
			return;
		}
		ck_assert_int_eq(kernel_entries_default(text, &index, &e), 0);
		ck_assert_uint_eq(index, 0);
		ck_assert_int_eq(kernel_entries_parse(before, &entries, &e), 0);
		ck_assert_uint_eq(entries.n, 2);
		ck_assert(!kernelargs_has_swiotlb(&c, entries.v[0].args));
		kernel_entries_done(&entries);
		ck_assert_int_eq(kernel_entries_parse(after, &entries, &e), 0);
		ck_assert(kernelargs_has_swiotlb(&c, entries.v[0].args) &&
			  kernelargs_has_nouveau(entries.v[1].args));
		kernel_entries_done(&entries);
	}
}
END_TEST

START_TEST(an_empty_line_means_the_first_entry_and_other_nonsense_nothing)
{
	static const char *const nonsense[] = {
		"", "x\n", "0x\n", "-1\n", "0 1\n", "1\n2\n", "99999999999999\n", "\n\n\n0 0"
	};
	_cleanup_free_ char *first = fixture("grubby/default-index.txt");
	_cleanup_free_ char *stale = fixture("grubby/default-index-stale.txt");
	struct err e = ERR_INIT;
	unsigned int index = 99;

	ck_assert_str_eq(stale, "\n");
	ck_assert_int_eq(kernel_entries_default(stale, &index, &e), 0);
	ck_assert_uint_eq(index, 0);
	index = 99;
	ck_assert_int_eq(kernel_entries_default(first, &index, &e), 0);
	ck_assert_uint_eq(index, 0);
	ck_assert_int_eq(kernel_entries_default("17\n", &index, &e), 0);
	ck_assert_uint_eq(index, 17);
	for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
		e = (struct err)ERR_INIT;
		ck_assert_msg(kernel_entries_default(nonsense[i], &index, &e) == -1, "%s",
			      nonsense[i]);
		ck_assert_ptr_eq(e.kind, &ERR_FORMAT);
		ck_assert_uint_eq(index, 17);
	}
}
END_TEST

START_TEST(a_stale_saved_entry_is_the_first_one)
{
	_cleanup_free_ char *info = fixture("grubby/info-opts.txt");

	put_grubby(info, "\n");
	look();
	ck_assert(f.boot.swiotlb_everywhere && f.boot.swiotlb_next && !f.boot.next_gone);
	put_grubby(info, "1\n");
	look();
	ck_assert(f.boot.swiotlb_next);
	put_grubby(info, "sdb\n");
	facts_collect(&f, &c, FACTS_BOOT);
	ck_assert(!(f.known & FACTS_BOOT));
	ck_assert_has(facts_error(&f, FACTS_BOOT)->msg, "expected a number, found \"sdb\"");
}
END_TEST

/* N entries, the last one without the argument. */
static char *many(int n)
{
	struct strbuf text = { 0 };

	for (int i = 0; i < n; i++)
		strbuf_printf(&text,
			      "index=%d\nkernel=\"/boot/vmlinuz-" KERNEL "\"\nargs=\"ro%s\"\n", i,
			      i + 1 < n ? " swiotlb=4194304,any" : "");
	return text.s;
}

START_TEST(any_number_of_boot_entries_is_read)
{
	_cleanup_free_ char *text = many(500);

	put_grubby(text, "499\n");
	look();
	ck_assert(!f.boot.swiotlb_everywhere && !f.boot.swiotlb_next);
	put_grubby(text, "498\n");
	look();
	ck_assert(!f.boot.swiotlb_everywhere && f.boot.swiotlb_next);
}
END_TEST

/* --- what counts ------------------------------------------------------------------------------- */

#define ENTRY(index, kernel, args) "index=" index "\nkernel=\"" kernel "\"\nargs=\"" args "\"\n"
#define WITH			   "ro swiotlb=4194304,any"

START_TEST(an_entry_whose_kernel_is_gone_does_not_count_and_is_named)
{
	put_grubby(ENTRY("0", "/boot/vmlinuz-" KERNEL, WITH) ENTRY("1", "/boot/vmlinuz-" OLD, "ro"),
		   "0\n");
	look();
	ck_assert(f.boot.swiotlb_everywhere && f.boot.swiotlb_next && !f.boot.next_gone);
	check_reason(STEP_KERNEL_ARGS, PROBE_DONE,
		     "not counted, for its kernel is gone: /boot/vmlinuz-" OLD);
	put_kernel(OLD, true);
	look();
	ck_assert(!f.boot.swiotlb_everywhere);
	ck_assert_uint_eq(f.boot.entries.n, 0);
}
END_TEST

START_TEST(a_kernel_that_may_be_there_counts)
{
	/* Without /boot in front, and in a form that is not known. */
	put_grubby(ENTRY("0", "/vmlinuz-" KERNEL, WITH) ENTRY("1", "($root)/vmlinuz-x", "ro"),
		   "0\n");
	look();
	ck_assert(!f.boot.swiotlb_everywhere && f.boot.swiotlb_next);
	ck_assert_uint_eq(f.boot.entries.n, 0);
	/* Where no kernel is found at all, the look is wrong. */
	put_grubby(ENTRY("0", "/elsewhere/vmlinuz", WITH) ENTRY("1", "/elsewhere/other", "ro"),
		   "0\n");
	look();
	ck_assert(!f.boot.swiotlb_everywhere && f.boot.swiotlb_next && !f.boot.next_gone);
	ck_assert_uint_eq(f.boot.entries.n, 0);
}
END_TEST

START_TEST(no_restart_into_a_default_entry_whose_kernel_is_gone)
{
	f.instance.shape = SHAPE_SINGLE;
	put_grubby(ENTRY("0", "/boot/vmlinuz-" OLD, WITH) ENTRY("1", "/boot/vmlinuz-" KERNEL, WITH),
		   "\n");
	look();
	ck_assert(f.boot.swiotlb_everywhere && !f.boot.swiotlb_next && f.boot.next_gone);
	check_reason(STEP_RESTART, PROBE_BLOCKED, "the kernel of the default boot entry is gone");
	/* Nothing asks for a restart: nobody is troubled. */
	f.boot.swiotlb_in_effect = f.boot.swiotlb_known = true;
	f.boot.swiotlb_bytes = UINT64_C(8) << 30;
	check_reason(STEP_RESTART, PROBE_DONE, "8 GiB");
}
END_TEST

START_TEST(no_restart_into_a_default_entry_whose_initramfs_is_gone)
{
	static const char entry[] =
		ENTRY("0", "/boot/vmlinuz-" KERNEL, WITH) "initrd=\"/boot/initramfs-" KERNEL
							  ".img $tuned_initrd\"\n";
	struct err e = ERR_INIT;

	f.instance.shape = SHAPE_SINGLE;
	config_set_shape(&c, SHAPE_SINGLE);
	put_grubby(entry, "\n");
	look();
	check_reason(STEP_RESTART, PROBE_TODO, "restart, so that swiotlb=");
	ck_assert(!facts_initramfs_gone(KERNEL));
	ck_assert_int_eq(fs_unlink("/boot/initramfs-" KERNEL ".img", &e), 0);
	look();
	check_reason(STEP_RESTART, PROBE_BLOCKED,
		     "the initramfs of the default boot entry is gone");
	ck_assert(facts_initramfs_gone(KERNEL));
	/* A kernel that is not there misses none. */
	ck_assert(!facts_initramfs_gone(OLD));
	/* Where /boot is a file system of its own, and where the entry's words are not known. */
	fixture_put("/boot/initramfs-" KERNEL ".img", "image\n");
	put_grubby(ENTRY("0", "/vmlinuz-" KERNEL, WITH) "initrd=\"/initramfs-" KERNEL ".img\"\n",
		   "0\n");
	look();
	check_reason(STEP_RESTART, PROBE_TODO, "restart, so that");
	put_grubby(ENTRY("0", "/vmlinuz-" KERNEL, WITH) "initrd=\"($root)/other.img\"\n", "0\n");
	look();
	check_reason(STEP_RESTART, PROBE_TODO, "restart, so that");
	config_set_shape(&c, SHAPE_MULTI);
}
END_TEST

START_TEST(an_initramfs_without_modules_does_not_count_and_is_named)
{
	struct timespec oldest, newest;
	struct facts_strangers strangers;
	struct err e = ERR_INIT;

	put_grubby(ENTRY("0", "/boot/vmlinuz-" KERNEL, WITH), "0\n");
	put_kernel(OLD, false);
	made_at("/boot/initramfs-" OLD ".img", 1600000000);
	look();
	ck_assert(f.boot.lkca_ok && f.boot.initramfs_ok);
	ck_assert_int_eq(f.boot.initramfs_time, 1700000100);
	check_reason(STEP_INITRAMFS, PROBE_DONE,
		     "not counted, for its kernel has no modules: initramfs-" OLD ".img");
	/* dracut takes either list for modules. */
	fixture_put("/lib/modules/" OLD "/modules.dep.bin", "");
	look();
	ck_assert(!f.boot.initramfs_ok);
	check_reason(STEP_INITRAMFS, PROBE_TODO, "rebuild every initramfs");
	ck_assert_int_eq(facts_initramfs_times(&oldest, &newest, &strangers, &e), 0);
	ck_assert_int_eq(oldest.tv_sec, 1600000000);
	ck_assert_uint_eq(strangers.n, 0);
}
END_TEST

START_TEST(no_initramfs_that_counts_is_an_error)
{
	struct timespec oldest, newest;
	struct err e = ERR_INIT;

	ck_assert_int_eq(fs_unlink("/lib/modules/" KERNEL "/modules.dep", &e), 0);
	ck_assert_int_eq(facts_initramfs_times(&oldest, &newest, NULL, &e), -1);
	ck_assert_ptr_eq(e.kind, &ERR_IO);
}
END_TEST

START_TEST(images_of_a_dracut_that_did_not_end_well_are_made_again)
{
	struct err e = ERR_INIT;

	put_grubby(ENTRY("0", "/boot/vmlinuz-" KERNEL, WITH), "0\n");
	look();
	check_reason(STEP_INITRAMFS, PROBE_DONE, "every initramfs is newer");
	ck_assert_int_eq(intent_begin(INTENT_INITRAMFS, "dracut\n", &e), 0);
	look();
	ck_assert(!f.boot.initramfs_ok);
	check_reason(STEP_INITRAMFS, PROBE_TODO,
		     "rebuild every initramfs: the last time it did not end well");
	/* It deleted what it could not copy: nothing else would make it again. */
	ck_assert_int_eq(fs_unlink("/boot/initramfs-" KERNEL ".img", &e), 0);
	look();
	check_reason(STEP_INITRAMFS, PROBE_TODO, "rebuild every initramfs");
	ck_assert_int_eq(intent_end(INTENT_INITRAMFS, &e), 0);
	facts_collect(&f, &c, FACTS_BOOT);
	ck_assert(!(f.known & FACTS_BOOT));
}
END_TEST

START_TEST(strangers_that_do_not_fit_are_counted)
{
	char text[FACTS_STRANGERS_SIZE];
	_cleanup_strbuf_ struct strbuf info = { 0 };

	strbuf_printf(&info, "%s", ENTRY("0", "/boot/vmlinuz-" KERNEL, WITH));
	for (int i = 1; i <= 9; i++)
		strbuf_printf(
			&info,
			"index=%d\nkernel=\"/boot/vmlinuz-5.10.134-2%d.al8.x86_64\"\nargs=\"ro\"\n",
			i, i);
	put_grubby(info.s, "0\n");
	look();
	ck_assert_uint_eq(f.boot.entries.n, 9);
	facts_strangers_text(&f.boot.entries, "its kernel is gone", text);
	ck_assert_has(
		text,
		"; not counted, for its kernel is gone: /boot/vmlinuz-5.10.134-21.al8.x86_64, ");
	ck_assert_msg(strcmp(text + strlen(text) - strlen(" more"), " more") == 0, "%s", text);
	check_reason(STEP_KERNEL_ARGS, PROBE_DONE, " more");
	f.boot.entries = (struct facts_strangers){ 0 };
	ck_assert_str_eq(facts_strangers_text(&f.boot.entries, "x", text), "");
}
END_TEST

/* --- what is synced ---------------------------------------------------------------------------- */

static ino_t synced[8];
static size_t synced_n;

/* In the place of libc's: writes down what it was called for. */
int syncfs(int fd)
{
	struct stat st;

	if (synced_n < ARRAY_SIZE(synced) && fstat(fd, &st) == 0)
		synced[synced_n++] = st.st_ino;
	return (int)syscall(SYS_syncfs, fd);
}

static bool was_synced(const char *path)
{
	ino_t wanted = fixture_inode(path);

	for (size_t i = 0; i < synced_n; i++)
		if (synced[i] == wanted)
			return true;
	return false;
}

START_TEST(where_grubenv_really_lies_is_synced_too)
{
	_cleanup_free_ char *folder = fs_host_path("/boot/grub2"), *link = NULL;
	struct err e = ERR_INIT;

	fixture_put("/boot/efi/EFI/alinux/grubenv", "# GRUB Environment Block\n");
	ck_assert_int_eq(kernelargs_sync(&e), 0);
	ck_assert(was_synced("/boot") && synced_n == 1);
	ck_assert(mkdir(folder, 0755) == 0);
	link = xasprintf("%s/grubenv", folder);
	ck_assert_int_eq(symlink("../efi/EFI/alinux/grubenv", link), 0);
	synced_n = 0;
	ck_assert_int_eq(kernelargs_sync(&e), 0);
	ck_assert(was_synced("/boot") && was_synced("/boot/efi/EFI/alinux/grubenv"));
	/* A link that leads nowhere is no reason to stop. */
	ck_assert_int_eq(fs_unlink("/boot/efi/EFI/alinux/grubenv", &e), 0);
	ck_assert_int_eq(kernelargs_sync(&e), 0);
}
END_TEST

SUITE_AROUND("boot", begin, end, what_the_real_grubby_prints_is_understood,
	     every_recorded_answer_of_the_real_grubby_is_understood,
	     an_empty_line_means_the_first_entry_and_other_nonsense_nothing,
	     a_stale_saved_entry_is_the_first_one, any_number_of_boot_entries_is_read,
	     an_entry_whose_kernel_is_gone_does_not_count_and_is_named,
	     a_kernel_that_may_be_there_counts,
	     no_restart_into_a_default_entry_whose_kernel_is_gone,
	     an_initramfs_without_modules_does_not_count_and_is_named,
	     no_initramfs_that_counts_is_an_error,
	     no_restart_into_a_default_entry_whose_initramfs_is_gone,
	     images_of_a_dracut_that_did_not_end_well_are_made_again,
	     strangers_that_do_not_fit_are_counted, where_grubenv_really_lies_is_synced_too)
