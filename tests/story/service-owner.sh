#!/bin/sh
# What the machine's owner disabled stays disabled and stopped; what was enabled comes back, also when the agent was killed.
. "${0%/*}/lib.sh"

wants=etc/systemd/system/multi-user.target.wants/cloudmonitor.service

story_begin single --with ollama
rm "$T/root/$wants"
agent_run
expect_ready
expect services.0.unit cloudmonitor.service
expect services.0.enabled_before disabled
[ ! -L "$T/root/$wants" ] || fail "cloudmonitor was enabled"
unit_is cloudmonitor.service inactive
unit_becomes ollama.service active
expect_count 0 commands argusagent
all_is_well

say "== not enabled, but started by hand before the driver is installed: it runs again, and stays not enabled"
story_from restarted single
rm "$T/root/$wants"
"$TWIN" up "$T"
busctl --address="unix:path=$T/state/bus" call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
	org.freedesktop.systemd1.Manager StartUnit ss cloudmonitor.service replace > /dev/null || fail "it does not start by hand"
unit_becomes cloudmonitor.service active
agent_again
expect_ready
expect services.0.enabled_before disabled
expect services.0.active_before active
unit_becomes cloudmonitor.service active
[ ! -L "$T/root/$wants" ] || fail "cloudmonitor was enabled"
all_is_well

say "== enabled before, and the agent killed while it was disabled"
story_from restarted single
"$TWIN" up "$T"
unit_becomes cloudmonitor.service active
faults installer-hangs
signalled KILL driver again
expect_exit 137
unit_is cloudmonitor.service inactive
[ ! -L "$T/root/$wants" ] || fail "cloudmonitor is enabled while the driver is installed"
faults -installer-hangs
"$TWIN" up "$T"
unit_is cloudmonitor.service inactive
agent_again
expect_ready
expect services.0.enabled_before enabled
[ -L "$T/root/$wants" ] || fail "cloudmonitor was not enabled again"
unit_is cloudmonitor.service active
all_is_well
