"""The simulated kernel's side: modules on the disk and loaded, initramfs images, device nodes.

Plays Linux 5.10 (Alibaba Cloud Linux 3) with NVIDIA's open kernel modules 550 and 570.
Source: proc(5), sysfs; NVIDIA/open-gpu-kernel-modules (MODULE_VERSION, names of device nodes, the option
RmEnableProtectedPcie), modprobe.d(5), dracut 049 (90kernel-modules).
Simplified: a module is its .modinfo; the option for Protected PCIe counts at boot only where the initramfs holds it, which is stricter
than the real one (row real.A24 of tests/README.md)."""
import glob
import hashlib
import os
import subprocess

from twinlib import (devices, devices_change, driver_loaded, fault, gpu_open, read, remove, root, say, twin_dir,
                     unrooted, write)

MODULES = ["nvidia", "nvidia_modeset", "nvidia_drm", "nvidia_uvm"]
LKCA = "/etc/modprobe.d/nvidia-lkca.conf"
LKCA_OPTION = 'NVreg_RegistryDwords="RmEnableProtectedPcie=0x1"'


class LoadError(Exception):
    """Words of modprobe, as it prints them."""


def release():
    return read(root("/proc/sys/kernel/osrelease")).strip()


def releases():
    return sorted(os.path.basename(p) for p in glob.glob(root("/lib/modules/*")) if os.path.isdir(p))


def module_path(name="nvidia", rel=None):
    """Where a module lies as modules.dep says, or None."""
    rel = rel or release()
    for line in read(root("/lib/modules/%s/modules.dep" % rel), "").splitlines():
        file = line.split(":")[0]
        if os.path.basename(file).split(".")[0].replace("-", "_") == name.replace("-", "_"):
            return "/lib/modules/%s/%s" % (rel, file)
    return None


def module_info(path):
    """Fields of a module file: key=value, separated by NUL, as in a real one's .modinfo."""
    pairs = read(root(path), "").split("\0")
    return [tuple(p.split("=", 1)) for p in pairs if "=" in p]


def module_write(name, rel, version, licence):
    fields = [("version", version), ("license", licence), ("srcversion", "2B7A1DD3D2A1A7E7D8C0F0A"),
              ("depends", ""), ("retpoline", "Y"), ("name", name.replace("-", "_")),
              ("vermagic", rel + " SMP mod_unload modversions ")]
    data = "\0".join("%s=%s" % f for f in fields) + "\0"
    write(root("/lib/modules/%s/kernel/drivers/video/%s.ko" % (rel, name)), data)


def depmod(rel):
    base = root("/lib/modules/" + rel)
    lines = []
    for folder, _, files in os.walk(base + "/kernel"):
        for file in files:
            if file.endswith((".ko", ".ko.xz")):
                path = os.path.relpath(os.path.join(folder, file), base)
                needs = " kernel/drivers/video/nvidia.ko" if file.startswith("nvidia-") else ""
                lines.append(path + ":" + needs)
    write(base + "/modules.dep", "".join(line + "\n" for line in sorted(lines)))
    write(base + "/modules.dep.bin", "\n".join(sorted(lines)))


def initramfs_write(rel):
    """A listing instead of an image: which modprobe.d files went in, with their digests. A machine that really boots
    (tests/vm) has a program that puts the listing and the files into a real image."""
    lines = ["kernel " + rel]
    for folder in ("/etc/modprobe.d", "/usr/lib/modprobe.d"):
        for path in sorted(glob.glob(root(folder) + "/*.conf")):
            with open(path, "rb") as f:
                lines.append("%s  %s" % (hashlib.sha256(f.read()).hexdigest(), unrooted(path)))
    target, listing = "/boot/initramfs-%s.img" % rel, "\n".join(lines) + "\n"
    builder = twin_dir() + "/hardware/initramfs"
    if os.path.exists(builder):
        subprocess.run([builder, target], input=listing.encode(), check=True)
    else:
        write(root(target), listing, 0o600)


