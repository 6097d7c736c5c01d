#!/bin/sh
# A fresh single-GPU instance: kernel arguments, one restart, everything installed, attested, ready.
. "${0%/*}/lib.sh"

story_begin single
agent_run
expect_ready
expect_boots 2
all_is_well
expect_count 1 gpu "installer test load"
follows_the_procedure
