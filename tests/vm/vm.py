"""One virtual machine that believes it is an ECS instance: its folder, its QEMU process, its consoles, its power.

FOLDER/state/        what the hardware remembers and the cloud knows, as in a twin (tests/twin/README.md)
FOLDER/disk          the system disk, an overlay over the image
FOLDER/journal.log   what the machine's journal printed to its console, one line each, over all boots
FOLDER/console.log   what firmware, kernel and systemd printed to the serial port
FOLDER/user-data     what the metadata service says; FOLDER/config.json went into it
"""
import json
import mmap
import os
import queue
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TWIN = os.path.join(os.path.dirname(HERE), "twin")
sys.path.insert(0, TWIN)

import assets                                                         # noqa: E402
import internet                                                       # noqa: E402
import machine                                                        # noqa: E402
import watch                                                          # noqa: E402
from daemons import Daemon                                            # noqa: E402
from instance import REPO, Twin, merge, read_json, read_jsonl, read_text, write_json, write_text  # noqa: E402

RPM_URL = "https://mirror.example/gn8v.rpm"
ROOT_OFFSET = 133120 * 512      # as `image` lays the disk out
# Generous: a slow machine is no failure.
DEADLINE_S = 1800
# From power-on to the first line of the journal. It takes half a minute, and one beside two other machines.
BEGINS_S = 300
# What a line begins with that the machine did not print.
NOTE = "-- "
# How the agent ends when it will not go on by itself.
GIVEN_UP = re.compile(r"gn8v\[\d+\]: (failed|refused): (.*)")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][0-9A-B]?|\r")


class VmError(Exception):
    """It did not come to what was waited for; the text says to what."""


class Server(Daemon):
    """Metadata service and download hosts of one machine."""

    def __init__(self, twin):
        super().__init__(twin, "server")

    def begin(self, built):
        line = self.start([sys.executable, "-S", "-E", os.path.join(TWIN, "server.py"), "--assets", built,
                           "--twin", self.twin.folder], keep=False)
        return json.loads(line)


