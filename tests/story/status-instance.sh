#!/bin/sh
# Another instance id (a custom image was made of the disk) resets attempts, events and the verdict.
. "${0%/*}/lib.sh"

story_from restarted single --fault attest-rejected
agent_run
expect_failed attestation-rejected
expect attestation.verdict rejected
expect steps.attest.attempts 1
no_misuse
no_early_gpu_open

say "== the same instance: what is known of it stays"
faults -attest-rejected cc-off
agent_boot
expect_failed cc-off
expect attestation.verdict rejected
said "attestation-rejected"

say "== another instance: it does not count"
"$TWIN" set "$T" instance_id=i-2zeanotherinstance00
agent_boot
expect_failed cc-off
expect instance_id i-2zeanotherinstance00
expect attestation null
expect steps.attest.attempts 0
expect steps.cc-mode.attempts 1
expect_words events.0.text "another instance"
! grep -q attestation-rejected "$T/root/var/lib/gn8v/status.json" || fail "the old events are still there"

faults -cc-off
agent_boot
expect_ready
expect attestation.verdict accepted
expect attestation.boot_id "$(status boot_id)"
all_is_well
