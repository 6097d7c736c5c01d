#!/bin/sh
# With fetch.before_restart downloads begin before the restart, which does not wait for them, and go on after it with the bytes they have.
. "${0%/*}/lib.sh"

say "== off, as it is when nothing is said"
story_begin single --systemd '{"units": {"cloud-final.service": {"state": "activating", "seconds": 2, "then": "inactive"}}}'
agent_run
expect_ready
expect_boots 2
all_is_well
follows_the_procedure
check bytes "$T" cuda_12 > "$D/bytes"
read -r before _ < "$D/bytes"
[ "$before" = 0 ] || fail "a download began before the restart"

say "== on: the restart comes while half of the file is not sent, and the bytes that came are not fetched again"
story_begin single --delay download=20 --config '{"fetch": {"before_restart": true}}'
holds download
holds grubby
"$TWIN" up "$T"
begin again
downloaded fetch-cuda 20
goes_on grubby
finish
expect_exit 64
goes_on download
echo '{}' > "$T/state/delays.json"
agent_run
expect_ready
expect_boots 2
all_is_well
follows_the_procedure
nothing_twice fetch-cuda 6 0.6

say "== the plan says so; a restart that is left to its owner is said at once, whatever the downloads still need"
story_begin single --delay download=60 --config '{"fetch": {"before_restart": true}}'
"$TWIN" up "$T"
answers 0 plan
grep -E '^fetch-cuda +.* run ' "$D/out" > /dev/null || fail "the plan keeps CUDA until after the restart"
grep -E '^packages +.* after-restart ' "$D/out" > /dev/null || fail "the plan does not keep packages until after the restart"
answers 0 plan --json
python3 - "$D/out" <<'END' || fail "the plan does not show what time-sync needs now"
import json, sys
with open(sys.argv[1]) as f:
    needs = {s["id"]: s["needs"] for s in json.load(f)["steps"]}
sys.exit(needs["time-sync"] != ["preflight"] or needs["packages"] != ["restart", "time-sync"])
END
holds grubby
{ answers 4 run; } &
run=$!
downloaded fetch-cuda 1
goes_on grubby
wait "$run" || exit 1
expect_error restart-needed
expect_result failed
expect steps.fetch-cuda.state interrupted
[ -e "$T/root/var/cache/gn8v/partial/cuda_12.4.1_550.54.15_linux.run.part" ] || fail "nothing was fetched before the restart"