def initramfs_has(path, rel):
    """Whether the image of that kernel holds a file as it lies on the disk now."""
    try:
        with open(root(path), "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
    except FileNotFoundError:
        return False
    return "%s  %s" % (digest, path) in read(root("/boot/initramfs-%s.img" % rel), "").splitlines()


def modprobe_conf():
    paths = glob.glob(root("/etc/modprobe.d/*.conf")) + glob.glob(root("/usr/lib/modprobe.d/*.conf"))
    return [line.strip() for p in sorted(paths) for line in read(p, "").splitlines()]


def options_ask_ppcie():
    return any(line.startswith("options nvidia ") and LKCA_OPTION in line for line in modprobe_conf())


def module_check(info):
    """What the kernel refuses at insmod, by the fields of the module."""
    if fault("insmod-mismatch") or info.get("vermagic", "").split(" ")[0] != release():
        _kernel_log("nvidia: disagrees about version of symbol fd_install")
        _kernel_log("nvidia: Unknown symbol fd_install (err -22)")
        raise LoadError("could not insert 'nvidia': Invalid argument")
    if not devices().get("gpus"):
        _kernel_log("NVRM: No NVIDIA GPU found.")
        raise LoadError("could not insert 'nvidia': No such device")
    return info["version"]


def module_load(ppcie=None):
    """modprobe nvidia. The options of modprobe.d apply; ppcie overrides what they say."""
    if driver_loaded():
        return
    path = module_path()
    if not path:
        raise LoadError("FATAL: Module nvidia not found in directory /lib/modules/" + release())
    version = module_check(dict(module_info(path)))
    write(root("/sys/module/nvidia/version"), version + "\n")
    write(root("/sys/module/nvidia/initstate"), "live\n")
    write(root("/sys/module/nvidia/refcnt"), "0\n")
    write(root("/proc/driver/nvidia/version"),
          "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  %s  Release Build  (root@localhost)\n"
          "GCC version:  gcc version 10.2.1 20200825 (Alibaba 10.2.1-3.8 2.32) (GCC)\n" % version)
    others = [line for line in _proc_modules() if line.split(" ")[0] not in MODULES]
    ours = ["%s 61440 0 - Live 0x0000000000000000 (OE)" % m for m in MODULES]
    write(root("/proc/modules"), "".join(line + "\n" for line in ours + others))
    node("nvidiactl")
    if devices().get("switches"):
        node("nvidia-nvswitchctl")
    multi = devices().get("shape") == "multi"
    ppcie = options_ask_ppcie() if ppcie is None else ppcie
    devices_change(driver=version, ppcie_loaded=bool(multi and ppcie))


def module_unload():
    for path in ("version", "initstate", "refcnt"):
        remove(root("/sys/module/nvidia/" + path))
    if os.path.isdir(root("/sys/module/nvidia")):
        os.rmdir(root("/sys/module/nvidia"))
    remove(root("/proc/driver/nvidia/version"))
    others = [line for line in _proc_modules() if line.split(" ")[0] not in MODULES]
    write(root("/proc/modules"), "".join(line + "\n" for line in others))
    for path in glob.glob(root("/dev/nvidia*")):
        remove(path)
    devices_change(driver=None, ppcie_loaded=False, ready_state=0)


def start(cold=False):
    """A boot: nothing is loaded, then udev loads an installed driver. On the way its options come from the initramfs (R5).
    Only a stop and start of the instance (cold) brings a lost session back."""
    module_unload()
    devices_change(fabric="Not Started", persistence=False)
    if cold:
        devices_change(session_lost=False)
    try:
        if module_path():
            module_load(ppcie=options_ask_ppcie() and initramfs_has(LKCA, release()))
    except LoadError as e:
        _kernel_log(str(e))


def test_load(info):
    """The installer's own, of what it has built: init_module() without modprobe.d, GPUs initialised, unloaded again."""
    module_check(info)
    gpu_open("installer test load", client=False)


def node(name):
    if not os.path.exists(root("/dev/" + name)):
        write(root("/dev/" + name), "")


def device_nodes():
    """What nvidia-modprobe and nvidia-persistenced make."""
    for i in range(len(devices().get("gpus", []))):
        node("nvidia%d" % i)
    for name in ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"):
        node(name)


def switch_nodes():
    for i in range(len(devices().get("switches", []))):
        node("nvidia-nvswitch%d" % i)
    node("nvidia-nvswitchctl")


def _proc_modules():
    return read(root("/proc/modules"), "").splitlines()


def _kernel_log(text):
    path = root("/var/log/messages")
    write(path, read(path, "") + "kernel: " + text + "\n")


def complain(program, error):
    import sys
    say("%s: %s" % (program, error if str(error).startswith("FATAL") else "ERROR: %s" % error), sys.stderr)
