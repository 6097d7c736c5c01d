"""The twin: a simulated instance to run the agent in. README.md beside this file describes its folder.

The exit code of boot, again and run is the agent's own, or
  64  a restart was asked for (boot, again)
  70  the machine does not start
  75  it asked for more restarts than --max allows (run)
  77  this host cannot simulate what was asked for
 124  the agent did not end within --deadline and was killed
 128+N  signal N ended the agent
"""

import argparse
import hashlib
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import time

import agent
import boot
import cloudinit
import machine
import watch
from daemons import Internet, Systemd
from instance import (Twin, TwinError, merge, read_json, read_jsonl,
                      read_text, write_json)

RESTART, NO_START, TOO_MANY, CANNOT = 64, 70, 75, 77
# Time-outs of unit files pass a hundred times faster, and the clock is right from the beginning.
SYSTEMD = {"start_limit_s": 0.1, "ntp_synchronized": True}
LOGS = {"commands": "commands.jsonl", "gpu": "gpu.jsonl", "bus": "bus.jsonl",
        "http": "http.jsonl", "notify": "notify.log", "agent": "agent.log",
        "misuse": "misuse", "server": "server.log", "systemd": "systemd.log"}


class Session:
    """The companions while the harness needs them; what is not to be kept ends with it."""

    def __init__(self, twin, keep):
        self.twin, self.keep = twin, keep
        self.internet, self.systemd = Internet(twin), Systemd(twin)
        self.leave = []

    def __enter__(self):
        watch.become_subreaper()
        return self

    def __exit__(self, kind, *_):
        if self.keep and kind is None:
            return
        for daemon in (self.systemd, self.internet):
            daemon.stop()
        agent.kill_rest(self.leave)

    def start_machine(self, cold=False):
        """Everything of a boot up to the moment when units start. Cold: after stop and start."""
        self.systemd.stop()
        boot.derive(self.twin, self.twin.boot + 1)
        if self.twin.machine.get("cloud_init"):
            cloudinit.lay(self.twin)
        self.internet.ensure(self.keep)
        machine.tool("fakes/twinlib.py", "boot", self.twin.folder, *["cold"] if cold else [])
        self.systemd.ensure(self.keep)

    def run_agent(self, args):
        """One agent process in the boot that is up; the harness's exit code."""
        if not self.systemd.pid():
            raise TwinError("nothing is up in %s: boot it with --keep first" % self.twin.folder)
        can_simulate(self.twin)
        with agent.Run(self.twin, args.agent_args, args.verbose, args.by_hand) as run:
            code = run.wait(args.deadline)
        if self.goes_down():
            agent.stop_post(self.twin, code)
            self.report_rest(code)
            return RESTART
        if args.leave_orphans:
            self.leave = list(watch.descendants(os.getpid()))
        else:
            self.report_rest(code)
        # A oneshot with RemainAfterExit= that ended well stays active, unless it was told to stop.
        stopped = code == 128 + signal.SIGTERM
        if not args.by_hand and (stopped or not agent.ended_well(self.twin, code)):
            agent.stop_post(self.twin, code)
        return code if code >= 0 else 128 - code

    def report_rest(self, code):
        """An agent that ended by itself leaves nothing behind; one that was killed may."""
        rest = agent.kill_rest([d.pid() for d in (self.internet, self.systemd) if d.pid()])
        if rest and code >= 0 and code != agent.TIMED_OUT:
            with open(self.twin.state("misuse"), "a") as f:
                f.writelines("agent: ended, and left %s running\n" % process for process in rest)

    def goes_down(self):
        """Whether the machine restarts; then every service has been stopped."""
        if not agent.asked_for_restart(self.twin) or "reboot-ignored" in self.twin.faults:
            return False
        pid = self.systemd.pid()
        if pid and not self.systemd.gone(pid, agent.RESTART_TIMEOUT_S):
            return False
        self.systemd.stop()
        return os.path.exists(self.twin.state("restart-requested"))


def can_simulate(twin):
    argv = agent.with_mounts(twin, ["true"])
    done = subprocess.run(argv, stderr=subprocess.PIPE, universal_newlines=True, check=False)
    if done.returncode != 0:
        print("twin: %s: %s" % (shlex.join(argv), done.stderr.strip()), file=sys.stderr)
        sys.exit(CANNOT)


