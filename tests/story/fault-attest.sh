#!/bin/sh
# One GPU that is rejected loses its ready state; one of which nothing can be told is asked for again, and keeps it.
. "${0%/*}/lib.sh"

ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the GPU's ready state is not $1"; }

verifier='"verifier.cc_admin"'

say "== out of reach: waiting, and trying again, until the deadline"
fault_now=attest-unknown=rim
story_from restarted single --fault $fault_now --config '{"attest": {"deadline_s": 10}}'
"$TWIN" run "$T" --keep &
check comes "$T" result=waiting || fail "it does not wait"
becomes steps.attest.error.code=attestation-unknown # it is gone while it is tried again
expect_gate_closed
rc=0
wait $! || rc=$?
expect_failed attestation-unknown
expect attestation.verdict unknown
[ "$(count commands "$verifier")" -ge 2 ] || fail "an unknown verdict was not tried again"
configure '{"attest": {"deadline_s": 1}}'
trouble attest-unknown=ocsp attestation-unknown attest
trouble attest-unknown=rim-missing rim-missing attest
expect_words error.message NV_GPU_VBIOS
expect error.who nvidia
configure '{"steps": {"attest": {"timeout_s": 1}}}'
trouble attest-hangs attestation-unknown attest
configure '{"steps": {"attest": {"timeout_s": 60}}}'
ready_state 1

trouble attest-rejected=0 attestation-rejected attest
expect attestation.verdict rejected
expect_words error.message "gpu 0"
ready_state 0
faults attest-tabs # as the real programs print
heals
expect attestation.verdict accepted
ready_state 1
