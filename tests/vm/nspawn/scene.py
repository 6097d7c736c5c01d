"""What every scene uses: an instance in a container, started, looked at, and asked about.

A scene is a file in scenes/ whose first line is its story, with a function play(s); `s` is a Scene."""

import collections
import json
import os
import re
import shutil
import sys
import time

import disk
import disorder
from box import POWEROFF, REBOOT, Box, Failed
from daemons import Internet, write_config
from instance import REPO, merge, read_json, read_jsonl, read_text, write_json, write_text

sys.path.insert(0, os.path.join(REPO, "tests", "story"))

import questions                                                      # noqa: E402

AGENT, READY, PERSISTENCED = "gn8v-agent.service", "gn8v-ready.target", "nvidia-persistenced.service"
FABRIC = "nvidia-fabricmanager.service"
LIMITS = ("/usr/share/gn8v/units/persistenced-multi.service", "/usr/share/gn8v/units/50-gn8v-timeout.conf",
          "/usr/lib/systemd/system/nvidia-persistenced.service",
          "/etc/systemd/system/nvidia-persistenced.service.d/50-gn8v-timeout.conf")
CONFIG = {"attest": {"verifier": "auto"}}
# What is installed, and waits behind the gate, where a scene begins later than with a fresh disk.
EXTRAS = ("ollama", "nvidia-cdi-refresh")
GATED = ("cloudmonitor.service", "ollama.service")
BOOTS_MAX = 5
# A service that ignores SIGTERM, and is started once it does.
DEAF = ("Type=notify\nNotifyAccess=all\nExecStart=\n"
        "ExecStart=/bin/sh -c \"trap '' TERM; systemd-notify --ready; while :; do sleep 1000; done\"\n")

# Of a question to systemd: one that the end of a boot met is never answered, and is asked again.
QUESTION_S = 30


