"""Downloads that stand still and a proxy that is gone: given up in time, own code, nothing is left running, and it heals."""
from scene import GATED
from trouble import heals, left_alone, nothing_left, trouble


def play(s):
    s.begin("single", at="restarted", faults={"download-stall": "cuda"}, config={
        "fetch": {"deadline_s": 1}, "steps": {"fetch-cuda": {"attempts": 1}}})
    left_alone(s)
    s.boot()
    s.expect_failed("download-failed", "fetch-cuda")
    s.expect_closed(*GATED)
    nothing_left(s)
    trouble(s, "proxy-down", "download-failed", "fetch-cuda")
    s.configure({"fetch": {"deadline_s": 60}})
    heals(s)
