"""Whether every fault of the twin that concerns units, time-outs or ordering is in a scene.

What the twin can do is read from its code, what the scenes ask for from theirs. What is in no scene that is played by
default has to be among ELSEWHERE: so a fault that is new is seen."""
import ast
import glob
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
TWIN = os.path.join(os.path.dirname(os.path.dirname(HERE)), "twin")
ASKS = re.compile(r"(?<!de)fault|struck\(|\.argument\(", re.I)
NAME = re.compile(r"""(?<!: )["']([a-z0-9]+(?:-[a-z0-9]+)+)["']""")     # behind a colon stands a fault's argument

# Faults that concern no unit, no time-out and no order of things: what is wrong is said at once, and the stories of tests/story
# have them. Of the simulated systemd there are real ones here: a logind that is masked or crashes, a restart that is
# ignored, a message bus that dies, a status that is deleted, an agent that is killed.
ELSEWHERE = """
    grubby-fails dracut-fails dracut-cut yum-fails yum-gone kernel-devel-missing rpm-install-fails installer-fails drm-fails cuda-fails
    cuda-no-space cuda-no-driver-entry cuda-existing pip-fails
    rpm-silent rpm-db-broken rpm-old-words rpm-wants-key yum-passes-over
    cc-off mgm-none devtools-on cc-environment nvml-silent smi-garbage smi-fails gpu-missing gpu-lost nscq-mismatch pcie-mode
    fabric-fails fabric-unhealthy rpm-busy
    attest-unknown attest-rim-bad pip-old attest-tabs ppcie-no-table other-chain duplicate-switch
    rim-key rim-404 rim-500 rim-wrong-id rim-corrupt rim-wrong-measurement rim-expired-signer
    ocsp-down ocsp-trylater ocsp-garbled ocsp-revoked ocsp-unknown ocsp-hold ocsp-stale ocsp-no-nonce ocsp-wrong-cert
    ocsp-other-signer
    download-404 download-503 download-changed download-corrupt download-cut download-cut-random too-many redirect-http
    wrong-length no-ranges ranges-416 ranges-lie ranges-shifted key-wrong rpm-unsigned rpm-other-key rpm-corrupt
    rpm-other-version tls-expired metadata-garbage metadata-401-once metadata-no-token disk-full tmp-noexec tmp-small
    login1-down timedated-down systemd1-lost systemd1-left reboot-ignored status-deleted client-killed
""".split()


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def known():
    """The faults that the twin's code asks for."""
    names = set()
    for part in ("*.py", "devices/*.c", "systemd/*.c", "fakes/*"):
        for path in glob.glob(os.path.join(TWIN, part)):
            if os.path.isfile(path) and not os.path.basename(path).startswith("test_"):
                names.update(name for line in read(path).splitlines() if ASKS.search(line) for name in NAME.findall(line))
    return names


def texts(nodes):
    return [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def asked(text):
    """The faults that a scene switches on: fault(…), faults={…}, trouble(s, …), `for fault in`."""
    for node in ast.walk(ast.parse(text)):
        called = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
        if called == "fault":
            yield from texts(node.args)
            yield from (k.arg.replace("_", "-") for k in node.keywords if k.arg)
        elif called in ("trouble", "boot_with"):
            yield from texts(node.args[1:2])
        elif isinstance(node, ast.keyword) and node.arg == "faults" and isinstance(node.value, ast.Dict):
            yield from texts(node.value.keys)
        elif isinstance(node, ast.For) and getattr(node.target, "id", "") == "fault" and hasattr(node.iter, "elts"):
            yield from texts(node.iter.elts)


def gaps(is_long):
    """What is wrong between twin and scenes, a line each. IS_LONG(text): the scene is not played by default."""
    twin, default, anywhere = known(), set(), set()
    for path in glob.glob(os.path.join(HERE, "*.py")) + glob.glob(os.path.join(HERE, "scenes", "*.py")):
        text = read(path)
        names = set(asked(text))
        anywhere |= names
        default |= set() if is_long(text) else names
        yield from ("%s: the twin knows no fault %s" % (os.path.basename(path), n) for n in sorted(names - twin))
    for name in sorted(twin - default - set(ELSEWHERE)):
        yield "no scene has the fault %s%s" % (name, " without LONG=1" if name in anywhere else "")
    for name in sorted(set(ELSEWHERE) - twin):
        yield "matrix.py: the twin knows no fault %s" % name
    for name in sorted(set(ELSEWHERE) & default):
        yield "matrix.py: a scene has the fault %s" % name
