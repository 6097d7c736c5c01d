#!/bin/sh
# A kernel update whose boot entry lost the argument is mended by one more restart, the driver built for it, and ready.
. "${0%/*}/lib.sh"

new=5.10.134-19.al8.x86_64

story_from ready single
"$TWIN" kernel "$T" $new || fail "the kernel could not be installed"
sed -i 's/ swiotlb=[^ ]*//' "$T"/root/boot/loader/entries/*-$new.conf
agent_run
expect_ready
expect kernel $new
expect_boots 4
expect_count 2 bus '"org.freedesktop.login1.Manager.Reboot"'
expect_count 1 commands "\"-y\", \"kernel-devel-$new\""
find "$T/root/usr/lib/modules/$new" -name 'nvidia.ko*' | grep -q . || fail "no module was built for the new kernel"
all_is_well
