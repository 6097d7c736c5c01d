#!/bin/sh
# Without logind the restart goes through reboot.target; a restart that nobody carries out is said to be ignored.
. "${0%/*}/lib.sh"

say "== logind is down"
story_begin single --fault login1-down
agent_run
expect_ready
expect_boots 2
expect_count 1 bus reboot.target
all_is_well

say "== the restart is ignored"
story_again single --fault reboot-ignored --config '{"steps": {"restart": {"timeout_s": 1}}}'
agent_run
expect_failed restart-ignored
expect_boots 1
faults -reboot-ignored
configure '{"steps": {"restart": {"timeout_s": 60}}}'
agent_again
expect_exit 64
agent_run
expect_ready
expect_boots 2
all_is_well
