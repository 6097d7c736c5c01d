"""Installers and package managers that hang: ended with all that they began, own codes, and it heals."""
import os

from scene import AGENT, EXTRAS, Failed
from trouble import heals, left_alone, nothing_left, processes, step, trouble


def killed_meanwhile(s):
    """That something is left is seen: by an agent that is killed, the child of the installer is."""
    print("== killed in the driver's installation", flush=True)
    s.fault("installer-hangs")
    s.systemctl("start", "--no-block", AGENT)
    s.box.until(lambda: os.path.exists(s.twin.state("orphans")), "the installer has left a child")
    s.systemctl("kill", "--kill-whom=main", "--signal=KILL", AGENT)
    s.expect(s.settled() == ("failed", "signal"), "the agent's unit is %s, %s" % s.settled())
    try:
        nothing_left(s)
    except Failed:
        s.systemctl("kill", "--signal=KILL", AGENT)
        s.box.until(lambda: not processes(s), "it is killed")
        return
    raise Failed("nothing is said to be left of a killed agent")


def play(s):
    s.begin("multi", extras=EXTRAS, faults={"dracut-hangs": True})
    left_alone(s)
    s.boot()
    s.comes("steps.initramfs.state", "running")
    trouble(s, "dracut-hangs", "step-timeout", "initramfs", step("initramfs", 3))
    s.fault()
    s.configure(step("initramfs", 120))
    s.systemctl("start", "--no-block", "gn8v-agent.service")
    s.goes_down()

    s.fault("yum-hangs")
    s.configure(step("packages", 3))
    s.boot()
    s.expect_failed("step-timeout", "packages")
    nothing_left(s)
    s.configure(step("packages", 120))
    trouble(s, "rpm-hangs", "step-timeout", "fabricmanager", step("fabricmanager", 3))
    s.configure(step("fabricmanager", 120))
    killed_meanwhile(s)
    trouble(s, "installer-hangs", "driver-install-timeout", "driver", step("driver", 4))
    s.configure(step("driver", 120))
    trouble(s, "installer-asks", "driver-install-failed", "driver")
    trouble(s, "cuda-hangs", "cuda-install-timeout", "cuda", step("cuda", 3))
    s.configure(step("cuda", 120))
    # A look at the fabric that hangs is no answer: it is looked at again, once here.
    trouble(s, "smi-hangs", "nvidia-smi-failed", None,
            {"steps": {"cc-mode": {"timeout_s": 4}, "fabric": {"timeout_s": 4, "patience_s": 6}}})
    s.configure({"steps": {"cc-mode": {"timeout_s": 120}, "fabric": {"timeout_s": 120, "patience_s": 600}}})
    heals(s)
