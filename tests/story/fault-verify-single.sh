#!/bin/sh
# One GPU: whatever speaks against it, or cannot be told, keeps the gate shut with its own code; only a rejection clears its ready state.
. "${0%/*}/lib.sh"

ready_state() { check device "$T" ready_state; }

# trouble FAULT[=ARG] CODE
trouble()
{
	say "== $1: $2"
	[ -n "$fault" ] && faults "-${fault%%=*}"
	fault=$1
	faults "$fault"
	agent_again
	expect_failed "$2"
}

fault=
story_begin single --config '{"attest": {"deadline_s": 1}, "steps": {"cc-mode": {"timeout_s": 10}}}'
agent_run
expect_ready
faults cc-off
fault=cc-off
agent_boot
expect_failed cc-off
trouble devtools-on devtools-on
trouble smi-garbage nvidia-smi-failed
configure '{"steps": {"cc-mode": {"timeout_s": 1}}}'
trouble smi-hangs nvidia-smi-failed
configure '{"steps": {"cc-mode": {"timeout_s": 10}}}'
trouble attest-unknown=rim attestation-unknown
expect attestation.verdict unknown
trouble attest-unknown=ocsp attestation-unknown
trouble attest-unknown=rim-missing rim-missing
expect_words error.message NV_GPU_VBIOS
configure '{"steps": {"attest": {"timeout_s": 1}}}'
trouble attest-hangs attestation-unknown
configure '{"steps": {"attest": {"timeout_s": 60}}}'
[ "$(ready_state)" = 1 ] || fail "the ready state was cleared though nothing was rejected"
trouble attest-rejected=0 attestation-rejected
expect attestation.verdict rejected
[ "$(ready_state)" = 0 ] || fail "the ready state was not cleared"
faults -attest-rejected
heals
[ "$(ready_state)" = 1 ] || fail "ready, but not the GPU"
expect attestation.verdict accepted
