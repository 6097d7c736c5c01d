#!/bin/sh
# The clock was ahead until it was synchronised: no initramfs that is made afterwards counts as too old, in any later boot.
. "${0%/*}/lib.sh"

ahead() { touch -d '+2 years' "$@" || fail "no file is from the future"; }

say "== it is put right after the first restart: the driver's installer makes an initramfs that looks older"
story_from restarted multi
ahead "$T/root/etc/modprobe.d/nvidia-lkca.conf" "$T"/root/boot/initramfs-*.img
agent_boot
expect_ready
rebuilt=$(count commands /usr/bin/dracut)
agent_boot
expect_ready
expect_count "$rebuilt" commands /usr/bin/dracut
expect_count 1 bus Manager.Reboot
all_is_well

say "== it is put right while dracut runs"
story_begin multi
holds dracut
begin run
happens commands 1 /usr/bin/dracut
ahead "$T/root/etc/modprobe.d/nvidia-lkca.conf"
goes_on dracut
finish
expect_ready
expect_count 1 commands /usr/bin/dracut
all_is_well
