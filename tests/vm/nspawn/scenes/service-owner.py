"""A service that ignores SIGTERM is waited for, one that may not be stopped is named, a masked one left alone."""
from scene import DEAF

UNIT = "/etc/systemd/system/cloudmonitor.service.d/99-owner.conf"


def owner(s, section, line):
    s.write(UNIT, "[%s]\n%s\n" % (section, line))


def play(s):
    s.begin("single", at="restarted")
    print("== may not be stopped")
    owner(s, "Unit", "RefuseManualStop=yes")
    s.boot()
    s.expect_failed("hold-failed", "hold-services")
    s.expect("cloudmonitor.service" in s.status("error.message"), "it is not named: %s" % s.status("error.message"))
    s.expect(not s.ran("nvidia-installer"), "the driver was installed under it")

    print("== ignores SIGTERM, and so does the shutdown's")
    s.begin("single", at="restarted", config={"metadata": {"deadline_s": 3600}})
    owner(s, "Service", DEAF + "TimeoutStopSec=3")
    # The agent waits for the metadata service until there is something to be stopped.
    s.fault("metadata-down")
    s.boot()
    s.becomes("cloudmonitor.service", "active")
    s.fault()
    s.box.until(lambda: s.status("steps.hold-services.state") == "done", "it is stopped in the end")
    waited = "cloudmonitor.service: State 'stop-sigterm' timed out"
    s.expect(any(waited in line for line in s.box.console()), "it ended at SIGTERM")
    s.expect_ready()

    print("== masked: it is left alone")
    s.down()
    s.link("/etc/systemd/system/ollama.service", "/dev/null")
    s.boot()
    s.expect_ready()
    s.becomes("cloudmonitor.service", "active")
    s.expect(s.state("ollama.service") == "inactive", "ollama is %s" % s.state("ollama.service"))
