#!/bin/sh
# Without logind the restart goes through reboot.target; one that is ignored or refused is said, and made later.
. "${0%/*}/lib.sh"

say "== logind is down"
story_begin single --fault login1-down
agent_run
expect_ready
expect_boots 2
expect_count 1 bus reboot.target
all_is_well

say "== the restart is ignored"
story_begin single --fault reboot-ignored --config '{"steps": {"restart": {"timeout_s": 1}}}'
agent_run
expect_failed restart-ignored
said "the machine is restarting"
expect_words summary "restart-ignored in restart: "
expect_boots 1
faults -reboot-ignored
configure '{"steps": {"restart": {"timeout_s": 60}}}'
agent_again
expect_exit 64
agent_run
expect_ready
expect_boots 2
all_is_well

say "== nobody takes the restart: logind is down and reboot.target masked"
story_begin single --fault login1-down
ln -s /dev/null "$T/root/etc/systemd/system/reboot.target"
"$TWIN" up "$T" || fail "the machine does not start"
rc=0
gn8v run --restart > "$D/run" 2>&1 || rc=$?
expect_failed systemd
expect error.step restart
expect_words error.message masked
rm "$T/root/etc/systemd/system/reboot.target"
faults -login1-down
agent_again
expect_exit 64
agent_run
expect_ready
expect_boots 2
all_is_well
