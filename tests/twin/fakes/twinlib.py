"""What every fake of the twin shares: where things lie, what is logged, which faults are on.

    twinlib.py install TWIN_DIR GROUP    write the wrappers of a group of LIST below TWIN_DIR/root
    twinlib.py devices SHAPE             print the default devices.json of a shape (single, multi)
    twinlib.py boot TWIN_DIR [cold]      the devices and the driver module after a restart (cold: a stop and start)
"""
import fcntl
import json
import os
import sys
import time

FAKES = os.path.dirname(os.path.abspath(__file__))
# What the shell of a wrapper adds to the environment, and what is the twin's own.
NOT_RECORDED = {"PWD", "OLDPWD", "SHLVL", "_"}
# Set by record(): the path of this program as the simulated machine knows it.
EXE = os.path.basename(sys.argv[0])


def twin_dir():
    path = os.environ.get("TWIN_DIR")
    if not path:
        sys.exit("TWIN_DIR is not set")
    return os.path.abspath(path)


def root(path=""):
    return twin_dir() + "/root" + path


def state(path=""):
    return twin_dir() + "/state" + path


def rooted(path):
    """Where a path lies that came as an argument: with the root already, or as the machine knows it."""
    path = os.path.abspath(path)
    if path == root() or path.startswith(root("/")):
        return path
    return root(path)


def unrooted(text):
    return text.replace(root(), "") if isinstance(text, str) else text


def read(path, default=None):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        if default is None:
            raise
        return default


def read_json(path, default):
    text = read(path, "")
    return json.loads(text) if text.strip() else default


def write(path, data, mode=0o644):
    """A file below the root, with its folders. An absolute link must not lead out of the root."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    real = os.path.realpath(folder)
    if not (real + "/").startswith(os.path.realpath(twin_dir()) + "/"):
        fail_misuse("%s leads out of the twin, to %s" % (unrooted(path), real))
    if isinstance(data, str):
        data = data.encode()
    tmp = "%s.%d" % (path, os.getpid())
    with open(tmp, "wb") as f:
        f.write(data)
    os.chmod(tmp, mode)
    os.rename(tmp, path)


def remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def append(path, line):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, (line + "\n").encode())
    os.close(fd)


def log(name, **fields):
    entry = {"boot": boot(), "t": round(time.monotonic(), 6)}
    entry.update(fields)
    append(state("/" + name), json.dumps(entry))


def boot():
    return int(read(state("/boot"), "1").strip() or 1)


def environment():
    """What this program was started with: Python itself may add LC_CTYPE to os.environ."""
    with open("/proc/self/environ", "rb") as f:
        pairs = f.read().decode("utf-8", "replace").split("\0")
    return dict(p.split("=", 1) for p in pairs if "=" in p)


def record():
    """One line in commands.jsonl; returns the arguments. The first thing that every fake does."""
    global EXE
    EXE = os.environ.pop("TWIN_EXE", EXE)
    env = {k: unrooted(v) for k, v in environment().items()
           if not k.startswith("TWIN_") and k not in NOT_RECORDED}
    try:
        stdin = os.readlink("/proc/self/fd/0")
    except OSError:
        stdin = "closed"
    argv = [EXE] + [unrooted(a) for a in sys.argv[1:]]
    log("commands.jsonl", exe=EXE, argv=argv, env=env, stdin=unrooted(stdin),
        cwd=unrooted(os.getcwd()) or "/")
    if stdin != "/dev/null":
        misuse("%s: standard input is %s, not /dev/null" % (EXE, unrooted(stdin)))
    return sys.argv[1:]


def hand_over(program, args):
    """Become the host's own program of that name, with the environment as it came."""
    env = {k: v for k, v in environment().items() if k != "TWIN_EXE"}
    path = real_program(program)
    os.execve(path, [program] + args, env)


