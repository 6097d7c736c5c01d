"""What firmware, boot loader and kernel make of the disk when the machine starts.

Plays GRUB 2.02 with blscfg (EL 8) and Linux 5.10 of Alibaba Cloud Linux 3.
Source: the Boot Loader Specification; rhboot/grub2, blscfg: saved_entry, else the highest version; kernel-parameters.txt and
kernel/dma/swiotlb.c of Linux 5.10 (what is mapped, and that "any" needs 5.10.134-18, Alibaba Cloud's guide); proc(5), sysfs.
Simplified: no menu, no counting of boots, no rescue; of /proc and /sys, what somebody here reads."""

import glob
import os
import re
import shutil
import time
import uuid

from instance import TwinError, read_json, read_text, write_text

SWIOTLB_DEFAULT = 524288      # slots of 2 KiB: 1 GiB
KERNEL_WITH_ANY = "5.10.134-18"
BOOT_SECONDS = 20             # a machine is up for about so long before units start
GPU_CLASS, NVSWITCH_CLASS = "0x030200", "0x068000"


class DoesNotStart(TwinError):
    """The instance hangs before any service runs."""


def version_key(text):
    """Segments of digits and letters, as RPM compares them: digits win over letters."""
    return [(1, int(s), "") if s.isdigit() else (0, 0, s)
            for s in re.findall(r"\d+|[a-zA-Z]+", text)]


def grub_environment(twin):
    text = read_text(twin.root("/boot/grub2/grubenv"))
    return dict(line.split("=", 1) for line in text.splitlines()
                if "=" in line and not line.startswith("#"))


def boot_entries(twin):
    """{id: {key: value}} of the Boot Loader Specification entries."""
    entries = {}
    for path in glob.glob(twin.root("/boot/loader/entries/*.conf")):
        fields = {}
        for line in read_text(path).splitlines():
            key, _, value = line.strip().partition(" ")
            if key and not key.startswith("#"):
                fields.setdefault(key, value.strip())
        entries[os.path.basename(path)[:-len(".conf")]] = fields
    return entries


def default_entry(twin):
    """The boot loader's choice: saved_entry, else the highest version."""
    entries = boot_entries(twin)
    usable = {i: e for i, e in entries.items()
              if "linux" in e and os.path.exists(twin.root(e["linux"]))}
    saved = grub_environment(twin).get("saved_entry")
    if saved in usable:
        return usable[saved]
    if not usable:
        raise DoesNotStart("no boot entry with a kernel")
    return usable[max(usable, key=version_key)]


def needs_initramfs(twin, entry):
    """Without its initramfs, or with an empty one, no kernel of the distribution finds its root file system."""
    image = (entry.get("initrd", "").split() or [""])[0]
    if image and not (os.path.isfile(twin.root(image)) and os.path.getsize(twin.root(image))):
        raise DoesNotStart("%s is not there, or empty: the kernel panics" % image)


def command_line(twin, entry):
    environment = grub_environment(twin)
    options = re.sub(r"\$(\w+)", lambda m: environment.get(m.group(1), ""),
                     entry.get("options", ""))
    return " ".join(("BOOT_IMAGE=(hd0,gpt3)%s %s" % (entry["linux"], options)).split())


def kernel_release(line):
    return re.search(r"/vmlinuz-(\S+)", line).group(1)


