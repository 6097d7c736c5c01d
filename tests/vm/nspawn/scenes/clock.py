"""A clock that is wrong by years: nothing over https until it is right; later than is waited for, it is said."""
import datetime
import os
import time

from instance import write_text

YEARS = -6 * 365 * 86400
EVERYWHERE = "[Manager]\nDefaultEnvironment=LD_PRELOAD=/usr/libexec/clock.so\n"


def wrong(s, is_wrong):
    path = s.twin.state("clock-wrong")
    if is_wrong:
        write_text(path, "%d\n" % YEARS)
    elif os.path.exists(path):
        os.unlink(path)


def https(s):
    return [r for r in s.log("http") if r["boot"] == s.twin.boot and r["via"] != "metadata"]


def waits(s):
    s.comes("steps.time-sync.state", "running")
    updated = datetime.datetime.fromisoformat(s.status("updated")).timestamp()
    s.expect(abs(updated - time.time() - YEARS) < 86400, "the clock of the agent is another: %s" % s.status("updated"))
    s.expect(not https(s), "it trusted certificates by a wrong clock")


def play(s):
    s.begin("single", at="restarted")
    s.write("/etc/systemd/system.conf.d/clock.conf", EVERYWHERE)
    wrong(s, True)
    s.boot()
    waits(s)
    wrong(s, False)
    s.expect_ready()

    print("== wrong again, for longer than is waited for")
    s.down()
    wrong(s, True)
    s.configure({"time_sync": {"deadline_s": 3}})
    s.boot()
    s.expect_failed("clock-not-synchronised", "time-sync")
    s.expect(not https(s), "it trusted certificates by a wrong clock")
    wrong(s, False)
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()
