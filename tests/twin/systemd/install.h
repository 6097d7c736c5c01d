/*
 * Enabling: the links that [Install] asks for, read and written on the disk as systemctl enable
 * does.
 */
#pragma once

#include "twin.h"

struct install_change {
	const char *type;    /* symlink, unlink */
	char *path, *target; /* as seen inside the machine */
};

struct install_changes {
	struct install_change *v;
	size_t n;
};

/*
 * enabled, enabled-runtime, disabled, static, masked, masked-runtime; NULL when there is no such
 * unit file.
 */
const char *install_state(struct twin *t, const char *name);

/* Negative errno: ENOENT no such unit file, ERFKILL masked, EEXIST another file is in the way. */
int install_enable(struct twin *t, const char *name, bool runtime, bool force,
		   bool *ret_has_install, struct install_changes *changes);
void install_disable(struct twin *t, const char *name, bool runtime,
		     struct install_changes *changes);
void install_changes_done(struct install_changes *changes);
