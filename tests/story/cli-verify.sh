#!/bin/sh
# gn8v verify attests now: 0 accepted, 1 rejected, 3 could not tell; never before nvidia-persistenced, and no gate is moved.
. "${0%/*}/lib.sh"

story_begin single --config '{"attest": {"verifier": "native"}}'
"$TWIN" up "$T"
say "== before nvidia-persistenced is active"
for command in verify "collect --out /run/early"; do
	# shellcheck disable=SC2086
	answers 3 $command
	has "$D/err" "nvidia-persistenced.service is inactive (dead): no GPU may be touched"
	has "$D/err" "journalctl -b -u nvidia-persistenced"
done
[ ! -e "$T/root/run/early" ] || fail "collect left a file"
[ ! -e "$T/state/gpu.jsonl" ] || fail "a GPU was touched"

agent_run
expect_ready
holds persistenced
registered=$(count gpu "registered")
"$TWIN" up "$T"
happens gpu $((registered + 1)) "registered"
unit_is nvidia-persistenced.service activating
opens=$(wc -l < "$T/state/gpu.jsonl")
answers 3 verify
[ "$(wc -l < "$T/state/gpu.jsonl")" = "$opens" ] || fail "a GPU was touched while it is initialised"
unit_is nvidia-persistenced.service activating
goes_on persistenced
unit_becomes nvidia-persistenced.service active
agent_again
expect_ready

say "== accepted"
cp "$T/root/var/lib/gn8v/status.json" "$D/status"
answers 0 verify
has "$D/out" accepted
has "$D/err" "in place of NVIDIA's root"
answers 0 verify --json
python3 -B -m json.tool < "$D/out" > "$D/verdict" || fail "verify --json is no JSON"
has "$D/verdict" '"verdict": "accepted"'
has "$D/verdict" '"trust_anchors": "custom"'

say "== what was collected is judged as the devices are, under the roots that are named"
answers 0 collect --out /run/good
saved() { answers "$1" verify --evidence "$2" --device-root /etc/gn8v/twin-root.pem --rim-root /etc/gn8v/twin-rim-root.pem; }
saved 0 /run/good
answers 1 verify --evidence /run/good
has "$D/out" chain

# judged FAULT CODE WORD: live
judged()
{
	say "== $1"
	faults "$1"
	answers "$2" verify
	has "$D/out" "$3"
	[ -e "$T/root/run/gn8v/ready" ] || fail "verify closed the gate"
	cmp "$D/status" "$T/root/var/lib/gn8v/status.json" || fail "verify wrote a status"
}
judged attest-rejected 1 rejected
has "$D/out" measurements
answers 0 collect --out /run/bad
faults -attest-rejected
saved 1 /run/bad
has "$D/out" measurements
judged collateral-down 3 unknown
saved 3 /run/good
faults -collateral-down

say "== what NVML says is judged, and what it does not say"
judged cc-environment 1 "a simulation"
faults -cc-environment
judged nvml-silent=vbios 1 "vbios_version     failed"
faults -nvml-silent

say "== an answer that is none is told from no answer, a missing manifest from both"
judged ocsp-garbled 3 "cause     bad-answer"
faults -ocsp-garbled
judged rim-404=DRIVER 3 "cause     rim-missing"
has "$D/err" "there are no reference values driver: NV_GPU_DRIVER_GH100_"
faults -rim-404

say "== signers whose time is over"
judged rim-expired-signer 1 "rim_chain_time    failed"
answers 0 verify --allow-expired-rim --ocsp off
has "$D/out" "skipped: ocsp rim_chain_time"
faults -rim-expired-signer devtools-on
answers 0 verify
has "$D/err" "DevTools mode is on"
faults -devtools-on
answers 0 verify

say "== the metadata service does not answer: somebody waits, and need not wait as a boot does; the shape can be said"
faults metadata-down
: > "$T/state/http.jsonl"
answers 0 verify
has "$D/err" "the instance type is from the status of an earlier run, and PCI agrees: metadata service"
[ "$(count http '"via": "metadata"')" -le 12 ] || fail "it was asked for as long as a boot asks"
configure '{"metadata": {"deadline_s": 1}}'
mv "$T/root/var/lib/gn8v/status.json" "$D/away"
answers 3 verify
mv "$D/away" "$T/root/var/lib/gn8v/status.json"
has "$D/err" "metadata service: PUT: http://"
has "$D/err" "/etc/gn8v/config.json"
configure '{"shape": "single"}'
answers 0 verify
configure '{"shape": "auto"}'
faults -metadata-down

say "== not ready: verify opens nothing"
"$TWIN" up "$T"
unit_becomes nvidia-persistenced.service active
answers 0 verify
expect_gate_closed
agent_again
expect_ready
all_is_well
