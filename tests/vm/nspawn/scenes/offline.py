"""Two boots without a network, fresh and installed: its code, and the gate stays shut; with it again, ready."""
from scene import GATED


def play(s):
    s.begin("single", at="restarted", config={"metadata": {"deadline_s": 3}})
    for _ in range(2):
        s.network(False)
        s.boot()
        s.expect_failed("metadata-unreachable")
        s.down()
    s.network(True)
    s.boot()
    s.expect_ready()

    print("== installed, and at two boots nobody answers")
    for _ in range(2):
        s.down()
        s.network(False)
        s.boot()
        s.expect_failed("metadata-unreachable")
        s.expect_closed(*GATED)
    s.network(True)
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_open()

    print("== there is a network, but not as far as the reference values: it opens by itself once there is")
    s.down()
    s.configure({"attest": {"verifier": "native"}})
    s.fault("collateral-down")
    s.boot()
    s.comes("result", "waiting")
    s.expect_closed(*GATED)
    s.fault()
    s.expect_open()
