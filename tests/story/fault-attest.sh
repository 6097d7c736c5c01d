#!/bin/sh
# One GPU that is rejected loses its ready state; one of which nothing can be told is asked for again, and keeps it.
. "${0%/*}/lib.sh"

ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the GPU's ready state is not $1"; }

verifier='"verifier.cc_admin"'

say "== out of reach: waiting, and trying again"
fault_now=attest-unknown=rim
story_from restarted single --fault $fault_now --config '{"attest": {"deadline_s": 3600}}'
begin run
becomes result=waiting
becomes steps.attest.error.code=attestation-unknown # it is gone while it is tried again
expect_gate_closed
happens commands 2 "$verifier"
"$TWIN" signal "$T" TERM || fail "it does not try for so long"
finish
expect_exit 143

say "== until the deadline"
configure '{"attest": {"deadline_s": 10}}'
agent_again
expect_failed attestation-unknown
expect attestation.verdict unknown
configure '{"attest": {"deadline_s": 1}}'
trouble attest-unknown=ocsp attestation-unknown attest
trouble attest-unknown=rim-missing rim-missing attest
expect_words error.message NV_GPU_VBIOS
expect error.who nvidia
configure '{"steps": {"attest": {"timeout_s": 10}}}' # nvidia-smi is asked before
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
