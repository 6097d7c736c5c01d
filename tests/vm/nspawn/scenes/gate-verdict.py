"""A rejected verdict closes the gate, at once and at the next boot; one restart of the agent reopens all."""
import os

from scene import GATED, READY

DROPIN = "/etc/systemd/system/ollama.service.d/50-gn8v-order.conf"


def rejected(s):
    s.expect_failed("attestation-rejected")
    s.expect_closed(*GATED)
    s.expect_said("failed", "closed")
    s.expect_refused(READY, *GATED)


def play(s):
    s.begin("single", at="ready")
    s.boot()
    s.expect_open()

    # The proof of this boot is taken again once something had to be mended.
    os.unlink(s.twin.root(DROPIN))
    s.fault("attest-rejected")
    s.expect(not s.restart_agent(), "systemctl restart did not say that it failed")
    rejected(s)
    s.fault()
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()

    # And the GPUs' ready state cannot be cleared.
    s.fault("attest-rejected", "ready-terminal")
    s.down()
    s.boot()
    rejected(s)
    s.fault()
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()
    s.no_timeout()
