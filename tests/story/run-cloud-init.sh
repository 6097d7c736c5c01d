#!/bin/sh
# The restart waits until cloud-init is idle; when that takes too long it goes on anyway, and says so.
. "${0%/*}/lib.sh"

# busy SECONDS: cloud-final.service, for so long
busy() { say "{\"units\": {\"cloud-final.service\": {\"state\": \"activating\", \"seconds\": $1, \"then\": \"inactive\"}}}"; }

story_begin single --systemd "$(busy 1)"
agent_boot
expect_exit 64
said "cloud-init is idle"
unit_is cloud-final.service inactive

story_begin single --systemd "$(busy 600)" --config '{"restart": {"cloud_init_wait_s": 1}}'
agent_run
expect_ready
expect_boots 2
said "cloud-init is still busy after 1 s: going on anyway"
all_is_well
