#!/bin/sh
# RIM and OCSP out of reach: NVIDIA's programs decide, or the machine waits; a folder of manifests serves where no network is.
. "${0%/*}/lib.sh"

ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the GPU's ready state is not $1"; }

story_begin single --fault collateral-down \
	--config '{"attest": {"verifier": "auto", "collateral_s": 1, "deadline_s": 1}}'
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
faults -rim-500 -ocsp-revoked collateral-down

say "== native: it waits, then says that it cannot tell, and the GPU keeps its ready state"
configure '{"attest": {"verifier": "native", "deadline_s": 4}}'
"$TWIN" up "$T"
begin again
check comes "$T" result=waiting || fail "it does not wait"
finish
expect_failed attestation-unknown
expect attestation.decided_by native
expect attestation.verdict unknown
ready_state 1

say "== manifests from a folder, and no OCSP: ready, and said to be less"
mkdir "$T/root/etc/gn8v/rims"
for id in "$T"/state/devices/rims/*.json; do
	id=${id##*/}
	"$TWIN_ANSWER" rim "$T" "${id%.json}" > "$T/root/etc/gn8v/rims/${id%.json}.xml" || fail "no manifest ${id%.json}"
done
configure '{"attest": {"rim_dir": "/etc/gn8v/rims", "ocsp": "off"}}'
rm "$T/state/http.jsonl"
agent_again
expect_ready
expect attestation.decided_by native
expect attestation.verdict accepted
expect_words reduced '"attest.ocsp"'
expect_count 0 http ocsp.ndis
expect_count 0 http rim.attestation
all_is_well
