#!/bin/sh
# nvidia-persistenced that takes its time is waited for as long as systemd does, and is neither started again nor stopped: not
# by a second start of the agent, and not when it fails in the end, for a GPU that is cut off while it initialises can be lost.
. "${0%/*}/lib.sh"

# started N BOOT: so often in that boot
started()
{
	story_found=$(grep -F "\"boot\": $2," "$T/state/commands.jsonl" | grep -c -F '["/usr/bin/nvidia-persistenced"')
	[ "$story_found" = "$1" ] || fail "nvidia-persistenced was started $story_found times in boot $2, not $1"
}

not_stopped() { ! grep -F '"StopUnit"' "$T/state/bus.jsonl" | grep -F nvidia- || fail "one of the daemons was stopped"; }

say "== it takes its time, and the agent is stopped and started meanwhile"
story_from restarted multi
mkdir -p "$T/root/etc/systemd/system/nvidia-persistenced.service.d"
printf '[Service]\nTimeoutStartSec=5000\n' > "$T/root/etc/systemd/system/nvidia-persistenced.service.d/90-owner.conf"
holds persistenced
begin boot
becomes steps.persistenced-start.state=running
comes "nvidia-persistenced.service has 5000 s to start: that is waited for" "$T/state/agent.log"
"$TWIN" signal "$T" TERM
finish
expect_exit 143
unit_is nvidia-persistenced.service activating
begin again
becomes steps.persistenced-start.state=running
goes_on persistenced
finish
expect_ready
started 1 2
not_stopped
all_is_well

say "== what the boot is starting fails in the end: one error"
faults persistenced-fails
holds persistenced
begin boot
becomes steps.persistenced-start.state=running
goes_on persistenced
finish
expect_failed persistenced-failed
expect error.step persistenced-start
started 1 3
not_stopped

say "== a restart of the machine waits for it too"
story_from ready multi
configure '{"kernel": {"swiotlb": "4194305,any"}}'
holds persistenced
asked=$(count bus login1.Manager.Reboot)
begin boot
comes "nvidia-persistenced.service is being started: that is waited for" "$T/state/agent.log"
[ "$(count bus login1.Manager.Reboot)" = "$asked" ] || fail "the machine was restarted meanwhile"
goes_on persistenced
finish
expect_exit 64
expect_result restarting
