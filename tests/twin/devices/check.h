/* What forge.h needs of Check where no test runs: a condition that does not hold ends the process. */
#ifndef TWIN_DEVICES_CHECK_H
#define TWIN_DEVICES_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define check_that(condition)                                                           \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

#define ck_assert(c)		 check_that(c)
#define ck_assert_msg(c, ...)	 check_that(c)
#define ck_assert_ptr_nonnull(p) check_that((p) != NULL)
#define ck_assert_int_eq(a, b)	 check_that((a) == (b))
#define ck_assert_int_gt(a, b)	 check_that((a) > (b))
#define ck_assert_uint_eq(a, b)	 check_that((a) == (b))
#define ck_assert_uint_le(a, b)	 check_that((a) <= (b))

#endif
