/* logind's and timedated's share: Reboot, CanReboot, NTPSynchronized. */
#pragma once

#include "twin.h"

int login_serve(struct twin *t);
int login_name_follow(
	struct twin *t); /* takes login1's name, or gives it up by the fault login1-down */
void login_announce_shutdown(struct twin *t);