def real_program(name):
    folders = os.environ.get("PATH", "").split(":") + ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    for folder in folders:
        path = os.path.join(folder, name)
        if folder.startswith("/") and not path.startswith(twin_dir()) and os.access(path, os.X_OK):
            return path
    sys.exit("%s: this machine has no %s" % (EXE, name))


def misuse(text):
    append(state("/misuse"), text)


def fail_misuse(text, status=2):
    misuse("%s: %s" % (EXE, text))
    say("%s: %s" % (os.path.basename(EXE), text), sys.stderr)
    sys.exit(status)


def fault(name):
    """The argument of a fault that is switched on (True when it has none), else None."""
    faults = read_json(state("/faults"), {})
    if name not in faults:
        return None
    value = faults[name]
    return True if value is None or value == "" or value is True else value


def seconds(name):
    return float(read_json(state("/delays.json"), {}).get(name, 0))


def held(name):
    """Stay here until the hold of that name is gone (lib.sh, tests/vm/nspawn/scene.py); False when there is none."""
    try:
        os.close(os.open(state("/hold." + name), os.O_RDONLY | os.O_CLOEXEC))  # a FIFO: opens with its writer
    except FileNotFoundError:
        return False
    return True


def delay(name):
    """Take as long as delays.json says, or until the hold of that name is gone."""
    if not held(name):
        time.sleep(seconds(name))


def progress(name, lines):
    """Print lines, spread over the delay of that name; a hold comes after the first of them."""
    pause = seconds(name) / max(len(lines), 1)
    for number, line in enumerate(lines):
        say(line)
        if number > 0 or not held(name):
            time.sleep(pause)


def say(text, stream=None):
    stream = stream or sys.stdout
    stream.write(text + "\n")
    stream.flush()


def hang():
    """Wait for ever; a signal that is not caught ends it."""
    import signal
    while True:
        signal.pause()


class locked:
    """with locked(NAME): one process at a time. wait=False: enter with .held False when it is taken."""

    def __init__(self, name, wait=True):
        self.path, self.wait, self.held = state("/%s.lock" % name), wait, False

    def __enter__(self):
        # Not inherited: a daemon that is started inside must not keep the lock.
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | (0 if self.wait else fcntl.LOCK_NB))
            self.held = True
        except BlockingIOError:
            pass
        return self

    def __exit__(self, *_):
        os.close(self.fd)


def devices():
    return read_json(state("/devices.json"), {"shape": "single", "gpus": [], "switches": []})


def devices_change(**fields):
    with locked("devices"):
        now = devices()
        now.update(fields)
        write(state("/devices.json"), json.dumps(now, indent=1) + "\n")


def is_whole_machine():
    """Whether a whole machine, with a real systemd, is the twin's disk (tests/vm)."""
    return os.path.samefile(root("/"), "/")


def unit_state(unit):
    """ActiveState, as the simulated systemd wrote it down or as the real one says."""
    if not is_whole_machine():
        return read(state("/units/" + unit), "inactive").strip() or "inactive"
    import subprocess
    asked = subprocess.run(["/usr/bin/systemctl", "show", "-P", "ActiveState", unit], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, check=True)
    return asked.stdout.decode().strip()


def own_unit():
    """The service that this program belongs to, "" without one."""
    if not is_whole_machine():
        return os.environ.get("TWIN_UNIT", "")
    groups = [line.rstrip("\n").rsplit("/", 1)[-1] for line in open("/proc/self/cgroup")]
    return next((name for name in groups if name.endswith(".service")), "")


def driver_loaded():
    """Version of the loaded driver module, or None."""
    return read(root("/sys/module/nvidia/version"), "").strip() or None


def gpu_open(what, client=True):
    """Log that a GPU is opened. A client that is there before nvidia-persistenced costs the session."""
    unit = own_unit()
    persistenced = unit_state("nvidia-persistenced.service")
    log("gpu.jsonl", who=EXE, unit=unit, persistenced=persistenced, what=what)
    if client and driver_loaded() and persistenced != "active" and unit != "nvidia-persistenced.service":
        devices_change(session_lost=True)


