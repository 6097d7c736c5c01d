#!/bin/sh
# SIGTERM before the restart, and while the restart waits for cloud-init, is "interrupted"; the next start goes on.
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
story_begin multi --delay grubby=0.3 --fault dracut-hangs --systemd "$cloud_init"
signalled TERM kernel-args boot
interrupted kernel-args
signalled TERM initramfs again
interrupted initramfs
faults -dracut-hangs
signalled TERM restart again
interrupted restart
expect_boots 1

say "== the next start waits for cloud-init as well, and restarts when it has ended"
begin again
"$TWIN" signal "$T" CONT --when restart || fail "no restart was begun"
"$TWIN" down "$T"
finish
agent_run
expect_ready
expect_boots 3
all_is_well
