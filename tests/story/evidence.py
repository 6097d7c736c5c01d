#!/usr/bin/env python3
"""evidence.py PROGRAM DIR: run everything in a folder of real evidence through `PROGRAM verify`, and compare with the
folder's index (README.md) and its decoded dumps."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

NOW, THEN = "2026-11-22T00:00:00Z", "2024-06-01T12:00:00Z"
PROGRAM, DIR = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
TMP = tempfile.mkdtemp(prefix="gn8v.")
failures = []


def fail(text):
    failures.append(text)
    print("FAILED: " + text)


def here(*parts):
    return os.path.join(DIR, *parts)


def text_of(*parts):
    with open(here(*parts), encoding="utf-8") as f:
        return f.read()


# --- what the index says --------------------------------------------------------------------------

def rows():
    """The table of evidence: name, kind, dump, and the columns signature, chain, FWID, nonce, ids, manifests."""
    index = text_of("README.md")
    for line in index[index.index("## 2."):index.index("## 3.")].splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        dump = re.search(r"\[decoded/(.*)\.json\]", line)
        if len(cells) == 11 and dump:
            yield {"name": cells[0], "switch": cells[1].startswith("switch"), "dump": dump.group(1),
                   "blackwell": "blackwell" in cells[0], "sig": cells[5] == "OK", "chain": cells[6] == "OK",
                   "fwid": cells[7] != "**BAD**", "ids": re.findall(r"NV_\w+(?:\.\d+)*", cells[9])}


def entry(row):
    """An object of the evidence list, as the SDK writes it."""
    m = re.match(r"(.*\.json)\[(\d+)\]$", row["name"])
    if m:
        return json.loads(text_of(m.group(1)))[int(m.group(2))]
    report = bytes.fromhex(re.sub(r"\s", "", text_of(row["name"], "report.hex")))
    chain = text_of(row["name"], "chain.pem").encode()
    return {"arch": "LS10" if row["switch"] else "BLACKWELL" if row["blackwell"] else "HOPPER",
            "certificate": base64.b64encode(chain).decode(), "evidence": base64.b64encode(report).decode(),
            "nonce": report[4:36].hex(), "version": "1.0"}


# --- the program ----------------------------------------------------------------------------------

def saved(entries):
    path = os.path.join(TMP, "evidence.json")
    with open(path, "w") as f:
        json.dump(entries, f)
    return path


def folder(manifests):
    """A folder with these manifests, {id: path}."""
    path = os.path.join(TMP, "rims")
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path)
    for name, file in manifests.items():
        shutil.copy(here(file), os.path.join(path, name + os.path.splitext(file)[1]))
    return path


def verify(files, rims, at, *options):
    words = [PROGRAM, "verify", "--json", "--ocsp", "off", "--at", at, "--rim-dir", rims, *options]
    for file in files:
        words += ["--evidence", file]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    answer = json.loads(done.stdout.decode())
    wanted = {"accepted": 0, "rejected": 1, "unknown": 3}[answer["verdict"]]
    if done.returncode != wanted:
        fail("%s: exit code %d" % (answer["verdict"], done.returncode))
    if answer["collateral"]["requests"]:
        fail("something was asked over the network")
    return answer


def results(device):
    return {c["name"]: c["result"] for c in device["checks"]}


def expect(what, wanted, found):
    if wanted != found:
        fail("%s: %s, not %s" % (what, found, wanted))


# --- every piece of evidence by itself ---------------------------------------------------------------

def compare_dump(row, report):
    dump = json.loads(text_of("decoded", row["dump"] + ".json"))
    name = row["name"] + " dump "
    if row["blackwell"]:
        return
    expect(name + "total_len", dump["total_len"], report["total_len"])
    expect(name + "nonce", dump["request"]["nonce"], report["request"]["nonce"])
    for key in ("number_of_blocks", "nonce", "opaque_length", "signature"):
        expect(name + key, dump["response"][key], report["response"][key])
    for part, keys in (("blocks", ("spdm_index", "rim_index", "value")), ("opaque", ("type", "length", "value"))):
        expect(name + part, [[b[k] for k in keys] for b in dump["response"][part]],
               [[b[k] for k in keys] for b in report["response"][part]])
    for ours, theirs in zip(report["response"]["opaque"], dump["response"]["opaque"]):
        expect(name + "name of %d" % theirs["type"], ours["name"] or theirs["name"], theirs["name"])
    for key in ("driver_version", "vbios_version", "bios_version", "project", "project_sku", "chip_sku", "fwid"):
        expect(name + key, dump["derived"].get(key), report["derived"].get(key))
    expect(name + "serial numbers", [c["serial_dec"] for c in dump["certs"]],
           [c["serial_dec"] for c in report["certs"]])
    links = report["derived"].get("switch_pdis") or []
    expect(name + "links", dump["derived"].get("switch_pdis_unique_nonzero") or [], sorted(set(links)))


def alone(row):
    answer = verify([saved([entry(row)])], folder({}), NOW, "--dump")
    device, name = answer["devices"][0], row["name"]
    found = results(device)
    expect(name + " type", "nvswitch" if row["switch"] else "gpu", device["type"])
    compare_dump(row, answer["reports"][0])
    if row["blackwell"]:
        expect(name + " arch", "failed", found["arch"])
        return
    good = row["sig"] and row["chain"] and row["fwid"]
    expect(name + " verdict", "unknown" if good else "rejected", answer["verdict"])
    for check, passes in (("parse", True), ("arch", True), ("nonce", True), ("chain_time", True), ("chain", row["chain"]),
                          ("report_signature", row["sig"]), ("fwid", row["fwid"])):
        expect(name + " " + check, "passed" if passes else "failed", found[check])
    expect(name + " rim_fetch", "unknown", found["rim_fetch"])
    note = [c for c in device["checks"] if c["name"] == "rim_fetch"][0]
    for wanted in row["ids"]:
        if wanted not in (note["expected"] or ""):
            fail("%s: rim_fetch does not name %s" % (name, wanted))


# --- with manifests -----------------------------------------------------------------------------------

G = {"NV_GPU_DRIVER_GH100_545.00": "rims/driver/Driver_RIM_test_no_gpu.swidtag",
     "NV_GPU_VBIOS_1010_0200_882_96005E0001": "rims/vbios/1010_0200_882_96005E0001_test_no_gpu.swidtag"}
BIOS = "NV_SWITCH_BIOS_5612_0002_890_9610550001"
VBIOS = "NV_GPU_VBIOS_1010_0200_882_96005E0001"


def failed_at(answer):
    return sorted({c["name"] for d in answer["devices"] for c in d["checks"] if c["result"] == "failed"} |
                  {c["name"] for c in answer["checks"] if c["result"] == "failed"})


def judged(what, files, manifests, at, verdict, stages, *options):
    answer = verify(files, folder(manifests), at, *options)
    expect(what + " verdict", verdict, answer["verdict"])
    expect(what + " fails at", sorted(stages), failed_at(answer))
    return answer


def mismatches(answer):
    return [r["index"] for r in answer["devices"][0]["claims"]["x-nvidia-mismatch-measurement-records"]]


def with_manifests(by_name):
    hist = saved([entry(by_name["gpu/hist_545.00/"])])
    judged("the complete GPU set", [hist], G, THEN, "accepted", [], "--shape", "single", "--driver-version", "545.00",
           "--vbios-version", "96.00.5e.00.01")
    late = judged("the complete GPU set, now", [hist], G, NOW, "rejected", ["rim_chain_time"])
    note = [c["note"] for c in late["devices"][0]["checks"] if c["name"] == "rim_chain_time"][0]
    if "Signer" not in note and "L3" not in note:
        fail("rim_chain_time does not name the certificate: " + note)
    judged("another driver than NVML's", [hist], G, THEN, "rejected", ["driver_version"], "--driver-version", "550.00")
    judged("another nonce", [hist], G, THEN, "rejected", ["nonce"], "--nonce", "00" * 32)
    other = "rims/negative/NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml"
    answer = judged("another build of the VBIOS", [hist], dict(G, **{VBIOS: other}), THEN, "rejected",
                    ["measurements"])
    expect("another build's indices", [1, 2, 3, 9], mismatches(answer))
    ls10 = [here("json/switch_evidence_ls10.json")]
    good = {BIOS: "rims/switch/NV_SWITCH_BIOS_5612_0002_890_9610550001.xml"}
    old = {BIOS: "rims/switch/NV_SWITCH_BIOS_5612_0002_890_9610550001.signed2024.xml"}
    judged("the LS10 set", ls10, good, NOW, "accepted", [])
    judged("the LS10 set of 2024, now", ls10, old, NOW, "rejected", ["rim_chain_time"])
    judged("the LS10 set of 2024, then", ls10, old, "2025-06-01T00:00:00Z", "accepted", [])
    edited = {BIOS: "rims/negative/NV_SWITCH_BIOS_5612_0002_890_9610550001_invalid_signature.xml"}
    judged("an edited manifest", ls10, edited, "2025-06-01T00:00:00Z", "rejected", ["rim_signature"])


def machines():
    eight, four = here("ppcie/gpu_evidence.json"), here("ppcie/switch_evidence.json")
    answer = judged("the real machine", [eight, four], {}, NOW, "unknown", [])
    expect("its checks", [("count", "passed"), ("topology", "passed")],
           [(c["name"], c["result"]) for c in answer["checks"]])
    expect("its devices", [("gpu", i) for i in range(8)] + [("nvswitch", i) for i in range(4)],
           [(d["type"], d["index"]) for d in answer["devices"]])
    one = json.loads(text_of("ppcie/switch_evidence.json"))[0]
    judged("one switch four times", [eight, saved([one] * 4)], {}, NOW, "rejected", ["topology"])
    judged("a switch too few", [eight, saved([one])], {}, NOW, "rejected", ["count", "topology"])


def main():
    by_name = {r["name"]: r for r in rows()}
    if len(by_name) < 30:
        fail("only %d rows in the index" % len(by_name))
    for row in by_name.values():
        alone(row)
    with_manifests(by_name)
    machines()
    print("%d pieces of evidence, %d differences" % (len(by_name), len(failures)))
    return 1 if failures else 0


try:
    sys.exit(main())
finally:
    shutil.rmtree(TMP)
