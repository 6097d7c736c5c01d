"""offline.py GN8V WORK EVIDENCE RIM_DIR DEVICE_ROOT RIM_ROOT [spoilt]: the GPUs of one evidence file, judged by both.

Run by the Python of a virtual environment that has nv_local_gpu_verifier; compare.sh does. NVIDIA's own
classes do what needs no network: parser, chain, firmware id, versions, nonce, report signature, manifest
schema, manifest signature and the comparison. OCSP is left out on both sides. With `spoilt` each GPU's evidence is damaged in another way first."""

import base64
import glob
import json
import logging
import os
import resource
import subprocess
import sys
import time

GN8V, WORK, EVIDENCE, RIM_DIR, DEVICE_ROOT, RIM_ROOT = (os.path.abspath(a) for a in sys.argv[1:7])
os.chdir(WORK)                  # it writes its log where it stands

from OpenSSL import crypto                                            # noqa: E402
from verifier.attestation import AttestationReport                    # noqa: E402
from verifier.cc_admin_utils import CcAdminUtils                      # noqa: E402
from verifier.config import HopperSettings, info_log                  # noqa: E402
from verifier.rim import RIM                                          # noqa: E402
from verifier.utils import format_vbios_version                       # noqa: E402
from verifier.verifier import Verifier                                # noqa: E402

info_log.setLevel(logging.CRITICAL)
MARK = "-----END CERTIFICATE-----"
# What the stages are called here, and which checks of ours they answer to.
STAGES = {"parse": ("parse",), "chain": ("chain", "chain_time"), "fwid": ("fwid",), "nonce": ("nonce",),
          "signature": ("report_signature",), "rim_schema": ("rim_parse", "rim_structure"),
          "rim_signature": ("rim_signature", "rim_chain", "rim_chain_time"), "rim_version": ("rim_version",),
          "measurements": ("measurements", "index_conflict")}


def outcome(function):
    """passed or failed; their code says no by False, by a tuple that begins with it, or by an exception."""
    try:
        value = function()
    except Exception as e:                                            # pylint: disable=broad-except
        return "failed", "%s %s" % (type(e).__name__, str(e).strip()[:80])
    value = value[0] if isinstance(value, tuple) else value
    return ("passed", "") if value or value is None else ("failed", "")


def chain_of(item):
    parts = base64.b64decode(item["certificate"]).decode().split(MARK)[:-1]
    return [crypto.load_certificate(crypto.FILETYPE_PEM, (part + MARK).encode()) for part in parts]


def text_field(report, name):
    return report.get_response_message().get_opaque_data().get_data(name)


def rim_of(ids):
    """The manifest with this id, whose spelling differs in nothing but case."""
    for path in glob.glob(os.path.join(RIM_DIR, "*")):
        if os.path.splitext(os.path.basename(path))[0].upper() == ids.upper():
            return path
    return None


class Theirs:
    """NVIDIA's verdict on one GPU, stage by stage."""

    def __init__(self, item):
        self.item, self.found, self.report = item, {}, None
        self.settings = HopperSettings()
        self.settings.RIM_ROOT_CERT = RIM_ROOT
        self.settings.ROOT_CERT_DIR = os.path.dirname(RIM_ROOT)
        self.judge()

    def stage(self, name, function):
        self.found[name] = outcome(function)
        return self.found[name][0] == "passed"

    def parse(self):
        self.report = AttestationReport(base64.b64decode(self.item["evidence"]), self.settings)

    def judge(self):
        if not self.stage("parse", self.parse):
            return
        chain = chain_of(self.item)
        with open(DEVICE_ROOT, "rb") as f:
            chain[-1] = crypto.load_certificate(crypto.FILETYPE_PEM, f.read())
        self.stage("chain", lambda: CcAdminUtils.verify_certificate_chain(
            chain, self.settings, self.settings.Certificate_Chain_Verification_Mode.GPU_ATTESTATION))
        fwid = text_field(self.report, "OPAQUE_FIELD_ID_FWID")
        fwid = fwid if isinstance(fwid, str) else fwid.hex()
        self.stage("fwid", lambda: not fwid or CcAdminUtils.extract_fwid(chain[0], self.settings) == fwid)
        nonce = bytes.fromhex(self.item["nonce"])
        self.stage("nonce", lambda: self.report.get_request_message().get_nonce() == nonce)
        self.stage("signature", lambda: self.report.verify_signature(
            chain[0].to_cryptography(), self.settings.signature_length, self.settings.HashFunction))
        self.judge_manifests()

    def manifest(self, kind, ids, version):
        path = rim_of(ids)
        if not path:
            return None
        rim = RIM(rim_name=kind, settings=self.settings, rim_path=path)
        return rim, version

    def judge_manifests(self):
        driver = text_field(self.report, "OPAQUE_FIELD_ID_DRIVER_VERSION").decode().rstrip("\0")
        vbios = format_vbios_version(text_field(self.report, "OPAQUE_FIELD_ID_VBIOS_VERSION"))
        part = [text_field(self.report, "OPAQUE_FIELD_ID_" + n).decode().rstrip("\0")
                for n in ("PROJECT", "PROJECT_SKU", "CHIP_SKU")]
        found = [self.manifest("driver", "NV_GPU_DRIVER_GH100_" + driver, driver),
                 self.manifest("vbios", "NV_GPU_VBIOS_%s_%s" % ("_".join(part), vbios.replace(".", "")), vbios)]
        if None in found:
            return
        self.stage("rim_schema", lambda: all(r.validate_schema() for r, _ in found))
        self.stage("rim_version", lambda: all(r.colloquialVersion.lower() == v.lower() for r, v in found))
        self.stage("rim_signature", lambda: all(r.verify_signature(self.settings) for r, _ in found))
        self.stage("measurements", lambda: Verifier(self.report, found[0][0], found[1][0],
                                                    self.settings).verify(self.settings))


