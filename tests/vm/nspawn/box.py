"""One container with a real systemd: its groups, its console, and commands run in it."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TWIN_CODE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "twin")
sys.path.insert(0, TWIN_CODE)

import watch                                                          # noqa: E402

REBOOT, POWEROFF = 133, 0
DEADLINE_S = 600      # ends what hangs; on an idle machine it takes a second or ten
TICK_S = 1            # a claim is looked at again at least so often
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Failed(Exception):
    """A scene does not hold; the text says why."""


def hierarchies():
    """The control group trees in which systemd keeps its units: one, or two where the host has old ones."""
    top = "/sys/fs/cgroup"
    if os.path.exists(top + "/cgroup.procs"):
        return [top]
    return [p for p in (top + "/systemd", top + "/unified") if os.path.isdir(p)]


class Groups:
    """Control groups of its own for a container, as boxes beside each other need them."""

    def __init__(self, name):
        self.paths = [os.path.join(h, name) for h in hierarchies()]
        for path in self.paths:
            os.makedirs(path, exist_ok=True)

    def join(self):
        for path in self.paths:
            with open(path + "/cgroup.procs", "w") as f:
                f.write("0")

    def end(self):
        """Kill all that is in them, and remove them."""
        for path in self.paths:
            for folder, _, _ in os.walk(path, topdown=False):
                pids = [int(p) for p in open(folder + "/cgroup.procs").read().split()]
                watch.kill_all({p: watch.start_time(p) for p in pids if watch.start_time(p)})
                os.rmdir(folder)


class Box:
    """Starts in `twin` (Twin), whose root is mounted, and ends when the container restarts or powers off."""

    def __init__(self, twin, number):
        self.twin = twin
        self.name = "gn8v-%d-%d" % (os.getpid(), number)
        self.groups = Groups(self.name)
        self.lines = []                       # (monotonic time, text) of the console
        self.process = self.pid = self.known_boot_id = None
        self.wake, self.wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.ended_with = None

    # --- its life ---------------------------------------------------------------------------------------------------

    def start(self, environment):
        os.makedirs(self.twin.root("/var/lib/gn8v"), exist_ok=True)
        self.seen = watch.Watch(self.twin.state_folder, self.twin.root("/var/lib/gn8v"))
        master, slave = pty.openpty()
        tie = watch.tie(signal.SIGKILL)

        def before():
            self.groups.join()
            tie()
        argv = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off",
                "--timezone=off", "--console=interactive", "--machine=" + self.name,
                "--directory=" + self.twin.root_folder,
                "--bind=%s:/twin/state" % self.twin.state_folder, "--bind-ro=%s:/twin/lib" % TWIN_CODE,
                "--bind-ro=%s:/twin/nspawn" % HERE]
        argv += ["--setenv=%s=%s" % pair for pair in environment.items()]
        argv += ["/usr/libexec/python3", "-S", "-E", "/twin/nspawn/init"]
        env = dict(os.environ, SYSTEMD_NSPAWN_TMPFS_TMP="0")
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, preexec_fn=before, env=env,
                                        start_new_session=True)
        os.close(slave)
        self.reader = threading.Thread(target=self.read, args=(master,), daemon=True)
        self.reader.start()

    def read(self, master):
        """The console, line by line, into a file too; whoever waits looks again."""
        left = b""
        with open(self.twin.state("console.log"), "a", encoding="utf-8") as log:
            while True:
                try:
                    data = os.read(master, 65536)
                except OSError:
                    data = b""
                *whole, left = (left + data).split(b"\n")
                for line in whole:
                    text = ESCAPES.sub("", line.decode("utf-8", "replace"))
                    self.lines.append((time.monotonic(), text))
                    log.write(text + "\n")
                log.flush()
                self.poke()
                if not data:
                    os.close(master)
                    return

    def poke(self):
        try:
            os.write(self.wake_in, b"x")
        except BlockingIOError:
            pass

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def leader(self):
        """The container's first process, once it is systemd: before that its mounts are still being made, and who looks into
        it finds the host's boot id."""
        if not self.pid:
            below = []
            for p in watch.descendants(self.process.pid):
                fields = watch.stat_fields(p)       # None: it has ended meanwhile
                if fields and int(fields[1]) == self.process.pid and is_systemd(p):
                    below.append(p)
            self.pid = below[0] if below else None
        return self.pid

    def ended(self, deadline_s=DEADLINE_S):
        """Wait until it has ended; REBOOT, POWEROFF or another exit status."""
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise Failed("the container is still up after %d s" % deadline_s)
        self.reader.join(10)
        self.close()
        return code

    def crash(self):
        """As if the power went: nothing is stopped, nothing is said."""
        try:
            if self.leader():
                os.kill(self.leader(), signal.SIGKILL)
        except ProcessLookupError:
            pass                # it restarted at the same moment
        self.process.wait()
        self.reader.join(10)
        self.close()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.groups.end()
        # systemd-nspawn itself removes it only where /run is no disk.
        shutil.rmtree("/run/systemd/nspawn/propagate/" + self.name, ignore_errors=True)
        if self.seen:
            self.seen.close()
            self.seen = None

    def boot_id(self):
        if not self.known_boot_id:
            self.known_boot_id = self.run("cat", "/proc/sys/kernel/random/boot_id")
        return self.known_boot_id

    # --- looking into it --------------------------------------------------------------------------------------------

    def run(self, *argv, check=True, deadline_s=DEADLINE_S):
        """A command in the container; what it printed, both ways. Without check: (exit status, text)."""
        leader = self.leader()
        if not leader or not self.alive():
            raise Failed("the container is down: %s" % " ".join(argv))
        try:
            done = subprocess.run(["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C", "--"] + list(argv),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=deadline_s, env={"PATH": "/usr/sbin:/usr/bin", "LANG": "C.UTF-8",
                                                           "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"})
        except subprocess.TimeoutExpired:
            raise Failed("%s: no end after %d s" % (" ".join(argv), deadline_s))
        text = done.stdout.decode("utf-8", "replace").strip()
        if not check:
            return done.returncode, text
        if done.returncode != 0:
            raise Failed("%s: exit status %d: %s" % (" ".join(argv), done.returncode, text))
        return text

    def until(self, claim, what, deadline_s=DEADLINE_S):
        """Evaluate claim() now and whenever the console, the status or the twin's logs say more; its first true value.

        A claim that cannot be answered yet (systemd is not up) does not hold."""
        end = time.monotonic() + deadline_s
        while True:
            alive, why = self.alive(), ""
            try:
                value = claim()
            except Failed as e:
                value, why = None, " (%s)" % e
            if value:
                return value
            if not alive:
                raise Failed("the container ended before: %s%s" % (what, why))
            if time.monotonic() > end:
                raise Failed("not within %d s: %s%s" % (deadline_s, what, why))
            ready = select.select([self.wake, self.seen.fd], [], [], TICK_S)[0]
            for fd in ready:
                os.read(fd, 65536)

    def console(self):
        return [text for _, text in self.lines]


def is_systemd(pid):
    """Whether a process is systemd, as number 1 of its own namespace."""
    try:
        with open("/proc/%d/status" % pid) as f:
            return bool(re.search(r"^Name:\tsystemd\n(.*\n)*NSpid:.*\t1$", f.read(), re.M))
    except OSError:
        return False            # it has ended meanwhile
