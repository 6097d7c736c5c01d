#include "install.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static const char *folder(bool runtime)
{
	return runtime ? unit_dirs[1] : unit_dirs[0];
}

static void change_add(struct install_changes *l, const char *type, const char *path,
		       const char *target)
{
	l->v = must(realloc(l->v, (l->n + 1) * sizeof(*l->v)));
	l->v[l->n++] = (struct install_change){ type, copy(path), copy(target) };
}

void install_changes_done(struct install_changes *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].path);
		free(l->v[i].target);
	}
	free(l->v);
}

/* Where the link goes, inside the machine; false when it is none. */
static bool link_target(const struct twin *t, const char *path, char target[PATH_MAX])
{
	_cleanup_free_ char *host = twin_path(t, path);
	ssize_t n = readlink(host, target, PATH_MAX - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return true;
}

/*
 * Every link in dir, dir/X.wants and dir/X.requires that makes the unit start or gives it another
 * name.
 */
static void links_find(const struct twin *t, const char *dir, const char *name, struct strv *ret)
{
	_cleanup_free_ char *host = twin_path(t, dir);
	struct strv entries = { 0 };
	char target[PATH_MAX];

	dir_names(host, &entries);
	for (size_t i = 0; i < entries.n; i++) {
		const char *entry = entries.v[i];
		char *path = ends_with(entry, ".wants") || ends_with(entry, ".requires")
				     ? fmt("%s/%s/%s", dir, entry, name)
				     : fmt("%s/%s", dir, entry);
		bool in_folder = ends_with(entry, ".wants") || ends_with(entry, ".requires");
		bool alias = !in_folder && strcmp(entry, name) != 0;

		if (link_target(t, path, target) &&
		    (in_folder || (alias && strcmp(name_of(target), name) == 0)))
			strv_take(ret, path);
		else
			free(path);
	}
	strv_done(&entries);
}

static bool has_links(const struct twin *t, const char *dir, const char *name)
{
	struct strv links = { 0 };
	bool any;

	links_find(t, dir, name, &links);
	any = links.n > 0;
	strv_done(&links);
	return any;
}

const char *install_state(struct twin *t, const char *name)
{
	struct definition d;
	const char *state;

	definition_load(t, name, &d);
	if (!d.fragment)
		state = NULL;
	else if (strcmp(d.load_state, "masked") == 0)
		state = starts_with(d.fragment, folder(true)) ? "masked-runtime" : "masked";
	else if (has_links(t, folder(false), name))
		state = "enabled";
	else if (has_links(t, folder(true), name))
		state = "enabled-runtime";
	else
		state = d.has_install && (d.wanted_by.n || d.aliases.n) ? "disabled" : "static";
	definition_done(&d);
	return state;
}

static int link_make(const struct twin *t, const char *path, const char *target, bool force,
		     struct install_changes *changes)
{
	_cleanup_free_ char *host = twin_path(t, path),
			    *dir = fmt("%.*s", (int)(name_of(host) - host - 1), host);
	char old[PATH_MAX];

	if (link_target(t, path, old)) {
		if (strcmp(old, target) == 0)
			return 0;
		if (!force)
			return -EEXIST;
		unlink(host);
		change_add(changes, "unlink", path, "");
	}
	dir_make(dir);
	if (symlink(target, host) < 0)
		return -errno;
	change_add(changes, "symlink", path, target);
	return 0;
}

int install_enable(struct twin *t, const char *name, bool runtime, bool force,
		   bool *ret_has_install, struct install_changes *changes)
{
	struct definition d;
	int r = 0;

	definition_load(t, name, &d);
	if (!d.fragment)
		r = -ENOENT;
	else if (strcmp(d.load_state, "masked") == 0)
		r = -ERFKILL;
	for (size_t i = 0; r == 0 && i < d.wanted_by.n; i++) {
		_cleanup_free_ char *path =
			fmt("%s/%s.wants/%s", folder(runtime), d.wanted_by.v[i], name);

		r = link_make(t, path, d.fragment, force, changes);
	}
	for (size_t i = 0; r == 0 && i < d.aliases.n; i++) {
		_cleanup_free_ char *path = fmt("%s/%s", folder(runtime), d.aliases.v[i]);

		r = link_make(t, path, d.fragment, force, changes);
	}
	*ret_has_install = d.wanted_by.n > 0 || d.aliases.n > 0;
	definition_done(&d);
	return r;
}

void install_disable(struct twin *t, const char *name, bool runtime,
		     struct install_changes *changes)
{
	struct strv links = { 0 };

	links_find(t, folder(runtime), name, &links);
	for (size_t i = 0; i < links.n; i++) {
		_cleanup_free_ char *host = twin_path(t, links.v[i]);

		if (unlink(host) == 0)
			change_add(changes, "unlink", links.v[i], "");
	}
	strv_done(&links);
}
