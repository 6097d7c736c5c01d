#!/bin/sh
# Boot entries or an initramfs that cannot be written: no restart into a machine that is not prepared.
. "${0%/*}/lib.sh"

no_restart() { expect_boots 1; expect_count 0 bus Reboot; }

story_begin multi --fault grubby-fails --config '{"steps": {"initramfs": {"timeout_s": 1}}}'
agent_run
expect_failed boot-entry-failed
no_restart

say "== dracut fails"
faults -grubby-fails dracut-fails
agent_again
expect_failed initramfs-failed
no_restart

say "== dracut hangs"
faults -dracut-fails dracut-hangs
agent_again
expect_failed step-timeout
expect error.step initramfs
no_restart

faults -dracut-hangs
configure '{"steps": {"initramfs": {"timeout_s": 60}}}'
agent_again
expect_exit 64
agent_run
expect_ready
expect_boots 2
all_is_well
