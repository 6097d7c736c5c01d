"""Restarts and crashes at arbitrary steps, drawn from a printed seed; SEED=n repeats one."""
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


def five(s, shape):
    """A fresh instance, five times cut off; then it becomes ready, and is so at the next boot."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 30))
    print("SEED=%d" % seed, flush=True)
    draw = random.Random(seed)
    s.begin(shape, delays={"driver": 1, "cuda": 1, "persistenced": 1, "grubby": 0.5, "yum": 0.5})
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
    s.expect(s.status("restarts") <= 2, "it restarted %s times by itself" % s.status("restarts"))
    s.down()
    s.boot()
    s.expect_ready()
