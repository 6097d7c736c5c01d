#!/bin/sh
# Eight GPUs and four switches: one bad device rejects all, also where the tool says success; no table is no verdict.
. "${0%/*}/lib.sh"

ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the GPUs' ready state is not $1"; }

fault_now=ppcie-no-table
story_from restarted multi --config '{"attest": {"deadline_s": 1}}' --fault $fault_now
agent_run
expect_failed attestation-unknown
expect attestation.verdict unknown
ready_state 1
trouble attest-rejected=3 attestation-rejected attest
expect attestation.verdict rejected
expect_words error.message "gpu 3"
ready_state 0
trouble attest-rejected=switch:1 attestation-rejected attest
expect_words error.message "switch 1"
ready_state 0
trouble attest-unknown=ocsp attestation-unknown attest

say "== a revoked certificate behind three good GPUs: the tool says success"
faults "-${fault_now%%=*}"
fault_now=
check set-device "$T" 'gpus.3.cert="revoked"'
agent_again
expect_failed attestation-rejected
expect attestation.verdict rejected
expect_words error.message "gpu 3"
ready_state 0
check set-device "$T" 'gpus.3.cert="good"'
faults attest-tabs # as the real programs print
heals
ready_state 1
