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


def nothing_left(s):
    """Once the agent's unit has failed, none of its processes runs, in whatever session."""
    group = s.unit(AGENT)["ControlGroup"]
    left = s.box.run("sh", "-c", "cat /sys/fs/cgroup/systemd%s/cgroup.procs /sys/fs/cgroup%s/cgroup.procs 2>/dev/null || :"
                     % (group, group)) if group else ""
    s.expect(not left, "left running: %s" % left)
    known = s.box.run("ps", "-eo", "pid,args", "--no-headers")
    ours = [line for line in known.splitlines() if "/twin/lib/fakes/" in line and not any(n in line for n in SERVICES)]
    s.expect(not ours, "left running: %s" % ours)


# Fakes that are services of their own.
SERVICES = ("gpu-service", "nvidia-persistenced", "nv-fabricmanager")


def heals(s):
    print("== nothing is wrong any more", flush=True)
    s.fault()
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()
