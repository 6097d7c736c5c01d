#!/bin/sh
# Boot entries or an initramfs that cannot be written: no restart into a machine that is not prepared.
. "${0%/*}/lib.sh"

no_restart() { expect_boots 1; expect_count 0 bus Reboot; }

say "== grubby and dracut fail"
story_begin multi --fault grubby-fails --fault dracut-fails --config '{"steps": {"kernel-args": {"attempts": 1}}}'
agent_run
expect_exit 1
expect_result failed
expect_gate_closed
expect_step kernel-args boot-entry-failed
expect_step initramfs initramfs-failed
no_restart

say "== dracut hangs"
faults -grubby-fails -dracut-fails dracut-hangs
configure '{"steps": {"initramfs": {"timeout_s": 1}}}'
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
