"""nvidia-persistenced that fails or hangs at a boot, hits its start limit, dies or is slow: its code, and it heals."""
from scene import GATED, PERSISTENCED
from trouble import heals


def loses(s, *command):
    """At a boot, while the agent waits. It may fail of it: then the gate is shut, and started again it opens."""
    s.down()
    s.holds("persistenced")
    s.boot()
    s.comes("steps.persistenced-start.state", "running")
    s.systemctl(*command)
    s.goes_on("persistenced")
    if s.settled() != ("active", "success"):
        s.expect_closed(*GATED)
        s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()


def fails(s):
    s.begin("single", at="ready", faults={"persistenced-fails": True})
    s.boot()
    s.expect_failed("persistenced-failed", "persistenced-start")
    s.expect_closed(*GATED)


def meets_its_start_limit(s):
    print("== at its start limit")
    s.write("/etc/systemd/system/nvidia-persistenced.service.d/99-owner.conf", "[Unit]\nStartLimitIntervalSec=600\n")
    s.systemctl("daemon-reload")
    for _ in range(6):
        s.systemctl("start", PERSISTENCED, check=False)
    s.box.until(lambda: any("Start request repeated too quickly" in line for line in s.box.console()), "its start limit")
    s.restart_agent()
    s.expect_failed("persistenced-failed", "persistenced-start")
    heals(s)


def dies(s):
    print("== it dies while the gate is open")
    s.systemctl("kill", "--signal=KILL", PERSISTENCED)
    s.box.until(lambda: s.state(PERSISTENCED) == "failed", "it has died")
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()


def is_masked(s):
    print("== it is stopped, masked, and unmasked")
    s.systemctl("stop", PERSISTENCED)
    s.systemctl("mask", "--runtime", PERSISTENCED)
    s.expect(s.unit(PERSISTENCED)["LoadState"] == "masked", "it is not masked")
    s.restart_agent()
    s.settled()
    s.expect(s.status("error.code") == "unit-masked", "the error is %s" % s.status("error"))
    s.expect("unmask --runtime " in s.status("error.hint"), "the hint is %s" % s.status("error.hint"))
    s.expect_said("refused", "closed")
    s.expect_closed(*GATED)
    s.systemctl("unmask", "--runtime", PERSISTENCED)
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()


def is_slow(s):
    print("== slow at a boot: all wait, nobody gives up")
    s.down()
    s.holds("persistenced")
    s.boot()
    s.becomes(PERSISTENCED, "activating")
    s.comes("steps.persistenced-start.state", "running")
    s.expect_closed(*GATED)
    s.goes_on("persistenced")
    s.expect_open()
    s.no_timeout()


def hangs(s):
    # In ExecStartPost= the daemon itself is up already.
    for fault in ("persistenced-hangs", "smi-hangs"):
        print("== %s at a boot, beyond systemd's limit" % fault)
        s.limit(PERSISTENCED, 3)
        s.fault(fault)
        s.down()
        s.boot()
        s.expect_failed("persistenced-timeout", "persistenced-start")
        s.expect_closed(*GATED)
    s.limit(PERSISTENCED, 900)
    s.systemctl("daemon-reload")
    heals(s)


def play(s):
    fails(s)
    meets_its_start_limit(s)
    dies(s)
    is_masked(s)
    is_slow(s)
    print("== who would tell of its job is lost meanwhile: PID 1 is executed anew, the message bus dies")
    loses(s, "daemon-reexec")
    loses(s, "kill", "--signal=KILL", "dbus.service")
    hangs(s)
