"""The two companions of a running twin: the simulated internet and the simulated systemd.

Each is tied to the harness and dies with it, unless it is kept for a later call; then a file in
state/ says which process it is, and `twin down` ends it."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import watch
from instance import REPO, TwinError, merge, read_json, read_text, write_json, write_text

STOP_TIMEOUT_S = 10


class Daemon:
    def __init__(self, twin, name):
        self.twin, self.name = twin, name
        self.note = twin.state(name + ".pid")
        self.process = None

    def pid(self):
        """The id of the running process, or None."""
        known = read_json(self.note)
        if known and watch.start_time(known["pid"]) == known["start"]:
            return known["pid"]
        return None

    def start(self, argv, keep):
        """Start it and return the first line it prints."""
        log = open(self.twin.state(self.name + ".log"), "ab")
        env = dict(os.environ, TWIN_DIR=self.twin.folder)
        try:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=env,
                cwd="/", preexec_fn=watch.tie(None if keep else signal.SIGTERM, subreaper=True))
        except OSError as e:
            raise TwinError("%s: %s" % (argv[0], e.strerror))
        finally:
            log.close()
        pid = self.process.pid
        write_json(self.note, {"pid": pid, "start": watch.start_time(pid)})
        line = self.process.stdout.readline()  # however long that takes: the assets may have to be made first
        if not line:
            self.stop()
            tail = read_text(self.twin.state(self.name + ".log"))[-1500:]
            raise TwinError("%s did not start\n%s" % (self.name, tail))
        return line.decode().strip()

    def stop(self):
        pid = self.pid()
        if pid:
            below = watch.descendants(pid)
            os.kill(pid, signal.SIGTERM)
            if not self.gone(pid, STOP_TIMEOUT_S):
                os.kill(pid, signal.SIGKILL)
                self.gone(pid, STOP_TIMEOUT_S)
            watch.kill_all(below)
        if self.process:
            self.process.stdout.close()
            self.process.wait()
            self.process = None
        if os.path.exists(self.note):
            os.unlink(self.note)

    def gone(self, pid, timeout_s):
        """Wait for it to end by itself; True when it has."""
        ended = watch.wait_exit(pid, timeout_s)
        if ended and self.process and self.process.pid == pid:
            self.process.wait()
        return ended


class Internet(Daemon):
    """Metadata service, proxy and download hosts."""

    def __init__(self, twin):
        super().__init__(twin, "server")

    def ensure(self, keep):
        if self.pid():
            return
        tests = os.path.join(REPO, "tests", "twin")
        build = self.twin.build_folder()
        line = self.start([sys.executable, "-S", "-E", os.path.join(tests, "server.py"),
                           "--make", "--assets", build, "--twin", self.twin.folder], keep)
        try:
            ports = json.loads(line)
        except ValueError:
            raise TwinError("server.py printed %r, not its ports" % line)
        write_json(self.twin.state("ports.json"), ports.get("ports", ports))
        write_config(self.twin)


class Systemd(Daemon):
    """org.freedesktop.systemd1, login1 and timedate1; a new one for every boot."""

    def __init__(self, twin):
        super().__init__(twin, "systemd")

    def ensure(self, keep):
        if self.pid():
            return
        line = self.start([self.twin.systemd_program(), self.twin.folder], keep)
        if line != "ready":
            self.stop()
            raise TwinError("twin-systemd printed %r, not ready" % line)

    def stop(self):
        super().stop()
        # One that had to be killed leaves its socket, which nobody can copy.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.twin.state("bus"))


def write_config(twin):
    """/etc/gn8v/config.json: what a private network overrides, and what the story asked for."""
    ports = read_json(twin.state("ports.json"))
    assets = read_json(os.path.join(twin.build_folder(), "assets.json"))
    multi = twin.machine["shape"] == "multi"
    files = assets["files"]
    with open(os.path.join(twin.build_folder(), assets["tls"]["ca"]), "rb") as f:
        write_text(twin.root("/etc/gn8v/twin-ca.pem"), f.read())

    def digest(single_name, multi_name):
        return files[multi_name if multi else single_name]["sha256"]
    config = {
        "metadata": {"url": "http://127.0.0.1:%d" % ports["metadata"]},
        "proxy": {"https": "http://127.0.0.1:%d" % ports["proxy"]},
        "fetch": {"ca_file": "/etc/gn8v/twin-ca.pem"},
        "driver": {"sha256": digest("NVIDIA-Linux-x86_64-550.144.03.run",
                                    "NVIDIA-Linux-x86_64-570.148.08.run")},
        "cuda": {"sha256": digest("cuda_12.4.1_550.54.15_linux.run",
                                  "cuda_12.8.1_570.124.06_linux.run")},
        "rpm_key": {"sha256": assets["rpm_key"]["sha256"], "id": assets["rpm_key"]["id"]},
        "disk": {"free_min_gib": 0},
    }
    # Stories that are not about attestation leave it to the procedure's programs: see --config.
    config["attest"] = {"verifier": "nvidia"}
    for key, name in (("device_root", "root.pem"), ("rim_root", "rim-root.pem")):
        pem = read_text(twin.state("devices", name), "")
        if pem:
            path = "/etc/gn8v/twin-%s" % name
            write_text(twin.root(path), pem)
            config["attest"][key] = path
    write_json(twin.root("/etc/gn8v/config.json"),
               merge(config, read_json(twin.state("config.json"), {})))
