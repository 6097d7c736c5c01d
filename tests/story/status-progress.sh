#!/bin/sh
# While a download runs, gn8v status shows how far it is; the last 200 events outlive the restart.
. "${0%/*}/lib.sh"

story_from restarted single --delay download=3
"$TWIN" up "$T"
begin again
becomes steps.fetch-cuda.state=running
becomes progress.steps.0.step=fetch-driver
answers 3 status --json
has "$D/out" '"progress": {'
has "$D/out" '"step": "fetch-driver"'
answers 3 status
has "$D/out" "MiB/s"
! grep -q progress "$T/root/var/lib/gn8v/status.json" || fail "progress is written to the disk"
finish
expect_ready
[ ! -e "$T/root/run/gn8v/progress.json" ] || fail "progress of a run that has ended"
status_validates
answers 0 status --events
has "$D/out" "cloud-init is idle"
has "$D/out" "ready: every step holds"

say "== 200 events are kept, the newest"
python3 -B - "$T/root/var/lib/gn8v/status.json" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    status = json.load(f)
status["events"] = [dict(status["events"][0], text="old %d" % n) for n in range(200)]
with open(sys.argv[1], "w") as f:
    json.dump(status, f)
END
agent_boot
expect_ready
answers 0 status --events
[ "$(wc -l < "$D/out")" = 200 ] || fail "$(wc -l < "$D/out") events, not 200"
has "$D/out" "old 199"
! grep -q "old 0$" "$D/out" || fail "the oldest event is still there"
all_is_well
