#!/bin/sh
# attest.verifier both: accepted only where this program and NVIDIA's agree.
. "${0%/*}/lib.sh"

ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the GPU's ready state is not $1"; }

fault_now=rim-wrong-measurement
story_begin single --fault $fault_now --config '{"attest": {"verifier": "both", "deadline_s": 1}}'
say "== NVIDIA's accepts, this one does not"
agent_run
expect_failed attestation-rejected
expect attestation.decided_by "native and nvidia"
expect attestation.checks.1.name nvidia_verifier
expect attestation.checks.1.result passed
expect_words error.message "measurements"
ready_state 0

say "== neither can tell"
trouble attest-unknown=rim attestation-unknown attest
expect attestation.checks.1.result unknown
expect attestation.verdict unknown

say "== both reject"
trouble attest-rejected=0 attestation-rejected attest
expect attestation.checks.1.result failed
expect attestation.devices.0.verdict rejected

heals
expect attestation.decided_by "native and nvidia"
expect attestation.checks.1.found accepted
ready_state 1
