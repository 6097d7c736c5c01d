#!/bin/sh
# The log of opens catches a client that comes before nvidia-persistenced is active, and what that costs.
. "${0%/*}/lib.sh"

story_from ready single
agent_run
expect_ready
no_early_gpu_open
echo '{"persistenced": 2}' > "$T/state/delays.json"
"$TWIN" up "$T" || fail "the machine does not start"
"$TWIN" exec "$T" -- /usr/bin/nvidia-smi -q > "$D/early" 2>&1
! check opens "$T" || fail "an open before nvidia-persistenced was active went unnoticed"
