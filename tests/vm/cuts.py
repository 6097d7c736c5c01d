"""Power cuts: kill -9 of QEMU with a writethrough disk, then another start of the same disk. A machine suffers several, one
per boot, and must end ready: nothing that was done is done again, nothing is half-written, and its files are those of the
machine that was never cut off."""
import os
import random
import re
import time

import checks
import story
from vm import Vm, write_json

STATE = re.compile(r"gn8v\[\d+\]: (\S+: )?(.*)")
DELAYS = {"persistenced": 2}
# Bytes a second while the RPM is fetched that is to be cut off: its few hundred kB take long enough.
SLOW = dict(DELAYS, rate=20000)
# The cuts that have nothing to do with the agent: a line of the journal, seconds after it, and what comes too late.
HOOK = r"systemd\[1\]: Reloading"
FETCHING = r"gn8v-bootstrap\[\d+\]: fetching"
COMPLETE = r"gn8v-bootstrap\[\d+\]: Complete!"
TRANSACTION = ("in the rpm transaction", r"gn8v-bootstrap\[\d+\]:\s+Installing +: gn8v", 0.2, COMPLETE)
EARLY = (("before the hook", r"cloud-init\[\d+\]: .*running 'init' at", 1.0, HOOK),
         ("in the hook", HOOK, 0.0, FETCHING),
         ("in the download of the RPM", FETCHING, 3.0, r"gn8v-bootstrap\[\d+\]: (?!fetching)"),
         TRANSACTION,
         ("right after the transaction", COMPLETE, 0.0, r"gn8v-bootstrap\[\d+\]: gn8v \S+ is installed"))
# Steps whose work is done once: one that said so is not done again, whatever happens to the power afterwards. (Downloads
# judge anew what is there.)
LASTING = re.compile(r"gn8v\[\d+\]: (kernel-args|lkca|initramfs|packages|fabricmanager|driver|cuda|nscq|"
                     r"persistenced-unit|service-order): done in ")


class Cuts:
    """One machine, and what it suffered."""

    def __init__(self, folder, at, rpm, say, reference):
        config = {"gate": {"mode": reference["gate"]}}
        self.vm = Vm(folder, reference["shape"], at).create(rpm, config, DELAYS)
        self.say, self.reference, self.suffered = say, reference, []
        self.dirty = 0

    def cut(self, name, pattern, seconds, too_late=None):
        """Starts the machine and cuts its power where NAME says; False when it did not come there any more."""
        vm, boots = self.vm, self.vm.boots
        write_json(vm.twin.state("delays.json"), SLOW if "download" in name else DELAYS)
        vm.power_on()
        reached = re.search(story.READY, vm.wait_for("%s|%s" % (pattern, story.READY)).string) is None
        if reached and seconds and vm.comes(story.READY, seconds):
            name += ", which is when it was ready"
        vm.power_cut()
        checks.must("the machine had started", vm.boots > boots)
        if reached and too_late:
            checks.same("what came too late for a cut " + name,
                        [line for line in vm.this_boot() if re.search(too_late, line)], [])
        unwritten = vm.needs_recovery()
        self.dirty += unwritten
        if reached:
            self.suffered.append(name)
        self.say("%7s    %-44s boot %d, %s; after: %s" % (
            "%d." % len(self.suffered) if reached else "not cut", name, vm.boots,
            "journal to replay" if unwritten else "nothing to replay", story.said(vm.last())[:60]))
        return reached

    def finish(self):
        vm = self.vm
        write_json(vm.twin.state("delays.json"), DELAYS)
        vm.power_on()
        vm.wait_for(story.READY)
        shell = vm.shell()
        checks.running(vm, shell)
        self.nothing_again()
        for package in checks.packages(vm):
            checks.same("rpm -V of " + package, shell.run("rpm -V --nodeps " + package)[1].strip(), "")
        self.same_files(listing(shell))
        checks.ready_status(vm, shell)
        vm.power_button()
        checks.stopped_status(vm)
        checks.nothing_twice(vm)
        checks.no_cycle(vm)
        replayed = sum("recovering journal" in line for line in checks.consoles(vm))
        checks.must("the journal was replayed after each cut that left something to replay", replayed >= self.dirty,
                    "%d of %d" % (replayed, self.dirty))
        self.say("           ok  ready after %d cuts and %d boots; the file system replayed its journal %d times" % (
            len(self.suffered), vm.boots, replayed))

    def same_files(self, found):
        """What rpm and the installers had beside a file while they wrote it may be left; it is nobody's file."""
        missing = sorted(set(self.reference["files"]) - set(found))
        more = sorted(set(found) - set(self.reference["files"]))
        left = [line for line in more if LEFT_OVER.search(line)]
        if left:
            self.say("           left behind: " + ", ".join(line.split()[0] for line in left))
        checks.same("files that a machine has that was never cut off, and this one has not", missing, [])
        checks.same("files that only this one has", [line for line in more if line not in left], [])

    def nothing_again(self):
        lines = [line for _, line in self.vm.seen]
        done = [found.group(1) for found in map(LASTING.search, lines) if found]
        checks.same("steps that were done twice", sorted(set(s for s in done if done.count(s) > 1)), [])
        asked = sum("restart asked for" in line for line in lines)
        checks.must("restarts asked for", asked <= 1, asked)


