"""Reports of GPUs and of NVSwitches that never come on 8 GPUs: the gate stays shut, nothing is left running, and it heals."""
from scene import GATED
from trouble import heals, left_alone, nothing_left, step, trouble


def play(s):
    s.begin("multi", at="ready", faults={"report-hangs": True}, config={
        "attest": {"verifier": "native", "deadline_s": 1}, "steps": {"attest": {"timeout_s": 30}}})
    left_alone(s)
    s.boot()
    s.expect_failed("attestation-unknown", "attest")
    s.expect_closed(*GATED)
    nothing_left(s)
    trouble(s, "nscq-hangs", "attestation-unknown", "attest")
    s.configure(step("attest", 120))
    heals(s)
