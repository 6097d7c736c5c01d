"""On 8 GPUs, what the boot itself starts fails or hangs: own codes, a shut gate, and the boot without it is ready."""
from scene import FABRIC, GATED

FABRIC_STEP = "fabricmanager-start"


def boot_with(s, fault, code, at):
    """The boot's own jobs meet it, before the agent looks."""
    print("== %s: %s" % (fault, code), flush=True)
    s.down()
    s.fault(fault)
    s.boot()
    s.expect_failed(code, at)
    s.expect_closed(*GATED)


def play(s):
    s.begin("multi", at="ready", config={"steps": {"fabric": {"attempts": 1}}})
    boot_with(s, "fabricmanager-fails", "fabricmanager-failed", FABRIC_STEP)
    boot_with(s, "fabric-in-progress", "fabric-not-completed", "fabric")
    boot_with(s, "insmod-mismatch", "fabricmanager-failed", FABRIC_STEP)
    s.limit(FABRIC, 3)
    boot_with(s, "fabricmanager-hangs", "fabricmanager-failed", FABRIC_STEP)
    s.limit(FABRIC, 720)
    s.fault()
    s.down()
    s.boot()
    s.expect_open()
