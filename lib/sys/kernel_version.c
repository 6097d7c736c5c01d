#include <ctype.h>

#include "core/str.h"
#include "sys/kernel.h"

/* A version is a row of segments: runs of digits, runs of letters, and the marks ~ and ^. Anything
 * else separates segments and has no weight. */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *skip_separators(const char *s)
{
	while (*s && !is_digit(*s) && !is_letter(*s) && *s != '~' && *s != '^')
		s++;
	return s;
}

static size_t run_length(const char *s, bool (*belongs)(char))
{
	size_t n = 0;

	while (belongs(s[n]))
		n++;
	return n;
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static int compare_numbers(const char *a, size_t a_len, const char *b, size_t b_len)
{
	for (; a_len && *a == '0'; a_len--)
		a++;
	for (; b_len && *b == '0'; b_len--)
		b++;
	if (a_len != b_len)
		return a_len > b_len ? 1 : -1;
	return sign(memcmp(a, b, a_len));
}

static int compare_words(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int n = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return n ? sign(n) : (a_len > b_len) - (a_len < b_len);
}

/* Marks: ~ sorts before everything, the end included; ^ sorts after the end and before everything
 * else. Returns 0 when both or neither stand at one. */
static int compare_marks(const char *a, const char *b)
{
	if ((*a == '~') != (*b == '~'))
		return *a == '~' ? -1 : 1;
	if (*a == '^' && *b != '^')
		return *b ? -1 : 1;
	if (*b == '^' && *a != '^')
		return *a ? 1 : -1;
	return 0;
}

/* Compares the runs that both strings stand at and moves behind them. A number is newer than a
 * word. */
static int compare_runs(const char **a, const char **b)
{
	bool number = is_digit(**a);
	size_t a_len = run_length(*a, number ? is_digit : is_letter);
	size_t b_len = run_length(*b, number ? is_digit : is_letter);
	int n;

	if (b_len == 0)
		return number ? 1 : -1;
	n = number ? compare_numbers(*a, a_len, *b, b_len) : compare_words(*a, a_len, *b, b_len);
	*a += a_len;
	*b += b_len;
	return n;
}

int kernel_version_compare(const char *a, const char *b)
{
	for (;;) {
		int n;

		a = skip_separators(a);
		b = skip_separators(b);
		n = compare_marks(a, b);
		if (n)
			return n;
		if (*a == '~' || *a == '^') {
			a++;
			b++;
			continue;
		}
		if (!*a || !*b)
			return (*a != '\0') - (*b != '\0');
		n = compare_runs(&a, &b);
		if (n)
			return n;
	}
}

bool kernel_release_at_least(const char *release, const char *least)
{
	size_t version_len = strcspn(release, "-"), least_len = strcspn(least, "-");
	_cleanup_free_ char *version = xstrndup(release, version_len);
	_cleanup_free_ char *least_version = xstrndup(least, least_len);
	int n = kernel_version_compare(version, least_version);

	if (n || !least[least_len])
		return n >= 0;
	return kernel_version_compare(release + version_len, least + least_len) >= 0;
}
