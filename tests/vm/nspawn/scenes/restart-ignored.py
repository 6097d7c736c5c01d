"""A restart that logind accepts and never makes is said as ignored; asked for again, it is made."""
import os

TARGET = "/etc/systemd/system/reboot.target"
# Started once logind knows of it.
DELAY = """\
[Service]
Type=notify
NotifyAccess=all
ExecStart=/usr/bin/systemd-inhibit --what=shutdown --mode=delay --who=scene --why=scene \\
    /bin/sh -c "systemd-notify --ready; exec sleep infinity"
"""


def play(s):
    s.begin("single", config={"steps": {"restart": {"timeout_s": 25}}})
    s.write("/etc/systemd/logind.conf.d/delay.conf", "[Login]\nInhibitDelayMaxSec=1h\n")
    s.write("/etc/systemd/system/delay.service", DELAY)
    s.link("/etc/systemd/system/gn8v-agent.service.d/10-scene.conf", "/etc/scene.conf")
    s.write("/etc/scene.conf", "[Unit]\nWants=delay.service\nAfter=delay.service\n")
    s.boot()
    # logind waits for the inhibitor until it is stopped; meanwhile somebody masks what it will want to start.
    s.box.until(lambda: any("through logind" in e["text"] for e in s.status("events") or ()), "logind was asked")
    s.link(TARGET, "/dev/null")
    s.systemctl("daemon-reload")
    s.systemctl("stop", "delay.service")
    s.box.until(lambda: "reboot.target is masked" in s.journal("-u", "systemd-logind.service"), "logind cannot restart")
    s.expect_failed("restart-ignored", "restart")

    os.unlink(s.twin.root(TARGET))
    os.unlink(s.twin.root("/etc/scene.conf"))
    s.systemctl("daemon-reload")
    s.configure({"steps": {"restart": {"timeout_s": 300}}})
    s.systemctl("start", "--no-block", "gn8v-agent.service")
    s.goes_down()
    s.boot()
    s.expect_ready()
