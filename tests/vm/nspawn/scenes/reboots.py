"""Five restarts and crashes at arbitrary steps, drawn from a printed seed: in the end ready, with no installer cut off for good."""
import os
import random

from scene import REBOOT

STEPS = ("preflight", "kernel-args", "time-sync", "packages", "fetch-driver", "hold-services", "persistenced-unit", "driver",
         "cuda", "persistenced-start", "release-services", "cc-mode", "attest")


def until_step(s, step):
    """The step runs, or the machine has come further or restarts by itself."""
    def come():
        if not s.box.alive():
            return True
        if s.status("boot_id") != s.box.boot_id():
            return False
        return s.status("steps.%s.state" % step) in ("running", "done") or s.job_over()
    s.box.until(come, "step %s" % step)


def play(s):
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 30))
    print("SEED=%d" % seed, flush=True)
    draw = random.Random(seed)
    s.begin("single", delays={"driver": 1, "cuda": 1, "persistenced": 1, "grubby": 0.5, "yum": 0.5})
    for _ in range(5):
        step, crash = draw.choice(STEPS), draw.random() < 0.5
        print("== %s at %s" % ("crash" if crash else "restart", step), flush=True)
        s.boot()
        until_step(s, step)
        if crash and s.box.alive():
            s.box.crash()
        elif s.box.alive():
            s.systemctl("reboot", check=False)
            s.goes_down(REBOOT)
        else:
            s.goes_down(REBOOT)
    s.run()
    s.expect_ready()
    s.no_timeout()
    s.down()
    s.boot()
    s.expect_ready()
