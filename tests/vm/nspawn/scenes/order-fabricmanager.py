"""Fabric Manager's package, and nvidia-cdi-refresh of toolkit 1.19.0, come after multi-user.target: no boot waits for itself."""
import os

import disorder
from scene import FABRIC, PERSISTENCED

COPY = "/etc/systemd/system/" + FABRIC
CDI = "nvidia-cdi-refresh.service"
# The boot's last target waits for it, and it for the agent, as an owner's service may that needs the GPUs.
PATIENT = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/gn8v status --wait\n"
# Both are disabled while the driver is installed, and then started and enabled again.
CONFIG = {"gate": {"mode": "target"}, "services": {"disable": ["cloudmonitor.service", CDI]}}


def after(s, unit):
    return s.unit(unit)["After"].split()


def in_order(s):
    """Ready, though multi-user.target waits for that; then all else comes."""
    s.expect_ready()
    s.expect(s.unit(FABRIC)["FragmentPath"] == COPY, "Fabric Manager's unit is %s" % s.unit(FABRIC)["FragmentPath"])
    s.expect("multi-user.target" not in after(s, FABRIC), "Fabric Manager is ordered after multi-user.target")
    s.expect("network-online.target" in after(s, FABRIC), "it lost more than that")
    s.becomes("patient.service", "active")
    s.becomes("multi-user.target", "active")
    s.expect_order((FABRIC, s.stamp(FABRIC)), (PERSISTENCED, s.stamp(PERSISTENCED)),
                   ("multi-user.target", s.stamp("multi-user.target")))
    s.no_timeout()


def play(s):
    s.begin("multi", at="restarted", faults={"fabricmanager-unit": "after-multi-user"}, config=CONFIG)
    # The order of nvidia-container-toolkit 1.19.0, which 1.19.1 does not have any more.
    s.write("/etc/systemd/system/%s.d/toolkit-1.19.0.conf" % CDI, "[Unit]\nAfter=multi-user.target\n")
    s.write("/etc/systemd/system/patient.service", PATIENT)
    s.link("/etc/systemd/system/multi-user.target.wants/patient.service", "../patient.service")
    s.boot()
    in_order(s)
    s.expect(len(s.ran("nvidia-fabricmanager-start.sh")) == 2, "the package's script did not run twice")
    said = [e["text"] for e in s.status("events")]
    s.expect(any(CDI in text and "not waited for" in text for text in said), "nothing says that %s is not waited for" % CDI)
    s.box.until(lambda: s.ran("nvidia-ctk"), CDI + " runs after all")

    print("== the boot itself starts them")
    s.down()
    s.boot()
    in_order(s)

    print("== an update of the package brings the order: that boot has the circle, and gn8v opens it while all wait")
    # Without the gate a service might start in the place of a job that systemd threw out, before nvidia-persistenced.
    s.configure({"gate": {"mode": "attested"}})
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()
    s.down()
    os.unlink(s.twin.root(COPY))
    s.boot()
    s.box.until(lambda: any(disorder.CYCLE.search(line) for line in s.box.console()), "the console tells of the circle")
    s.expect(s.settled() == ("active", "success"), "the agent's unit is %s, %s" % s.settled())
    s.expect(s.status("result") == "ready", "the result is %s" % s.status("result"))
    s.expect(s.unit(FABRIC)["FragmentPath"] == COPY, "Fabric Manager's unit is %s" % s.unit(FABRIC)["FragmentPath"])
    s.down()
    s.boxes.clear()

    print("== and the next has it no more")
    s.boot()
    in_order(s)
