#!/bin/sh
# An open gate that no status vouches for is closed at once, whatever the run then comes to; one that cannot open is said.
. "${0%/*}/lib.sh"

ready_file=run/gn8v/ready

gate_shut()
{
	[ ! -e "$T/root/$ready_file" ] || fail "the flag is still there"
	unit_is gn8v-ready.target inactive
	expect gate closed
}

story_from ready single
agent_run
expect_ready

say "== the status is gone, and the proof fails"
rm "$T/root/var/lib/gn8v/status.json"
faults attest-rejected
agent_again
expect_failed attestation-rejected
gate_shut
faults -attest-rejected
agent_again
expect_ready

say "== its target is masked at the next boot"
ln -s /dev/null "$T/root/etc/systemd/system/gn8v-ready.target"
agent_boot
expect_failed gate-failed
expect error.step ready
expect attestation.verdict accepted
rm "$T/root/etc/systemd/system/gn8v-ready.target"
agent_boot
expect_ready

say "== the status is gone, and a restart is needed that may not be made"
rm "$T/root/var/lib/gn8v/status.json"
configure '{"kernel": {"swiotlb": "8388608,any"}}'
agent_again
expect_exit 4
expect_error restart-needed
gate_shut
all_is_well
