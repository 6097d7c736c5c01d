"""nvidia-persistenced comes up without a GPU: its word in the journal is enough, and no GPU is touched for it."""
from scene import PERSISTENCED

CODE = "persistenced-gpu-missing"


def asked(s):
    return [r for r in s.log("gpu") if r["who"] == "gn8v"]


def play(s):
    s.begin("single", at="restarted", faults={"persistenced-skips-gpu": True})
    s.boot()
    s.expect_failed(CODE, "persistenced-start")
    s.expect("0000:00:07.0" in s.status("error.message"), "the GPU is not named: %s" % s.status("error.message"))
    s.box.until(lambda: "failed to open" in s.journal("-b", "-u", PERSISTENCED), "the journal has its word")

    print("== again, with that word there for sure: nvidia-persistenced is up already")
    before = len(asked(s))
    s.restart_agent()
    s.expect_failed(CODE, "devices")
    s.expect("its journal says" in s.status("error.message"), "the journal was not read: %s" % s.status("error.message"))
    s.expect("systemctl restart " + PERSISTENCED in s.status("error.hint"), "the hint: %s" % s.status("error.hint"))
    s.expect(len(asked(s)) == before, "NVML was asked all the same: %r" % asked(s)[before:])

    print("== a start that goes well: the word of the one before does not count")
    s.fault()
    s.systemctl("restart", PERSISTENCED)
    s.expect(s.restart_agent(), "systemctl restart failed")
    s.expect_ready()
