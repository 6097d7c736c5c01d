"""An ordering cycle and a service that times out, both planted: the checks that other scenes end with find them."""
from scene import AGENT, Failed

SLOW = "[Service]\nType=oneshot\nExecStart=/bin/sleep 60\nTimeoutStartSec=1\n"


def found(check):
    try:
        check()
    except Failed:
        return True
    return False


def play(s):
    s.begin("single")
    # sysinit.target, which the agent's unit waits for.
    s.write("/etc/systemd/system/%s.d/99-planted.conf" % AGENT, "[Unit]\nBefore=sysinit.target\n")
    s.write("/etc/systemd/system/slow.service", SLOW)
    s.boot()
    s.becomes("multi-user.target", "active")
    s.expect(found(s.no_cycle), "the ordering cycle was not found")
    s.expect(not found(s.no_timeout), "something timed out by itself")
    s.systemctl("start", "slow.service", check=False)
    s.box.until(lambda: found(s.no_timeout), "the time-out is found")
