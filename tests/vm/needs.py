"""What this computer must have before a whole machine or a container can be made."""
import os
import shutil

# For a plain Debian, and for the simulated vendor's packages and keys.
BOTH = ("mmdebstrap", "rpmbuild", "rpmsign", "gpg", "openssl")
PROGRAMS = {
    "machines": BOTH + ("qemu-system-x86_64", "qemu-img", "qemu-io", "createrepo_c", "grub-mkimage", "mcopy", "mkfs.vfat", "sfdisk",
                        "mke2fs", "debugfs", "socat"),
    "containers": BOTH + ("systemd-nspawn", "nsenter", "unshare", "mount"),
}
FILES = {"machines": ("/usr/share/ovmf/OVMF.fd", "/usr/lib/grub/x86_64-efi/linux.mod"), "containers": ()}
HOST = "bookworm"
GROUPS = "/sys/fs/cgroup"


def lacking(*kinds):
    """What it lacks for these kinds, machines or containers, in words."""
    missing = [p for kind in kinds for p in PROGRAMS[kind] if not shutil.which(p)]
    missing += [f for kind in kinds for f in FILES[kind] if not os.path.exists(f)]
    if missing:
        yield "missing: %s. packaging/deps --%s installs them." % (
            ", ".join(dict.fromkeys(missing)), "vm" if "machines" in kinds else "containers")
    if os.geteuid() != 0:
        yield "making a disk and its mounts needs root: run it with sudo."
    if "containers" in kinds and not os.path.isdir(GROUPS):
        yield "containers need control groups, mounted at %s." % GROUPS
    with open("/etc/os-release", encoding="utf-8") as f:
        if "VERSION_CODENAME=" + HOST not in f.read():
            yield "the disks are made of Debian 12's packages, from the repositories of a computer that runs it."
