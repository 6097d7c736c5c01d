"""The way of an instance from its user-data to the open gate, as its journal tells it."""
import re
import time

from vm import NOTE

# (stage, what the journal prints when it is over). In this order.
BEGINS = r"gn8v\[\d+\]: gn8v \S+ on ecs\.gn8v-tee"
# The first of these is lost where the machine goes down before the step comes to say it.
RESTART = r"gn8v\[\d+\]: (restart: restart asked for|restarting: )"
STAGES = (
    ("kernel and systemd", r"systemd\[1\]: .*cloud-init-local|cloud-init\[\d+\]: .*init-local"),
    ("user-data", r"Starting gn8v-bootstrap\.service|gn8v-bootstrap\[\d+\]: fetching"),
    ("RPM fetched, dnf", r"gn8v-bootstrap\[\d+\]: gn8v \S+ is installed"),
    ("agent begins", BEGINS),
    ("boot entry", r"gn8v\[\d+\]: kernel-args: done"),
    ("restart asked for", RESTART),
    ("second boot, agent", BEGINS),
    ("packages", r"gn8v\[\d+\]: packages: done"),
    ("driver fetched", r"gn8v\[\d+\]: fetch-driver: done"),
    ("driver", r"gn8v\[\d+\]: driver: done"),
    ("persistenced", r"gn8v\[\d+\]: persistenced-start: done"),
    ("attestation", r"gn8v\[\d+\]: attest: done"),
    ("gate open, ready", r"gn8v\[\d+\]: ready: every step"),
)
READY = STAGES[-1][1]
FAILED = r"gn8v\[\d+\]: .*(FAILED|refused: |tried again in)"
OURS = (r" gn8v(-bootstrap)?\[\d+\]: | systemd\[1\]: .*(gn8v-(agent|bootstrap|ready)|nvidia-|cloudmonitor)|"
        r" cloud-init\[\d+\]: .*running '(init|modules:final)'")


class Progress:
    """Prints a line per stage as a machine comes through it; remembers when."""

    def __init__(self, vm, say):
        self.vm, self.say = vm, say
        self.begun = self.last = time.monotonic()
        self.next, self.times = 0, []
        vm.on_line = self.take

    def take(self, line):
        # Stages may come out of order (downloads run side by side): a later one passes those before it.
        for i in range(self.next, len(STAGES)):
            name, pattern = STAGES[i]
            if re.search(pattern, line):
                now = time.monotonic()
                self.times.append((name, now - self.last))
                self.say("%7.0f s  %-20s %s" % (now - self.begun, name, said(line)))
                self.next, self.last = i + 1, now
                return
            if name == "restart asked for":
                break           # what comes after it is another boot's
        if re.search(FAILED, line):
            self.say("%7.0f s  %-20s %s" % (time.monotonic() - self.begun, "trouble", said(line)))


def journal(seen):
    """The lines of a run that tell gn8v's story: its own, its bootstrap's, and what systemd says of its units."""
    for _, line in seen:
        if line.startswith(NOTE):
            yield ""
            yield line
        elif re.search(OURS, line):
            if not re.search(r"gn8v-bootstrap\[\d+\]: ([-=]{9}|$)|Consumed .* CPU time|\.(mount|device|slice):", line):
                yield line


def said(line):
    """A line of the journal without stamp and process."""
    return re.sub(r"^\[[^]]*\]\s*\S+:\s", "", line)[:110]
