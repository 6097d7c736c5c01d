#include "core/targz.h"

#include "suite.h"

#define AT 1764547200

/* What the host's tar makes of the archive: its words, or the content of one file. */
static void tar_says(const struct strbuf *gz, const char *options, char *dst, size_t size)
{
	char file[] = "/tmp/test_targz.XXXXXX", command[400];
	int fd = mkstemp(file);
	size_t n;
	FILE *p;

	ck_assert_int_eq(write(fd, gz->s, gz->len), (ssize_t)gz->len);
	close(fd);
	snprintf(command, sizeof(command), "gzip -t '%s' 2>&1 && TZ=UTC tar -f '%s' %s 2>&1", file,
		 file, options);
	p = popen(command, "r");
	ck_assert_ptr_nonnull(p);
	n = fread(dst, 1, size - 1, p);
	dst[n] = '\0';
	ck_assert_msg(pclose(p) == 0, "%s: %s", command, dst);
	unlink(file);
}

START_TEST(tar_and_gzip_read_what_was_written)
{
	struct strbuf tar = { 0 }, gz = { 0 };
	struct err e = ERR_INIT;
	char said[4096];

	ck_assert_int_eq(targz_add(&tar, "a/one", "hello\n", 6, AT, &e), 0);
	ck_assert_int_eq(targz_add(&tar, "a/empty", "", 0, AT, &e), 0);
	targz_end(&tar, &gz);
	tar_says(&gz, "-tvz", said, sizeof(said));
	ck_assert_str_eq(said, "-rw------- root/root         6 2025-12-01 00:00 a/one\n"
			       "-rw------- root/root         0 2025-12-01 00:00 a/empty\n");
	tar_says(&gz, "-xzO a/one", said, sizeof(said));
	ck_assert_str_eq(said, "hello\n");
	strbuf_done(&tar);
	strbuf_done(&gz);
}
END_TEST

START_TEST(content_larger_than_a_stored_block_comes_back_whole)
{
	static const size_t sizes[] = { 511, 512, 513, 65535, 65536, 300000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct strbuf tar = { 0 }, gz = { 0 };
		char *data = xmalloc(sizes[i]), said[256], expected[32];
		struct err e = ERR_INIT;

		for (size_t k = 0; k < sizes[i]; k++)
			data[k] = (char)(k * 7 + k / 256);
		ck_assert_int_eq(targz_add(&tar, "x", data, sizes[i], AT, &e), 0);
		targz_end(&tar, &gz);
		tar_says(&gz, "-xzO x | wc -c", said, sizeof(said));
		snprintf(expected, sizeof(expected), "%zu\n", sizes[i]);
		ck_assert_str_eq(said, expected);
		free(data);
		strbuf_done(&tar);
		strbuf_done(&gz);
	}
}
END_TEST

START_TEST(long_names_are_cut_at_a_slash_or_refused)
{
	struct strbuf tar = { 0 }, gz = { 0 };
	struct err e = ERR_INIT;
	char name[400], said[1024];

	memset(name, 'n', sizeof(name));
	memcpy(name + 150, "/", 1);
	name[240] = '\0';
	ck_assert_int_eq(targz_add(&tar, name, "x", 1, AT, &e), 0);
	targz_end(&tar, &gz);
	tar_says(&gz, "-tz", said, sizeof(said));
	ck_assert_msg(strncmp(said, name, 240) == 0, "%s", said);
	name[150] = 'n';
	ck_assert_int_eq(targz_add(&tar, name, "x", 1, AT, &e), -1);
	ck_assert(e.kind == &ERR_ARGUMENT);
	ck_assert_int_eq(targz_add(&tar, "", "x", 1, AT, &e), -1);
	ck_assert_int_eq(targz_add(&tar, "/etc/x", "x", 1, AT, &e), -1);
	strbuf_done(&tar);
	strbuf_done(&gz);
}
END_TEST

SUITE("targz", tar_and_gzip_read_what_was_written,
      content_larger_than_a_stored_block_comes_back_whole, long_names_are_cut_at_a_slash_or_refused)
