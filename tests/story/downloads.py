#!/usr/bin/env python3
"""downloads.py: for the stories of large downloads (fetching).

    make FILE SIZE              a CUDA installer of that size; prints its SHA-256
    watch FOLDER NAME LOG       write down every time something happens under that name, until SIGTERM; "ready" comes first
    named-once LOG SHA256       whether the name appeared once, by a rename, with that content, and was not written after that
    continued DIR NAME SIZE     whether that is less than 1.4 times what the file has: one that starts over when it is cut off at
                                its half needs more. What sockets held for a connection that is given up, or for a process that
                                is killed, was sent, too; what came is counted in test_fetch_ranges
    pause DIR NAME STATUS S     whether a host that gave an answer of that status was left alone for so long
    at-once DIR NAME            how many answers for the file were under way together, at most"""

import ctypes
import hashlib
import os
import select
import signal
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "twin"))

from instance import Twin, read_jsonl, read_text                      # noqa: E402

# inotify(7)
IN_MODIFY, IN_MOVED_TO, IN_CREATE, IN_DELETE, IN_Q_OVERFLOW = 0x2, 0x80, 0x100, 0x200, 0x4000
EVENT = struct.Struct("iIII")


def make(path, size):
    import assets
    version = "12.4.1"
    data = assets.runfile(version, "cuda-installer", "CUDA Toolkit " + version, int(size))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    print(hashlib.sha256(data).hexdigest())


def digest(path):
    try:
        with open(path, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()
    except OSError:
        return "gone"


def watch(folder, name, log):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_CLOEXEC)
    if fd < 0 or libc.inotify_add_watch(fd, os.fsencode(folder), IN_MODIFY | IN_MOVED_TO | IN_CREATE | IN_DELETE) < 0:
        sys.exit("downloads: %s: %s" % (folder, os.strerror(ctypes.get_errno())))
    ended, end = os.pipe()
    os.set_blocking(end, False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.set_wakeup_fd(end)
    with open(log, "w", buffering=1) as out:
        out.write("ready\n")
        while fd in select.select([fd, ended], [], [])[0]:  # what happened before the signal is read before the end
            for mask, what in events(os.read(fd, 65536)):
                if mask & IN_Q_OVERFLOW:
                    out.write("overflow\n")
                elif what == name:
                    out.write("named %s\n" % digest(os.path.join(folder, name)) if mask & IN_MOVED_TO
                              else "%s\n" % ("deleted" if mask & IN_DELETE else "written"))


def events(data):
    place = 0
    while place < len(data):
        _, mask, _, length = EVENT.unpack_from(data, place)
        place += EVENT.size
        yield mask, data[place:place + length].rstrip(b"\0").decode()
        place += length


def named_once(log, sha256):
    seen = [line for line in read_text(log).splitlines() if line not in ("ready", "deleted")]
    return seen == ["named " + sha256] or "seen under its final name: %s" % seen


def answers(folder, name):
    """Requests for the file, in the order in which they came."""
    found = [r for r in read_jsonl(Twin(folder).state("http.jsonl"))
             if r["method"] == "GET" and r["path"].endswith("/" + name)]
    return sorted(found, key=lambda r: r["t"])


def continued(folder, name, size):
    total = sum(r["bytes"] for r in answers(folder, name) if r["first"] is not None)
    return total < 1.4 * int(size) or "%d bytes were sent of a file of %s" % (total, size)


def pauses(folder, name, status):
    """(host, seconds) between an answer of that status and the next."""
    asked = answers(folder, name)
    for place, one in enumerate(asked):
        later = next((r for r in asked[place + 1:] if r["host"] == one["host"]), None)
        if one["status"] == status and later:
            yield one["host"], later["t"] - one["t"]


def pause(folder, name, status, seconds):
    import watch
    state = watch.Watch(Twin(folder).state_folder)
    # The later answer may be written down only now: that is done when it has ended.
    found = state.until(lambda: list(pauses(folder, name, int(status)))) or []
    state.close()
    short = ["%s was asked again %.2f s after status %s" % (host, waited, status)
             for host, waited in found if waited < float(seconds)]
    return "; ".join(short) or bool(found) or "nobody was asked again after status " + status


def at_once(folder, name):
    return max((r["beside"] + 1 for r in answers(folder, name) if r["first"] is not None), default=0)


def main():
    doing, args = sys.argv[1], sys.argv[2:]
    answer = {"make": make, "watch": watch, "named-once": named_once, "continued": continued, "pause": pause,
              "at-once": at_once}[doing](*args)
    if isinstance(answer, str):
        sys.exit(answer)
    if answer is not None and answer is not True:
        print(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
