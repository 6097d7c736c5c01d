#include "intent.h"

#include "core/fs.h"
#include "core/str.h"
#include "paths.h"

static char *path_of(const char *name)
{
	return xasprintf(PATH_BEGUN "/%s", name);
}

int intent_begin(const char *name, const char *text, struct err *e)
{
	_cleanup_free_ char *path = path_of(name), *before = NULL;

	if (fs_read_optional(path, INTENT_MAX, &before, NULL, e) < 0)
		return -1;
	return before ? 0 : fs_write_atomic(path, 0644, text, strlen(text), e);
}

int intent_read(const char *name, char **ret_text, struct err *e)
{
	_cleanup_free_ char *path = path_of(name);

	return fs_read_optional(path, INTENT_MAX, ret_text, NULL, e);
}

int intent_end(const char *name, struct err *e)
{
	_cleanup_free_ char *path = path_of(name);

	return fs_unlink_atomic(path, e);
}
