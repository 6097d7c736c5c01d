"""What must hold of a machine, looked at from its console, from outside, and on its disk."""
import json
import re

import disorder
import internet
from vm import VmError, read_json, read_jsonl
from looks import changes

GATED = "cloudmonitor.service"
# What is run once on an instance, however often it is cut off afterwards: (what it is, how its command begins).
ONCE = (("the driver's installer", "nvidia-installer"), ("the CUDA installer", "cuda-installer"))


class Wrong(VmError):
    """A check that failed."""


def must(claim, holds, detail=""):
    if not holds:
        raise Wrong("%s: no%s" % (claim, ": %s" % detail if detail else ""))


def same(claim, found, wanted):
    must(claim, found == wanted, "found %r, wanted %r" % (found, wanted))


def saying(pattern, lines):
    return [line for line in lines if re.search(pattern, line)]


def consoles(vm):
    with open(vm.path("console.log"), encoding="utf-8", errors="replace") as f:
        serial = f.read().splitlines()
    return serial + [line for _, line in vm.seen]


def no_cycle(vm):
    """In what PID 1 said in each boot: before there is a journal it says it on the serial console, or this could not fail."""
    said = consoles(vm)
    same("boots of which the console has PID 1's first words", len(saying(r"systemd\[1\]: systemd \d+.* running in system mode", said)),
         vm.boots)
    for claim, sign in (("no ordering cycle", disorder.CYCLE), ("no job that timed out", disorder.TIMED_OUT)):
        found = [line for line in said if sign.search(line)]
        must(claim, not found, " / ".join(found[:3]))


def ready_status(vm, shell):
    """Of a machine that runs."""
    answer(vm, json.loads(shell.ask("cat /var/lib/gn8v/status.json")), "ready")


def stopped_status(vm):
    """On the disk of a machine that was switched off: nobody vouches for that boot any more."""
    answer(vm, vm.status(), "pending")


def answer(vm, status, result):
    same("result", status["result"], result)
    same("gate", status["gate"], "open")
    same("error", status["error"], None)
    same("verdict", status["attestation"]["verdict"], "accepted")
    same("decided by", status["attestation"]["decided_by"], "native")
    kinds = [d["type"] for d in status["attestation"]["devices"]]
    wanted = ["gpu"] * 8 + ["nvswitch"] * 4 if vm.shape == "multi" else ["gpu"]
    same("devices", sorted(kinds), wanted)
    for step in status["steps"]:
        must("step %s holds" % step["id"], step["state"] in ("done", "skipped"), step)


def hardware_used_rightly(vm):
    """By the log of the simulated hardware, which lies outside the machine: no power cut takes lines from it."""
    same("nothing was used wrongly", vm.misuse(), "")
    must("no GPU session was lost", not read_json(vm.twin.state("devices.json"))["session_lost"])


def once(vm):
    """Of a machine that was never cut off: each installer ran once."""
    commands = vm.commands()
    for what, name in ONCE:
        runs = [c for c in commands if c["exe"] == name]
        same("runs of " + what, len(runs), 1)
    grubby = [c for c in commands if c["exe"].endswith("/grubby") and any("--update-kernel" in a for a in c["argv"])]
    same("changes of the boot entries", len(grubby), 1)


def packages(vm):
    """What the machine has got of gn8v, the distribution and NVIDIA by rpm."""
    multi = ["nvidia-fabric-manager", "libnvidia-nscq-570"] if vm.shape == "multi" else []
    return ["gn8v"] + [row[0] for row in internet.names()] + multi


def becomes_active(shell, unit):
    """What is behind the gate is started without waiting for it."""
    status = shell.run("timeout 300 sh -c 'until systemctl -q is-active %s; do sleep 0.2; done'" % unit)[0]
    same("%s is active within 300 s" % unit, status, 0)


def running(vm, shell):
    """Everything is up, seen by somebody who is logged in."""
    units = ["gn8v-agent.service", "gn8v-ready.target", "nvidia-persistenced.service", GATED]
    if vm.shape == "multi":
        units.append("nvidia-fabricmanager.service")
    for unit in units:
        becomes_active(shell, unit)
    must("swiotlb= is on the command line", " swiotlb=4194304,any" in shell.ask("cat /proc/cmdline"))
    same("gn8v status --wait", shell.run("gn8v status --wait --timeout 5 >/dev/null")[0], 0)
    same("packages that are missing", shell.run("rpm -q --quiet " + " ".join(packages(vm)))[0], 0)
    same("failed units", shell.run("systemctl --failed --no-legend --plain")[1].strip(), "")


