"""gate.mode target leaves services alone when rejected, attested stops them; switched back and forth."""
import os

from scene import GATED


def mode(s, name):
    s.configure({"gate": {"mode": name}})
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()
    asserted = [n for n in GATED if "/run/gn8v/ready" in s.systemctl("cat", n)]
    s.expect(len(asserted) == (len(GATED) if name == "attested" else 0), "behind the gate are %r" % asserted)


def rejected(s):
    """In the boot that is up: the proof is taken again once something had to be mended."""
    os.unlink(s.twin.root("/etc/systemd/system/ollama.service.d/50-gn8v-order.conf"))
    s.fault("attest-rejected")
    s.restart_agent()
    s.expect_failed("attestation-rejected")


def play(s):
    s.begin("single", at="ready")
    s.boot()
    s.expect_open()
    for _ in range(2):
        mode(s, "target")
        rejected(s)
        for name in GATED:
            s.expect(s.state(name) == "active", "%s is %s without a gate" % (name, s.state(name)))
        s.fault()
        mode(s, "attested")
        rejected(s)
        s.expect_closed(*GATED)
        s.fault()
        s.expect(s.restart_agent(), "systemctl restart failed")
        s.expect_open()

    mode(s, "target")
    s.fault("attest-rejected")
    s.down()
    s.boot()
    s.expect_failed("attestation-rejected")
    for name in GATED:
        s.becomes(name, "active")
