"""One run of the agent inside a twin, as its unit would run it."""

import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time

import watch
from instance import TwinError, read_jsonl, read_text, write_text

UNIT = "/usr/lib/systemd/system/gn8v-agent.service"
RESTART_TIMEOUT_S = 30
TIMED_OUT = 124


def environment(twin):
    """What systemd gives to a service; nothing of the caller's own."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
        "LANG": "C.UTF-8",
        "DBUS_SYSTEM_BUS_ADDRESS": twin.bus_address(),
    }


def unit_command(twin, key, default):
    """The arguments after /usr/bin/gn8v of a line of the agent's unit."""
    found = re.search(r"^%s=[-@:+!]*\S*/gn8v(?:\s+(.*))?$" % key, read_text(twin.root(UNIT)), re.M)
    return shlex.split(found.group(1) or "") if found else default


def command(twin, arguments):
    """argv of the agent's program, with the root put behind the command."""
    return [twin.agent_program()] + arguments[:1] + ["--root", twin.root_folder] + arguments[1:]


def small_file_system(folder, size):
    return [["mount", "-t", "tmpfs", "-o", "mode=755,size=" + size, "twin", folder]]


def mounts_of(twin):
    """disk-full=cache:SIZE and tmp-small=SIZE: a small file system for the downloads, or in /tmp. tmp-noexec: nothing can be
    run from /tmp; tmp-noexec=var: nor from anything in /var."""
    faults, commands = twin.faults, []
    if "disk-full" in faults:
        where, _, size = str(faults["disk-full"]).partition(":")
        if where != "cache" or not size:
            raise TwinError("disk-full: say disk-full=cache:SIZE")
        os.makedirs(twin.root("/var/cache/gn8v"), exist_ok=True)
        commands += small_file_system(twin.root("/var/cache/gn8v"), size)
    if "tmp-small" in faults:
        commands += small_file_system(twin.root("/tmp"), str(faults["tmp-small"]))
    if "tmp-noexec" in faults:
        for folder in ["/tmp"] + (["/var"] if faults["tmp-noexec"] == "var" else []):
            path = twin.root(folder)
            commands += [["mount", "--bind", path, path], ["mount", "-o", "remount,bind,noexec", path]]
    return commands


def with_mounts(twin, argv):
    """What the agent sees of the disk, where a fault changes it: in a name space of its own."""
    mounts = mounts_of(twin)
    if not mounts:
        return argv
    if os.geteuid() == 0:
        enter, leave = ["unshare", "-m"], []
    else:
        # A second user namespace gives the agent its own user id back, as the bus checks it.
        enter = ["unshare", "-r", "-m"]
        leave = ["unshare", "-U", "--map-user=%d" % os.getuid(), "--map-group=%d" % os.getgid()]
    script = "".join(shlex.join(m) + " && " for m in mounts) + 'unset PWD OLDPWD && exec "$@"'
    return enter + ["sh", "-c", script, "sh"] + leave + argv


