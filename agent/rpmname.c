#include "rpmname.h"

#include "core/str.h"

/* Of NVIDIA's repository for rhel8, the newest branch first. nvidia-fabricmanager and libnvidia-nscq lost their branch in
 * 580 (580.65.06-1, 580.126.09-1); 580.167.08 is there as 1.el8. */
static const struct {
	unsigned long branch; /* this one and later ones */
	const char *packages[2];
	const char *releases[3];
} table[] = {
	{580, { "nvidia-fabricmanager", "libnvidia-nscq" },	     { "1", "1.el8" }},
	{ 0,  { "nvidia-fabric-manager", "libnvidia-nscq-{branch}" }, { "1" }	     },
};

static size_t row_of(const char *driver)
{
	unsigned long branch = strtoul(driver, NULL, 10);
	size_t i = 0;

	while (branch < table[i].branch)
		i++;
	return i;
}

static char *name_in(size_t row, enum rpmname which, const char *driver)
{
	_cleanup_free_ char *branch = xstrndup(driver, strcspn(driver, "."));

	return str_expand(table[row].packages[which], "branch", branch, NULL);
}

char *rpmname_package(enum rpmname which, const struct config *c, const char *driver)
{
	const char *configured = which == RPMNAME_NSCQ ? c->nscq_package : c->fabricmanager_package;

	return *configured ? xstrdup(configured) : name_in(row_of(driver), which, driver);
}

const char *const *rpmname_releases(const char *driver)
{
	return table[row_of(driver)].releases;
}

/* Takes the name. */
static void add(char *dst[RPMNAME_MAX], size_t *n, char *name)
{
	for (size_t i = 0; i < *n; i++)
		if (str_eq(dst[i], name)) {
			free(name);
			return;
		}
	dst[(*n)++] = name;
}

size_t rpmname_all(enum rpmname which, const struct config *c, const char *driver,
		   const char *there, char *dst[RPMNAME_MAX])
{
	size_t n = 0;

	add(dst, &n, rpmname_package(which, c, driver));
	for (size_t row = 0; row < ARRAY_SIZE(table); row++) {
		add(dst, &n, name_in(row, which, driver));
		if (*there)
			add(dst, &n, name_in(row, which, there));
	}
	return n;
}
