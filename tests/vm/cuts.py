"""Power cuts: kill -9 of QEMU with a writethrough disk, then another start of the same disk. A machine suffers several, one
per boot, and must end ready: nothing that was done is done again, nothing is half-written, and its files are those of the
machine that was never cut off. That one is the reference: what its agent printed on its way to ready is where the power is
cut, and a cut counts only if it came before the machine was ready."""
import hashlib
import os
import random
import re
from typing import NamedTuple

import checks
import story
from vm import Vm, VmError, read_jsonl, watch, write_json

STATE = re.compile(r"gn8v\[\d+\]: (\S+: )?(.*)")
# What an agent says on one day and not on another: trouble that it gets over, whom it waits for, how far a download has come.
# And what ends a run leaves nothing to cut off.
PASSING = re.compile(r"tried again in|waiting for it|: \[[a-z-]+\] | said: |is damaged|restarting: |\d % of \d")
DELAYS = {"persistenced": 2}
# The most that counts of what a step took, for a moment in it: a machine that was cut off before may take less.
SPAN_S = 20
# How often a moment is sought, each time on a fresh machine and in half the time.
TRIES = 4


class Row(NamedTuple):
    """A power cut: when, and what shows that it was then."""
    name: str
    pattern: str            # a line of the journal
    seconds: float = 0.0    # after it
    inside: str = ""        # and after this holds, for somebody who is logged in
    mark: bytes = b""       # and after this is on the disk
    unmarked: bytes = b""   # what is not on the disk yet
    too_late: str = ""      # what the journal has not said yet
    rate: int = 0           # bytes a second that the machine gets in this boot
    fetched: tuple = ()     # the RPM had come in part, and the next boot's request for it is answered with one of these
    again: str = ""         # what the journal of the next boot says
    place: int = 0          # in the reference


# Those that have nothing to do with the agent's own journal. The hook's last word is systemd's, at its daemon-reload.
HOOK = r"systemd\[1\]: Reloading"
CRAWLING = r"cloud-init\[\d+\]: .*running 'init' at"
# Names that are on the disk only once the hook has begun to write these files, one after the other.
SCRIPT, UNIT = b"gn8v-bootstrap.tmp", b"gn8v-bootstrap.service.tmp"
FETCHING = r"gn8v-bootstrap\[\d+\]: fetching"
FETCHED = r"gn8v-bootstrap\[\d+\]: (?!fetching)"
PART = "/var/lib/gn8v/user-data/gn8v.rpm.part"
HALF_FETCHED = '[ "$(stat -c %%s %s 2>/dev/null || echo 0)" -gt 20000 ]' % PART
SLOW = 3000
COMPLETE = r"gn8v-bootstrap\[\d+\]: Complete!"
PUT_BACK = r"%s\[\d+\]: an installation was cut off: the package database is put back as it was before"
TRANSACTION = Row("in the rpm transaction", r"gn8v-bootstrap\[\d+\]:\s+Installing +: gn8v", 0.2,
                  too_late=r"gn8v-bootstrap\[\d+\]:\s+Verifying", again=PUT_BACK % "gn8v-bootstrap")
# The second of the agent's own transactions brings files, one after the other; its copy of the database is there until
# after the last.
AGENT_TRANSACTION = Row("in the agent's transaction", r"gn8v\[\d+\]: packages: install",
                        inside="[ -e /usr/bin/gcc -o -e /usr/bin/make ] && [ -e /var/lib/gn8v/rpm-kept/.complete ]",
                        too_late=r"gn8v\[\d+\]: packages: done", again=PUT_BACK % "gn8v")
