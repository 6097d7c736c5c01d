#include "rpmsig.h"

#include "fixture.h"
#include "suite.h"

#define KEY "d42d0685"
#define FILE_LINE "nvidia-fabric-manager-570.148.08-1.x86_64.rpm:\n"
#define DIGESTS                                                                                    \
	"    Header SHA256 digest: OK\n"                                                           \
	"    Header SHA1 digest: OK\n"                                                             \
	"    Payload SHA256 digest: OK\n"                                                          \
	"    MD5 digest: OK\n"
#define SIGNED_BY(id) FILE_LINE "    Header V4 RSA/SHA256 Signature, key ID " id ": OK\n" DIGESTS

/* What rpmkeys 4.18 -Kv prints: exit status 0 for the first two, 1 for the others. */
static const char good[] = SIGNED_BY(KEY);
static const char unsigned_text[] = FILE_LINE DIGESTS;
static const char other_key[] = FILE_LINE
	"    Header V4 RSA/SHA256 Signature, key ID 9b3d262d: NOKEY\n" DIGESTS;
static const char corrupt[] = FILE_LINE
	"    Header V4 RSA/SHA256 Signature, key ID d42d0685: OK\n"
	"    Header SHA256 digest: OK\n"
	"    Header SHA1 digest: OK\n"
	"    Payload SHA256 ALT digest: BAD (Expected 30ae4592 != 4bbc8596)\n"
	"    Payload SHA256 digest: BAD (Expected f29bdefc != 4bbc8596)\n"
	"    RSA signature: NOTFOUND\n"
	"    DSA signature: NOTFOUND\n"
	"    MD5 digest: BAD (Expected 31057156 != 82746d1c)\n";

START_TEST(a_package_signed_by_the_key_is_good)
{
	ck_assert_int_eq(rpmsig_judge(good, 0, KEY), RPMSIG_GOOD);
	/* With the older kind of signature besides, as NVIDIA's packages have it. */
	ck_assert_int_eq(rpmsig_judge(FILE_LINE "    Header V4 RSA/SHA512 Signature, key ID d42d0685: OK\n" DIGESTS
						"    V4 RSA/SHA512 Signature, key ID d42d0685: OK\n",
				      0, KEY),
			 RPMSIG_GOOD);
}
END_TEST

START_TEST(an_unsigned_package_is_not_good_though_every_line_says_ok)
{
	ck_assert_int_eq(rpmsig_judge(unsigned_text, 0, KEY), RPMSIG_UNSIGNED);
}
END_TEST

START_TEST(silence_says_neither_good_nor_unsigned)
{
	ck_assert_int_eq(rpmsig_judge("", 0, KEY), RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge("", 1, KEY), RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge(FILE_LINE, 0, KEY), RPMSIG_NOT_COVERED);
	/* As without -v: no line is told from another. */
	ck_assert_int_eq(rpmsig_judge("x.rpm: digests OK\n", 0, KEY), RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge("x.rpm: digests signatures OK\n", 0, KEY), RPMSIG_NOT_COVERED);
}
END_TEST

START_TEST(a_package_signed_by_another_key_is_named_so)
{
	ck_assert_int_eq(rpmsig_judge(other_key, 1, KEY), RPMSIG_OTHER_KEY);
	/* The other key is in the database: everything is OK, and it is not NVIDIA's. */
	ck_assert_int_eq(rpmsig_judge(SIGNED_BY("9b3d262d"), 0, KEY), RPMSIG_OTHER_KEY);
}
END_TEST

START_TEST(the_key_that_could_not_be_used_is_no_other_key)
{
	ck_assert_int_eq(rpmsig_judge(FILE_LINE "    Header V4 RSA/SHA256 Signature, key ID d42d0685: NOKEY\n" DIGESTS, 1, KEY),
			 RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge(FILE_LINE "    Header V4 RSA/SHA256 Signature, key ID d42d0685: NOTTRUSTED\n" DIGESTS, 1, KEY),
			 RPMSIG_NOT_COVERED);
}
END_TEST

START_TEST(a_corrupt_package_is_named_so)
{
	ck_assert_int_eq(rpmsig_judge(corrupt, 1, KEY), RPMSIG_CORRUPT);
	ck_assert_int_eq(rpmsig_judge(corrupt, 0, KEY), RPMSIG_CORRUPT);
	ck_assert_int_eq(rpmsig_judge(FILE_LINE "    Header V4 RSA/SHA256 Signature, key ID d42d0685: BAD\n" DIGESTS, 1, KEY),
			 RPMSIG_CORRUPT);
	ck_assert_int_eq(rpmsig_judge("error: x.rpm: not an rpm package (or package manifest)\n", 1, KEY), RPMSIG_CORRUPT);
}
END_TEST

