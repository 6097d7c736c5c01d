#!/bin/sh
# Units that are taken out of the gate, one by one or by gate.mode, lose their drop-ins and start as before.
. "${0%/*}/lib.sh"

# behind_gate UNIT…: these are, and no others
behind_gate()
{
	for unit in "$T"/root/etc/systemd/system/*.d/60-gn8v-gate.conf; do
		[ ! -e "$unit" ] || printf '%s\n' "${unit%.d/60-gn8v-gate.conf}" | sed 's,.*/,,'
	done > "$D/found"
	: > "$D/wanted"
	for unit; do say "$unit" >> "$D/wanted"; done
	diff "$D/wanted" "$D/found" || fail "not the units that the config names (< wanted, > found)"
}

story_begin single --with ollama \
	--config '{"gate": {"mode": "attested", "units": ["cloudmonitor.service", "mine.service", "ollama.service"]}}'
agent_run
expect_ready
behind_gate cloudmonitor.service mine.service ollama.service

say "== one fewer in the list"
configure '{"gate": {"units": ["cloudmonitor.service"]}}'
agent_again
expect_ready
behind_gate cloudmonitor.service
unit_becomes ollama.service active
said "the gate is closed until the proof is taken again"

say "== no unit is gated"
configure '{"gate": {"mode": "target"}}'
agent_again
expect_ready
behind_gate
for unit in cloudmonitor ollama; do unit_becomes $unit.service active; done
agent_boot
expect_ready
unit_is cloudmonitor.service active
all_is_well
