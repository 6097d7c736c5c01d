"""Downloads that stand still and a proxy that is gone: given up in time, own code, nothing is left running, and it heals."""
from scene import GATED
from trouble import heals, left_alone, trouble


def play(s):
    s.begin("single", at="restarted", faults={"download-stall": "cuda"}, config={"steps": {"fetch-cuda": {"attempts": 1}}})
    left_alone(s)
    s.boot()
    # The deadline is every download's: it is short only once no other has to be made.
    s.comes("steps.driver.state", "done")
    trouble(s, "download-stall", "download-failed", "fetch-cuda", {"fetch": {"deadline_s": 1}}, argument="cuda")
    s.expect_closed(*GATED)
    trouble(s, "proxy-down", "download-failed", "fetch-cuda")
    s.configure({"fetch": {"deadline_s": 60}})
    heals(s)