START_TEST(the_key_id_must_be_that_one_and_no_part_of_another)
{
	ck_assert_int_eq(rpmsig_judge(SIGNED_BY("d42d06851"), 0, KEY), RPMSIG_OTHER_KEY);
	ck_assert_int_eq(rpmsig_judge(SIGNED_BY("1d42d0685"), 0, KEY), RPMSIG_OTHER_KEY);
	ck_assert_int_eq(rpmsig_judge(SIGNED_BY("d42d068"), 0, KEY), RPMSIG_OTHER_KEY);
	ck_assert_int_eq(rpmsig_judge(SIGNED_BY("a4e9e25ed42d0685"), 0, KEY), RPMSIG_OTHER_KEY);
	ck_assert_int_eq(rpmsig_judge(SIGNED_BY(""), 0, KEY), RPMSIG_OTHER_KEY);
	ck_assert_int_eq(rpmsig_judge(good, 0, ""), RPMSIG_OTHER_KEY);
}
END_TEST

START_TEST(upper_and_lower_case_of_the_key_id_are_the_same)
{
	ck_assert_int_eq(rpmsig_judge(SIGNED_BY("D42D0685"), 0, KEY), RPMSIG_GOOD);
	ck_assert_int_eq(rpmsig_judge(good, 0, "D42D0685"), RPMSIG_GOOD);
}
END_TEST

START_TEST(the_payload_must_be_covered)
{
	ck_assert_int_eq(rpmsig_judge(FILE_LINE "    Header V4 RSA/SHA256 Signature, key ID d42d0685: OK\n"
						"    Header SHA256 digest: OK\n    MD5 digest: OK\n",
				      0, KEY),
			 RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge(FILE_LINE "    Header V4 RSA/SHA256 Signature, key ID d42d0685: OK\n"
						"    Payload SHA256 ALT digest: OK\n",
				      0, KEY),
			 RPMSIG_NOT_COVERED);
	/* The older signature is another key's. */
	ck_assert_int_eq(rpmsig_judge(FILE_LINE "    Header V4 RSA/SHA256 Signature, key ID d42d0685: OK\n"
						"    V4 RSA/SHA256 Signature, key ID 9b3d262d: OK\n    MD5 digest: OK\n",
				      0, KEY),
			 RPMSIG_OTHER_KEY);
}
END_TEST

START_TEST(the_signature_must_be_of_the_header)
{
	ck_assert_int_eq(rpmsig_judge(FILE_LINE "    V4 RSA/SHA256 Signature, key ID d42d0685: OK\n" DIGESTS, 0, KEY),
			 RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge(FILE_LINE "    x Header V4 RSA/SHA256 Signature, key ID d42d0685: OK\n" DIGESTS, 0, KEY),
			 RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge(FILE_LINE "    Header V4 RSA/SHA256 Signature, key grip d42d0685: OK\n" DIGESTS, 0, KEY),
			 RPMSIG_NOT_COVERED);
}
END_TEST

START_TEST(an_exit_status_that_is_not_zero_is_never_good)
{
	/* rpmkeys failed, and does not say that the file is to blame. */
	ck_assert_int_eq(rpmsig_judge(good, 1, KEY), RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge(good, 127, KEY), RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge(good, -1, KEY), RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge(unsigned_text, 1, KEY), RPMSIG_NOT_COVERED);
}
END_TEST

START_TEST(no_line_may_say_anything_but_ok)
{
	ck_assert_int_ne(rpmsig_judge(SIGNED_BY(KEY) "    V4 DSA/SHA1 Signature, key ID 9b3d262d: NOKEY\n", 0, KEY), RPMSIG_GOOD);
	ck_assert_int_ne(rpmsig_judge(SIGNED_BY(KEY) "    RSA signature: NOTFOUND\n", 0, KEY), RPMSIG_GOOD);
	ck_assert_int_ne(rpmsig_judge(SIGNED_BY(KEY) "    Header SHA256 digest: BAD\n", 0, KEY), RPMSIG_GOOD);
	ck_assert_int_ne(rpmsig_judge(SIGNED_BY(KEY) "    Header SHA256 digest: UNKNOWN\n", 0, KEY), RPMSIG_GOOD);
	ck_assert_int_ne(rpmsig_judge(SIGNED_BY(KEY) "    Header OpenPGP V4 signature: OK\n"
						     "    Payload digest: FAIL (x)\n", 0, KEY), RPMSIG_GOOD);
}
END_TEST

START_TEST(output_that_was_cut_off_before_the_payload_is_not_good)
{
	for (size_t n = 0; n < strlen(good); n++) {
		_cleanup_free_ char *text = xstrndup(good, n);
		bool payload_said = strstr(text, "Payload SHA256 digest: OK") != NULL;

		ck_assert(payload_said || rpmsig_judge(text, 0, KEY) != RPMSIG_GOOD);
	}
}
END_TEST

