"""A service that ignores SIGTERM is waited for as long as systemd's default says: by the hold, and by the gate as it closes."""
import os

from owner import SERVICE, deaf, killed
from scene import GATED

LONG = True
DROPIN = "/etc/systemd/system/%s.d/50-gn8v-order.conf" % SERVICE


def play(s):
    deaf(s)
    limit = s.unit(SERVICE)["TimeoutStopUSec"]
    s.expect(limit == "1min 30s", "systemd waits for %s" % limit)

    print("== behind the gate, as it closes")
    s.expect_open()
    before = killed(s)
    # The proof of this boot is taken again once something had to be mended.
    os.unlink(s.twin.root(DROPIN))
    s.fault("attest-rejected")
    s.expect(not s.restart_agent(), "systemctl restart did not say that it failed")
    s.expect_failed("attestation-rejected")
    s.expect_closed(*GATED)
    s.expect_said("failed", "closed")
    s.box.until(lambda: killed(s) > before, "the console says that it had to be killed again")
