#!/bin/sh
# systemd loses its connection to the message bus while it is asked, as after a reload that lasts: it is asked again.
. "${0%/*}/lib.sh"

story_begin single --fault systemd1-lost
agent_run
expect_ready
expect_boots 2
all_is_well
! grep -q "tried again" "$T/state/agent.log" || fail "a step noticed it"
