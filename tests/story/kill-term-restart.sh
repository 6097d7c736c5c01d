#!/bin/sh
# SIGTERM before the restart, and while the restart waits for cloud-init, is "interrupted", and no restart follows.
. "${0%/*}/lib.sh"

# interrupted STEP
interrupted()
{
	expect_exit 143
	expect_result pending
	expect "steps.$1.state" interrupted
	expect "steps.$1.attempts" 0
	expect_gate_closed
	expect_count 0 bus login1.Manager.Reboot
	all_is_well
}

cloud_init='{"units": {"cloud-final.service": {"state": "activating", "seconds": 600, "then": "inactive"}}}'
story_begin multi --fault dracut-hangs --systemd "$cloud_init"
holds grubby
signalled TERM kernel-args boot
goes_on grubby
interrupted kernel-args
signalled TERM initramfs again
interrupted initramfs
faults -dracut-hangs
signalled TERM restart again
interrupted restart
expect_boots 1

say "== the machine is started again, and that is the restart"
"$TWIN" down "$T"
agent_run
expect_ready
expect_boots 2
all_is_well