def plain(text):
    """The JSON value that a text says; what is no JSON is a string."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def json_pair(text):
    """KEY=JSON; a.b=… goes one object deeper."""
    key, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError("%r: say KEY=VALUE" % text)
    value = plain(value)
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def json_or_file(text):
    try:
        return json.loads(text if text.lstrip().startswith("{") else read_text(text))
    except ValueError as e:
        raise argparse.ArgumentTypeError("%s: %s" % (text, e))


def fault_pair(text):
    """NAME, NAME=WORD or NAME={…}; a bare number is a word: it may be the number of a device."""
    name, sign, argument = text.partition("=")
    return {name: (plain(argument) if argument.startswith("{") else argument) if sign else True}


def together(objects):
    merged = {}
    for one in objects:
        merge(merged, one)
    return merged


def cmd_create(args):
    twin = machine.create(args.dir, args.shape, args.type, together(args.set),
                          together(args.fault), args.extras, together(args.config),
                          together(args.delay), merge(dict(SYSTEMD), together(args.systemd)))
    boot.derive(twin, 0)
    return 0


def cmd_copy(args):
    """Another instance in the same state; what the options say is merged into its own."""
    source = Twin(args.source).must_exist()
    if Systemd(source).pid() or Internet(source).pid():
        raise TwinError("%s is up: end it with `twin down` first" % source.folder)
    twin = machine.copy(args.dir, source)
    for name, changes in (("faults", args.fault), ("config.json", args.config),
                          ("delays.json", args.delay), ("systemd.json", args.systemd)):
        path = twin.state(name)
        write_json(path, merge(read_json(path, {}), together(changes)))
    return 0


def cmd_boot(args):
    with Session(Twin(args.dir).must_exist(), args.keep) as session:
        session.start_machine(args.cold)
        return session.run_agent(args)


def cmd_again(args):
    twin = Twin(args.dir).must_exist()
    with Session(twin, True) as session:
        return session.run_agent(args)


def cmd_run(args):
    twin = Twin(args.dir).must_exist()
    with Session(twin, args.keep) as session:
        for n in range(args.max):
            begun = time.monotonic()
            session.start_machine(args.cold and n == 0)
            code = session.run_agent(args)
            words = "restart asked for" if code == RESTART else "agent ended with %d" % code
            print("boot %d: %s after %.1f s" % (twin.boot, words, time.monotonic() - begun),
                  flush=True)
            if code != RESTART:
                return code
    print("twin: still asking for a restart after %d boots" % args.max, file=sys.stderr)
    return TOO_MANY


def cmd_up(args):
    with Session(Twin(args.dir).must_exist(), True) as session:
        session.start_machine()
    return 0


def cmd_down(args):
    twin = Twin(args.dir).must_exist()
    Systemd(twin).stop()
    Internet(twin).stop()
    watch.kill_all(watch.of_twin(twin.folder))
    return 0


def cmd_fault(args):
    twin = Twin(args.dir).must_exist()
    faults = twin.faults
    for text in args.names:
        if text.startswith("-"):
            faults.pop(text[1:], None)
        else:
            faults.update(fault_pair(text))
    write_json(twin.state("faults"), faults)
    if not args.names:
        for name, argument in sorted(faults.items()):
            print(name if argument is True else "%s=%s" % (name, json.dumps(argument)))
    return 0


def cmd_set(args):
    twin = Twin(args.dir).must_exist()
    write_json(twin.state("machine.json"), merge(twin.machine, together(args.settings)))
    return 0


def cmd_config(args):
    """Merge into the story's part of config.json, and into the file when it is there."""
    twin = Twin(args.dir).must_exist()
    for path in (twin.state("config.json"), twin.root("/etc/gn8v/config.json")):
        if os.path.exists(path):
            write_json(path, merge(read_json(path, {}), together(args.config)))
    return 0


def cmd_systemd(args):
    """Merge into systemd.json: time_scale and ntp_synchronized count at once."""
    twin = Twin(args.dir).must_exist()
    path = twin.state("systemd.json")
    write_json(path, merge(read_json(path, {}), together(args.settings)))
    return 0


def cmd_kernel(args):
    """What installing a kernel package does: a new entry, made from /etc/default/grub."""
    twin = Twin(args.dir).must_exist()
    text = read_text(twin.root("/etc/default/grub"))
    line = [l for l in text.splitlines() if l.startswith("GRUB_CMDLINE_LINUX=")][-1]
    arguments = " ".join(shlex.split(line.partition("=")[2]))
    described = twin.machine
    machine.lay_kernel(twin, described, args.release,
                       "root=UUID=%s ro %s" % (described["root_uuid"], arguments))
    machine.choose_kernel(twin, described, args.release)
    return 0


