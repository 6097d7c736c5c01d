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


# What `gn8v collect-logs` may run, by hand and not from its table: a program, and arguments of which each is one of the words,
# or matches a pattern. No pattern takes an option.
JOURNAL = "--no-pager -o short-monotonic -n [0-9]* -u *.service -k -b _PID=1"
COLLECTS = {
    "uname": "-a", "getenforce": "", "findmnt": "-l", "lscpu": "", "lsmod": "", "lsinitrd": "", "ls": "-la -laR -l /*",
    "lspci": "-nn -d 10de:", "fuser": "-v /dev/nvidia*", "find": "/* -name -path -maxdepth [0-9] -ls nvidia[*].ko[*] libnvidia-[*] [*].dist-info",
    "journalctl": JOURNAL, "sha256sum": "/*.rpm", "nm": "-D /*.so.2", "modinfo": "nvidia", "timedatectl": "show",
    "chronyc": "-n tracking", "cloud-init": "--version status --long", "grubby": "--info=ALL --default-index",
    "rpm": "--version -qa -qp -il -l --requires --obsoletes --scripts [a-z]* /*.rpm", "rpmkeys": "--dbpath /var/lib/gn8v/rpmdb -Kv /*.rpm",
    "systemctl": "--no-pager cat show list-units list-unit-files list-jobs --all -p [A-Z]* *.service nvidia[*] gn8v[*] cloud*",
    "nvidia-smi": "-L -q conf-compute -f -mgm -d -e -grs", "python3": "-B -m pip --version",
}
# The first argument, where it decides what the others mean.
FIRST = {"rpm": {"--version", "-qa", "-qp"}, "systemctl": {"--no-pager"}, "journalctl": {"--no-pager"}, "timedatectl": {"show"},
         "chronyc": {"-n"}, "cloud-init": {"--version", "status"}, "rpmkeys": {"--dbpath"}, "python3": {"-B"}}


def only_collects(argv):
    """Whether `gn8v collect-logs` may run this: with these arguments the program reads and prints."""
    import fnmatch  # of all questions, one needs it
    name, words = os.path.basename(argv[0]), argv[1:]
    if name not in COLLECTS or (name in FIRST and words[:1] and words[0] not in FIRST[name]):
        return False
    patterns = COLLECTS[name].split()
    return all(any(fnmatch.fnmatchcase(w, p) for p in patterns) for w in words)
