#!/bin/sh
# A status.json that is deleted at every boot costs no restart; and none is tried for ever when restarts have no effect too.
. "${0%/*}/lib.sh"

restarts() { expect_count "$1" bus '"org.freedesktop.login1.Manager.Reboot"'; }

story_begin single --fault status-deleted
agent_run
expect_ready
expect_boots 2
restarts 1
agent_boot
expect_ready
restarts 1
all_is_well

say "== together with restarts that have no effect"
story_begin single --fault status-deleted --fault restart-without-effect
agent_run
expect_failed restart-no-effect
agent_boot
agent_boot
expect_failed restart-no-effect
[ "$(count bus Manager.Reboot)" -le 2 ] || fail "more restarts than restart.max"
faults -restart-without-effect
agent_boot
expect_ready
all_is_well