# Of what came after the image, each file with its digest and each link with its target.
LISTING = (r"find /etc /usr /boot /var/lib/gn8v -xdev -cnewer /twin/hardware/initrd ! -name '*.pyc' "
           r"\( -type f -exec sha256sum {} + -o -type l -printf '%l  %p\n' \) | awk '{ print $2, $1 }' | sort")
# What differs from machine to machine, or tells of its life.
VOLATILE = re.compile(r"^\S*(status\.json|progress\.json|/var/lib/gn8v/(restarts|\S*log)|/etc/(machine-id|hostname|resolv|ssh/)|"
                      r"cloud|ld\.so\.cache|/etc/(\.pwd\.lock|g?shadow|passwd|group)-?|grubenv)")
LEFT_OVER = re.compile(r"^\S+(;[0-9a-f]{8}|\.\d{3,7}) ")


def listing(shell):
    """The files that came after the image."""
    return [line for line in shell.ask(LISTING).splitlines() if not VOLATILE.search(line)]


def states(journal):
    """The distinct things that the agent printed on its way to ready, as patterns; what ends a run leaves nothing to
    cut off."""
    seen = []
    for line in journal:
        if re.search(story.READY, line):
            break
        found = STATE.search(line)
        if found and "restarting: " not in line:
            words = re.split(r"[\d.]{2,}", "%s%s" % (found.group(1) or "", found.group(2)))[0]
            if words not in seen:
                seen.append(words)
    return [(words[:44], r"gn8v\[\d+\]: " + re.escape(words), 0.0) for words in seen]


def at_random(seed, n, span_s):
    chance = random.Random(seed)
    return [("%.1f s after the agent begins" % s, story.BEGINS, s) for s in (chance.uniform(0, span_s) for _ in range(n))]


def groups(name, rows, size):
    return [("%s-%d" % (name, i), rows[i:i + size]) for i in range(0, len(rows), size)]


def plan(args, reference):
    """[(name of a machine, its cuts)]: not too many for one, so that each begins with a fresh disk."""
    # A machine that was cut off before has less left to do.
    chance = at_random(args.seed, args.cuts, 0.6 * reference["agent_s"])
    if not args.every_state:
        return [("brief", [TRANSACTION] + chance)]
    every = states(reference["journal"])
    return groups("early", list(EARLY), 5) + groups("random", chance, 5) + groups("state", every, 8)


def play(args, at, rpm, say, reference):
    """All power cuts, on machines like REFERENCE, which was not cut off; [name] of those survived. A cut that a machine was
    past already is tried on the next one, once."""
    survived, late, work = [], set(), plan(args, reference)
    while work:
        name, rows = work.pop(0)
        if args.only:
            rows = [r for r in rows if re.search(args.only, r[0])]
        if not rows:
            continue
        cuts = Cuts(os.path.join(args.folder, "cuts-" + name), at, rpm, say, reference)
        again = []
        try:
            for row in rows:
                if cuts.cut(*row):
                    continue
                # Ready: nothing that comes later is left to be cut off.
                again = rows[rows.index(row):]
                break
            cuts.finish()
        finally:
            cuts.vm.destroy()
        survived += cuts.suffered
        if again and not cuts.suffered:
            checks.must("the machine came to where its power was to be cut", again[0][0] not in late, again[0][0])
            late.add(again[0][0])
        if again:
            work.insert(0, (name + "+", again))
    return survived
