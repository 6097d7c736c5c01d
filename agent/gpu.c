#include "gpu.h"

#include "codes.h"
#include "core/fs.h"
#include "core/str.h"
#include "paths.h"
#include "sys/units.h"

int gpu_guard(struct err *e)
{
	_cleanup_(units_close_p) struct units *u = NULL;
	struct unit_state s;

	/* sd_booted(3): in a container that has no systemd, whoever started it has seen to that. */
	if (!fs_exists(PATH_SYSTEMD))
		return 0;
	if (units_open(&u, e) < 0 || units_get(u, UNIT_PERSISTENCED, &s, e) < 0)
		return -1;
	if (str_eq(s.active, "active") && str_eq(s.sub, "running"))
		return 0;
	err_set(e, &CODE_PERSISTENCED, UNIT_PERSISTENCED " is %s (%s): no GPU may be touched",
		s.active, s.sub);
	return str_eq(s.active, "activating")
		       ? err_hint(e, "wait for it: systemctl status nvidia-persistenced")
		       : -1;
}
