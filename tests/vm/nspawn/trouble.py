"""Troubles that are gone through one after another in the boot that is up: each its own code, and all heals."""

from scene import AGENT


def step(name, timeout_s):
    return {"steps": {name: {"timeout_s": timeout_s}}}


def trouble(s, fault, code, at, config=None, argument=True):
    """The agent is started again with this fault in the place of the one before."""
    print("== %s: %s" % (fault, code), flush=True)
    s.fault(**{fault: argument})
    if config:
        s.configure(config)
    s.restart_agent()
    s.expect_failed(code, at)
    nothing_left(s)


def left_alone(s):
    """systemd stops the agent itself, nothing that it began: what the agent does not end stays, and is seen."""
    s.write("/etc/systemd/system/%s.d/99-left-alone.conf" % AGENT, "[Service]\nKillMode=process\n")


def processes(s):
    """What runs in the control group of the agent's unit, and below it, in whatever session: as systemd says it."""
    said = s.box.run("busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                     "org.freedesktop.systemd1.Manager", "GetUnitProcesses", "s", AGENT)
    s.expect(said.startswith("a(sus) "), "systemd says of the agent's processes: %s" % said)
    return "" if said == "a(sus) 0" else said


def nothing_left(s):
    """Once the agent's unit has failed, none of its processes runs; and systemd has ended none."""
    s.expect(s.unit(AGENT)["KillMode"] == "process", "systemd ends what the agent leaves: nothing can be seen of it")
    left = processes(s)
    s.expect(not left, "left running: %s" % left)


def heals(s):
    print("== nothing is wrong any more", flush=True)
    s.fault()
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()
