#!/bin/sh
# Boot entries or an initramfs that cannot be written: no restart into a machine that is not prepared.
. "${0%/*}/lib.sh"

no_restart() { expect_boots 1; expect_count 0 bus Reboot; }

say "== grubby and dracut fail, which deletes the image that it cannot copy to /boot"
story_begin multi --fault grubby-fails --fault dracut-fails=boot --config '{"steps": {"kernel-args": {"attempts": 1}}}'
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

say "== dracut is killed while it copies the last image, in the place of the old one"
faults -dracut-hangs dracut-cut
configure '{"steps": {"initramfs": {"timeout_s": 60}}}'
agent_again
expect_failed initramfs-failed
no_restart

say "== what is half, or gone, is made again although all that is there is new"
faults -dracut-cut
dracuts=$(count commands /usr/bin/dracut)
agent_again
expect_count $((dracuts + 1)) commands /usr/bin/dracut
expect_exit 64
agent_run
expect_ready
expect_boots 2
all_is_well