class Scene:
    def __init__(self, shelf, folder):
        self.shelf, self.folder = shelf, folder
        self.disk = self.box = self.internet = None
        self.boxes, self.disks, self.offline = [], 0, False
        self.writers = []                     # of holds that are over

    # --- the instance -----------------------------------------------------------------------------------------------

    def begin(self, shape="single", at="fresh", faults=None, config=None, delays=None, settings=None, extras=()):
        """An instance that has come to: fresh; restarted (by the agent; its second boot is to come); ready.

        SETTINGS and EXTRAS are for a fresh one; others have EXTRAS, behind the gate."""
        self.down()
        self.leave()
        self.offline = False
        self.disks += 1
        folder = os.path.join(self.folder, "%d" % self.disks)
        wanted = merge(json.loads(json.dumps(CONFIG)), config or {})
        if at == "fresh":
            self.disk = disk.Disk(folder, disk.container_layer(self.shelf))
            disk.lay_instance(self.disk.twin, shape, settings or {}, extras)
        else:
            self.disk = disk.copy(folder, self.made(shape, at))
        self.disk.settle(faults or {}, wanted, delays or {})
        self.twin = self.disk.twin

    def made(self, shape, at):
        """An instance that came to this, on the shelf; made by the first scene that needs it."""
        folder = os.path.join(self.shelf, "%s-%s" % (at, shape))
        with disk.made_once(folder) as todo:
            if todo:
                maker = Scene(self.shelf, folder)
                try:
                    maker.begin(shape, extras=EXTRAS, config={"gate": {"mode": "attested"}})
                    maker.boot()
                    maker.goes_down(REBOOT)
                    if at == "ready":
                        maker.boot()
                        maker.expect_ready()
                        maker.down()
                except Failed as e:
                    raise Failed("no %s instance could be made: %s" % (at, e))
                finally:
                    maker.leave()
        return os.path.join(folder, "1")

    def down(self):
        """Power off, if it is up; the disk stays."""
        if self.box and self.box.alive():
            self.end_by("poweroff", POWEROFF)

    def end_by(self, command, how):
        """Ask systemctl for it, and wait until the machine has gone that way. The answer may never come: whoever gives it
        goes down too."""
        try:
            said = self.systemctl(command, check=False)[1]
        except Failed as e:
            said = str(e)
        try:
            self.goes_down(how)
        except Failed as e:
            raise Failed("systemctl %s: %s%s" % (command, e, said and " (%s)" % said))

    def leave(self):
        """The instance is done with, whatever it is at; what it wrote stays."""
        if self.box and self.box.alive():
            self.box.close()
        self.network(False)
        while self.writers:
            os.close(self.writers.pop())
        if self.disk:
            self.disk.unmount()
            self.disk = None

    # --- boots ------------------------------------------------------------------------------------------------------

    def network(self, up):
        """The simulated internet, with the metadata service; it stays over restarts."""
        self.offline = not up
        if up and not self.internet:
            self.internet = Internet(self.twin)
            self.internet.ensure(False)
        elif not up and self.internet:
            self.internet.stop()
            self.internet = None

    def boot(self):
        """Start the machine; returns at once."""
        if self.box and self.box.alive():
            raise Failed("it is up already")
        if self.offline:
            write_config(self.twin)
        else:
            self.network(True)
        self.box = Box(self.twin, len(self.boxes))
        self.boxes.append(self.box)
        self.box.start({"SYSTEMD_LOG_TARGET": "console", "SYSTEMD_LOG_COLOR": "0", "SYSTEMD_COLORS": "0"})

    def goes_down(self, how=REBOOT):
        """Wait until the machine restarts by itself (or powers off)."""
        code = self.box.ended()
        if code != how:
            raise Failed("the container ended with %d, not %d" % (code, how))

    def settled(self):
        """Wait until the agent's job of this boot is over; ActiveState and Result of its unit."""
        found = self.box.until(self.job_over, "the agent's job ends")
        return found["ActiveState"], found["Result"]

    def run(self, boots=BOOTS_MAX):
        """Start it, and again after each restart that the agent asks for, until its job is over in a boot that stays."""
        for _ in range(boots):
            self.boot()
            self.box.until(lambda: not self.box.alive() or self.restarts() or self.job_over(),
                           "the agent's job ends, or a restart")
            if self.box.alive() and not self.restarts():
                return
            self.goes_down(REBOOT)
        raise Failed("still asking for a restart after %d boots" % boots)

    def restarts(self):
        """Whether the agent has asked for a restart in this boot: whoever goes down is asked nothing more."""
        now = self.status() or {}       # once: between two looks a new boot's may have come
        return now.get("result") == "restarting" and now.get("boot_id") == self.box.boot_id()

    def job_over(self):
        """The agent's unit, once its job ended in a boot that is not going down."""
        unit = self.unit(AGENT)
        going = self.box.run("systemctl", "is-system-running", check=False, deadline_s=QUESTION_S)[1]
        over = (unit["InactiveExitTimestampMonotonic"] not in ("", "0") and not unit["Job"]
                and unit["ActiveState"] in ("active", "failed", "inactive"))
        return unit if over and going in ("initializing", "starting", "running", "degraded", "maintenance") else None

    # --- asking -----------------------------------------------------------------------------------------------------

    def unit(self, name):
        """Properties of a unit, as texts."""
        text = self.box.run("systemctl", "show", name, deadline_s=QUESTION_S)
        return collections.defaultdict(str, (line.split("=", 1) for line in text.splitlines() if "=" in line))

    def state(self, name):
        return self.box.run("systemctl", "show", "-P", "ActiveState", name, deadline_s=QUESTION_S)

    def becomes(self, name, state):
        self.box.until(lambda: self.state(name) == state, "%s becomes %s" % (name, state))

    def status(self, key=None):
        try:
            return questions.find(self.twin.status(), key) if key else self.twin.status()
        except (KeyError, IndexError, TypeError, ValueError):
            return None

    def comes(self, key, *values):
        """Wait until the status says so, of this boot."""
        def says():
            return self.status("boot_id") == self.box.boot_id() and self.status(key) in values
        self.box.until(says, "%s becomes %s" % (key, " or ".join(map(str, values))))

    def log(self, name):
        return read_jsonl(self.twin.state(name + ".jsonl"))

    def ran(self, name):
        """The runs of a program of that name in this boot."""
        return [c for c in self.log("commands") if c["boot"] == self.twin.boot
                and name in [os.path.basename(a) for a in c["argv"][:2]]]

    def journal(self, *what):
        return self.box.run("journalctl", "--no-pager", "-o", "short-monotonic", *what)

    # --- changing ---------------------------------------------------------------------------------------------------

    def fault(self, *names, **arguments):
        """Exactly these faults from now on."""
        write_json(self.twin.state("faults"), dict({n.replace("_", "-"): True for n in names},
                                                   **{n.replace("_", "-"): a for n, a in arguments.items()}))

    def holds(self, *names):
        """Whoever comes to one of these delays of the twin stays in it, over restarts too, until goes_on()."""
        for name in names:
            os.mkfifo(self.twin.state("hold." + name))

    def goes_on(self, *names):
        for name in names:
            path = self.twin.state("hold." + name)
            # It stays open: who has found the name and opens it only now finds a writer too.
            self.writers.append(os.open(path, os.O_RDWR | os.O_CLOEXEC))
            os.unlink(path)

    def configure(self, config):
        for path in (self.twin.state("config.json"), self.twin.root("/etc/gn8v/config.json")):
            write_json(path, merge(read_json(path, {}), config))

    def write(self, path, text):
        write_text(self.twin.root(path), text)

    def link(self, path, target):
        path = self.twin.root(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        disk.replace_link(path, target)

    def replace(self, path, data):
        """Other contents under the same name and mode, as a package manager puts them in place."""
        path = self.twin.root(path)
        mode = os.stat(path).st_mode
        write_text(path, data)
        os.chmod(path, mode)

    def systemctl(self, *argv, check=True):
        return self.box.run("systemctl", *argv, check=check)

    def restart_agent(self):
        """As a person would, waiting for it; whether systemctl was content."""
        return self.systemctl("restart", AGENT, check=False)[0] == 0

    def limit(self, unit, seconds):
        """systemd's own limit for its start, as the owner of the machine may set it. For nvidia-persistenced a short one of the
        owner's is refused: there it is changed in gn8v's own files and what they are made from."""
        if unit == PERSISTENCED:
            for path in LIMITS:
                if os.path.exists(self.twin.root(path)):
                    self.replace(path, re.sub("TimeoutStartSec=.*", "TimeoutStartSec=%d" % seconds,
                                              read_text(self.twin.root(path))))
            return
        self.write("/etc/systemd/system/%s.d/99-limit.conf" % unit, "[Service]\nTimeoutStartSec=%d\n" % seconds)

    # --- claims -----------------------------------------------------------------------------------------------------

    def expect(self, claim, what):
        if not claim:
            raise Failed(what)

    def expect_units(self, **states):
        """NAME=STATE; "_" stands for "-", and .service is added where no dot is."""
        for name, wanted in states.items():
            name = name.replace("__", ".").replace("_", "-")
            name = name if "." in name else name + ".service"
            found = self.state(name)
            self.expect(found == wanted, "%s is %s, not %s" % (name, found, wanted))

    def expect_ready(self):
        self.expect(self.settled() == ("active", "success"), "the agent's unit is %s, %s" % self.settled())
        self.expect(self.status("result") == "ready", "the result is %s" % self.status("result"))
        self.expect_units(gn8v_ready__target="active")
        self.expect(os.path.exists(self.twin.root("/run/gn8v/ready")) or self.flag(), "the flag is missing")
        self.well()

    def flag(self):
        return self.box.run("test", "-e", "/run/gn8v/ready", check=False)[0] == 0

    def expect_closed(self, *gated):
        self.expect(not self.flag(), "the flag is there")
        for name in (READY,) + gated:
            found = self.state(name)
            self.expect(found in ("inactive", "failed"), "%s is %s while the gate is closed" % (name, found))

    def expect_said(self, result, gate):
        found = (self.status("result"), self.status("gate"))
        self.expect(found == (result, gate), "the status says %s, gate %s" % found)

    def expect_open(self, *gated):
        """The gate is open, and what waits behind it runs."""
        self.expect_ready()
        for name in gated or GATED:
            self.becomes(name, "active")

    def expect_refused(self, *names):
        """Started by hand, they do not start, and systemctl says so."""
        for name in names:
            code, text = self.systemctl("start", name, check=False)
            self.expect(code != 0, "systemctl start %s: exit status 0" % name)
            self.expect(self.state(name) == "inactive", "%s is %s" % (name, self.state(name)))

    def expect_failed(self, code, step=None):
        active, result = self.settled()
        self.expect(active == "failed", "the agent's unit is %s, %s" % (active, result))
        self.expect(self.status("result") == "failed", "the result is %s" % self.status("result"))
        self.expect(self.status("error.code") == code, "the error is %s" % json.dumps(self.status("error")))
        self.expect(self.status("error.hint") and self.status("error.who"), "nobody is told what to do")
        self.expect(step is None or self.status("error.step") == step, "the step is %s" % self.status("error.step"))
        self.expect_closed()

    def well(self):
        """What holds at the end of all that went well, and at any other time."""
        self.expect(not questions.check_well(self.twin, None), "not all is well: %s" % read_text(self.twin.state("misuse")))
        self.no_cycle()

    def no_cycle(self):
        """In no boot of this scene: seen on the console, as the boot's transaction is made before the journal is there."""
        for box in self.boxes:
            found = [line for line in box.console() if disorder.CYCLE.search(line)]
            self.expect(not found, "an ordering cycle: %s" % " / ".join(found))

    def no_timeout(self):
        for box in self.boxes:
            found = [line for line in box.console() if disorder.TIMED_OUT.search(line)]
            self.expect(not found, "a job or a unit timed out: %s" % " / ".join(found))

    def stamp(self, name, which="ActiveEnterTimestampMonotonic"):
        """Microseconds; 0 when it never came to that in this boot."""
        return int(self.unit(name)[which])

    def expect_order(self, *moments):
        """(name, microseconds) pairs rise, and none is missing."""
        self.expect(all(at > 0 for _, at in moments), "something never happened: %r" % (moments,))
        for (before, a), (after, b) in zip(moments, moments[1:]):
            self.expect(a <= b, "%s at %.3f s is not before %s at %.3f s" % (before, a / 1e6, after, b / 1e6))

    def tell(self):
        """For whoever has to find out why a scene failed."""
        print("--- boot %d" % (self.disk.twin.boot if self.disk else 0))
        if self.disk:
            questions.check_brief(self.disk.twin, None)
        if self.box and self.box.alive():
            for argv in (["systemctl", "list-jobs", "--no-pager"], ["systemctl", "--failed", "--no-pager"],
                         ["journalctl", "-b", "--no-pager", "-n", "40", "-o", "cat"]):
                print("--- " + " ".join(argv))
                try:
                    print(self.box.run(*argv, check=False, deadline_s=20)[1])
                except Failed as e:
                    print(e)
        if self.box:
            print("--- console")
            print("\n".join(self.box.console()[-40:]))


def play(module, shelf, folder, keep):
    """Run one scene; its exit code."""
    begun = time.monotonic()
    scene = Scene(shelf, folder)
    try:
        module.play(scene)
        scene.down()
        return 0
    except BaseException as e:
        try:
            scene.tell()
        finally:
            print("FAILED after %.1f s: %s" % (time.monotonic() - begun, e if isinstance(e, Failed) else repr(e)), flush=True)
        if isinstance(e, Failed):
            return 1
        raise
    finally:
        scene.leave()
        if keep:
            print("kept: %s" % folder)
        else:
            shutil.rmtree(folder)       # fails where something is still mounted
