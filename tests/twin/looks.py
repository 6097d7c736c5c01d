"""What was run on a machine and changed it, by the arguments: the rest only looked, or is a service of its owner."""
import os

# Programs that never change the machine, and those that do only with these arguments.
LOOKS = {"rpmkeys", "modinfo", "lsmod"}
CHANGES = {"rpm": ("-i", "-U", "-e"), "grubby": ("--update-kernel",), "nvidia-smi": ("-srs",)}
VERIFIERS = {"verifier.cc_admin", "ppcie.verifier.verification"}
# Programs of services that the machine's owner enabled: systemd starts them, not the agent.
SERVICES = ("argusagent", "ollama", "nvidia-ctk", "nvidia-persistenced", "nv-fabricmanager")


def only_looks(argv):
    name = os.path.basename(argv[0])
    if name in SERVICES:
        return True
    if name.startswith("python"):
        return argv[1:2] == ["-m"] and argv[2] in VERIFIERS
    if name in CHANGES:
        return not any(a.startswith(CHANGES[name]) for a in argv[1:])
    return name in LOOKS


def changes(argv):
    """The same over a whole boot: ExecStartPost= of nvidia-persistenced sets the ready state at every start of it."""
    return argv[1:] != ["conf-compute", "-srs", "1"] and not only_looks(argv)
