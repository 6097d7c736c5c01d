"""What the owner of a machine has set for a service of theirs."""
from scene import DEAF

SERVICE = "cloudmonitor.service"
UNIT = "/etc/systemd/system/%s.d/99-owner.conf" % SERVICE


def owner(s, section, line):
    s.write(UNIT, "[%s]\n%s\n" % (section, line))


def killed(s):
    """How often systemd had to kill it in this boot, as it did not end at SIGTERM."""
    return sum("%s: State 'stop-sigterm' timed out" % SERVICE in line for line in s.box.console())


def deaf(s, limit=""):
    """It ignores SIGTERM, and is stopped in the end; LIMIT: other than systemd's own, how long that waits."""
    # A second attempt would find it stopped, and hide that the first had given up.
    once = {"steps": {"hold-services": {"attempts": 1}}}
    s.begin("single", at="restarted", config=dict(once, metadata={"deadline_s": 3600}))
    owner(s, "Service", DEAF + limit)
    # The agent waits for the metadata service until there is something to be stopped.
    s.fault("metadata-down")
    s.boot()
    s.becomes(SERVICE, "active")
    s.fault()
    s.box.until(lambda: s.status("steps.hold-services.state") == "done", "it is stopped in the end")
    s.box.until(lambda: killed(s), "the console says that it had to be killed")
    s.expect_ready()