def gpu_reachable():
    return bool(driver_loaded()) and not devices().get("session_lost")


def daemonise(pid_file, at_end=None):
    """Go on as a daemon until SIGTERM; the caller's process exits 0 once the pid file is there."""
    import signal
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        write(pid_file, "%d\n" % pid)
        os._exit(0)
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    remove(pid_file)
    if at_end:
        at_end()
    os._exit(0)


def packages():
    return read_json(state("/packages.json"), {})


def list_rows():
    with open(os.path.join(FAKES, "LIST"), encoding="utf-8") as f:
        return [line.split() for line in f if line.strip() and not line.startswith("#")]


def wrapper_text(path, fake, env="", args=""):
    """The two-line program at path (as the machine knows it) that runs a fake."""
    return "#!/bin/sh\nTWIN_DIR='%s' TWIN_EXE='%s' %sexec '%s' -S -E '%s/%s' %s\"$@\"\n" % (
        twin_dir(), path, env, sys.executable, FAKES, fake, args)


def wrapper(path, fake, env="", args=""):
    write(root(path), wrapper_text(path, fake, env, args), 0o755)


def install(group):
    for path, fake, of in list_rows():
        if of == group:
            wrapper(path, fake)


GPU_UUIDS = {
    "single": ["e1e94012-8c7b-f9a2-d712-fc5b014f364c"],
    "multi": ["db98b8e0-51c7-d188-99ec-6755455abcd9", "d5372674-da51-fe3c-29f7-034c6aad55bd",
              "3865b295-1fd1-a21a-a4d3-07bc47ff31ca", "98377e04-ff60-ecac-beb5-28b3e8005c64",
              "ecab3a2a-0cb3-eebd-6a46-b941338b9e5f", "91acee11-dd57-920c-c2f9-0b67fc4540d6",
              "84370594-42f5-cbbe-a71c-b6d22ba45b65", "4d8767db-a4ed-4ec1-d863-6c7635366dd1"],
}
SWITCH_UUIDS = {
    "single": [],
    "multi": ["F6E1D86E-20D5-7BE5-85AD-E5EF52A80504", "C9296F62-ECDB-F271-3C5A-D7F03F733A4C",
              "15D9CFBE-E466-0EC5-364C-9EAA0671C686", "4D9DEC0E-C8BC-5CC5-F664-96D874434D05"],
}


def default_devices(shape):
    good = {"measurement": "good", "cert": "good", "rim": "ok"}
    gpus = [dict(uuid="GPU-" + u, pci="0000:00:%02x.0" % (7 + i), name="NVIDIA H20",
                 vbios="96.00.cf.00.05", cc="ON" if shape == "single" else "OFF", **good)
            for i, u in enumerate(GPU_UUIDS[shape])]
    switches = [dict(uuid="SWX-" + u, pci="0000:00:%02x.0" % (0x10 + i), vbios="96.10.6D.00.01", **good)
                for i, u in enumerate(SWITCH_UUIDS[shape])]
    return {"shape": shape, "driver": None, "ready_state": 0, "session_lost": False,
            "ppcie_loaded": False, "fabric": "Not Started", "gpus": gpus, "switches": switches}


def main(args):
    if len(args) == 2 and args[0] == "devices" and args[1] in GPU_UUIDS:
        print(json.dumps(default_devices(args[1]), indent=1))
    elif len(args) == 3 and args[0] == "install":
        os.environ["TWIN_DIR"] = args[1]
        install(args[2])
    elif len(args) in (2, 3) and args[0] == "boot" and args[2:] in ([], ["cold"]):
        os.environ["TWIN_DIR"] = args[1]
        import twinkernel
        twinkernel.start(cold=len(args) == 3)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
