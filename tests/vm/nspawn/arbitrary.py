"""Restarts and crashes at arbitrary steps, drawn from a printed seed; SEED=n repeats one."""
import os
import random

from scene import BOOTS_MAX, REBOOT, Failed

# What keeps a step running until the strike: the delay in which its program is held, or a fault. Each part has one.
HELD = {"kernel-args": "grubby", "packages": "yum", "driver": "driver", "cuda": "cuda", "persistenced-start": "persistenced"}
HUNG = {"fetch-driver": {"download_stall": "NVIDIA"}, "attest": {"rim_hang": True}}
# A strike in each part: five of them, one after another, all before it is ready.
PARTS = (("kernel-args",),
         ("fetch-driver", "packages"),
         ("hold-services", "persistenced-unit", "driver"),
         ("cuda", "persistenced-start"),
         ("release-services", "cc-mode", "attest"))
OVER = ("ready", "failed", "refused")


def comes_to(s, step):
    """Start the machine, if it is down, and again where the agent restarts it, until the step runs; False when it was over
    before anybody saw it."""
    def come():
        if not s.box.alive() or s.restarts():
            return "down"
        if s.status("boot_id") != s.box.boot_id():
            return None
        state = s.status("steps.%s.state" % step)
        return state if state in ("running", "done") else s.status("result") in OVER and "over"
    for _ in range(BOOTS_MAX):
        if not s.box or not s.box.alive():
            s.boot()
        found = s.box.until(come, "step %s" % step)
        if found != "down":
            return found == "running"
        s.goes_down(REBOOT)
    raise Failed("step %s never came in %d boots" % (step, BOOTS_MAX))


def strike(s, part, draw):
    """While one of these steps runs; the first that is seen running, in the order that is drawn."""
    steps, crash = draw.sample(part, len(part)), draw.random() < 0.5
    names = [HELD[step] for step in part if step in HELD]
    s.holds(*names)
    s.fault(**{name: argument for step in part for name, argument in HUNG.get(step, {}).items()})
    for step in steps:
        if comes_to(s, step):
            print("== %s at %s" % ("crash" if crash else "restart", step), flush=True)
            if crash:
                s.box.crash()
            else:
                s.end_by("reboot", REBOOT)
            s.goes_on(*names)
            return s.fault()
        print("== %s was over too soon" % step, flush=True)
    raise Failed("none of %s was seen running" % ", ".join(steps))


def five(s, shape):
    """A fresh instance, five times cut off; then it becomes ready, and is so at the next boot."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 30))
    print("SEED=%d" % seed, flush=True)
    draw = random.Random(seed)
    s.begin(shape)
    for part in PARTS:
        strike(s, part, draw)
    s.run()
    s.expect_ready()
    s.no_timeout()
    s.expect(s.status("restarts") <= 2, "it restarted %s times by itself" % s.status("restarts"))
    s.down()
    s.boot()
    s.expect_ready()
