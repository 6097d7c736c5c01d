#!/bin/sh
# Fabric Manager or nvidia-persistenced that fails or never gets active: own codes, no proof is tried, and it heals.
. "${0%/*}/lib.sh"

# trouble FAULT CODE STEP
trouble()
{
	say "== $1: $2"
	[ -n "$fault" ] && faults "-$fault"
	fault=$1
	faults "$fault"
	agent_again
	expect_failed "$2"
	expect error.step "$3"
	expect_count 0 commands ppcie.verifier
}

fault=fabricmanager-fails
story_begin multi --fault $fault --systemd '{"time_scale": 0.003}'
agent_run
expect_failed fabricmanager-failed
expect error.step fabricmanager-start
configure '{"steps": {"fabricmanager-start": {"timeout_s": 2}}}'
trouble fabricmanager-hangs step-timeout fabricmanager-start
configure '{"steps": {"fabricmanager-start": {"timeout_s": 60}}}'
trouble persistenced-fails persistenced-failed persistenced-start
trouble persistenced-hangs persistenced-timeout persistenced-start
expect_words error.message "systemd"
say "== the same, with a deadline that is shorter than systemd's"
configure '{"steps": {"persistenced-start": {"timeout_s": 1}}}'
trouble persistenced-hangs persistenced-timeout persistenced-start
faults -persistenced-hangs
configure '{"steps": {"persistenced-start": {"timeout_s": 60}}}'
heals
expect_boots 2
