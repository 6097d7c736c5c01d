#!/bin/sh
# nvidia-persistenced that ends in the middle of a run: no GPU is touched after it, and the error says so.
. "${0%/*}/lib.sh"

cc_mode=steps.26.state # the index of cc-mode in the list of steps

# The verifier is still being installed when everything else is done.
story_from restarted single --delay pip=3
begin boot
becomes "$cc_mode=done"
[ "$(status steps.26.id)" = cc-mode ] || fail "step 26 is not cc-mode"
kill "$(cat "$T/root/run/nvidia-persistenced/nvidia-persistenced.pid")"
unit_becomes nvidia-persistenced.service inactive
finish
expect_failed persistenced-failed
expect_count 0 commands '"verifier.cc_admin"'
echo '{}' > "$T/state/delays.json"
agent_again
expect_ready
all_is_well