class Shell:
    """A person who is logged in as root at the second console. The machine calls at its start: what it prints there
    before anybody listens would be lost."""

    def __init__(self, path):
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.socket, self.rest, self.number, self.logged_in = None, "", 0, False

    def called(self, process):
        """Waits for the machine's call; False when its process ends instead."""
        end = os.pidfd_open(process.pid)
        calls = self.listener in select.select([self.listener, end], [], [])[0]
        os.close(end)
        if calls:
            self.socket = self.listener.accept()[0]
        self.listener.close()
        return calls

    def until(self, mark, deadline_s):
        end = time.monotonic() + deadline_s
        while mark not in self.rest:
            self.socket.settimeout(max(0.1, end - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                raise VmError("the console did not answer: %r" % self.rest[-300:])
            if not data:
                raise VmError("the console is gone")
            self.rest += ESCAPES.sub("", data.decode("utf-8", "replace"))
        said, _, self.rest = self.rest.partition(mark)
        return said

    def log_in(self, deadline_s=DEADLINE_S):
        """Waits for the prompt. What it says about the terminal would only be in the way."""
        self.logged_in = True
        self.until("# ", deadline_s)
        self.socket.sendall(b"stty -echo; PS1= PS2=; bind 'set enable-bracketed-paste off' 2>/dev/null; echo rea''dy\n")
        self.until("ready\n", deadline_s)

    def run(self, command, deadline_s=DEADLINE_S):
        """(exit status, output) of one line of shell."""
        self.number += 1
        self.socket.sendall(("{ %s\n} </dev/null 2>&1; echo \"end-$?-of-%d.\"\n" % (command, self.number)).encode())
        said = self.until("-of-%d.\n" % self.number, deadline_s)
        text, _, status = said.rpartition("end-")
        return int(status), text

    def ask(self, command):
        """The output of a command that must succeed."""
        status, text = self.run(command)
        if status != 0:
            raise VmError("%s: exit status %d: %s" % (command, status, text.strip()))
        return text.strip()


class Vm:
    stuck = 0       # how often a machine of this run hung in firmware or kernel

    def __init__(self, folder, shape, at):
        self.folder, self.shape, self.at = os.path.abspath(folder), shape, at
        self.twin = Twin(self.folder)
        self.server, self.ports, self.process, self.person = Server(self.twin), None, None, None
        self.lines, self.seen, self.cut_off = queue.Queue(), [], False
        self.boot_begins, self.console_begins = 0, 0
        self.on_line = lambda line: None

    def note(self, what):
        """What happens to the machine from outside, for who reads its journal."""
        self.catch_up()
        self.seen.append((time.monotonic(), "%s%s --" % (NOTE, what)))

    def catch_up(self):
        """Takes what was printed and nobody waited for."""
        while not self.lines.empty():
            self.take(*self.lines.get())

    def path(self, name):
        return os.path.join(self.folder, name)

    # --- what it is

    def create(self, rpm, config, delays=None):
        """A fresh instance. RPM and CONFIG are what its owner gives to `make user-data`."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.twin.state())
        write_json(self.twin.state("faults"), {})
        write_json(self.twin.state("delays.json"), delays or {})
        write_json(self.twin.state("machine.json"), machine.describe(self.shape, None, {"hardened": False}))
        write_text(self.twin.state("boot"), "0\n")
        write_text(self.twin.state("devices.json"), machine.tool("fakes/twinlib.py", "devices", self.shape))
        machine.lay_devices(self.twin)
        os.symlink("/twin/fakes", self.twin.state("fakes"))
        mirror = self.twin.state("mirror")
        os.makedirs(os.path.join(mirror, os.path.dirname(internet.REPOSITORY)))
        os.symlink(self.at["repository"], os.path.join(mirror, internet.REPOSITORY))
        self.offer(rpm, config)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", self.at["disk.raw"], "-F", "raw",
                        self.path("disk")], check=True)
        return self

    def offer(self, rpm, config):
        """What the machine finds in its user-data from now on, and behind the URL that this names."""
        described = read_json(self.twin.state("machine.json"))
        described["user_data"] = self.user_data(rpm, config)
        write_json(self.twin.state("machine.json"), described)
        shutil.copy(rpm, os.path.join(self.twin.state("mirror"), "gn8v.rpm"))

    def user_data(self, rpm, config):
        """By the program behind `make user-data`. What it is given beside the test's own config is what a network with
        its own mirrors and keys has to say."""
        book = assets.load(self.at["assets"])
        files = book["files"]
        driver, cuda = (("570.148.08", "12.8.1_570.124.06") if self.shape == "multi" else
                        ("550.144.03", "12.4.1_550.54.15"))
        whole = {
            "driver": {"sha256": files["NVIDIA-Linux-x86_64-%s.run" % driver]["sha256"]},
            "cuda": {"sha256": files["cuda_%s_linux.run" % cuda]["sha256"]},
            "rpm_key": {"sha256": book["rpm_key"]["sha256"], "id": book["rpm_key"]["id"]},
            # A GPU takes seconds here, where it takes milliseconds on a real machine.
            "attest": {"collateral_s": 240, "device_root": "/twin/state/devices/root.pem",
                       "rim_root": "/twin/state/devices/rim-root.pem"},
        }
        write_json(self.path("config.json"), merge(whole, config))
        done = subprocess.run(
            [os.path.join(REPO, "cloud-init", "make-user-data"), "--rpm-url", RPM_URL, "--rpm", rpm,
             "--config", self.path("config.json"), "--output", self.path("user-data")],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise VmError(done.stdout.decode())
        return read_text(self.path("user-data"))

    # --- its power

    def command(self):
        """One virtual CPU: with two, one boot of several hundred hung before its first line, and it was no faster (on 2 CPUs,
        three machines at a time: 135, 134, 151 s to ready with one, 149, 156, 146 s with two)."""
        relay = "guestfwd=tcp:%s:%d-cmd:socat STDIO TCP:127.0.0.1:%d"
        network = ",".join(["user,id=n0", "net=100.100.100.0/24", "dhcpstart=100.100.100.15",
                            relay % ("100.100.100.200", 80, self.ports["metadata"]),
                            relay % ("100.100.100.201", 443, self.ports["https"])])
        return ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35", "-no-reboot",
                "-accel", "tcg", "-cpu", "qemu64,-svm", "-smp", "1", "-m", "1536", "-bios", "/usr/share/ovmf/OVMF.fd",
                "-smbios", "type=1,manufacturer=Alibaba Cloud,product=Alibaba Cloud ECS",
                "-drive", "file=%s,if=virtio,format=qcow2,cache=writethrough" % self.path("disk"),
                "-netdev", network, "-device", "virtio-net-pci,netdev=n0", "-device", "virtio-rng-pci",
                "-virtfs", "local,path=%s,mount_tag=twin,security_model=none" % self.twin.state_folder,
                "-device", "virtio-serial-pci", "-chardev", "stdio,id=journal,signal=off",
                "-device", "virtconsole,chardev=journal",
                "-chardev", "socket,id=shell,path=%s" % self.path("shell"),
                "-device", "virtconsole,chardev=shell",
                "-chardev", "file,id=serial,path=%s,append=on" % self.path("console.log"), "-serial", "chardev:serial",
                "-qmp", "unix:%s,server=on,wait=off" % self.path("qmp")]

    def power_on(self):
        """Returns once the journal prints. Where the emulator hangs in firmware or kernel at the machine's first boot, before a
        program of the system disk was started and before gn8v changed anything, the machine is switched off and on once, and
        the console says where it was. At any later boot that is a failure."""
        self.start()
        if self.heard.wait(BEGINS_S):
            return
        hung = self.looks()
        if self.boots:
            raise VmError("the journal printed nothing in %d s%s" % (BEGINS_S, hung))
        print("%s: nothing of the system was started in %d s; switched off and on again%s" % (self.folder, BEGINS_S, hung),
              flush=True)
        Vm.stuck += 1
        self.power_off()
        self.start()
        if not self.heard.wait(BEGINS_S):
            raise VmError("the journal printed nothing in %d s, for the second time%s" % (BEGINS_S, self.looks()))

    def start(self):
        if not self.ports:
            self.ports = self.server.begin(self.at["assets"])
        self.cut_off, self.boot_begins, self.console_begins = False, len(self.seen), self.console_size()
        self.lines, self.heard = queue.Queue(), threading.Event()
        if self.person:
            self.person.socket.close()
        self.person = Shell(self.path("shell"))
        self.note("firmware and kernel start")
        log = open(self.path("qemu.log"), "ab")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                        preexec_fn=watch.tie(signal.SIGKILL))
        log.close()
        if not self.person.called(self.process):
            raise VmError("QEMU does not start: %s" % read_text(self.path("qemu.log"))[-1000:])
        threading.Thread(target=self.read, args=(self.process, self.lines, self.heard), daemon=True).start()

    def read(self, process, lines, heard):
        """Every line of the journal's console, as it comes; None at the end of the process."""
        with open(self.path("journal.log"), "a", encoding="utf-8") as log:
            for data in process.stdout:
                line = ESCAPES.sub("", data.decode("utf-8", "replace")).rstrip("\n")
                log.write(line + "\n")
                log.flush()
                lines.put((time.monotonic(), line))
                heard.set()
        lines.put((time.monotonic(), None))
        heard.set()

    def power_off(self):
        self.process.kill()
        self.process.wait()

    def power_cut(self):
        """What the machine had not written to its disk is gone. (Its disk is writethrough.)"""
        self.cut_off = True
        self.power_off()
        self.drain()
        self.note("the power is cut")

    def power_button(self, deadline_s=DEADLINE_S):
        """A clean end: systemd stops everything, then the machine switches itself off."""
        self.note("the power button is pressed")
        self.qmp("system_powerdown")
        try:
            self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise VmError("the machine did not switch itself off")
        self.drain()

    def qmp(self, order, **arguments):
        """What QEMU answers to an order; events come in between."""
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.settimeout(60)
            qmp.connect(self.path("qmp"))
            stream = qmp.makefile("rw")
            stream.readline()
            for asked in ({"execute": "qmp_capabilities"}, {"execute": order, "arguments": arguments}):
                stream.write(json.dumps(asked) + "\n")
                stream.flush()
                said = map(json.loads, iter(stream.readline, ""))
                answer = next((one for one in said if "event" not in one), {})
            return answer.get("return")

    def drain(self):
        self.process.wait()
        while self.next_line(60) is not None:
            pass

    def destroy(self):
        self.cut_off = True
        if self.process and self.process.poll() is None:
            self.power_off()
        self.catch_up()
        self.server.stop()

    # --- what it says

    def next_line(self, deadline_s):
        """The next line of the journal, None at the end of the process."""
        try:
            at, line = self.lines.get(timeout=max(0.01, deadline_s))
        except queue.Empty:
            raise VmError("nothing was printed for %d s; the last was: %s%s" % (deadline_s, self.last(), self.looks()))
        return self.take(at, line)

    def take(self, at, line):
        """What was read, written down; '' where one boot ends and the next begins."""
        if line is None and not self.cut_off and self.restarts():
            self.power_on()
            return ""
        if line is not None:
            self.seen.append((at, line))
            self.on_line(line)
        return line

    def restarts(self):
        """Whether the machine ended because it restarts. Each boot is a QEMU process of its own: in one that goes on, the
        boot loader writes over memory that once was code, byte by byte, which takes minutes without acceleration."""
        if self.process.wait() != 0:
            return False
        return "reboot: Restarting system" in self.console()

    def console_size(self):
        try:
            return os.path.getsize(self.path("console.log"))
        except FileNotFoundError:
            return 0

    def console(self, begins=None):
        """What firmware, kernel and systemd printed since the last power-on, or since the console had so many bytes."""
        with open(self.path("console.log"), "rb") as f:
            f.seek(self.console_begins if begins is None else begins)
            return ESCAPES.sub("", f.read().decode("utf-8", "replace"))

    def looks(self):
        """Where a machine is that says nothing: the end of its console, and what its CPUs are at."""
        try:
            at = re.findall(r"^(?:CPU#|[ER]IP=).*", self.qmp("human-monitor-command", **{
                "command-line": "info registers -a"}), re.M)
        except (OSError, ValueError, TypeError) as e:
            at = ["QEMU does not answer: %s" % e]
        return "\nIts console:\n%s\nIts CPUs:\n%s" % ("\n".join(self.console().splitlines()[-15:]), "\n".join(at))

    def last(self):
        """What the machine itself printed last."""
        return next((line for _, line in reversed(self.seen) if not line.startswith(NOTE)), "nothing")

    def wait_for(self, pattern, deadline_s=DEADLINE_S):
        """Reads on until a line matches; the match."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            line = self.next_line(end - time.monotonic())
            if line is None:
                raise VmError("the machine ended before it printed %r; the last was: %s" % (pattern, self.last()))
            found = re.search(pattern, line)
            if found:
                return found
            if GIVEN_UP.search(line):
                raise VmError("the agent gave up: %s" % line)
        raise VmError("%d s went by without %r; the last was: %s" % (deadline_s, pattern, self.last()))

    def comes(self, pattern, seconds):
        """Whether a line that matches comes within so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                at, line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                return False
            if self.take(at, line) is None:
                raise VmError("the machine ended by itself; the last was: %s" % self.last())
            if re.search(pattern, self.last()):
                return True
        return False

    def shell(self):
        """Whoever is logged in in this boot, once there is somebody."""
        if not self.person.logged_in:
            self.person.log_in()
        return self.person

    # --- what it left

    @property
    def boots(self):
        return self.twin.boot

    def disk_has(self, words):
        """Whether this was written to the disk, by a machine that may be running: the name of a file, for example."""
        with open(self.path("disk"), "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(words) >= 0

    def disk_file(self, path):
        """A file of the disk, by the file system's own tool, while the machine is off."""
        raw = self.path("disk.raw")
        subprocess.run(["qemu-img", "convert", "-O", "raw", self.path("disk"), raw], check=True)
        try:
            done = subprocess.run(["debugfs", "-R", "cat " + path, "%s?offset=%d" % (raw, ROOT_OFFSET)],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        finally:
            os.unlink(raw)
        return done.stdout.decode("utf-8", "replace")

    def this_boot(self):
        """The lines of the journal since the last power-on."""
        return [line for _, line in self.seen[self.boot_begins:]]

    def needs_recovery(self):
        """Whether its file system has a journal to replay: needs_recovery of the superblock's s_feature_incompat."""
        done = subprocess.run(["qemu-io", "-r", "-f", "qcow2", "-c", "read -v %d 4" % (ROOT_OFFSET + 1024 + 0x60),
                               self.path("disk")], stdout=subprocess.PIPE, check=True)
        word = re.search(rb":\s+((?:[0-9a-f]{2} ){4})", done.stdout).group(1)
        return bool(int(word[:2], 16) & 4)

    def commands(self):
        return read_jsonl(self.twin.state("commands.jsonl"))

    def status(self):
        return json.loads(self.disk_file("/var/lib/gn8v/status.json"))

    def misuse(self):
        return read_text(self.twin.state("misuse"))
