#!/bin/sh
# A full disk during a download is named with its path; with space it heals.
. "${0%/*}/lib.sh"

story_from restarted single --fault disk-full=cache:2m
agent_run
expect_failed disk-full
expect_words error.message /var/cache/gn8v
faults -disk-full
heals
expect_boots 2
