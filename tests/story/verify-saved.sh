#!/bin/sh
# Evidence that gn8v collect saved is judged later and elsewhere: with a folder of manifests or a service, under its own roots.
. "${0%/*}/lib.sh"

story_begin multi
lay_roots
agent_run
expect_ready
E=$T/root/evidence
mkdir -p "$E/rims" "$E/none"
for id in "$T"/state/devices/rims/*.json; do
	id=${id##*/}
	"$TWIN_ANSWER" rim "$T" "${id%.json}" > "$E/rims/${id%.json}.xml" || fail "no manifest ${id%.json}"
done

say "== collected as NVIDIA's SDK writes it"
answers 2 collect
has "$D/err" "collect needs --out FILE"
answers 0 collect --out /evidence/all.json
python3 -B - "$E" <<'END' || fail "not the SDK's list"
import base64, json, sys

def write(name, value):
    with open("%s/%s.json" % (sys.argv[1], name), "w") as f:
        json.dump(value, f)

with open(sys.argv[1] + "/all.json") as f:
    all = json.load(f)
assert [d["arch"] for d in all] == ["HOPPER"] * 8 + ["LS10"] * 4
for d in all:
    report = base64.b64decode(d["evidence"], validate=True)
    assert report[4:36].hex() == d["nonce"]
    assert base64.b64decode(d["certificate"]).count(b"BEGIN CERTIFICATE") == 5
gpus, switches = all[:8], all[8:]
write("gpus", gpus)
write("switches", switches)
write("one", gpus[:1])
write("twice", gpus + switches[:3] + switches[:1])
write("empty", [])
write("no-list", {"arch": "HOPPER"})
write("no-base64", [dict(gpus[0], evidence="!!!!")])
write("cut", [dict(gpus[0], evidence=base64.b64encode(base64.b64decode(gpus[0]["evidence"])[:-1]).decode())])
write("mixed", [dict(gpus[0], certificate=gpus[1]["certificate"])])
write("old", [dict(gpus[0], nonce="00" * 32)])
write("blackwell", [dict(gpus[0], arch="BLACKWELL")])
with open(sys.argv[1] + "/garbled.json", "w") as f:
    f.write(json.dumps(gpus)[:-100])
END

# verdict CODE TEXT OPTION…: offline, under the throw-away roots
verdict()
{
	story_code_wanted=$1
	text=$2
	shift 2
	answers "$story_code_wanted" verify --device-root /etc/gn8v/device.pem --rim-root /etc/gn8v/rim.pem "$@"
	[ -z "$text" ] || has "$D/out" "$text"
}
offline="--rim-dir /evidence/rims --ocsp off"

say "== offline"
all_written_down
asked=$(wc -l < "$T/state/http.jsonl")
# shellcheck disable=SC2086
verdict 0 "accepted by native, under custom roots that are NOT NVIDIA's, skipped: ocsp" --evidence /evidence/all.json $offline
has "$D/out" "topology          passed"
# shellcheck disable=SC2086
verdict 0 "" --evidence /evidence/switches.json --evidence /evidence/gpus.json --json $offline
judged_as accepted custom
has "$D/out" '"requests": 0'
# shellcheck disable=SC2086
verdict 0 "accepted" --evidence /evidence/one.json --dump $offline
has "$D/out" '"rim_index": 0'
# rejected FILE TEXT OPTION…
rejected()
{
	file=$1
	text=$2
	shift 2
	# shellcheck disable=SC2086
	verdict 1 "$text" --evidence "/evidence/$file.json" $offline "$@"
	has "$D/out" "rejected by native"
}
rejected twice "topology          failed"
rejected gpus "count             failed" --shape multi
rejected gpus "count             failed" --shape single
rejected mixed "report_signature  failed"
rejected old "nonce             failed"
rejected one "nonce             failed" --nonce 1111111111111111111111111111111111111111111111111111111111111111
rejected one "driver_version    failed" --driver-version 1.0
rejected one "vbios_version     failed" --vbios-version 96.00.00.00.00
rejected one "rim_chain_time    failed" --at 2010-01-01T00:00:00Z
rejected one "rim_chain " --rim-root /etc/gn8v/device.pem
rejected blackwell "BLACKWELL"
for file in empty no-list no-base64 garbled; do
	rejected $file "parse             failed"
done
rejected cut "parse             failed"
# shellcheck disable=SC2086
answers 1 verify --evidence /evidence/all.json --json $offline
judged_as rejected nvidia
verdict 3 "lacks it" --evidence /evidence/one.json --rim-dir /evidence/none --ocsp off
[ "$(wc -l < "$T/state/http.jsonl")" = "$asked" ] || fail "something was asked over the network"

say "== with the services: one request for each manifest and each certificate"
verdict 0 "" --evidence /evidence/all.json --json
judged_as accepted custom
has "$D/out" '"requests": 24'
verdict 3 "status 404" --evidence /evidence/one.json --rim-url https://rim.attestation.nvidia.com/v2/rim
faults ocsp-no-nonce
verdict 1 "ocsp              failed" --evidence /evidence/one.json
verdict 0 accepted --evidence /evidence/one.json --ocsp-nonce off
faults -ocsp-no-nonce ocsp-stale
verdict 1 "ocsp              failed" --evidence /evidence/one.json --ocsp-nonce off
faults -ocsp-stale ocsp-hold
verdict 1 "ocsp              failed" --evidence /evidence/one.json
verdict 0 accepted --evidence /evidence/one.json --allow-hold
faults -ocsp-hold collateral-down
configure '{"attest": {"collateral_s": 2}}'
verdict 3 "unknown by native" --evidence /evidence/one.json
faults -collateral-down

say "== live, of this shape"
unit_becomes nvidia-persistenced.service active
configure '{"attest": {"device_root": "/etc/gn8v/device.pem", "rim_root": "/etc/gn8v/rim.pem", "collateral_s": 30}}'
answers 0 verify --json
judged_as accepted custom
for fault in duplicate-switch pcie-mode=2; do
	faults "$fault"
	answers 1 verify
	faults "-${fault%%=*}"
done
faults nscq-mismatch
answers 3 verify
has "$D/err" "RDT init failure"
faults -nscq-mismatch

say "== what makes no sense"
# wrong TEXT OPTION…
wrong()
{
	text=$1
	shift
	answers 2 verify "$@"
	has "$D/err" "$text"
	[ ! -s "$D/out" ] || fail "verify $* prints something as if it were an answer"
}
one="--evidence /evidence/one.json"
# shellcheck disable=SC2086
{
	wrong "/evidence/not-there.json" --evidence /evidence/not-there.json
	wrong "--rim-dir: /evidence/one.json" $one --rim-dir /evidence/one.json
	wrong "exclude each other" $one --rim-dir /evidence/rims --rim-url https://host/
	wrong "--rim-url: expected" $one --rim-url ftp://host/
	wrong "--ocsp: expected" $one --ocsp on
	wrong "--ocsp-nonce: expected" $one --ocsp-nonce maybe
	wrong "--shape: expected" $one --shape double
	wrong "--at: expected" $one --at yesterday
	wrong "--nonce: expected 64" $one --nonce 12
	wrong "/etc/gn8v/none.pem" $one --ocsp off --device-root /etc/gn8v/none.pem
	wrong "is not one certificate" $one --ocsp off --device-root /etc/os-release
	wrong "verify does not take --out" $one --out /x
}
all_is_well
