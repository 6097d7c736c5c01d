#!/bin/sh
# systemd loses its connection to the message bus, as after a reload that lasts: it is waited for, and asked again.
. "${0%/*}/lib.sh"

# nobody_noticed WORDS…: twin-systemd said that it struck so, and no step told of it
nobody_noticed()
{
	for word in "$@"; do
		grep -q "$word\$" "$T/state/systemd.log" || fail "systemd was not $word"
	done
	! grep -q "tried again" "$T/state/agent.log" || fail "a step noticed it"
}

say "== while it is asked for its signals, and when it has just begun to start something"
story_begin single --fault systemd1-lost --fault systemd1-left=StartUnit
agent_run
expect_ready
expect_boots 2
all_is_well
nobody_noticed "lost: off the bus at Subscribe" "left: off the bus at StartUnit"

say "== while services are held back: that is asked again, and what was held comes back"
story_from restarted single --fault systemd1-lost=DisableUnitFiles --fault systemd1-left=EnableUnitFiles
agent_run
expect_ready
expect services.0.unit cloudmonitor.service
expect services.0.enabled_before enabled
unit_is cloudmonitor.service active
all_is_well
nobody_noticed "lost: off the bus at DisableUnitFiles" "left: off the bus at EnableUnitFiles"

say "== while it reloads and while something is stopped"
story_from restarted single --fault systemd1-lost=Reload --fault systemd1-left=StopUnit
agent_run
expect_ready
all_is_well
nobody_noticed "lost: off the bus at Reload" "left: off the bus at StopUnit"
