"""Reports, reference values and verifiers that never come: the gate stays shut, nothing is left running, and it heals."""
from scene import GATED
from trouble import heals, left_alone, nothing_left, step, trouble

# What comes in this step before the call that hangs is a program or two.
LIMIT_S = 30


def play(s):
    s.begin("single", at="ready", faults={"report-hangs": True}, config={
        "attest": {"verifier": "native", "deadline_s": 1, "collateral_s": 2}, "steps": {"attest": {"timeout_s": LIMIT_S}}})
    left_alone(s)
    s.boot()
    s.expect_failed("attestation-unknown", "attest")
    s.expect_closed(*GATED)
    nothing_left(s)
    # These are over by themselves: the step's own limit must not come before.
    trouble(s, "report-timeout", "device-call", "attest", step("attest", 120), argument="9")
    for fault in ("rim-hang", "ocsp-hang"):
        trouble(s, fault, "attestation-unknown", "attest")
    trouble(s, "pip-hangs", "step-timeout", "verifier", {"attest": {"verifier": "nvidia"}, "steps": {
        "verifier": {"timeout_s": 4, "attempts": 1}}})
    s.configure(step("verifier", 120))
    trouble(s, "attest-hangs", "attestation-unknown", "attest", step("attest", LIMIT_S))
    s.configure({"attest": {"verifier": "auto", "deadline_s": 60, "collateral_s": 60}, "steps": {"attest": {"timeout_s": 120}}})
    heals(s)