EARLY = [Row("before the hook", CRAWLING, 1.0, unmarked=SCRIPT, too_late=HOOK),
         Row("in the hook, as it writes the bootstrap", CRAWLING, mark=SCRIPT, unmarked=UNIT, too_late=HOOK, again=HOOK),
         Row("at the end of the hook", HOOK, too_late=FETCHING, again=FETCHING),
         Row("in the download of the RPM", FETCHING, inside=HALF_FETCHED, too_late=FETCHED, rate=SLOW, fetched=(200, 206)),
         Row("in the download, what had come written", FETCHING, inside=HALF_FETCHED + " && sync " + PART, too_late=FETCHED,
             rate=SLOW, fetched=(206,)),
         TRANSACTION,
         Row("right after the transaction", COMPLETE, too_late=r"gn8v-bootstrap\[\d+\]: gn8v \S+ is installed",
             again=PUT_BACK % "gn8v-bootstrap"),
         AGENT_TRANSACTION]
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
        self.mounted, self.ready, self.owed, self.size = False, False, None, os.path.getsize(rpm)
        self.replayed, self.begins = 0, (0, 0, 0)

    def power_on(self, delays):
        write_json(self.vm.twin.state("delays.json"), delays)
        self.begins = (len(self.vm.seen), self.vm.boots, self.vm.console_size())
        self.vm.power_on()

    def since(self):
        """What the machine printed since its power came back: of more than one boot when it restarted by itself."""
        return [line for _, line in self.vm.seen[self.begins[0]:]]

    def cut(self, row):
        """Starts the machine and cuts its power where ROW says; False when it did not come there any more. One that is
        ready instead is left so."""
        vm, boots = self.vm, self.vm.boots
        if row.mark and vm.disk_has(row.mark):
            self.say("not cut    %s: this machine was there before" % row.name)
            return False
        self.power_on(dict(DELAYS, rate=row.rate) if row.rate else DELAYS)
        came = self.comes_to(row)
        self.ready = not came and bool(checks.saying(story.READY, vm.this_boot()))
        if self.ready:
            self.say("not cut    %s: it was ready before" % row.name)
            self.pay()
            return False
        vm.power_cut()
        checks.must("the machine had started", vm.boots > boots)
        # What it printed before it went down is read by now.
        late = checks.saying(row.too_late, vm.this_boot()) if row.too_late else []
        late += checks.saying(story.READY, vm.this_boot()) if row.seconds else []
        came = came and not late and not (row.unmarked and vm.disk_has(row.unmarked))
        mounted = vm.needs_recovery()
        if came:
            self.suffered.append(row.name)
        self.say("%7s    %-44s boot %d, %s; after: %s" % (
            "%d." % len(self.suffered) if came else "not cut", row.name, vm.boots,
            "journal to replay" if mounted else "nothing to replay", story.said((late or [vm.last()])[0])[:60]))
        if came and row.fetched:
            self.fetched_in_part()
        self.pay()
        self.owed, self.mounted = row if came else None, mounted
        return came

    def comes_to(self, row):
        """Whether the machine is where its power is to be cut."""
        vm = self.vm
        if not re.search(row.pattern, vm.wait_for("%s|%s" % (row.pattern, story.READY)).string):
            return False
        if row.inside and vm.shell().run("timeout 300 sh -c 'until %s; do sleep 0.1; done'" % row.inside)[0] != 0:
            return False
        while row.mark and not vm.disk_has(row.mark):
            if vm.comes(row.too_late, 0.1):
                return False
        return not (row.seconds and vm.comes(story.READY, row.seconds))

    def requests(self):
        """For the RPM, since the power came back."""
        return [h for h in read_jsonl(self.vm.twin.state("http.jsonl"))
                if h["path"].endswith("/gn8v.rpm") and h["boot"] > self.begins[1]]

    def fetched_in_part(self):
        """The server writes its record once it has noticed that nobody is there any more."""
        log = watch.Watch(self.vm.twin.state_folder)
        log.until(self.requests, 60)
        log.close()
        found = [h["bytes"] for h in self.requests()]
        checks.must("the RPM was being fetched when the power was cut", found and 0 < found[-1] < self.size, found)

    def pay(self):
        """What the cut before this boot was to show in it."""
        row, self.owed = self.owed, None
        if self.mounted:
            self.mounted = False
            self.replayed += 1
            checks.must("the boot after a cut replays the file system's journal", "recovering journal" in self.vm.console(self.begins[2]))
        if row and row.again:
            checks.must("after a cut %s the next boot says %s" % (row.name, row.again),
                        checks.saying(row.again, self.since()))
        if row and row.fetched:
            found = [(h["status"], h["first"]) for h in self.requests()]
            checks.must("after a cut %s the RPM is asked for, answered by one of %s" % (row.name, row.fetched),
                        found and found[0][0] in row.fetched and (found[0][0] == 206) == (found[0][1] > 0), found)
            self.say("           the next request for the RPM: from byte %d on" % found[0][1])

    def finish(self):
        vm = self.vm
        if not self.ready:
            self.power_on(DELAYS)
            vm.wait_for(story.READY)
            self.pay()
        shell = vm.shell()
        checks.running(vm, shell)
        self.nothing_again()
        for package in checks.packages(vm):
            checks.same("rpm -V of " + package, shell.run("rpm -V --nodeps " + package)[1].strip(), "")
        self.same_files(listing(shell))
        checks.finds_libraries(shell)
        checks.ready_status(vm, shell)
        vm.power_button()
        checks.stopped_status(vm)
        checks.hardware_used_rightly(vm)
        checks.no_cycle(vm)
        self.say("           ok  ready after %d cuts and %d boots; the file system's journal was replayed after %d of them" % (
            len(self.suffered), vm.boots, self.replayed))

    def same_files(self, found):
        """What rpm, the installers and systemd-sysusers had beside a file while they wrote it may be left; it is nobody's file."""
        wanted = self.reference["files"]
        left = [path for path in found if path not in wanted and LEFT_OVER.sub(r"\1", path) in wanted]
        if left:
            self.say("           left behind: " + ", ".join(left))
        judged = [sorted(line for line in files.items() if not VOLATILE.search(line[0]) and line[0] not in left)
                  for files in (wanted, found)]
        missing, more = (sorted(set(a) - set(b)) for a, b in (judged, judged[::-1]))
        checks.same("files that a machine has that was never cut off, and this one has not", missing, [])
        checks.same("files that only this one has", more, [])

    def nothing_again(self):
        lines = [line for _, line in self.vm.seen]
        done = [found.group(1) for found in map(LASTING.search, lines) if found]
        checks.same("steps that were done twice", sorted(set(s for s in done if done.count(s) > 1)), [])
        asked = sum("restart asked for" in line for line in lines)
        checks.must("restarts asked for", asked <= 1, asked)


