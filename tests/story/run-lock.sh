#!/bin/sh
# A second agent refuses while another runs, and while an installer that a killed one left behind does.
. "${0%/*}/lib.sh"

# held BY: a run is refused with exit code 5, and says who holds the lock
held()
{
	answers 5 run --restart
	has "$D/err" "another run holds /run/gn8v/lock"
	has "$D/err" "process $1"
	has "$D/err" "gn8v status --wait"
}

story_from restarted single --fault installer-hangs
"$TWIN" up "$T"

say "== beside a running agent"
"$TWIN" signal "$T" CONT --command nvidia-installer &
hung=$!
begin again --leave-orphans
wait "$hung" || fail "the installer was not started"
agent=$(cat "$T/state/agent.pid")
held "$agent"

say "== beside what a killed agent left"
check appears "$T" orphans || fail "the installer does not get so far"
"$TWIN" signal "$T" KILL --command nvidia-installer || fail "the agent had ended"
finish
expect_exit 137
[ -s "$T/state/orphans" ] || fail "the installer left nothing behind"
kill -0 "$(cat "$T/state/orphans")" || fail "the orphan was killed: this story shows nothing"
held "$agent"
expect_gate_closed

say "== and afterwards"
# What the .run file started goes on by itself too, when the shell of that file has ended.
for pid in $(pgrep -f /fakes/nvidia-installer); do
	! grep -qz -F -x "TWIN_DIR=$T" "/proc/$pid/environ" || kill -9 "$pid"
done
flock "$T/root/run/gn8v/lock" true # which it holds until it has ended
faults -installer-hangs
agent_again
expect_ready
all_is_well
