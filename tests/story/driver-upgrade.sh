#!/bin/sh
# A newer driver on a machine that runs: what the boot is starting on the old one is waited for, for a GPU that is cut off while
# it initialises can be lost; then it is stopped, and started on the new.
. "${0%/*}/lib.sh"

story_from ready single
run=NVIDIA-Linux-x86_64-570.148.08.run
digest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["files"][sys.argv[2]]["sha256"])' \
	"${TWIN_BUILD:-${0%/*}/../../build/twin-assets}/assets.json" $run) || fail "there is no $run"

configure '{"driver": {"version": "570.148.08", "sha256": "'"$digest"'"}}'
holds persistenced
begin boot
comes "is being started: that is waited for, not stopped in the middle" "$T/state/agent.log"
unit_is nvidia-persistenced.service activating
expect_count 0 commands "bash\", \"$run"
! grep -F StopUnit "$T/state/bus.jsonl" | grep -F nvidia-persistenced || fail "it is stopped in the middle"
goes_on persistenced
happens commands 1 "bash\", \"$run"
finish
expect_ready
expect steps.driver.reason "driver 570.148.08 is installed, its module built for kernel 5.10.134-18.al8.x86_64"
[ "$(grep -F '"boot": 3' "$T/state/commands.jsonl" | grep -c -F '"/usr/bin/nvidia-persistenced"')" = 2 ] ||
	fail "nvidia-persistenced was not started once on each driver"
all_is_well
