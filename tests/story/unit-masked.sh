#!/bin/sh
# nvidia-persistenced or Fabric Manager masked: plan and preflight say it before anything is fetched; a masked service is left alone.
. "${0%/*}/lib.sh"

persistenced=nvidia-persistenced.service
etc=etc/systemd/system

# mask UNIT, unmask UNIT: as systemctl does it, with the machine down
mask() { ln -sfn /dev/null "$T/root/$etc/$1"; }
unmask() { rm "$T/root/$etc/$1"; }

# refused_for UNIT: what a run has just said, and it fetched and ran nothing
refused_for()
{
	expect_exit 1
	expect_result refused
	expect_error unit-masked
	expect error.who operator
	expect error.step preflight
	expect_words error.message "$1 is masked"
	expect_words error.hint "systemctl unmask $1;"
	expect_gate_closed
	touched_nothing "$before"
}

say "== nvidia-persistenced"
story_from restarted single
before=$(mark)
mask $persistenced
mask ollama.service
agent_boot
refused_for $persistenced
expect_count 0 http .run
answers 1 plan
has "$D/out" "$persistenced is masked"
has "$D/err" "systemctl unmask $persistenced"
"$TWIN" down "$T"
unmask $persistenced
agent_boot
expect_ready
all_is_well

say "== and the service that its owner masked stays masked"
[ "$(readlink "$T/root/$etc/ollama.service")" = /dev/null ] || fail "ollama.service is not masked any more"
said_note=$(status notes.1) || fail "no note tells of the masked service"
[ "$said_note" = "masked by their owner, and left alone: ollama.service" ] || fail "the note says: $said_note"

say "== again, once it was ready: the gate stays shut"
"$TWIN" down "$T"
before=$(mark)
mask $persistenced
agent_boot
refused_for $persistenced

say "== Fabric Manager, on eight GPUs"
story_from restarted multi
before=$(mark)
mask nvidia-fabricmanager.service
agent_boot
refused_for nvidia-fabricmanager.service
expect_count 0 http .run