def swiotlb_slots(line, release, memory_gib, faults):
    """How many slots the kernel maps, whatever its command line says."""
    default = min(SWIOTLB_DEFAULT, memory_gib * 1024 * 1024 // 2 * 6 // 100)
    asked = re.findall(r"(?:^|\s)swiotlb=(\d+)(\S*)", line)
    if not asked or "swiotlb-refused" in faults:
        return default
    slots, flags = asked[-1]
    above_4g = "any" in flags.split(",") and version_key(release) >= version_key(KERNEL_WITH_ANY)
    return int(slots) if above_4g else min(int(slots), default)


def fill(twin, files):
    for path, text in files.items():
        write_text(twin.root(path), text)


def empty(folder):
    """The folder itself stays: something may be mounted on it."""
    os.makedirs(folder, exist_ok=True)
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def show_proc(twin, machine, line, release):
    flags = "fpu vme de pse tsc msr pae mce cx8 apic sep constant_tsc hypervisor avx512f"
    if machine["tdx"]:
        flags += " tdx_guest"
    cpu = ("processor\t: %d\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Platinum 8475B"
           "\nflags\t\t: " + flags + "\nbugs\t\t:\n\n")
    kib = machine["memory_gib"] * 1024 * 1024
    loaded = ["virtio_net", "net_failover", "virtio_blk", "crc32c_intel"]
    if nouveau_binds(twin, machine, line):
        loaded.insert(0, "nouveau")
    empty(twin.root("/proc"))
    fill(twin, {
        "/proc/cmdline": line + "\n",
        "/proc/cpuinfo": "".join(cpu % n for n in range(machine["vcpu"])),
        "/proc/stat": "cpu  0 0 0 0 0 0 0 0 0 0\nbtime %d\n" % (time.time() - BOOT_SECONDS),
        "/proc/uptime": "%d.00 %d.00\n" % (BOOT_SECONDS, BOOT_SECONDS * machine["vcpu"]),
        "/proc/meminfo": "MemTotal: %12d kB\nMemFree: %13d kB\nMemAvailable: %8d kB\n"
                         % (kib, kib - 2097152, kib - 1048576),
        "/proc/modules": "".join("%s 65536 0 - Live 0x0000000000000000\n" % m for m in loaded),
        "/proc/version": "Linux version %s\n" % release,
        "/proc/sys/kernel/osrelease": release + "\n",
        "/proc/sys/kernel/random/boot_id": str(uuid.uuid4()) + "\n",
    })
    return loaded


def nouveau_binds(twin, machine, line):
    if not machine["nouveau"] or re.search(r"(?:^|\s)modprobe\.blacklist=\S*nouveau", line):
        return False
    rules = [read_text(p) for folder in ("/etc", "/usr/lib")
             for p in glob.glob(twin.root(folder + "/modprobe.d/*.conf"))]
    return not any(re.search(r"^blacklist\s+nouveau\s*$", text, re.M) for text in rules)


def pci_devices(twin, machine):
    """{address: (vendor, device, class)}: GPUs and switches where devices.json has them."""
    found = {"0000:00:03.0": ("0x1af4", "0x1000", "0x020000"),
             "0000:00:04.0": ("0x1af4", "0x1001", "0x010000")}
    devices = read_json(twin.state("devices.json"), {})
    for kind, count, device, pci_class in (
            ("gpus", machine["gpus"], "0x2329", GPU_CLASS),
            ("switches", machine["nvswitches"], "0x22a3", NVSWITCH_CLASS)):
        known = [d["pci"] for d in devices.get(kind, [])]
        for n in range(count):
            address = known[n] if n < len(known) else "0000:%02x:00.0" % (0x60 + len(found))
            found[address] = ("0x10de", device, pci_class)
    return found


def show_sys(twin, machine, slots, loaded):
    empty(twin.root("/sys"))
    fill(twin, {
        "/sys/class/dmi/id/product_name": machine["product_name"] + "\n",
        "/sys/class/dmi/id/sys_vendor": machine["sys_vendor"] + "\n",
        "/sys/class/dmi/id/product_uuid": machine["product_uuid"] + "\n",
        "/sys/kernel/debug/swiotlb/io_tlb_nslabs": "%d\n" % slots,
        "/sys/kernel/debug/swiotlb/io_tlb_used": "0\n",
    })
    for n in range(1 + machine["data_disks"]):
        write_text(twin.root("/sys/block/vd%s/size" % chr(ord("a") + n)), "41943040\n")
    for name in loaded:
        write_text(twin.root("/sys/module/%s/initstate" % name), "live\n")
    os.makedirs(twin.root("/sys/bus/pci/drivers/nouveau" if "nouveau" in loaded
                          else "/sys/bus/pci/drivers"))
    for address, (vendor, device, pci_class) in pci_devices(twin, machine).items():
        folder = "/sys/bus/pci/devices/" + address
        fill(twin, {folder + "/vendor": vendor + "\n", folder + "/device": device + "\n",
                    folder + "/class": pci_class + "\n"})
        if "nouveau" in loaded and pci_class == GPU_CLASS:
            os.symlink("../../drivers/nouveau", twin.root(folder + "/driver"))


def show_dev(twin, machine):
    empty(twin.root("/dev"))
    names = ["null", "zero", "urandom", "console"] + (["tdx_guest"] if machine["tdx"] else [])
    for name in names:
        write_text(twin.root("/dev/" + name), "")


def let_time_pass(twin):
    """What was written just before a restart is older than the boot after it."""
    now = time.time()
    for folder in ("/boot", "/etc/modprobe.d", "/usr/lib/modprobe.d"):
        for parent, _, names in os.walk(twin.root(folder)):
            for path in (os.path.join(parent, n) for n in names):
                if os.lstat(path).st_mtime > now - BOOT_SECONDS - 10:
                    os.utime(path, (now - 60, now - 60), follow_symlinks=False)


def derive(twin, number):
    """Put the machine into the state in which boot `number` starts its services.

    Number 0 is the fresh disk looked at before it ever ran."""
    machine, faults = twin.machine, twin.faults
    entry = default_entry(twin)
    needs_initramfs(twin, entry)
    line = command_line(twin, entry)
    if "restart-without-effect" in faults and number > 1:
        line = read_text(twin.root("/proc/cmdline")).strip()
    release = kernel_release(line)
    slots = swiotlb_slots(line, release, machine["memory_gib"], faults)
    # The first start is spared: there they stand for devices attached while it ran.
    if (machine["shape"] == "multi" and number > 1 and slots <= SWIOTLB_DEFAULT
            and (machine["enis"] > 1 or machine["data_disks"] > 0)):
        raise DoesNotStart("%d ENIs and %d data disks use up the SWIOTLB of 1 GiB"
                           % (machine["enis"], machine["data_disks"]))
    let_time_pass(twin)
    loaded = show_proc(twin, machine, line, release)
    show_sys(twin, machine, slots, loaded)
    show_dev(twin, machine)
    empty(twin.root("/run"))
    os.makedirs(twin.root("/run/systemd/system"))  # as systemd makes it, see sd_booted(3)
    empty(twin.state("units"))
    if "status-deleted" in faults:
        forget(twin.root("/var/lib/gn8v/status.json"))
    forget(twin.state("restart-requested"))
    write_text(twin.state("boot"), "%d\n" % number)


def forget(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
