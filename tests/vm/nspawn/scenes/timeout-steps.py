"""Installers and package managers that hang: ended with all that they began, own codes, and it heals."""
from scene import EXTRAS
from trouble import heals, nothing_left, step, trouble

ASKING = ("cc-mode", "fabric")


def play(s):
    s.begin("multi", extras=EXTRAS, faults={"dracut-hangs": True}, config=step("initramfs", 3))
    s.boot()
    s.expect_failed("step-timeout", "initramfs")
    nothing_left(s)
    s.fault()
    s.configure(step("initramfs", 120))
    s.systemctl("start", "--no-block", "gn8v-agent.service")
    s.goes_down()

    s.fault("yum-hangs")
    s.configure(step("packages", 3))
    s.boot()
    s.expect_failed("step-timeout", "packages")
    s.configure(step("packages", 120))
    trouble(s, "rpm-hangs", "step-timeout", "fabricmanager", step("fabricmanager", 3))
    s.configure(step("fabricmanager", 120))
    trouble(s, "installer-hangs", "driver-install-timeout", "driver", step("driver", 4))
    s.configure(step("driver", 120))
    trouble(s, "installer-asks", "driver-install-failed", "driver")
    trouble(s, "cuda-hangs", "cuda-install-timeout", "cuda", step("cuda", 3))
    s.configure(step("cuda", 120))
    trouble(s, "smi-hangs", "nvidia-smi-failed", None, {"steps": {name: {"timeout_s": 4} for name in ASKING}})
    s.configure({"steps": {name: {"timeout_s": 120} for name in ASKING}})
    heals(s)
