"""Held services do not run while modules.dep changes, nor at the next boot; let go, the path unit wakes up."""
from scene import GATED

PROGRAMS = ("argusagent", "ollama", "nvidia-ctk")
CDI = ("nvidia-cdi-refresh.path", "nvidia-cdi-refresh.service")


def held(s):
    """While the installer is at work: nothing of them runs, whatever is done."""
    s.comes("steps.driver.state", "running")
    before = [len(s.ran(program)) for program in PROGRAMS]
    s.box.run("/usr/sbin/depmod", "-a")
    for name in GATED + CDI:
        s.systemctl("start", name, check=False)
        s.expect(s.state(name) == "inactive", "%s is %s while the driver is installed" % (name, s.state(name)))
    s.expect(before == [len(s.ran(program)) for program in PROGRAMS], "a held service ran")


def play(s):
    s.begin("single", at="restarted", config={"gate": {"mode": "target"}})
    s.fault("installer-hangs")
    s.boot()
    held(s)
    s.box.crash()
    s.boot()
    held(s)
    s.expect(not any(s.ran(program) for program in PROGRAMS), "a held service ran at the boot")
    s.box.crash()

    s.fault()
    s.boot()
    s.expect_open()
    s.becomes(CDI[1], "inactive")
    s.box.until(lambda: s.unit(CDI[0])["SubState"] == "waiting", "the path unit looks out for changes")
    ran = len(s.ran("nvidia-ctk"))
    s.box.run("/usr/sbin/depmod", "-a")
    s.box.until(lambda: len(s.ran("nvidia-ctk")) > ran, "the path unit starts the service")
    s.well()
