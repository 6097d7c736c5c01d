"""Power cuts: kill -9 of QEMU with a writethrough disk, then another start of the same disk. A machine suffers several, one
per boot, and must end ready: nothing that was done is done again, nothing is half-written, and its files are those of the
machine that was never cut off."""
import os
import random
import re
import time

import checks
import story
from vm import Vm, VmError

STATE = re.compile(r"gn8v\[\d+\]: (\S+: )?(.*)")
# Where the four come that have nothing to do with the agent: a line of the journal, and seconds after it.
EARLY = (("in the hook", r"systemd\[1\]: Reloading", 0.0),
         ("in the download of the RPM", r"gn8v-bootstrap\[\d+\]: fetching", 0.0),
         ("in the rpm transaction", r"gn8v-bootstrap\[\d+\]:\s+Installing +: gn8v", 0.2),
         ("right after the transaction", r"gn8v-bootstrap\[\d+\]: Complete!", 0.0))
# A step that said so is done, whatever happens to the power afterwards: its program does not run again.
DONE = (("driver", "nvidia-installer"), ("cuda", "cuda-installer"))


class Cuts:
    def __init__(self, folder, at, rpm, say, reference):
        config = {"gate": {"mode": reference["gate"]}}
        self.vm = Vm(folder, reference["shape"], at).create(rpm, config, {"persistenced": 2})
        self.say, self.reference, self.suffered, self.done = say, reference, [], {}
        self.recoveries = 0
        self.vm.on_line = self.note

    def note(self, line):
        found = re.search(r"gn8v\[\d+\]: (\S+): done in ", line)
        if found:
            self.done.setdefault(found.group(1), self.vm.boots)

    def cut(self, name, pattern, seconds):
        """Starts the machine and cuts its power where NAME says; False when it was ready before."""
        vm, boots = self.vm, self.vm.boots
        vm.power_on()
        found = vm.wait_for("%s|%s" % (pattern, story.READY))
        ready = re.search(story.READY, found.string) is not None
        end = time.monotonic() + (0 if ready else seconds)
        while time.monotonic() < end:
            try:
                vm.next_line(end - time.monotonic())
            except VmError:
                break
        # A cut between two boots finds nothing that was not written.
        self.recoveries += checks.consoles(vm).count("reboot: Restarting system") < vm.boots
        vm.power_cut()
        checks.must("the machine had started", vm.boots > boots)
        self.suffered.append(name + (", at the end" if ready else ""))
        self.say("%7d.    %-44s boot %d, after: %s" % (len(self.suffered), name, vm.boots, story.said(vm.last())[:70]))
        return not ready

    def finish(self):
        vm = self.vm
        vm.power_on()
        vm.wait_for(story.READY)
        shell = vm.shell()
        checks.running(vm, shell)
        self.nothing_again()
        checks.same("gn8v's package, by rpm", shell.run("rpm -V --nodeps gn8v")[1].strip(), "")
        files = listing(shell)
        for line in sorted(set(files) ^ set(self.reference["files"])):
            checks.must("its files are those of a machine that was never cut off", False, line)
        checks.ready_status(vm, shell)
        vm.power_button()
        checks.stopped_status(vm)
        checks.nothing_twice(vm)
        replayed = checks.consoles(vm).count("recovering journal")
        self.say("           ok  ready after %d cuts and %d boots; the file system was recovered %d times" % (
            len(self.suffered), vm.boots, replayed))
        checks.must("each cut in a boot left a journal to replay", replayed >= self.recoveries, replayed)

    def nothing_again(self):
        for step, program in DONE:
            late = [c for c in self.vm.commands() if c["exe"] == program and c["boot"] > self.done.get(step, self.vm.boots)]
            checks.same("runs of %s after the step was done" % program, late, [])
        asked = sum("restart asked for" in line for _, line in self.vm.seen)
        checks.must("restarts asked for", asked <= 1, asked)


LISTING = ("find /etc /usr /boot /var/lib/gn8v -xdev -type f -newer /twin/hardware/initrd ! -name '*.pyc' "
           "! -name 'ld.so.cache*' -printf '%p %s\\n' | sort")
# What differs from machine to machine, or tells of its life.
VOLATILE = re.compile(r"status\.json|progress\.json|/var/lib/gn8v/restarts|/etc/(machine-id|hostname|resolv|.*cloud)")


def listing(shell):
    """The files that came after the image, with their sizes."""
    return [line for line in shell.ask(LISTING).splitlines() if not VOLATILE.search(line)]


def states(journal):
    """The distinct things that the agent printed on its way, as patterns; what ends a run leaves nothing to cut off."""
    seen = []
    for line in journal:
        found = STATE.search(line)
        if found and not re.search(story.READY + "|restarting: ", line):
            words = re.split(r"[\d.]{2,}", "%s%s" % (found.group(1) or "", found.group(2)))[0]
            if words not in seen:
                seen.append(words)
    return [(words[:44], r"gn8v\[\d+\]: " + re.escape(words), 0.0) for words in seen]


def at_random(seed, n, span_s):
    chance = random.Random(seed)
    return [("%.1f s after the agent begins" % s, story.BEGINS, s) for s in (chance.uniform(0, span_s) for _ in range(n))]


def plan(args, reference):
    """[(name of a machine, its cuts)]: not too many for one, so that each begins with a fresh disk."""
    rows = list(EARLY)
    chance = at_random(args.seed, args.cuts, reference["agent_s"])
    every = states(reference["journal"]) if args.every_state else []
    groups = [("early", rows + chance[:3])]
    for i in range(3, len(chance), 5):
        groups.append(("random-%d" % i, chance[i:i + 5]))
    for i in range(0, len(every), 8):
        groups.append(("state-%d" % i, every[i:i + 8]))
    if args.only:
        groups = [(n, [r for r in rows if re.search(args.only, r[0])]) for n, rows in groups]
    return [(n, rows) for n, rows in groups if rows]


def play(args, at, rpm, say, results):
    """All power cuts, on a machine like the first that was not cut off; [name] of those survived."""
    reference = results[0]
    say("\npower cuts, seed %d" % args.seed)
    survived = []
    for name, rows in plan(args, reference):
        cuts = Cuts(os.path.join(args.folder, "cuts-" + name), at, rpm, say, reference)
        try:
            for row in rows:
                if not cuts.cut(*row):
                    break
            cuts.finish()
        finally:
            cuts.vm.destroy()
        survived += cuts.suffered
    return survived
