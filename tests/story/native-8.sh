#!/bin/sh
# Eight GPUs and four switches judged natively: one bad device of any kind rejects the machine, and good ones are taken again.
. "${0%/*}/lib.sh"

ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the GPUs' ready state is not $1"; }

# rejected WORDS: natively, and because of this
rejected()
{
	expect_failed attestation-rejected
	expect error.step attest
	expect attestation.verdict rejected
	expect attestation.decided_by native
	expect_words error.message "$1"
	expect_words summary "attestation-rejected in attest: do not use this machine for secrets"
	ready_state 0
}

fault_now=attest-rejected=3
story_begin multi --config '{"attest": {"verifier": "auto"}}' --fault $fault_now
agent_run
rejected "gpu 3: measurements"
expect attestation.devices.3.verdict rejected
expect attestation.devices.2.verdict accepted
unit_is gn8v-ready.target inactive
trouble attest-rejected=switch:1 attestation-rejected attest
rejected "nvswitch 1: measurements"
trouble ocsp-revoked=gpu5 attestation-rejected attest
rejected "gpu 5: ocsp"
trouble duplicate-switch attestation-rejected attest
rejected topology
trouble other-chain=2 attestation-rejected attest
rejected "gpu 2: "

heals
ready_state 1
expect attestation.verdict accepted
expect attestation.decided_by native
expect attestation.checks.0.name count
expect attestation.checks.1.name topology
expect attestation.checks.1.result passed
said "24 requests for 3 reference manifests and for the revocation of 21 certificates took"
said "12 devices accepted, decided by gn8v itself"
was_run python3.11 && fail "Python was run"
unit_is gn8v-ready.target active
