#!/bin/sh
# Eight GPUs: a mode, fabric, device or table that is not as it should be keeps the gate shut; one rejected device rejects the machine.
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

cleared() { [ "$(ready_state)" = 0 ] || fail "the ready state was not cleared"; }

fault=mgm-none
story_begin multi --config '{"attest": {"deadline_s": 1}, "steps": {"fabric": {"attempts": 1}}}' --fault $fault
agent_run
expect_failed ppcie-off
trouble fabric-in-progress fabric-not-completed
trouble ppcie-no-table attestation-unknown
trouble attest-unknown=ocsp attestation-unknown
trouble gpu-missing fabric-not-completed
[ "$(ready_state)" = 1 ] || fail "the ready state was cleared though nothing was rejected"
trouble attest-rejected=3 attestation-rejected
expect_words error.message "gpu 3"
cleared
trouble attest-rejected=switch:1 attestation-rejected
expect_words error.message "switch 1"
cleared

say "== one revoked certificate behind three good GPUs: the tool says success"
faults -attest-rejected
check set-device "$T" 'gpus.3.cert="revoked"'
agent_again
expect_failed attestation-rejected
expect_words error.message "gpu 3"
cleared
check set-device "$T" 'gpus.3.cert="good"'
heals

say "== one GPU is gone from PCI at a later boot"
"$TWIN" set "$T" gpus=7
agent_boot
expect_exit 1
expect_result refused
expect_error pci-mismatch
expect_gate_closed
"$TWIN" set "$T" gpus=8
agent_boot
expect_ready
all_is_well
