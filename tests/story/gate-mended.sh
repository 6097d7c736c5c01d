#!/bin/sh
# Something is mended while the gate is open: it is closed first, and the proof is taken again.
. "${0%/*}/lib.sh"

order=etc/systemd/system/ollama.service.d/50-gn8v-order.conf

# proven N: so many times in all, and the gate was closed before it was opened
proven()
{
	expect_ready
	expect_count "$1" commands '"verifier.cc_admin"'
	said "the gate is closed until the proof is taken again"
	asked_before "StopUnit gn8v-ready.target" "StartUnit gn8v-ready.target"
}

story_from ready single
agent_run
expect_ready
expect_count 2 commands '"verifier.cc_admin"'

say "== a drop-in is gone"
rm "$T/root/$order"
agent_again
proven 3
cmp "$T/root/usr/share/gn8v/units/50-gn8v-order.conf" "$T/root/$order"

say "== nvidia-persistenced has ended"
pid=$(cat "$T/root/run/nvidia-persistenced/nvidia-persistenced.pid")
kill "$pid"
unit_becomes nvidia-persistenced.service inactive
agent_again
proven 4

say "== and the proof fails"
rm "$T/root/$order"
faults attest-rejected
agent_again
expect_failed attestation-rejected
unit_is gn8v-ready.target inactive
expect gate closed
faults -attest-rejected
agent_again
expect_ready
expect_count 6 commands '"verifier.cc_admin"'
all_is_well
