#!/bin/sh
# What the unit runs when the agent was stopped: the gate stays, the answer is pending. Without success it closes.
. "${0%/*}/lib.sh"

# after RESULT: the ExecStopPost= of an agent that ended so
after()
{
	env -i PATH="$PATH" ${1:+SERVICE_RESULT="$1"} EXIT_STATUS="${EXIT_STATUS:-1}" DBUS_SYSTEM_BUS_ADDRESS="unix:path=$T/state/bus" \
		"$(check program "$T")" gate --root "$T/root" --close-unless-success || fail "gate failed"
}

story_from ready single
agent_run
expect_ready
begun=$(mark)
after success
expect_result pending
expect gate open
[ -e "$T/root/run/gn8v/ready" ] || fail "the gate was closed"
unit_is gn8v-ready.target active
answers 3 status
touched_nothing "$begun"
agent_again
expect_ready
touched_nothing "$begun"

say "== another run was at work, and this one gave way"
before=$(cat "$T/root/var/lib/gn8v/status.json")
EXIT_STATUS=5 after exit-code
[ "$(cat "$T/root/var/lib/gn8v/status.json")" = "$before" ] || fail "the status of the run at work was changed"
expect_ready
touched_nothing "$begun"

for result in exit-code signal core-dump timeout ''; do
	say "== ${result:-no result}"
	after "$result"
	expect_gate_closed
	expect_result failed
	expect gate closed
	unit_is gn8v-ready.target inactive
	status_validates
done
heals

say "== stopped to be started again, and crashed at once"
after success
expect_result pending
after signal
expect_gate_closed
expect_result failed
heals
answers 2 gate
has "$D/err" "--close-unless-success"
