"""Waiting for events: inotify by ctypes, and what ties a child's life to ours."""

import ctypes
import os
import select
import signal
import time

CLOSE_WRITE, MOVED_TO, CREATE = 0x8, 0x80, 0x100
HANG_S = 300            # nothing that is only slow takes so long
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper():
    """Orphans below this process become its children, so that none is lost sight of."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def tie(signal_number=None, subreaper=False):
    """For preexec_fn: the child gets this signal when the harness dies; it keeps its orphans."""
    def call():
        if signal_number:
            libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if subreaper:
            become_subreaper()
    return call


def stat_fields(pid):
    """The fields of /proc/PID/stat from the state on; None when it is gone or a zombie."""
    try:
        with open("/proc/%d/stat" % pid, errors="replace") as f:  # of anybody's process, whose name may be cut within a letter
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields


def start_time(pid):
    """Tells a process from a later one that got the same id; None when there is none."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else None


def descendants(ancestor, apart=()):
    """{process id: start time} of all that lives below a process, but for some and what is below them."""
    parents, starts = {}, {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        fields = stat_fields(pid)
        if fields and pid not in apart:
            parents.setdefault(int(fields[1]), []).append(pid)
            starts[pid] = int(fields[19])
    found, left = {}, [ancestor]
    while left:
        for pid in parents.get(left.pop(), []):
            found[pid] = starts[pid]
            left.append(pid)
    return found


def of_twin(folder):
    """{process id: start time} of what runs in a twin, whoever its parent is now."""
    ours = ["TWIN_DIR=%s\0" % folder, "=unix:path=%s/state/bus\0" % folder,
            "%s/root/" % folder, "%s/root\0" % folder]
    found = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        start = start_time(pid)
        if start is None or pid == os.getpid():
            continue
        try:
            with open("/proc/%d/environ" % pid, "rb") as e, open("/proc/%d/cmdline" % pid, "rb") as c:
                text = os.fsdecode(e.read() + b"\0" + c.read() + b"\0")
        except OSError:
            continue
        if any(mark in text for mark in ours):
            found[pid] = start
    return found


def kill_all(processes):
    """SIGKILL for each of {process id: start time} that is still the same process."""
    for pid, start in processes.items():
        if start_time(pid) != start:
            continue
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:      # it has ended since
            continue
        wait_exit(pid, 10)


def command_line(pid):
    """What a process was started as; nothing when it has ended."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return os.fsdecode(f.read(4096)).replace("\0", " ").strip()
    except OSError:
        return ""


def wait_exit(pid, timeout_s):
    """Wait for any process to end; True when it has."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], timeout_s)[0])
    finally:
        os.close(fd)


class Watch:
    """Wakes up when something in one of the folders was written, made or renamed."""

    def __init__(self, *folders):
        self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        for folder in folders:
            mask = CLOSE_WRITE | MOVED_TO | CREATE
            if libc.inotify_add_watch(self.fd, os.fsencode(folder), mask) < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch", folder)

    def until(self, claim, timeout_s=HANG_S):
        """Evaluate claim() now and after every event; its first true value, or None."""
        end = time.monotonic() + timeout_s
        while True:
            value = claim()
            if value:
                return value
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return None
            os.read(self.fd, 65536)

    def close(self):
        os.close(self.fd)
