#!/bin/sh
# An installer that fails, asks, hangs or builds a module that does not load: its own code, nothing left running, and it heals.
. "${0%/*}/lib.sh"

fault_now=installer-fails
story_from restarted single --fault $fault_now
agent_run
expect_failed driver-install-failed
expect_words error.hint /var/log/nvidia-installer.log
expect error.step driver
trouble installer-asks driver-install-failed driver
trouble insmod-mismatch driver-install-failed driver
configure '{"steps": {"driver": {"timeout_s": 3}}}'
trouble installer-hangs driver-install-timeout driver
orphan=$(cat "$T/state/orphans") || fail "the installer left no child in a session of its own"
for pid in $orphan; do
	[ ! -e "/proc/$pid" ] || fail "the installer's child $pid still runs"
done
configure '{"steps": {"driver": {"timeout_s": 60}}}'
trouble cuda-fails cuda-install-failed cuda
expect_words error.hint /var/log/cuda-installer.log
configure '{"steps": {"cuda": {"timeout_s": 1}}}'
trouble cuda-hangs cuda-install-timeout cuda
configure '{"steps": {"cuda": {"timeout_s": 60}}}'
heals
expect_boots 2
