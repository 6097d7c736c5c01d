"""A clock that is years behind, or ahead, or unknown to timedated: nothing over https until it is right; the kernel is asked too."""
import datetime
import os
import time

from instance import write_text

YEARS = 6 * 365 * 86400
EVERYWHERE = "[Manager]\nDefaultEnvironment=LD_PRELOAD=/usr/libexec/clock.so\n"


def wrong(s, by):
    """BY: seconds; 0 is right."""
    path = s.twin.state("clock-wrong")
    if by:
        write_text(path, "%d\n" % by)
    elif os.path.exists(path):
        os.unlink(path)


def https(s):
    return [r for r in s.log("http") if r["boot"] == s.twin.boot and r["via"] != "metadata"]


def told(s, by):
    """The status has the agent's clock, so that it is seen to be this one."""
    updated = datetime.datetime.fromisoformat(s.status("updated")).timestamp()
    s.expect(abs(updated - time.time() - by) < 86400, "the clock of the agent is another: %s" % s.status("updated"))
    s.expect(not https(s), "it trusted certificates by a wrong clock")


def becomes_right(s, by):
    s.begin("single", at="restarted")
    s.write("/etc/systemd/system.conf.d/clock.conf", EVERYWHERE)
    wrong(s, by)
    s.boot()
    s.comes("steps.time-sync.state", "running")
    told(s, by)
    wrong(s, 0)
    s.expect_ready()


def stays_wrong(s, by):
    s.down()
    wrong(s, by)
    s.configure({"time_sync": {"deadline_s": 3}})
    s.boot()
    s.expect_failed("clock-not-synchronised", "time-sync")
    told(s, by)
    wrong(s, 0)
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()


def without_timedated(s):
    s.begin("single", at="restarted")
    s.write("/etc/systemd/system.conf.d/clock.conf", EVERYWHERE)
    for name in ("systemd-timedated.service", "dbus-org.freedesktop.timedate1.service"):
        s.link("/etc/systemd/system/" + name, "/dev/null")
    s.configure({"time_sync": {"deadline_s": 3}})
    wrong(s, YEARS)
    s.boot()
    s.expect_failed("clock-not-synchronised", "time-sync")
    s.expect("timedated did not answer" in s.status("error.message"), "the message is %s" % s.status("error.message"))
    wrong(s, 0)
    write_text(s.twin.state("clock-flagged"), "")
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()
    s.expect("STA_UNSYNC" in s.status("steps.time-sync.reason"), "it says %s" % s.status("steps.time-sync.reason"))
    os.unlink(s.twin.state("clock-flagged"))


def play(s):
    print("== timedated is masked", flush=True)
    without_timedated(s)
    for by, words in ((-YEARS, "behind"), (YEARS, "ahead")):
        print("== years %s" % words, flush=True)
        becomes_right(s, by)
        print("== and again, for longer than is waited for", flush=True)
        stays_wrong(s, by)