def log_line(name, record):
    head = "%3d %12.3f  " % (record.pop("boot", 0), record.pop("t", 0))
    if name == "commands":
        return head + " ".join(shlex.quote(a) for a in record["argv"])
    if name == "bus":
        return head + record["method"] + " " + json.dumps(record["args"])
    if name == "http":
        return head + "%s %s %s%s %s %s" % tuple(
            record.get(k) for k in ("via", "method", "host", "path", "status", "bytes"))
    return head + " ".join("%s=%s" % (k, v) for k, v in record.items())


def cmd_log(args):
    twin = Twin(args.dir).must_exist()
    if args.name == "events":
        for event in twin.status().get("events", []):
            print(json.dumps(event))
    elif args.json or not LOGS[args.name].endswith(("jsonl", "notify.log")):
        sys.stdout.write(read_text(twin.state(LOGS[args.name])))
    else:
        for record in read_jsonl(twin.state(LOGS[args.name])):
            print(log_line(args.name, record))
    return 0


def cmd_exec(args):
    """The agent's program with another command, or a program of the simulated machine."""
    twin = Twin(args.dir).must_exist()
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise TwinError("exec: say what, as in: exec DIR -- gn8v status")
    if words[0] == "gn8v":
        argv = agent.with_mounts(twin, agent.command(twin, words[1:]))
    else:
        argv = [twin.root(words[0])] + words[1:]
    os.chdir("/")
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    try:
        os.execvpe(argv[0], argv, agent.environment(twin))
    except OSError as e:
        raise TwinError("%s: %s" % (argv[0], e.strerror))


def step_is(twin, step, *states):
    return not step or any(s.get("id") == step and s.get("state") in states
                           for s in twin.status().get("steps", []))


def ran_command(twin, name):
    number = twin.boot
    return any(c["boot"] == number and any(os.path.basename(a) == name for a in c["argv"][:2])
               for c in read_jsonl(twin.state("commands.jsonl")))


def cmd_signal(args):
    twin = Twin(args.dir).must_exist()
    os.makedirs(twin.root("/var/lib/gn8v"), exist_ok=True)
    number = getattr(signal, "SIG" + args.signal, None)
    if number is None:
        raise TwinError("no such signal: " + args.signal)

    def ready():
        pid = read_text(twin.state("agent.pid")).strip()
        if (pid and step_is(twin, args.when, "running") and step_is(twin, args.past, "running", "done")
                and (not args.command or ran_command(twin, args.command))):
            return int(pid)
        return None
    events = watch.Watch(twin.state_folder, twin.root("/var/lib/gn8v"))
    try:
        pid = events.until(ready, args.deadline)
    finally:
        events.close()
    if not pid:
        raise TwinError("signal: it did not come to that within %g s" % args.deadline)
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        raise TwinError("signal: the agent had ended already")
    return 0


def describe_file(path, times):
    info = os.lstat(path)
    if stat.S_ISLNK(info.st_mode):
        content = "-> " + os.readlink(path)
    elif stat.S_ISREG(info.st_mode):
        with open(path, "rb") as f:
            content = hashlib.sha256(f.read()).hexdigest()
    else:
        content = "-"
    identity = " %d %d" % (info.st_ino, info.st_mtime_ns) if times else ""
    return "%s%s %s" % (oct(info.st_mode)[2:], identity, content)


def cmd_snapshot(args):
    """One line per file of the disk: mode, inode, time of change, digest, path."""
    twin = Twin(args.dir).must_exist()
    skipped = ["/proc", "/sys", "/dev", "/run"] + [p.rstrip("/") for p in args.without]
    for folder, folders, names in os.walk(twin.root_folder):
        inside = folder[len(twin.root_folder):]
        folders[:] = sorted(f for f in folders if "%s/%s" % (inside, f) not in skipped)
        links = [f for f in folders if os.path.islink(os.path.join(folder, f))]
        for name in sorted(names + links):
            path = "%s/%s" % (inside, name)
            if path not in skipped:
                print(describe_file(twin.root(path), not args.content), path)
    return 0


def add_state_options(parser):
    parser.add_argument("--fault", action="append", type=fault_pair, default=[], metavar="NAME[=ARG]")
    parser.add_argument("--config", action="append", type=json_or_file, default=[],
                        metavar="FILE|JSON", help="merged into /etc/gn8v/config.json")
    parser.add_argument("--delay", action="append", type=json_pair, default=[], metavar="NAME=S",
                        help="a key of delays.json")
    parser.add_argument("--systemd", action="append", type=json_or_file, default=[],
                        metavar="FILE|JSON", help="merged into systemd.json")


