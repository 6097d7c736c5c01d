#!/bin/sh
# Eight GPUs and four NVSwitches judged by nv-ppcie-verifier 1.5.0: accepted, one revoked, nobody to ask; it ends with 0 each time.
. "${0%/*}/lib.sh"

story_begin multi --config '{"attest": {"verifier": "nvidia", "deadline_s": 1}}'
say "== good"
agent_run
expect_ready
expect attestation.verdict accepted
expect attestation.decided_by nvidia
ready_state 1
[ -s "$T/root/run/gn8v/verifier/attestation_sdk.log" ] || fail "there is no log of the SDK"
all_is_well

say "== a certificate of the fourth GPU is revoked: three were good"
faults ocsp-revoked=gpu3
agent_boot
expect_failed attestation-rejected
expect_words error.message "gpu 3: ocsp"
ready_state 0
faults -ocsp-revoked

say "== one of a switch"
fault_now=ocsp-revoked=switch1
faults $fault_now
agent_again
expect_failed attestation-rejected
expect_words error.message "nvswitch 1: ocsp"

say "== nobody answers"
trouble collateral-down attestation-unknown attest
trouble rim-404=SWITCH attestation-unknown attest
expect_words error.message NV_SWITCH_BIOS
trouble attest-rejected=switch:1 attestation-rejected attest
heals
ready_state 1
