"""The twin's folder as its server sees it: which troubles are switched on, how slow things are, what is written down.

A trouble in DIR/state/faults is {NAME: ARGUMENT}. The argument is
    "" or true or null            every file, without end
    "cuda"                        every file whose name holds this text
    3                             every file, three times each
    {"file": "cuda", "times": 1}  both; "after": 2 lets it begin after the second; "host" is a part of the host's name;
                                  further keys belong to the trouble itself ({"seconds": 5})
    false                         off
The times are counted in memory: per file, or altogether when the trouble is one of a whole service. They are forgotten
when the trouble is taken out of DIR/state/faults or gets another argument.

DIR/state/delays.json holds downloads back: "rate" is bytes per second and connection; "download" is the seconds that a
whole file takes, for every .run file, or per part of a name ({"cuda": 2, "NVIDIA": 0.5}). The slower of both counts.
"answer" is the seconds before each answer to a request for a file.
"""
import contextlib
import json
import os
import threading
import time


def normal(argument):
    """Any form of an argument as an object."""
    if isinstance(argument, dict):
        return argument
    if isinstance(argument, str):
        return {"file": argument}
    if isinstance(argument, int) and not isinstance(argument, bool):
        return {"times": argument}
    return {}


class Ledger:
    def __init__(self, twin):
        self.state = os.path.join(os.path.abspath(twin), "state")
        self.lock = threading.Lock()
        self.used = {}          # trouble name -> (argument, {file name: times, or bytes})
        self.answering = {}     # (host, file name) -> answers under way

    def read_json(self, name):
        """A JSON object from DIR/state, {} when it is missing. It may be written anew at any moment, so try twice."""
        path = os.path.join(self.state, name)
        for last in (False, True):
            try:
                with open(path) as f:
                    return json.load(f)
            except FileNotFoundError:
                return {}
            except ValueError:
                if last:
                    self.misuse("%s is not JSON" % name)
                    return {}
                time.sleep(0.05)

    def fault(self, name, file, times=None, whole=False, host=""):
        """The argument of trouble NAME when it strikes FILE now, with "nth" (from 1), else None.

        TIMES is how often when the argument does not say; WHOLE counts all files together.
        """
        with self.lock:
            argument = self.current(name, file, host)
            if argument is None:
                return None
            counts = self.used[name][1]
            counted = "" if whole else file
            limit, before = argument.get("times", times), argument.get("after", 0)
            nth = counts.get(counted, 0) + 1 - before
            if limit is not None and nth > limit:
                return None
            counts[counted] = nth + before
            return dict(argument, nth=nth) if nth > 0 else None

    def argument(self, name, file, host=""):
        """The argument of trouble NAME when it is switched on for FILE, else None; nothing is counted."""
        with self.lock:
            return self.current(name, file, host)

    def current(self, name, file, host):
        faults = self.read_json("faults")
        for gone in set(self.used) - set(faults):
            del self.used[gone]
        if name not in faults or faults[name] is False:
            return None
        argument = normal(faults[name])
        if argument.get("file", "") not in file or argument.get("host", "") not in host:
            return None
        if self.used.get(name, (None,))[0] != argument:
            self.used[name] = (argument, {})
        return argument

    def tally(self, name, file, count):
        """Adds to what trouble NAME counts of FILE since it was switched on; the sum."""
        with self.lock:
            counts = self.used.get(name, (None, {}))[1]
            counts[file] = counts.get(file, 0) + count
            return counts[file]

    @contextlib.contextmanager
    def under_way(self, host, file):
        """Around an answer; how many others for the file are under way."""
        key = (host, file)
        with self.lock:
            others = self.answering.get(key, 0)
            self.answering[key] = others + 1
        try:
            time.sleep(self.read_json("delays.json").get("answer", 0))
            yield others
        finally:
            with self.lock:
                self.answering[key] -= 1

    def client(self):
        """The process id of the agent."""
        with open(os.path.join(self.state, "agent.pid")) as f:
            return int(f.read())

    def rate(self, file, size):
        """Bytes per second at which FILE is sent, None when nothing holds it back."""
        delays = self.read_json("delays.json")
        rates = [delays["rate"]] if delays.get("rate") else []
        seconds = delays.get("download", 0)
        if isinstance(seconds, dict):
            seconds = next((s for part, s in sorted(seconds.items()) if part in file), 0)
        elif not file.endswith(".run"):
            seconds = 0
        if seconds and size:
            rates.append(size / seconds)
        return min(rates) if rates else None

    def held(self, name):
        """Stays here until the hold of that name is gone and a writer has opened it, as twinlib.held() does."""
        try:
            os.close(os.open(os.path.join(self.state, "hold." + name), os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            pass

    def append(self, name, text):
        """Adds a line with a single write, so that writers beside each other do not mix."""
        try:
            fd = os.open(os.path.join(self.state, name), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            return              # the twin was deleted under us
        try:
            os.write(fd, (text + "\n").encode("utf-8", "replace"))
        finally:
            os.close(fd)

    def misuse(self, text):
        self.append("misuse", "server: " + text)

    def boot(self):
        try:
            with open(os.path.join(self.state, "boot")) as f:
                return int(f.read())
        except (FileNotFoundError, ValueError):
            return 0

    def request(self, started, via, method, host, path, headers, status, first, sent, beside):
        """Writes one request down. STATUS is 0 when the client got no answer at all; FIRST is the place of the first
        byte of a file that was sent, None of another answer; BESIDE is how many other answers of this host for that file
        were under way when it came: the record itself is made when this one no longer is, so spans of two records may overlap."""
        record = {"boot": self.boot(), "t": round(started, 6), "seconds": round(time.monotonic() - started, 6), "via": via,
                  "method": method, "host": host, "path": path,
                  "headers": {k.lower(): v for k, v in headers.items()} if headers else {}, "status": status,
                  "first": first, "bytes": sent, "beside": beside}
        self.append("http.jsonl", json.dumps(record))
