#!/bin/sh
# RIM and OCSP out of reach: NVIDIA's programs decide, or the machine waits; a bad answer and a missing manifest are told apart.
. "${0%/*}/lib.sh"

ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the GPU's ready state is not $1"; }

story_begin single --fault collateral-down --config '{"attest": {"verifier": "auto", "deadline_s": 1}}'
say "== auto: NVIDIA's programs are installed for it, and decide"
agent_run
expect_ready
expect attestation.decided_by nvidia
expect attestation.verdict accepted
said "RIM or OCSP are out of reach, all else is well: NVIDIA's programs decide"
expect_count 1 commands '"verifier.cc_admin"'

say "== auto: not when what could be had is bad"
faults -collateral-down rim-500 ocsp-revoked=gpu0
agent_boot
expect_failed attestation-rejected
expect attestation.decided_by native
expect_count 1 commands '"verifier.cc_admin"'
expect_words error.message "gpu 0: ocsp"
ready_state 0
faults -rim-500 -ocsp-revoked

say "== auto: not when an answer came that is none, or of nobody who may answer"
for fault in ocsp-garbled ocsp-other-signer=ica-gpu; do
	faults "$fault"
	agent_again
	expect_failed attestation-unknown
	expect attestation.decided_by native
	expect_words error.message "gpu 0: ocsp"
	has "$T/root/var/lib/gn8v/status.json" '"bad-answer"'
	expect_count 1 commands '"verifier.cc_admin"'
	faults "-${fault%%=*}"
done

say "== a manifest that is not published: asked elsewhere, then named, with where it was sought and what for"
configure '{"attest": {"verifier": "native"}}'
faults rim-404=VBIOS
agent_again
expect_failed rim-missing
expect error.who nvidia
for words in "gpu 0: there are no reference values VBIOS: NV_GPU_VBIOS_" "https://rim.attestation.nvidia.com/v1/rim/NV_GPU_VBIOS_" \
	"status 404" "in the report of gpu 0"; do
	expect_words error.message "$words"
done
expect attestation.verdict unknown
has "$T/root/var/lib/gn8v/status.json" '"rim-missing"'
answers 3 verify
has "$D/out" "cause     rim-missing"
has "$D/err" "gpu 0: there are no reference values VBIOS: NV_GPU_VBIOS_"
has "$D/err" "To mend it (nvidia): "
configure '{"attest": {"verifier": "auto"}}'
faults attest-unknown=rim-missing
agent_again
expect_failed rim-missing
expect attestation.decided_by native
expect_words error.message "in the report of gpu 0"
faults -attest-unknown
agent_again
expect_ready
expect attestation.decided_by nvidia
faults -rim-404 collateral-down

say "== native: it waits, then says that it cannot tell, and the GPU keeps its ready state"
configure '{"attest": {"verifier": "native", "collateral_s": 1, "deadline_s": 3600}}'
"$TWIN" up "$T"
begin again
becomes result=waiting
"$TWIN" signal "$T" TERM || fail "it does not wait so long"
finish
expect_exit 143
configure '{"attest": {"deadline_s": 1}}'
agent_again
expect_failed attestation-unknown
expect attestation.decided_by native
expect attestation.verdict unknown
ready_state 1

say "== manifests from a folder, and no OCSP: ready, and said to be less; those whose signers' time is over by an option alone"
faults rim-expired-signer
mkdir "$T/root/etc/gn8v/rims"
for id in "$T"/state/devices/rims/*.json; do
	id=${id##*/}
	"$TWIN_ANSWER" rim "$T" "${id%.json}" > "$T/root/etc/gn8v/rims/${id%.json}.xml" || fail "no manifest ${id%.json}"
done
configure '{"attest": {"collateral_s": 60, "rim_dir": "/etc/gn8v/rims", "ocsp": "off"}}'
all_written_down
rm "$T/state/http.jsonl"
agent_again
expect_failed attestation-rejected
expect_words error.message "gpu 0: rim_chain_time"
configure '{"attest": {"allow_expired_rim": true}}'
agent_again
expect_ready
expect attestation.decided_by native
expect attestation.verdict accepted
expect_words reduced '"attest.ocsp"'
expect_words reduced '"attest.allow_expired_rim"'
expect_count 0 http ocsp.ndis
expect_count 0 http rim.attestation
all_is_well