/* What rpm writes, in tests/fixtures/real/rpm, with its exit status. */
static const struct {
	const char *file;
	int status;
	enum rpmsig judged;
} real[] = {
	{ "Kv-header-and-payload.txt", 0, RPMSIG_GOOD },
	{ "Kv-header-and-payload-nokey.txt", 1, RPMSIG_NOT_COVERED },
	{ "Kv-payload-digest.txt", 0, RPMSIG_GOOD },
	{ "Kv-payload-not-found.txt", 1, RPMSIG_NOT_COVERED },
	{ "Kv-nokey-not-found.txt", 1, RPMSIG_OTHER_KEY },
	{ "Kv-fips.txt", 1, RPMSIG_NOT_COVERED },
	{ "Kv-unsigned-not-found.txt", 1, RPMSIG_NOT_COVERED },
	{ "Kv-bad.txt", 1, RPMSIG_CORRUPT },
	{ "Kv-fingerprint.txt", 0, RPMSIG_GOOD },
};

START_TEST(real_words_are_judged_as_what_they_are)
{
	for (size_t i = 0; i < ARRAY_SIZE(real); i++) {
		_cleanup_free_ char *name = xasprintf("../../fixtures/real/rpm/%s", real[i].file);
		_cleanup_free_ char *text = fixture_text(name);

		ck_assert_msg(rpmsig_judge(text, real[i].status, KEY) == real[i].judged, "%s", real[i].file);
		if (real[i].judged == RPMSIG_GOOD)
			ck_assert_int_eq(rpmsig_judge(text, 0, "9b3d262d"), RPMSIG_OTHER_KEY);
	}
}
END_TEST

START_TEST(a_fingerprint_counts_by_its_end)
{
	ck_assert_int_eq(rpmsig_judge("    Header OpenPGP V4 RSA/SHA512 signature, key fingerprint: d42d0685610c7b14: OK\n" DIGESTS, 0, KEY),
			 RPMSIG_OTHER_KEY);
	ck_assert_int_eq(rpmsig_judge("    Header OpenPGP V4 RSA/SHA512 signature, key fingerprint: 2d0685: OK\n" DIGESTS, 0, KEY),
			 RPMSIG_OTHER_KEY);
}
END_TEST

/* Beside the project, where a machine has it: what was collected of the real world. */
START_TEST(collected_words_are_judged_as_what_they_are)
{
	static const char folder[] = "../../../../shared/real/rpm/";
	const char *slash = strrchr(__FILE__, '/');
	_cleanup_free_ char *there = xasprintf("%.*sfixtures/%s", (int)(slash + 1 - __FILE__), __FILE__, folder);
	_cleanup_free_ char *ok = NULL, *nokey = NULL;

	if (access(there, R_OK) < 0) {
		fprintf(stderr, "skipped: no %s\n", there);
		return;
	}
	ok = fixture_text("../../../../shared/real/rpm/Kv-nvidia-rpm-without-payload-digest.ok.txt");
	nokey = fixture_text("../../../../shared/real/rpm/Kv-nvidia-rpm-without-payload-digest.nokey.txt");
	ck_assert_int_eq(rpmsig_judge(ok, 0, KEY), RPMSIG_GOOD);
	ck_assert_int_eq(rpmsig_judge(ok, 1, KEY), RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge(nokey, 1, KEY), RPMSIG_NOT_COVERED);
	ck_assert_int_eq(rpmsig_judge(nokey, 0, KEY), RPMSIG_NOT_COVERED);
}
END_TEST

START_TEST(trouble_with_the_database_is_known_by_its_words)
{
	static const char *const files[] = { "db5-runrecovery.txt", "db5-busy.txt", "yum-rpmdb.txt" };
	static const char *const others[] = { "package gcc is not installed", "gcc 10.2.1-3.8.al8.x86_64",
					      "error: fm.rpm: not an rpm package (or package manifest)",
					      "warning: fm.rpm: Header V4 RSA/SHA512 Signature, key ID d42d0685: NOKEY" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *name = xasprintf("../../fixtures/real/rpm/%s", files[i]);
		_cleanup_free_ char *text = fixture_text(name);
		char *rest = text, *line;

		while ((line = strsep(&rest, "\n")))
			ck_assert_msg(!*line || rpmsig_blames_database(line), "%s", line);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		ck_assert(!rpmsig_blames_database(others[i]));
	ck_assert(rpmsig_blames_file(others[2]));
	ck_assert(!rpmsig_blames_file("error: open of fm.rpm failed: No such file or directory"));
}
END_TEST

SUITE("rpmsig", a_package_signed_by_the_key_is_good, an_unsigned_package_is_not_good_though_every_line_says_ok,
      silence_says_neither_good_nor_unsigned, a_package_signed_by_another_key_is_named_so,
      the_key_that_could_not_be_used_is_no_other_key, a_corrupt_package_is_named_so,
      the_key_id_must_be_that_one_and_no_part_of_another, upper_and_lower_case_of_the_key_id_are_the_same,
      the_payload_must_be_covered, the_signature_must_be_of_the_header,
      an_exit_status_that_is_not_zero_is_never_good, no_line_may_say_anything_but_ok,
      output_that_was_cut_off_before_the_payload_is_not_good, real_words_are_judged_as_what_they_are,
      a_fingerprint_counts_by_its_end, collected_words_are_judged_as_what_they_are,
      trouble_with_the_database_is_known_by_its_words)