class Run:
    """Starts the agent, listens to what it says, waits for its end. Never leaves it running."""

    def __init__(self, twin, extra, verbose, by_hand):
        self.twin, self.verbose, self.by_hand = twin, verbose, by_hand
        arguments = unit_command(twin, "ExecStart", ["run"]) + extra
        self.argv = with_mounts(twin, command(twin, arguments))
        self.notify = None
        self.process = None

    def __enter__(self):
        env = environment(self.twin)
        if not self.by_hand:
            self.state_directory()
            self.notify = self.listen()
            env["NOTIFY_SOCKET"] = self.twin.state("notify")
            env["INVOCATION_ID"] = os.urandom(16).hex()
        if not os.access(self.twin.agent_program(), os.X_OK):
            raise TwinError("%s: no such program (make builds it)" % self.twin.agent_program())
        self.log = open(self.twin.state("agent.log"), "ab")
        self.process = subprocess.Popen(
            self.argv, env=env, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=self.begin)
        os.set_blocking(self.process.stdout.fileno(), False)
        return self

    def begin(self):
        """In the agent's process, before its program runs: whoever looks for it then finds it, and may signal it."""
        watch.tie(signal.SIGKILL)()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        write_text(self.twin.state("agent.pid"), "%d\n" % os.getpid())

    def state_directory(self):
        found = re.search(r"^StateDirectory=(\S+)$", read_text(self.twin.root(UNIT)), re.M)
        if found:
            os.makedirs(self.twin.root("/var/lib/" + found.group(1)), exist_ok=True)

    def listen(self):
        path = self.twin.state("notify")
        if os.path.exists(path):
            os.unlink(path)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        notify.bind(path)
        return notify

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process:
            self.process.stdout.close()
            self.log.close()
        if self.notify:
            self.notify.close()
            os.unlink(self.twin.state("notify"))
        if os.path.exists(self.twin.state("agent.pid")):
            os.unlink(self.twin.state("agent.pid"))

    def take_output(self):
        """Write what the agent printed to its log; False at its end."""
        data = self.process.stdout.read(65536)
        if data:
            self.log.write(data)
            self.log.flush()
            if self.verbose:
                sys.stdout.buffer.write(data)
                sys.stdout.flush()
        return data != b""

    def take_notice(self):
        while True:
            try:
                text = self.notify.recv(65536).decode("utf-8", "replace")
            except BlockingIOError:
                return
            record = {"boot": self.twin.boot, "t": round(time.monotonic(), 6), "text": text}
            with open(self.twin.state("notify.log"), "a") as f:
                f.write(json.dumps(record) + "\n")

    def wait(self, deadline_s):
        """The agent's return code as subprocess has it (-N: signal N), or TIMED_OUT."""
        end = time.monotonic() + deadline_s
        alive = os.pidfd_open(self.process.pid)
        poll = select.poll()
        output = self.process.stdout.fileno()
        for fd in [alive, output] + ([self.notify.fileno()] if self.notify else []):
            poll.register(fd, select.POLLIN)
        try:
            while True:
                left = end - time.monotonic()
                ready = {fd for fd, _ in poll.poll(max(left, 0) * 1000)}
                if output in ready and not self.take_output():
                    poll.unregister(output)
                if self.notify and self.notify.fileno() in ready:
                    self.take_notice()
                if alive in ready and output not in ready:
                    return self.process.wait()
                if not ready:
                    self.process.kill()
                    self.process.wait()
                    return TIMED_OUT
        finally:
            os.close(alive)


def ended_well(twin, code):
    """Whether systemd takes this exit code for success (SuccessExitStatus=)."""
    found = re.search(r"^SuccessExitStatus=(.*)$", read_text(twin.root(UNIT)), re.M)
    return code == 0 or str(code) in (found.group(1).split() if found else [])


def service_result(twin, code):
    """$SERVICE_RESULT and its companions, as systemd.exec(5) has them."""
    if code == TIMED_OUT:
        return {"SERVICE_RESULT": "timeout", "EXIT_CODE": "killed", "EXIT_STATUS": "KILL"}
    if code < 0:
        name = signal.Signals(-code).name[3:]
        dumped = -code in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE,
                           signal.SIGILL, signal.SIGQUIT, signal.SIGSYS, signal.SIGTRAP)
        return {"SERVICE_RESULT": "core-dump" if dumped else "signal",
                "EXIT_CODE": "dumped" if dumped else "killed", "EXIT_STATUS": name}
    return {"SERVICE_RESULT": "success" if ended_well(twin, code) else "exit-code",
            "EXIT_CODE": "exited", "EXIT_STATUS": str(code)}


def stop_post(twin, code):
    """ExecStopPost=: what the unit runs when the agent did not end well, and when it is stopped."""
    arguments = unit_command(twin, "ExecStopPost", ["gate", "--close-unless-success"])
    env = dict(environment(twin), **service_result(twin, code))
    with open(twin.state("agent.log"), "ab") as log:
        return subprocess.call(command(twin, arguments), env=env, cwd="/", stdout=log, stderr=log,
                               stdin=subprocess.DEVNULL, timeout=60,
                               preexec_fn=watch.tie(signal.SIGKILL))


def kill_rest(companions):
    """KillMode=mixed: when the main process has ended, what it left behind is killed.

    Returns what each had been started as. What is below a companion is its own: it may end at any moment."""
    rest = watch.descendants(os.getpid(), companions)
    names = ["%d %s" % (pid, watch.command_line(pid)) for pid in sorted(rest)]
    watch.kill_all(rest)
    return names


def asked_for_restart(twin):
    """Whether the agent of this boot asked logind or systemd for one."""
    boot = twin.boot
    return any(call["boot"] == boot and (call["method"].endswith("Reboot")
                                         or "reboot.target" in json.dumps(call["args"]))
               for call in read_jsonl(twin.state("bus.jsonl")))


