#!/bin/sh
# gn8v verify attests now: 0 accepted, 1 rejected, 3 could not tell; never before nvidia-persistenced, and no gate is moved.
. "${0%/*}/lib.sh"

story_begin single
"$TWIN" up "$T"
say "== before nvidia-persistenced is active"
answers 3 verify
has "$D/err" "nvidia-persistenced.service is not active (running): no GPU may be touched yet"
has "$D/err" "systemctl status nvidia-persistenced"
[ ! -e "$T/state/gpu.jsonl" ] || fail "a GPU was touched"

agent_run
expect_ready
echo '{"persistenced": 1}' > "$T/state/delays.json"
"$TWIN" up "$T"
unit_becomes nvidia-persistenced.service activating
opens=$(count gpu nvidia-smi)
answers 3 verify
expect_count "$opens" gpu nvidia-smi
agent_again
expect_ready

say "== accepted"
cp "$T/root/var/lib/gn8v/status.json" "$D/status"
answers 0 verify
has "$D/out" "accepted by"
answers 0 verify --json
python3 -B -m json.tool < "$D/out" > "$D/verdict" || fail "verify --json is no JSON"
has "$D/verdict" '"verdict": "accepted"'

# judged FAULT CODE WORD
judged()
{
	say "== $1"
	faults "$1"
	answers "$2" verify
	has "$D/out" "$3 by"
	faults "-$1"
	[ -e "$T/root/run/gn8v/ready" ] || fail "verify closed the gate"
	cmp "$D/status" "$T/root/var/lib/gn8v/status.json" || fail "verify wrote a status"
}
judged attest-rejected 1 rejected
judged attest-unknown 3 unknown
answers 0 verify

say "== not ready: verify opens nothing"
"$TWIN" up "$T"
unit_becomes nvidia-persistenced.service active
answers 0 verify
expect_gate_closed
agent_again
expect_ready
all_is_well
