"""A service that ignores SIGTERM is waited for, one that may not be stopped is named, a masked one left alone."""
from owner import SERVICE, deaf, owner


def play(s):
    s.begin("single", at="restarted")
    print("== may not be stopped")
    owner(s, "Unit", "RefuseManualStop=yes")
    s.boot()
    s.expect_failed("hold-failed", "hold-services")
    s.expect(SERVICE in s.status("error.message"), "it is not named: %s" % s.status("error.message"))
    s.expect(not s.ran("nvidia-installer"), "the driver was installed under it")

    print("== ignores SIGTERM, and so does the shutdown's")
    deaf(s, "TimeoutStopSec=3")

    print("== masked: it is left alone")
    s.down()
    s.link("/etc/systemd/system/ollama.service", "/dev/null")
    s.boot()
    s.expect_ready()
    s.becomes(SERVICE, "active")
    s.expect(s.state("ollama.service") == "inactive", "ollama is %s" % s.state("ollama.service"))
