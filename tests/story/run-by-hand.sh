#!/bin/sh
# By hand, without --restart, a run on a fresh machine prepares it, says that a restart is needed, and asks for none.
. "${0%/*}/lib.sh"

story_begin single
"$TWIN" up "$T"
answers 4 run
expect_result failed
expect_error restart-needed
has "$T/root/var/lib/gn8v/status.json" "gn8v run --restart"
expect steps.kernel-args.state "done"
expect_count 0 bus Reboot
expect_count 0 bus reboot.target
expect_gate_closed
expect restarts 0
status_validates
answers 4 status
answers 4 status --wait
! grep -q "the machine restarts now" "$D/err" || fail "a restart that nobody asked for is announced"

say "== and with it"
agent_again --by-hand
expect_exit 64
expect_count 1 bus Reboot
agent_run
expect_ready
expect_boots 2
all_is_well
