#!/bin/sh
# One GPU judged natively: no pip, no Python, one request per manifest and certificate, and the root that was used is said.
. "${0%/*}/lib.sh"

story_begin single --config '{"attest": {"verifier": "auto"}}'
agent_run
expect_ready
expect steps.verifier.state skipped
expect reduced '["attest.device_root", "attest.rim_root"]'

say "== who decided, under whose root, and what was found"
expect attestation.verdict accepted
expect attestation.decided_by native
expect attestation.trust_anchors custom
expect attestation.boot_id "$(status boot_id)"
expect attestation.devices.0.claims.measres success
expect attestation.devices.0.claims.x-nvidia-gpu-attestation-report-nonce-match true
grep -E -q "^attest +devices are judged under .* in place of NVIDIA's root" "$T/state/agent.log" ||
	fail "the step that uses another root does not say so"
said "8 requests for 2 reference manifests and for the revocation of 6 certificates took"
said "gn8v's own verdict: accepted"
said "1 device accepted, decided by gn8v itself"

say "== nothing of the procedure's verifier was run"
expect_count 0 commands '"-m", "pip"'
expect_count 0 commands verifier
! was_run python3.11 || fail "Python was run"

say "== one request each"
expect_count 2 http '"path": "/v1/rim/'
[ -z "$(grep -o '"path": "/v1/rim/[^"]*' "$T/state/http.jsonl" | sort | uniq -d)" ] || fail "a manifest was fetched twice"
expect_count 6 http '"method": "POST", "host": "ocsp.ndis.nvidia.com"'
all_is_well

say "== another boot: everything is asked again, with another nonce"
nonce=$(status attestation.devices.0.claims.eat_nonce)
agent_boot
expect_ready
[ "$(status attestation.devices.0.claims.eat_nonce)" != "$nonce" ] || fail "the nonce came twice"
expect_count 4 http '"path": "/v1/rim/'
expect_count 12 http '"method": "POST", "host": "ocsp.ndis.nvidia.com"'
all_is_well

say "== another boot, rejected: a ready state that cannot be cleared stands in the error; else it is cleared"
ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the GPU's ready state is not $1"; }
faults attest-rejected=0 ready-terminal
agent_boot
expect_failed attestation-rejected
expect_words error.message "THE GPUs MAY STILL ACCEPT WORK"
expect_words error.message "gpu 0: measurements"
ready_state 1
faults -ready-terminal
fault_now=attest-rejected
agent_again
expect_failed attestation-rejected
ready_state 0
heals
ready_state 1