# Of what came after the image, each file with its digest and each link with its target.
LISTING = (r"find /etc /usr /boot /var/lib/gn8v -xdev -cnewer /twin/hardware/initrd ! -name '*.pyc' "
           r"\( -type f -exec sha256sum {} + -o -type l -printf '%l  %p\n' \) | awk '{ print $2, $1 }' | sort")
# What differs from machine to machine, or tells of its life: in rpmdb is when NVIDIA's key was imported.
VOLATILE = re.compile(r"^(/var/lib/gn8v/(status\.json|rpmdb/.*)|/etc/(machine-id|hostname|resolv\.conf|ld\.so\.cache|\.pwd\.lock)|"
                      r"/etc/(passwd|group|g?shadow)-|/etc/(ssh|cloud)/.*|/etc/systemd/network/10-cloud-init-.*|"
                      r"/boot/grub2/grubenv)$")
# A name of rpm's or an installer's for what becomes a file, or of systemd-sysusers; without it, or with \1, it is the file's.
LEFT_OVER = re.compile(r"(?:;[0-9a-f]{8}|\.\d{3,7})$|(?<=^/etc/)\.#(passwd|group|g?shadow)\w{6}$")
# Only systemd-sysusers makes an account here, in the transaction that brings gn8v. It takes the first number that is free, on
# all machines the same one. What it writes into shadow beside the name is the day.
ACCOUNTS = {"/etc/passwd": "cat", "/etc/group": "cat", "/etc/gshadow": "cat",
            "/etc/shadow": "awk -F: -v OFS=: '{ $3 = \"\"; print }'"}
# They judge them. Of the image itself pwck has complaints: homes that are not there.
JUDGES, WHOLE_OR_NOT = ("pwck -r", "grpck -r"), (0, 2)


def listing(shell):
    """{path: digest or target} of the files that came after the image, and {path: text} of those that hold accounts, with what
    their judges say."""
    found = dict(line.split(" ", 1) for line in shell.ask(LISTING).splitlines())
    found.update((path, shell.ask("%s %s" % (reads, path))) for path, reads in ACCOUNTS.items())
    for judge in JUDGES:
        code, words = shell.run(judge)
        found[judge] = "exit status %d: %s" % (code, words.strip())
        checks.must("%s could judge" % judge, code in WHOLE_OR_NOT, found[judge])
    return found


def states(journal):
    """[(what the agent printed on its way to ready, without its numbers; when)], each once."""
    seen = {}
    for at, line in journal:
        if re.search(story.READY, line):
            break
        found = STATE.search(line)
        if found and not PASSING.search(line):
            seen.setdefault(re.split(r"[\d.]{2,}", "%s%s" % (found.group(1) or "", found.group(2)))[0], at)
    return list(seen.items())


