"""One twin as a folder: where its things lie, and its small JSON files."""

import json
import os

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOCKET_PATH_MAX = 100


class TwinError(Exception):
    """Something a person has to know; ends the harness with one line."""


def read_text(path, missing=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return missing


def read_json(path, missing=None):
    text = read_text(path)
    if not text:
        return missing
    try:
        return json.loads(text)
    except ValueError as e:
        raise TwinError("%s: %s" % (path, e))


def whole_lines(path):
    """What has no end of line yet is still being written: a reader sees a single write in parts where a page ends."""
    return read_text(path).rpartition("\n")[0].splitlines()


def read_jsonl(path):
    return [json.loads(line) for line in whole_lines(path) if line]


def write_text(path, text):
    """Replace a file in one go; a file that already says the same is not touched."""
    data = text if isinstance(text, bytes) else text.encode()
    try:
        with open(path, "rb") as f:
            if f.read() == data:
                return
    except OSError:
        pass
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    temporary = "%s/.twin-%d-%s" % (folder, os.getpid(), os.path.basename(path))
    with open(temporary, "wb") as f:
        f.write(data)
    os.chmod(temporary, 0o644)
    os.rename(temporary, path)


def write_json(path, value):
    write_text(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def merge(into, other):
    """Merge JSON objects: `other` wins, objects are merged key by key."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into


class Twin:
    """The paths of one twin. Creates nothing by itself."""

    def __init__(self, folder):
        self.folder = os.path.realpath(folder)
        self.root_folder = os.path.join(self.folder, "root")
        self.state_folder = os.path.join(self.folder, "state")
        if len(self.state("notify")) > SOCKET_PATH_MAX:
            raise TwinError("%s: too long a path for the sockets in it" % self.folder)

    def root(self, path):
        return os.path.join(self.root_folder, path.lstrip("/"))

    def state(self, *names):
        return os.path.join(self.state_folder, *names)

    def must_exist(self):
        if not os.path.exists(self.state("machine.json")):
            raise TwinError("%s is no twin: make one with `twin create`" % self.folder)
        return self

    @property
    def machine(self):
        return read_json(self.state("machine.json"), {})

    @property
    def boot(self):
        return int(read_text(self.state("boot"), "0").strip() or 0)

    @property
    def faults(self):
        return read_json(self.state("faults"), {})

    def bus_address(self):
        return "unix:path=" + self.state("bus")

    def status(self):
        """status.json as the agent left it; {} while it is missing or garbled."""
        try:
            return read_json(self.root("/var/lib/gn8v/status.json"), {})
        except TwinError:
            return {}

    def build_folder(self):
        return os.environ.get("TWIN_BUILD") or os.path.join(REPO, "build", "twin-assets")

    def agent_program(self):
        return os.environ.get("GN8V_BIN") or os.path.join(REPO, "build", "gn8v")

    def systemd_program(self):
        return os.environ.get("TWIN_SYSTEMD") or os.path.join(REPO, "build", "twin-systemd")
