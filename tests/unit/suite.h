/* The main() of a unit test: one program per test file.
 *
 *	SUITE("kernel", last_value_wins, tilde_sorts_first)
 *	SUITE_AROUND("fetch", start, stop, a_cut_body_is_continued)	start() and stop() around each
 *
 * Check itself obeys CK_FORK=no (for gdb) and CK_RUN_CASE. A test that hangs ends after five minutes, with LONG=1 after
 * half an hour. */
#ifndef GN8V_TESTS_SUITE_H
#define GN8V_TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>

#define SUITE(title, ...) SUITE_AROUND(title, NULL, NULL, __VA_ARGS__)

#define SUITE_AROUND(title, before, after, ...)                                                    \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const suite_tests_[] = { __VA_ARGS__ };                               \
		Suite *suite = suite_create(title);                                                \
		TCase *tcase = tcase_create(title);                                                \
		SRunner *runner = srunner_create(suite);                                           \
		int failed;                                                                        \
                                                                                                   \
		tcase_set_timeout(tcase, getenv("LONG") ? 1800 : 300);                             \
		tcase_add_checked_fixture(tcase, before, after);                                   \
		suite_add_tcase(suite, tcase);                                                     \
		for (size_t i = 0; i < sizeof(suite_tests_) / sizeof(suite_tests_[0]); i++)        \
			tcase_add_test(tcase, suite_tests_[i]);                                    \
		srunner_run_all(runner, CK_NORMAL);                                                \
		failed = srunner_ntests_failed(runner);                                            \
		srunner_free(runner);                                                              \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                       \
	}

#endif