def at_state(words, **more):
    return Row(words[:44].strip(), r"gn8v\[\d+\]: " + re.escape(words), **more)


def span(known, place, end):
    """Seconds from one of these until the same step, or else any, said the next thing, or it was ready."""
    words, at = known[place]
    later = known[place + 1:]
    own = [t for w, t in later if w.split(": ")[0] == words.split(": ")[0]]
    return (own + [t for _, t in later] + [end])[0] - at


def at_random(seed, n, journal):
    """A moment is a thing that the agent printed, and a part of the time that it then took. The same seed draws the same
    ones, though things that go on side by side come in another order on another day, or one more is printed."""
    known, rows = states(journal), []
    end = next(at for at, line in journal if re.search(story.READY, line))
    # Once the gate is open only the line is left that says ready.
    left = [i for i, (words, _) in enumerate(known) if not words.startswith("ready: done")]
    for number in range(n):
        chance = "%d %d " % (seed, number)
        place = min(left, key=lambda i: hashlib.sha256((chance + known[i][0]).encode()).digest())
        left.remove(place)
        part = random.Random(chance).random()
        row = at_state(known[place][0], seconds=max(0.01, part * min(span(known, place, end), SPAN_S)), place=place)
        rows.append(row._replace(name="%s + %.2f" % (row.name, part)))
    return sorted(rows, key=lambda row: row.place)


def spread(name, rows, size):
    """Over machines, as one deals cards: neighbours come to different ones. A machine whose power was cut before its restart
    is past that when it starts again."""
    machines = -(-len(rows) // size)
    return [("%s-%d" % (name, i), rows[i::machines]) for i in range(machines)]


def plan(args, reference):
    """[(name of a machine, its cuts)]: not too many for one, so that each begins with a fresh disk; in the order of a life,
    as what one was past does not come again."""
    def asked_for(rows):
        return [row for row in rows if not args.only or re.search(args.only, row.name)]
    chance = asked_for(at_random(args.seed, args.cuts, reference["journal"]))
    if not args.every_state:
        return [("brief", asked_for([TRANSACTION]) + chance)]
    every = asked_for([at_state(words) for words, _ in states(reference["journal"])])
    return [("early", asked_for(EARLY))] + spread("random", chance, 10) + spread("state", every, 9)


def play(args, at, rpm, say, reference):
    """All power cuts, on machines like REFERENCE, which was not cut off; [name] of those survived. A cut that a machine was
    past already is made up on a fresh one."""
    work = [(name, rows) for name, rows in plan(args, reference) if rows]
    survived, failed, tries = [], [], {}
    planned = sum(len(rows) for _, rows in work)
    if not planned:
        raise VmError("no power cut has %r in its name" % args.only)
    say("SEED=%d: %d power cuts" % (args.seed, planned))
    for name, rows in work:
        say("           %s: %s" % (name, "; ".join(row.name for row in rows)))
    while work:
        name, rows = work.pop(0)
        cuts, again = Cuts(os.path.join(args.folder, "cuts-" + name), at, rpm, say, reference), []
        try:
            again = suffer(cuts, rows, tries)
        except VmError as e:
            # Hours of others may come after it.
            say("FAILED     %s: %s" % (name, e))
            failed.append("%s: %s" % (name, e))
        finally:
            cuts.vm.destroy()
        survived += cuts.suffered
        if again:
            work.insert(0, (name + "+", again))
    checks.must("every machine got over its power cuts", not failed, "\n".join(failed))
    checks.same("power cuts that were made before the machine was ready", len(survived), planned)
    return survived


def suffer(cuts, rows, tries):
    """One machine's life; the cuts that it was past already."""
    again = []
    for i, row in enumerate(rows):
        if cuts.cut(row):
            continue
        tries[row.name] = tries.get(row.name, 0) + 1
        checks.must("a machine came to where its power was to be cut", tries[row.name] < TRIES, row.name)
        # A computer that is less busy by now gets on faster than the reference did.
        again.append(row._replace(seconds=row.seconds / 2))
        # One that is ready has nothing left that could be cut off.
        if cuts.ready:
            again += rows[i + 1:]
            break
    cuts.finish()
    return again
