#!/bin/sh
# One GPU judged by nv-local-gpu-verifier 2.5.0: accepted, revoked, nobody to ask, a clock that is years ahead, a RIM that is bad.
. "${0%/*}/lib.sh"

story_begin single --config '{"attest": {"verifier": "nvidia", "deadline_s": 1}}'
say "== good"
agent_run
expect_ready
expect attestation.verdict accepted
expect attestation.decided_by nvidia
expect attestation.devices.0.verdict accepted
ready_state 1
[ -s "$T/root/run/gn8v/verifier/verifier.log" ] || fail "there is no log of the verifier"
[ ! -e "$T/root/verifier.log" ] || fail "the verifier left its log in /"
expect_count 2 http '"path": "/v1/rim/'
all_is_well

say "== a certificate of the GPU is revoked"
fault_now=ocsp-revoked=gpu0
faults $fault_now
agent_boot
expect_failed attestation-rejected
expect attestation.verdict rejected
expect_words error.message "IS REVOKED FOR REASON"
ready_state 0

say "== nobody answers, or nobody who vouches for it: it cannot tell, in the words of the program"
trouble collateral-down attestation-unknown attest
expect_words error.message "gpu 0: ocsp: Remote end closed connection without response"
trouble ocsp-down attestation-unknown attest
expect_words error.message "HTTP Error 503"
trouble ocsp-garbled attestation-unknown attest
expect_words error.message "error parsing asn1 value"
trouble ocsp-unknown attestation-unknown attest
expect_words error.message "certificate status is UNKNOWN"
trouble rim-404 attestation-unknown attest
expect_words error.message NV_GPU_DRIVER_GH100_550.144.03
expect_words error.message "does not say whether they are not published"
trouble rim-500 attestation-unknown attest
expect_words error.message NV_GPU_DRIVER_GH100_550.144.03

say "== a RIM that was changed, of another version of the GPU, or whose signer's time is over"
trouble rim-corrupt attestation-rejected attest
expect_words error.message "rim_signature"
trouble rim-wrong-measurement attestation-rejected attest
expect_words error.message "measurements"
trouble rim-expired-signer attestation-rejected attest
expect_words error.message "rim_chain_time"
trouble attest-rejected=0 attestation-rejected attest
expect_words error.message "measurements"
ready_state 0

say "== the clock is years ahead: no certificate of a server holds, and it cannot tell"
heals
ready_state 1
real_clock +9000d
agent_boot
expect_failed attestation-unknown
expect_words error.message "certificate has expired"
ready_state 1

say "== years behind: no certificate of the GPU holds yet, which it takes for a bad one, as gn8v itself does; time-sync comes before"
real_clock -9000d
agent_again
expect_failed attestation-rejected
expect_words error.message "gpu 0: chain: GPU attestation report certificate chain validation failed."
real_clock ""
agent_again
expect_ready