def add_run_options(parser, starts=True):
    parser.add_argument("dir")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what the agent prints")
    if starts:
        parser.add_argument("--keep", action="store_true",
                            help="leave bus and server up afterwards, for again and exec")
        parser.add_argument("--cold", action="store_true",
                            help="the instance was stopped and started, not restarted")
    parser.add_argument("--deadline", type=float, default=600, metavar="S")
    parser.add_argument("--by-hand", action="store_true",
                        help="as a person would start it: not by its unit")
    parser.add_argument("--leave-orphans", action="store_true",
                        help="do not kill what outlives the agent")
    parser.add_argument("--agent-args", nargs=argparse.REMAINDER, default=[],
                        help="the rest of the line goes to `gn8v run`")


def parse(argv):
    parser = argparse.ArgumentParser(prog="twin", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", metavar="COMMAND")
    commands.required = True

    def command(function, text):
        name = function.__name__[len("cmd_"):]
        sub = commands.add_parser(name, help=text)
        sub.set_defaults(function=function)
        return sub

    sub = command(cmd_create, "make a fresh instance that has never run")
    sub.add_argument("dir")
    sub.add_argument("--shape", choices=sorted(machine.SHAPES), default="single")
    sub.add_argument("--type", help="instance type, when it is not the shape's usual one")
    sub.add_argument("--set", action="append", type=json_pair, default=[], metavar="KEY=JSON",
                     help="a key of machine.json")
    sub.add_argument("--with", action="append", dest="extras", default=[], metavar="SERVICE",
                     help="also installed: " + ", ".join(sorted(machine.EXTRAS)))
    add_state_options(sub)
    sub = command(cmd_copy, "make another instance of one that is down, where that has come to")
    sub.add_argument("source")
    sub.add_argument("dir")
    add_state_options(sub)
    add_run_options(command(cmd_boot, "start the machine once, and the agent in it"))
    add_run_options(command(cmd_again, "another agent process in the boot that is up"), starts=False)
    sub = command(cmd_run, "boot until no restart is asked for")
    add_run_options(sub)
    sub.add_argument("--max", type=int, default=5, metavar="N", help="at most so many boots")
    command(cmd_up, "start the machine without the agent, and leave it up").add_argument("dir")
    command(cmd_down, "end what was kept").add_argument("dir")
    sub = command(cmd_fault, "show faults, switch them on (NAME[=ARG]) or off (-NAME)")
    sub.add_argument("dir")
    sub.add_argument("names", nargs=argparse.REMAINDER)
    sub = command(cmd_set, "change keys of machine.json, for the next boot")
    sub.add_argument("dir")
    sub.add_argument("settings", nargs="+", type=json_pair, metavar="KEY=JSON")
    sub = command(cmd_config, "change /etc/gn8v/config.json")
    sub.add_argument("dir")
    sub.add_argument("config", nargs="+", type=json_or_file, metavar="FILE|JSON")
    sub = command(cmd_systemd, "change systemd.json")
    sub.add_argument("dir")
    sub.add_argument("settings", nargs="+", type=json_or_file, metavar="FILE|JSON")
    sub = command(cmd_kernel, "install another kernel, which the next boot starts")
    sub.add_argument("dir")
    sub.add_argument("release")
    sub = command(cmd_log, "show what happened")
    sub.add_argument("dir")
    sub.add_argument("name", choices=sorted(LOGS) + ["events"])
    sub.add_argument("--json", action="store_true")
    sub = command(cmd_exec, "run `gn8v …`, or a program of the machine by its path")
    sub.add_argument("dir")
    sub.add_argument("words", nargs=argparse.REMAINDER)
    sub = command(cmd_signal, "signal the running agent, now or when it has come to something")
    sub.add_argument("dir")
    sub.add_argument("signal", help="TERM, KILL, …")
    sub.add_argument("--when", metavar="STEP", help="once this step is running")
    sub.add_argument("--past", metavar="STEP", help="once this step is running or done already")
    sub.add_argument("--command", metavar="NAME", help="once this program was run in this boot")
    sub.add_argument("--deadline", type=float, default=watch.HANG_S, metavar="S")
    sub = command(cmd_snapshot, "list every file of the disk, to see what changes")
    sub.add_argument("dir")
    sub.add_argument("--without", action="append", default=[], metavar="PATH")
    sub.add_argument("--content", action="store_true", help="leave out inodes and times")
    return parser.parse_args(argv)


def interrupted(number, _frame):
    sys.exit(128 + number)


def main():
    args = parse(sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        return args.function(args)
    except boot.DoesNotStart as e:
        print("twin: the machine does not start: %s" % e, file=sys.stderr)
        return NO_START
    except TwinError as e:
        print("twin: %s" % e, file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
