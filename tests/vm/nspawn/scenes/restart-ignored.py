"""A restart that logind accepts and never makes is said as ignored; asked for again, it is made."""
import os

TARGET = "/etc/systemd/system/reboot.target"


def play(s):
    s.begin("single", config={"steps": {"restart": {"timeout_s": 25}}})
    s.write("/etc/systemd/logind.conf.d/delay.conf", "[Login]\nInhibitDelayMaxSec=15\n")
    s.write("/etc/systemd/system/delay.service", "[Service]\nExecStart=/usr/bin/systemd-inhibit --what=shutdown --mode=delay "
            "--who=scene --why=scene sleep infinity\n[Install]\nWantedBy=multi-user.target\n")
    s.link("/etc/systemd/system/gn8v-agent.service.d/10-scene.conf", "/etc/scene.conf")
    s.write("/etc/scene.conf", "[Unit]\nWants=delay.service\nAfter=delay.service\n")
    s.boot()
    # logind waits for the inhibitor; meanwhile somebody masks what it will want to start.
    s.box.until(lambda: any("through logind" in e["text"] for e in s.status("events") or ()), "logind was asked")
    s.link(TARGET, "/dev/null")
    s.systemctl("daemon-reload")
    s.expect_failed("restart-ignored", "restart")

    os.unlink(s.twin.root(TARGET))
    os.unlink(s.twin.root("/etc/scene.conf"))
    s.systemctl("daemon-reload")
    s.systemctl("stop", "delay.service")
    s.systemctl("start", "--no-block", "gn8v-agent.service")
    s.goes_down()
    s.boot()
    s.expect_ready()
