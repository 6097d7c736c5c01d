"""An ordering cycle, and a job, a start and a stop that time out, all planted: systemd prints what other scenes look for."""
import disorder
from scene import AGENT, DEAF, Failed

# The boot is not over while `endless` starts; only until then does systemd show on the console what became of a job.
UNITS = {
    "endless": "[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\nTimeoutStartSec=infinity\n",
    "waiting": "[Unit]\nAfter=endless.service\nJobTimeoutSec=1\n[Service]\nExecStart=/bin/true\n",
    "slow": "[Service]\nType=oneshot\nExecStart=/bin/sleep 60\nTimeoutStartSec=1\n",
    "late": "[Service]\nExecStart=/bin/sleep infinity\nExecStartPost=/bin/sleep 60\nTimeoutStartSec=1\n",
    "dwelling": "[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep 60\nTimeoutStopSec=1\n",
    "deaf": "[Service]\n%sTimeoutStopSec=1\n" % DEAF,
}
CYCLE = (": Found ordering cycle on ", " deleted to break ordering cycle ")
JOB = ("waiting.service: Job waiting.service/start timed out", "] Timed out starting waiting.service")


def found(check):
    try:
        check()
    except Failed:
        return True
    return False


def says(s, sign, *texts):
    """They are on the console, in lines that the expression finds."""
    for text in texts:
        s.box.until(lambda: any(text in line and sign.search(line) for line in s.box.console()), "the console says %r" % text)


def play(s):
    s.begin("single")
    # sysinit.target, which the agent's unit waits for.
    s.write("/etc/systemd/system/%s.d/99-planted.conf" % AGENT, "[Unit]\nBefore=sysinit.target\n")
    for name, text in UNITS.items():
        s.write("/etc/systemd/system/%s.service" % name, text)
    s.link("/etc/systemd/system/multi-user.target.wants/endless.service", "../endless.service")
    s.boot()
    s.becomes("endless.service", "activating")
    says(s, disorder.CYCLE, *CYCLE)
    s.expect(found(s.no_cycle), "the ordering cycle was not found")

    s.expect(not found(s.no_timeout), "something timed out by itself")
    s.systemctl("start", "waiting.service", check=False)
    says(s, disorder.TIMED_OUT, *JOB)
    for name, text in (("slow", "start operation timed out"), ("late", "start-post operation timed out")):
        s.systemctl("start", name, check=False)
        says(s, disorder.TIMED_OUT, "%s.service: %s" % (name, text))
    for name, text in (("deaf", "State 'stop-sigterm' timed out"), ("dwelling", "Stopping timed out")):
        s.systemctl("start", name)
        s.systemctl("stop", name, check=False)
        says(s, disorder.TIMED_OUT, "%s.service: %s" % (name, text))
    s.expect(found(s.no_timeout), "what timed out was not found")
