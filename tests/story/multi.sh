#!/bin/sh
# A fresh 8-GPU instance: kernel arguments and initramfs, one restart, everything installed, attested, ready.
. "${0%/*}/lib.sh"

story_begin multi
agent_run
expect_ready
expect_boots 2
all_is_well
follows_the_procedure