def flip(item, at):
    report = bytearray(base64.b64decode(item["evidence"]))
    report[at] ^= 1
    item["evidence"] = base64.b64encode(report).decode()


def resize(item, change):
    item["evidence"] = base64.b64encode(change(base64.b64decode(item["evidence"]))).decode()


def change_chain(item, change):
    parts = base64.b64decode(item["certificate"]).decode().split(MARK)[:-1]
    item["certificate"] = base64.b64encode("".join(p + MARK for p in change(parts)).encode()).decode()


# What is done to the first, second, ... GPU.
DAMAGE = (("nothing", lambda item, next_: None),
          ("a bit of the signature", lambda item, next_: flip(item, -1)),
          ("another nonce is expected", lambda item, next_: item.update(nonce="00" * 32)),
          ("a bit of a measurement", lambda item, next_: flip(item, 37 + 8 + 7)),
          ("the next GPU's chain", lambda item, next_: item.update(certificate=next_["certificate"])),
          ("a byte more", lambda item, next_: resize(item, lambda report: report + b"\0")),
          ("a byte less", lambda item, next_: resize(item, lambda report: report[:-1])),
          ("no root in the chain", lambda item, next_: change_chain(item, lambda parts: parts[:-1])))


def spoil(gpus):
    """The damaged evidence in a file of its own, and what was done to each."""
    spoilt = [dict(item) for item in gpus]
    for index, item in enumerate(spoilt):
        DAMAGE[index % len(DAMAGE)][1](item, gpus[(index + 1) % len(gpus)])
    path = os.path.join(WORK, "spoilt")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(spoilt, f)
    return spoilt, path


def ours(path):
    """{index: {check: result}} of this program."""
    done = subprocess.run([GN8V, "verify", "--json", "--ocsp", "off", "--evidence", path, "--shape", "auto",
                           "--rim-dir", RIM_DIR, "--device-root", DEVICE_ROOT, "--rim-root", RIM_ROOT],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    verdict = json.loads(done.stdout.decode())
    return {d["index"]: {c["name"]: c["result"] for c in d["checks"]}
            for d in verdict["devices"] if d["type"] == "gpu"}


def as_one(checks, names):
    results = [checks.get(n, "not-run") for n in names]
    for word in ("failed", "unknown", "not-run"):
        if word in results:
            return word
    return "passed"


def compare(index, item, mine):
    """How many stages both passed, both refused, and neither reached; and in which they differ."""
    theirs, counts, differ = Theirs(item).found, {}, []
    for stage, names in STAGES.items():
        their, why = theirs.get(stage, ("not-run", ""))
        my = as_one(mine, names)
        my = "not-run" if my == "unknown" else my
        if my == their:
            counts[my] = counts.get(my, 0) + 1
        else:
            differ.append("gpu %d %s: gn8v %s, NVIDIA's %s%s"
                          % (index, stage, my, their, " (" + why + ")" if why else ""))
    return counts, differ


def main():
    with open(EVIDENCE, "rb") as f:
        gpus = [i for i in json.load(f) if i["arch"] == "HOPPER"]
    path, spoilt = EVIDENCE, sys.argv[7:] == ["spoilt"]
    if spoilt:
        gpus, path = spoil(gpus)
    mine, total, differ, begun = ours(path), {}, [], time.process_time()
    for index, item in enumerate(gpus):
        counts, lines = compare(index, item, mine.get(index, {}))
        for word, n in counts.items():
            total[word] = total.get(word, 0) + n
        if lines and spoilt:
            differ.append("%s:" % DAMAGE[index % len(DAMAGE)][0])
        differ += lines
    print("%s%s: %d GPUs, %d stages; both passed %d, both refused %d, both did not run %d" % (
        os.path.basename(EVIDENCE), ", damaged" if spoilt else "", len(gpus), len(gpus) * len(STAGES),
        total.get("passed", 0), total.get("failed", 0), total.get("not-run", 0)))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print("  CPU: gn8v, all of the process and the switches of the file too, %.0f ms; NVIDIA's %.0f ms, with its imports %.0f ms"
          % (1e3 * (used.ru_utime + used.ru_stime), 1e3 * (time.process_time() - begun), 1e3 * time.process_time()))
    print("".join("  %s\n" % line for line in differ), end="")
    return 1 if differ and not spoilt else 0


sys.exit(main())