def finds_libraries(shell):
    """By ldconfig's cache, of which no digest is compared. Of one that is empty or cut short it says nothing, or only a complaint,
    and may end with 0."""
    status, text = shell.run("test -s /etc/ld.so.cache && ldconfig -p | grep 'libc\\.so\\.6 .*=> /'")
    must("ldconfig -p names libc.so.6", status == 0, text.strip())


def monotonic(shell, unit, what="ActiveEnterTimestampMonotonic"):
    return int(shell.ask("systemctl show -P %s %s" % (what, unit))) / 1e6


def said_at(entry):
    """When this entry was sent, in seconds of its boot. The journal's own stamps are of a moment after it arrived, which may be
    long after what followed it; both are of the same moment, and tell how far the two clocks are apart."""
    apart = int(entry["__REALTIME_TIMESTAMP"]) - int(entry["__MONOTONIC_TIMESTAMP"])
    return (int(entry["_SOURCE_REALTIME_TIMESTAMP"]) - apart) / 1e6


def order(vm, shell, attested):
    """[(what, seconds of this boot)]: fabric manager, persistenced, attestation, gate, gated service. The attestation
    begins where the agent itself opens the devices' library, by the twin's record on the machine's own clock."""
    opens = [g["t"] for g in read_jsonl(vm.twin.state("gpu.jsonl"))
             if g["boot"] == vm.boots and g["who"] == "gn8v" and g["what"].startswith(("nvml", "nscq"))]
    must("the agent opened the devices' library in boot %d" % vm.boots, opens)
    shell.ask("journalctl --sync")
    said = json.loads(shell.ask("journalctl -b -o json --output-fields=MESSAGE,_SOURCE_REALTIME_TIMESTAMP -t gn8v"
                                " | grep -m1 'attest: done'"))
    found = [("nvidia-persistenced active", monotonic(shell, "nvidia-persistenced.service")),
             ("attestation begins", min(opens)),
             ("attestation accepted", said_at(said)),
             ("gn8v-ready.target active", monotonic(shell, "gn8v-ready.target"))]
    if vm.shape == "multi":
        found.insert(0, ("nvidia-fabricmanager active", monotonic(shell, "nvidia-fabricmanager.service")))
    if attested:
        found.append((GATED + " starts", monotonic(shell, GATED, "InactiveExitTimestampMonotonic")))
    for (before, t), (after, u) in zip(found, found[1:]):
        must("%s comes before %s" % (before, after), t <= u, "%.3f and %.3f" % (t, u))
    return found


SNAPSHOT = ("find /etc /usr /boot /var/lib/gn8v /var/lib/rpm -xdev \\( -type f -o -type l \\) ! -name status.json ! -path '/var/lib/rpm/*-shm' "
            "! -name '*.pyc' ! -name '10-cloud-init-*' -printf '%p %l %s %T@ %i\\n' | sort > /root/snapshot-")


def snapshot(shell, name):
    shell.ask(SNAPSHOT + name)


def unchanged(shell, before, after):
    status, text = shell.run("diff /root/snapshot-%s /root/snapshot-%s" % (before, after))
    must("nothing on the disk was changed", status == 0, text[-800:])


def third_boot(vm, boot):
    """It looked, and changed nothing: no simulated program ran that changes something, and no step worked. That the real
    ones changed nothing either is for `unchanged` to say."""
    changed = [c["argv"] for c in vm.commands() if c["boot"] == boot and changes(c["argv"])]
    same("what ran in boot %d" % boot, changed, [])
    steps = [found.group(1) for found in (STEP.search(line) for line in vm.this_boot()) if found]
    same("steps that worked in boot %d" % boot, sorted(set(steps) - REPEATED), [])


def attested_over_network(vm, boot):
    """The devices were asked in this boot, and NVIDIA's services too."""
    must("the GPUs were asked in boot %d" % boot, any(
        g["boot"] == boot and g["who"] == "gn8v" for g in read_jsonl(vm.twin.state("gpu.jsonl"))))
    hosts = {h["host"] for h in read_jsonl(vm.twin.state("http.jsonl")) if h["boot"] == boot and h["status"] == 200}
    same("of NVIDIA's services, those that answered in boot %d" % boot, sorted(hosts & SERVICES), sorted(SERVICES))


STEP = re.compile(r"gn8v\[\d+\]: (\S+): done in ")
# What each boot does anew: wait for services that boot starts, look at devices, attest, open the gate.
REPEATED = {"tdx", "fabricmanager-start", "persistenced-start", "devices", "fabric", "cc-mode", "attest", "ready"}
SERVICES = {"rim.attestation.nvidia.com", "ocsp.ndis.nvidia.com"}
