#!/bin/sh
# gn8v verify attests now: 0 accepted, 1 rejected, 3 could not tell; never before nvidia-persistenced, and no gate is moved.
. "${0%/*}/lib.sh"

roots='{"attest": {"device_root": "/etc/gn8v/device.pem", "rim_root": "/etc/gn8v/rim.pem", "collateral_s": 20}}'
story_begin single --config "$roots"
lay_roots
"$TWIN" up "$T"
say "== before nvidia-persistenced is active"
answers 3 verify
has "$D/err" "nvidia-persistenced.service is not active (running): no GPU may be touched yet"
has "$D/err" "systemctl status nvidia-persistenced"
answers 3 collect --out /evidence.json
has "$D/err" "no GPU may be touched yet"
[ ! -e "$T/state/gpu.jsonl" ] || fail "a GPU was touched"

agent_run
expect_ready
echo '{"persistenced": 3}' > "$T/state/delays.json"
"$TWIN" up "$T"
unit_becomes nvidia-persistenced.service activating
opens=$(wc -l < "$T/state/gpu.jsonl")
answers 3 verify
[ "$(wc -l < "$T/state/gpu.jsonl")" = "$opens" ] || fail "a GPU was touched"
agent_again
expect_ready

say "== accepted, with one request for each manifest and certificate"
cp "$T/root/var/lib/gn8v/status.json" "$D/status"
before=$(count http '"path": "/v1/rim/')
asked=$(count http '"method": "POST", "host": "ocsp.ndis.nvidia.com')
answers 0 verify
has "$D/out" "accepted by native, under custom roots that are NOT NVIDIA's"
has "$D/err" "in place of NVIDIA's root"
expect_count $((before + 2)) http '"path": "/v1/rim/'
expect_count $((asked + 6)) http '"method": "POST", "host": "ocsp.ndis.nvidia.com'
answers 0 verify --json
judged_as accepted custom
answers 0 verify --json --dump
has "$D/out" '"driver_version"'

# judged CODE WORD TEXT FAULT: and nothing else happened
judged()
{
	say "== $4: $2"
	faults "$4"
	answers "$1" verify
	has "$D/out" "$2 by native"
	has "$D/out" "$3"
	faults "-${4%%=*}"
	[ -e "$T/root/run/gn8v/ready" ] || fail "verify closed the gate"
	cmp "$D/status" "$T/root/var/lib/gn8v/status.json" || fail "verify wrote a status"
}
judged 1 rejected measurements attest-rejected
judged 1 rejected "revoked: keyCompromise" ocsp-revoked=gpu0
judged 1 rejected rim_signature rim-corrupt
judged 3 unknown "status 404" rim-404
judged 3 unknown "status 503" ocsp-down
judged 3 unknown "trylater (3)" ocsp-trylater
judged 0 accepted "NOT NVIDIA's" 'ocsp-trylater={"times": 1}'
judged 0 accepted "NOT NVIDIA's" 'rim-500={"times": 1}'

say "== a device call that fails is named, with its code"
faults gpu-lost
answers 3 verify
has "$D/err" "answered 15 NVML_ERROR_GPU_IS_LOST"
faults -gpu-lost cc-off
answers 3 verify
has "$D/err" "nvmlSystemGetConfComputeState answered"
answers 3 collect --out /evidence.json
has "$D/err" "confidential computing is off"
[ ! -e "$T/root/evidence.json" ] || fail "there is evidence"
faults -cc-off
mv "$T/root/usr/lib64/libnvidia-ml.so.1" "$D/"
answers 3 verify
has "$D/err" "libnvidia-ml.so.1 cannot be loaded"
mv "$D/libnvidia-ml.so.1" "$T/root/usr/lib64/"

say "== options weaken no live verdict but the ones that the verdict names"
answers 0 verify --ocsp off
has "$D/out" "skipped: ocsp"
for option in --at=2026-11-22T00:00:00Z --device-root=/etc/gn8v/device.pem --rim-root=/etc/gn8v/rim.pem --shape=single \
	--driver-version=1.0 --vbios-version=1.0 --nonce=00; do
	answers 2 verify "$option"
	has "$D/err" "is for saved evidence: it needs --evidence"
done
configure '{"attest": {"device_root": "", "rim_root": ""}}'
answers 1 verify
has "$D/out" "rejected by native"
has "$D/out" "chain "
configure "$roots"

say "== not ready: verify opens nothing"
"$TWIN" up "$T"
unit_becomes nvidia-persistenced.service active
answers 0 verify
expect_gate_closed
agent_again
expect_ready
all_is_well
