#!/bin/sh
# One GPU that is rejected loses its ready state; one of which nothing can be told is asked for again, and keeps it.
. "${0%/*}/lib.sh"

ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the GPU's ready state is not $1"; }

verifier='"verifier.cc_admin"'

say "== out of reach: waiting, and trying again"
fault_now=attest-unknown=rim
# The packages as the index spells them, and an index whose pip is as old as the one that is there.
story_from restarted single --fault $fault_now --fault pip-old --config '{"attest": {"deadline_s": 3600, "packages": [
	"nv-attestation-sdk==2.5.0.post6914366", "nv-local-gpu-verifier==2.5.0.post6914366",
	"nv-ppcie-verifier==1.5.0.post6914366"]}}'
begin run
becomes result=waiting
becomes steps.attest.error.code=attestation-unknown # it is gone while it is tried again
expect_gate_closed
happens commands 2 "$verifier"
"$TWIN" signal "$T" TERM || fail "it does not try for so long"
finish
expect_exit 143
for name in sdk verifier; do
	grep -q -E "\"file\": \"nv-[a-z-]*$name==[0-9.post]*\"" "$T/root/var/lib/gn8v/status.json" ||
		fail "the digests of what pip took are not in the status"
done

say "== until the deadline"
configure '{"attest": {"deadline_s": 10}}'
agent_again
expect_failed attestation-unknown
expect attestation.verdict unknown
configure '{"attest": {"deadline_s": 1}}'
trouble attest-unknown=ocsp attestation-unknown attest
expect_words error.message "gpu 0: ocsp: Call to send_ocsp_request timed out after 10 seconds."
trouble attest-unknown=clock attestation-unknown attest
expect_words error.message "certificate has expired"
# The program says of any HTTP error that it could not fetch a RIM: that is not yet one that is not published.
trouble attest-unknown=rim-missing attestation-unknown attest
expect_words error.message NV_GPU_VBIOS
expect_words error.message "does not say whether they are not published"
expect error.who network
configure '{"steps": {"attest": {"timeout_s": 10}}}' # nvidia-smi is asked before
trouble attest-hangs attestation-unknown attest
configure '{"steps": {"attest": {"timeout_s": 60}}}'
ready_state 1

say "== a RIM that is not what it should be is rejected, and not taken for trouble of the network"
for fault in schema chain:vbios; do
	trouble attest-rim-bad=$fault attestation-rejected attest
	expect attestation.verdict rejected
	expect_words error.message "_rim_"
done
ready_state 0

trouble attest-rejected=0 attestation-rejected attest
expect attestation.verdict rejected
expect_words error.message "gpu 0"
ready_state 0
faults attest-tabs # as the real programs print
heals
expect attestation.verdict accepted
ready_state 1

say "== its log lies in a folder of its own, not in /"
[ -s "$T/root/run/gn8v/verifier/verifier.log" ] || fail "there is no log of the verifier"
[ ! -e "$T/root/verifier.log" ] || fail "the verifier left its log in /"
