#!/bin/sh
# nvidia-persistenced that ends in the middle of a run: no GPU is touched after it, and the error says so.
. "${0%/*}/lib.sh"

# The verifier is still being installed when everything else is done.
story_from restarted single
holds pip
begin boot
becomes steps.cc-mode.state=done
becomes steps.release-services.state=done
happens gpu 1 argusagent
kill "$(cat "$T/root/run/nvidia-persistenced/nvidia-persistenced.pid")"
unit_becomes nvidia-persistenced.service inactive
goes_on pip
finish
expect_failed persistenced-failed
expect_count 0 commands '"verifier.cc_admin"'
agent_again
expect_ready
all_is_well
