#!/bin/sh
# A restart without effect, or a SWIOTLB that the kernel refuses, is said and never answered with another restart.
. "${0%/*}/lib.sh"

restarts() { expect_count "$1" bus '"org.freedesktop.login1.Manager.Reboot"'; }

say "== the next boot has the old command line"
story_begin single --fault restart-without-effect
agent_run
expect_failed restart-no-effect
expect_boots 2
restarts 1
agent_again
expect_failed restart-no-effect
agent_boot
expect_failed restart-no-effect
expect_boots 3
restarts 1

say "== the command line is right, and the kernel mapped little"
faults -restart-without-effect swiotlb-refused
agent_boot
expect_failed swiotlb-not-mapped
expect_words error.message "8 GiB"
agent_again
expect_failed swiotlb-not-mapped
agent_boot
expect_failed swiotlb-not-mapped
restarts 1

faults -swiotlb-refused
agent_boot
expect_ready
expect_boots 6
restarts 1
all_is_well

say "== after it was ready, it is asserted again at every boot"
faults swiotlb-refused
agent_boot
expect_failed swiotlb-not-mapped
restarts 1
faults -swiotlb-refused
agent_boot
expect_ready
all_is_well
