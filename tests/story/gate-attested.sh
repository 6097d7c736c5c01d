#!/bin/sh
# gate.mode attested: the GPU services run only behind this boot's attestation, and only those that their owner enabled.
. "${0%/*}/lib.sh"

# closed, open_again: what is known of the gate from outside
closed()
{
	expect_gate_closed
	unit_is gn8v-ready.target inactive
	unit_is ollama.service inactive
	unit_is cloudmonitor.service inactive
}

opened()
{
	expect_ready
	unit_is gn8v-ready.target active
	unit_is cloudmonitor.service active
	unit_becomes "$1" active
	asked_before "StartUnit gn8v-ready.target" "StartUnit $1"
}

story_begin single --with ollama --with nvidia-cdi-refresh --config '{"gate": {"mode": "attested"}}'
agent_run
opened ollama.service
unit_is nvidia-cdi-refresh.path active
for unit in cloudmonitor ollama nvidia-cdi-refresh; do
	cmp "$T/root/usr/share/gn8v/units/60-gn8v-gate.conf" \
		"$T/root/etc/systemd/system/$unit.service.d/60-gn8v-gate.conf" || fail "$unit is not behind the gate"
done

say "== another boot"
"$TWIN" up "$T"
closed
agent_again
opened ollama.service

say "== a drop-in was deleted, and the run ends before it is there again"
rm "$T/root/etc/systemd/system/ollama.service.d/60-gn8v-gate.conf"
faults swiotlb-refused
agent_boot
expect_failed swiotlb-not-mapped
closed
faults -swiotlb-refused
agent_boot
expect_ready

say "== rejected"
faults attest-rejected
agent_boot
expect_failed attestation-rejected
closed
faults -attest-rejected
agent_again
opened ollama.service

say "== disabled by its owner"
rm "$T/root/etc/systemd/system/default.target.wants/ollama.service"
agent_boot
expect_ready
unit_is cloudmonitor.service active
unit_is ollama.service inactive
all_is_well

say "== a machine that is refused: its services are not touched"
story_begin single --set os_release.ID=centos --config '{"gate": {"mode": "attested"}}'
agent_boot
expect_exit 1
expect_error unsupported-os
touched_nothing
unit_is cloudmonitor.service active
all_is_well
