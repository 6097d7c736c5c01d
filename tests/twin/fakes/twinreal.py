"""Real programs in the place of their fakes, for a twin that was created with their paths (make check-real):

    state/real-smi      NVIDIA's nvidia-smi (TWIN_REAL_SMI), on the simulated NVML
    state/real-python   a Python with NVIDIA's verifiers (TWIN_REAL_PYTHON), on the simulated devices, RIM service and OCSP
                        responder; what the fake python3.11 does of venv and pip stays as it is
    state/real-clock    for the verifiers: how far their clock is wrong ("+9000d"), by libfaketime

They are untouched. NVIDIA's roots give way to those of the simulated machine in copies of the two packages that hold them
(state/overlay), and find_library(), which on a real machine finds libnvidia-nscq by ldconfig, is told where it lies."""
import os
import sys

from twinlib import environment, read, root, state

ROOTS = {"verifier_device_root.pem": "root.pem", "verifier_RIM_root.pem": "rim-root.pem"}
WHERE_IS_NSCQ = """import ctypes.util
import os
_find = ctypes.util.find_library
_nscq = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../root/usr/lib64/libnvidia-nscq.so.2")
ctypes.util.find_library = lambda name: _nscq if name == "nvidia-nscq" else _find(name)
"""
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def path_of(name):
    return read(state("/real-" + name), "").strip()


def library_folder():
    """One that has NVML alone: of other libraries the disk of the simulated machine has only names."""
    folder = state("/real-lib")
    os.makedirs(folder, exist_ok=True)
    if not os.path.islink(folder + "/libnvidia-ml.so.1"):
        try:
            # A copy of the twin has to find its own.
            os.symlink("../../root/usr/lib64/libnvidia-ml.so.1", folder + "/libnvidia-ml.so.1")
        except FileExistsError:
            pass                # another one was quicker
    return folder


def become(program, argv, **more):
    env = {k: v for k, v in environment().items() if not k.startswith("TWIN_") or k == "TWIN_UNIT"}
    env.update(more, LD_LIBRARY_PATH=library_folder())
    sys.stdout.flush()
    os.execve(program, argv, env)


def smi(args):
    """Does not return where this twin has the real one."""
    program = path_of("smi")
    if program:
        become(program, ["nvidia-smi"] + args)


def overlay(python):
    """Copies of the packages that hold roots; made once."""
    import shutil
    import subprocess
    folder = state("/overlay")
    if os.path.exists(folder):
        return folder
    site = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    made = "%s.%d" % (folder, os.getpid())
    for package in ("verifier", "nv_attestation_sdk"):
        shutil.copytree(os.path.join(site, package), os.path.join(made, package),
                        ignore=shutil.ignore_patterns("__pycache__"))
    for parent, _, files in os.walk(made):
        for name in set(files) & set(ROOTS):
            shutil.copy(state("/devices/" + ROOTS[name]), os.path.join(parent, name))
    with open(os.path.join(made, "sitecustomize.py"), "w", encoding="utf-8") as f:
        f.write(WHERE_IS_NSCQ)
    os.rename(made, folder)
    return folder


def verifier(module, args):
    """Does not return where this twin has the real one."""
    python = path_of("python")
    if not python:
        return
    clock, more = read(state("/real-clock"), "").strip(), {}
    if clock:
        more = {"LD_PRELOAD": FAKETIME, "FAKETIME": clock}
    become(python, [python, "-m", module] + args, PYTHONPATH=overlay(python), PYTHONDONTWRITEBYTECODE="1",
           SSL_CERT_FILE=root("/etc/gn8v/twin-ca.pem"), **more)
