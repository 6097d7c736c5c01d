#!/bin/sh
# attest.ready after-attestation: the unit sets no ready state; the agent does, after it accepted, and never before.
. "${0%/*}/lib.sh"

ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the GPU's ready state is not $1"; }
sets() { count commands '"conf-compute", "-srs", "1"'; }

fault_now=attest-rejected=0
story_begin single --fault $fault_now \
	--config '{"attest": {"verifier": "native", "ready": "after-attestation", "deadline_s": 1}}'
agent_run
expect_failed attestation-rejected
! grep -q srs "$T/root/usr/lib/systemd/system/nvidia-persistenced.service" || fail "the unit sets the ready state"
[ "$(sets)" = 0 ] || fail "ready was set for a GPU that was rejected"
ready_state 0
trouble collateral-down attestation-unknown attest
[ "$(sets)" = 0 ] || fail "ready was set for a GPU of which nothing is known"
ready_state 0
heals
[ "$(sets)" = 0 ] || fail "ready was set by a command, not through NVML"
ready_state 1

say "== another boot: not ready until it was accepted again"
"$TWIN" up "$T"
unit_becomes nvidia-persistenced.service active
ready_state 0
agent_again
expect_ready
ready_state 1
all_is_well
