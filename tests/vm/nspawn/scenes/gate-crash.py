"""An agent that crashes or is killed closes the gate, started again it reopens all; stopped, it leaves it open."""
import os

from scene import AGENT, GATED, READY


def struck(s, signal):
    """The agent gets it while it waits for the metadata service, and the gate is open."""
    s.fault(metadata_slow={"file": "region-id", "seconds": 60})
    before = len(s.log("http"))
    s.systemctl("restart", "--no-block", AGENT)
    s.box.until(lambda: any("instance-type" in r["path"] for r in s.log("http")[before:]), "it asks for its type")
    s.expect(s.state(AGENT) == "activating" and s.flag(), "the agent is not at work behind an open gate")
    s.systemctl("kill", "--kill-whom=main", "--signal=" + signal, AGENT)
    found = s.settled()
    s.fault()
    return found


def play(s):
    s.begin("single", at="ready", config={"metadata": {"deadline_s": 3600}})
    s.boot()
    s.expect_open()
    for signal, result in (("SEGV", ("core-dump", "signal")), ("KILL", ("signal",))):
        active, why = struck(s, signal)
        s.expect(active == "failed" and why in result, "after SIG%s the unit is %s, %s" % (signal, active, why))
        s.expect_closed(*GATED)
        s.expect_said("failed", "closed")
        s.expect_refused(READY, *GATED)
        s.expect(s.restart_agent(), "systemctl restart failed")
        s.expect_open()

    pids = [s.unit(name)["MainPID"] for name in GATED]
    active, why = struck(s, "TERM")
    s.expect((active, why) == ("inactive", "success") or active == "active", "stopped, the unit is %s, %s" % (active, why))
    s.expect(s.flag() and s.state(READY) == "active", "stopping the agent closed the gate")
    s.expect_said("pending", "open")
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()
    s.expect(pids == [s.unit(name)["MainPID"] for name in GATED], "services behind the open gate were restarted")

    print("== the status is deleted behind the open gate: nobody vouches any more, so the proof is taken again")
    os.unlink(s.twin.root("/var/lib/gn8v/status.json"))
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()
    s.expect(s.status("attestation.verdict") == "accepted", "nothing was proven")
    s.no_timeout()
