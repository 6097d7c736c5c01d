"""The disk of a fresh instance: what Alibaba Cloud Linux 3 and the cloud put there.

Plays an image of Alibaba Cloud Linux 3, U10 and later, on ecs.gn8v-tee.
Source: public boot and bug reports (tests/fixtures/real/os-release, tests/fixtures/real/grubby); Alibaba Cloud's guide for the
instance types.
Simplified: a few files of each; its services are those that use a GPU. What only a running kernel shows (/proc, /sys, /run) is
boot.py's."""

import os
import re
import shutil
import subprocess
import sys
import uuid

from instance import REPO, Twin, TwinError, merge, write_json, write_text

KERNEL = "5.10.134-18.al8.x86_64"
OLDER_KERNEL = "5.10.134-17.3.al8.x86_64"

SHAPES = {
    "single": {"instance_type": "ecs.gn8v-tee.4xlarge", "gpus": 1, "nvswitches": 0},
    "multi": {"instance_type": "ecs.gn8v-tee-8x.16xlarge", "gpus": 8, "nvswitches": 4},
}
SIZES = {  # vCPU, GiB
    "ecs.gn8v-tee.4xlarge": (16, 96),
    "ecs.gn8v-tee.6xlarge": (24, 128),
    "ecs.gn8v-tee-8x.16xlarge": (64, 768),
    "ecs.gn8v-tee-8x.48xlarge": (192, 1024),
}

OS_RELEASE = """\
NAME="Alibaba Cloud Linux"
VERSION="3 (OpenAnolis Edition)"
ID="alinux"
ID_LIKE="rhel fedora centos anolis"
VERSION_ID="3"
VARIANT="OpenAnolis Edition"
VARIANT_ID="openanolis"
ALINUX_MINOR_ID="2104"
ALINUX_UPDATE_ID="11"
PLATFORM_ID="platform:al8"
PRETTY_NAME="Alibaba Cloud Linux 3.2104 U11 (OpenAnolis Edition)"
ANSI_COLOR="0;31"
HOME_URL="https://www.aliyun.com/"
"""

KERNEL_ARGUMENTS = (
    "rhgb quiet cgroup.memory=nokmem "
    "crashkernel=0M-2G:0M,2G-8G:192M,8G-128G:256M,128G-:384M spec_rstack_overflow=off "
    "vring_force_dma_api kfence.sample_interval=100 "
    "kfence.booting_max=0-2G:0,2G-32G:2M,32G-:32M preempt=none biosdevname=0 net.ifnames=0 "
    "console=tty0 console=ttyS0,115200n8 noibrs nvme_core.io_timeout=4294967295 "
    "nvme_core.admin_timeout=4294967295")

DEFAULT_GRUB = """\
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR="$(sed 's, release .*$,,g' /etc/system-release)"
GRUB_DEFAULT=saved
GRUB_DISABLE_SUBMENU=true
GRUB_TERMINAL_OUTPUT="console"
GRUB_CMDLINE_LINUX="%s"
GRUB_DISABLE_RECOVERY="true"
GRUB_ENABLE_BLSCFG=true
"""

BOOT_ENTRY = """\
title Alibaba Cloud Linux (%(release)s) 3 (OpenAnolis Edition)
version %(release)s
linux /boot/vmlinuz-%(release)s
initrd /boot/initramfs-%(release)s.img $tuned_initrd
options %(options)s $tuned_params
id alinux-%(release)s
grub_users $grub_users
grub_arg --unrestricted
grub_class kernel
"""

CLOUDMONITOR = """\
[Unit]
Description=CloudMonitor agent
After=network.target

[Service]
Type=simple
ExecStart=/usr/local/cloudmonitor/bin/argusagent
Restart=always

[Install]
WantedBy=multi-user.target
"""

OLLAMA = """\
[Unit]
Description=Ollama Service
After=network-online.target

[Service]
ExecStart=/usr/local/bin/ollama serve
User=ollama
Group=ollama
Restart=always
RestartSec=3

[Install]
WantedBy=default.target
"""

CDI_REFRESH_PATH = """\
[Unit]
Description=Trigger CDI refresh on NVIDIA driver install / uninstall events

[Path]
PathChanged=/lib/modules/%v/modules.dep
PathChanged=/lib/modules/%v/modules.dep.bin
PathChanged=/usr/bin/nvidia-ctk

[Install]
WantedBy=multi-user.target
"""

# Of nvidia-container-toolkit 1.19.1, shortened: 1.19.0 had After=multi-user.target beside it (its issue 1735).
CDI_REFRESH_SERVICE = """\
[Unit]
Description=Refresh NVIDIA CDI specification file
ConditionPathExists=|/usr/bin/nvidia-smi
ConditionPathExists=|/usr/sbin/nvidia-smi
ConditionPathExists=|/usr/bin/nvidia-ctk

[Service]
Type=oneshot
ExecCondition=/bin/sh -c 'grep -qE "/nvidia.ko" /lib/modules/$(uname -r)/modules.dep'
ExecStart=/usr/bin/nvidia-ctk cdi generate

[Install]
WantedBy=multi-user.target
"""

# What may be asked for with --with: {unit file: (text, target that wants it)}
EXTRAS = {
    "nvidia-cdi-refresh": {
        "/etc/systemd/system/nvidia-cdi-refresh.path": (CDI_REFRESH_PATH, "multi-user.target"),
        "/etc/systemd/system/nvidia-cdi-refresh.service":
            (CDI_REFRESH_SERVICE, "multi-user.target"),
    },
    "ollama": {"/etc/systemd/system/ollama.service": (OLLAMA, "default.target")},
}


def describe(shape, instance_type, settings):
    """machine.json: everything that the hardware, the cloud and the image decide."""
    if shape not in SHAPES:
        raise TwinError("no such shape: %s" % shape)
    machine = dict(SHAPES[shape], shape=shape)
    if instance_type:
        machine["instance_type"] = instance_type
    vcpu, memory = SIZES.get(machine["instance_type"], (16, 96))
    machine.update({
        "vcpu": vcpu, "memory_gib": memory, "tdx": True, "nouveau": False,
        "enis": 1, "data_disks": 0,
        "instance_id": "i-2ze" + uuid.uuid4().hex[:17],
        "hostname": "iZ2ze%sZ" % uuid.uuid4().hex[:16],
        "region_id": "cn-beijing", "zone_id": "cn-beijing-l",
        "image_id": "aliyun_3_x64_20G_alibase_20250117.vhd",
        "machine_id": uuid.uuid4().hex, "root_uuid": str(uuid.uuid4()),
        "kernels": [KERNEL, OLDER_KERNEL], "os_release": {},
        "product_name": "Alibaba Cloud ECS", "sys_vendor": "Alibaba Cloud", "product_uuid": str(uuid.uuid4()),
    })
    return merge(machine, settings)


def lay_folders(twin):
    for path in ("/usr/bin", "/usr/sbin", "/usr/lib/systemd/system", "/usr/lib64",
                 "/usr/local/bin", "/usr/local/sbin", "/usr/local/cloudmonitor/bin",
                 "/etc/systemd/system/multi-user.target.wants", "/etc/modprobe.d", "/etc/gn8v",
                 "/etc/yum.repos.d", "/boot/loader/entries", "/boot/grub2", "/boot/efi", "/root",
                 "/tmp", "/var/tmp", "/var/log", "/var/lib/rpm", "/var/cache", "/run", "/proc", "/sys",
                 "/dev"):
        os.makedirs(twin.root(path), exist_ok=True)
    for link, target in (("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"),
                         ("lib64", "usr/lib64"), ("var/run", "../run"), ("var/lock", "../run/lock")):
        os.symlink(target, twin.root(link))


def lay_os(twin, machine):
    text = OS_RELEASE
    for key, value in machine["os_release"].items():
        lines = [l for l in text.splitlines() if not l.startswith(key + "=")]
        if value is not None:
            lines.append('%s="%s"' % (key, value))
        text = "\n".join(lines) + "\n"
    write_text(twin.root("/usr/lib/os-release"), text)
    os.symlink("../usr/lib/os-release", twin.root("/etc/os-release"))
    write_text(twin.root("/etc/system-release"), "Alibaba Cloud Linux release 3 (OpenAnolis Edition)\n")
    write_text(twin.root("/etc/machine-id"), machine["machine_id"] + "\n")
    write_text(twin.root("/etc/hostname"), machine["hostname"] + "\n")
    arguments = "root=UUID=%s ro %s" % (machine["root_uuid"], KERNEL_ARGUMENTS)
    write_text(twin.root("/etc/default/grub"), DEFAULT_GRUB % KERNEL_ARGUMENTS)
    for release in machine["kernels"]:
        lay_kernel(twin, machine, release, arguments)
    choose_kernel(twin, machine, machine["kernels"][0])


def lay_kernel(twin, machine, release, arguments):
    """A kernel package: kernel, initramfs, modules, and its boot entry."""
    write_text(twin.root("/boot/vmlinuz-" + release), "kernel %s\n" % release)
    write_text(twin.root("/boot/initramfs-%s.img" % release), "initramfs %s\n" % release)
    entry = "/boot/loader/entries/%s-%s.conf" % (machine["machine_id"], release)
    write_text(twin.root(entry), BOOT_ENTRY % {"release": release, "options": arguments})
    modules = "/usr/lib/modules/" + release
    write_text(twin.root(modules + "/modules.dep"),
               "kernel/drivers/gpu/drm/nouveau/nouveau.ko.xz:\nkernel/crypto/ecdh_generic.ko.xz:\n")
    for module in ("drivers/gpu/drm/nouveau/nouveau", "crypto/ecdh_generic"):
        write_text(twin.root("%s/kernel/%s.ko.xz" % (modules, module)), "")


def choose_kernel(twin, machine, release):
    """The boot loader's environment block: 1024 bytes, filled up with #."""
    text = "# GRUB Environment Block\nsaved_entry=%s-%s\n" % (machine["machine_id"], release)
    write_text(twin.root("/boot/grub2/grubenv"), text.ljust(1024, "#"))


def lay_unit(twin, path, text, wanted_by):
    write_text(twin.root(path), text)
    wants = twin.root("/etc/systemd/system/%s.wants" % wanted_by)
    os.makedirs(wants, exist_ok=True)
    os.symlink(path, os.path.join(wants, os.path.basename(path)))


def lay_services(twin, extras):
    lay_unit(twin, "/etc/systemd/system/cloudmonitor.service", CLOUDMONITOR, "multi-user.target")
    for name in extras:
        if name not in EXTRAS:
            raise TwinError("--with %s: choose from %s" % (name, ", ".join(sorted(EXTRAS))))
        for path, (text, target) in sorted(EXTRAS[name].items()):
            lay_unit(twin, path, text, target)


def lay_agent(twin):
    """The agent's own files, as its package installs them; user-data has enabled it.

    TWIN_STAGE names a folder that `make install DESTDIR=` has filled already."""
    stage = os.environ.get("TWIN_STAGE")
    if stage:
        shutil.copytree(stage, twin.root_folder, symlinks=True, dirs_exist_ok=True)
    else:
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
        done = subprocess.run(["make", "-s", "-C", REPO, "install", "DESTDIR=" + twin.root_folder],
                              env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, universal_newlines=True, check=False)
        if done.returncode != 0:
            raise TwinError("make install: %s" % done.stderr.strip()[-1500:])
    os.symlink("/usr/lib/systemd/system/gn8v-agent.service",
               twin.root("/etc/systemd/system/multi-user.target.wants/gn8v-agent.service"))


def tool(name, *arguments):
    """Run one of the twin's own programs; its output."""
    path = os.path.join(REPO, "tests", "twin", name)
    done = subprocess.run([sys.executable, "-S", "-E", path] + list(arguments), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, check=False)
    if done.returncode != 0:
        raise TwinError("%s %s: exit %d\n%s" % (name, " ".join(arguments), done.returncode,
                                               done.stderr.strip()[-2000:]))
    return done.stdout


# ExecStopPost= of nvidia-persistenced runs it with a path of the machine, not of this host.
RM = """\
#!/bin/sh
for path; do
	case $path in /*) path='%(root)s'$path ;; esac
	set -- "$@" "$path"
	shift
done
exec /bin/rm "$@"
"""


def lay_programs(twin, machine):
    write_text(twin.root("/usr/bin/rm"), RM % {"root": twin.root_folder})
    os.chmod(twin.root("/usr/bin/rm"), 0o755)
    os.symlink(os.path.join(REPO, "tests", "twin", "fakes"), twin.state("fakes"))
    tool("fakes/twinlib.py", "install", twin.folder, "initial")
    write_text(twin.state("devices.json"), tool("fakes/twinlib.py", "devices", machine["shape"]))
    lay_devices(twin)


def lay_devices(twin):
    """Keys of the simulated devices, and the libraries that the installers will put on the disk.

    Without TWIN_DEVICES, the folder that they were built into, the libraries are only names."""
    from assets import DRIVERS  # here only: it takes its time, and most commands of the twin make no devices
    built = os.environ.get("TWIN_DEVICES")
    if not built:
        return
    os.makedirs(twin.state("lib"))
    for name in ("libnvidia-ml.so", "libnvidia-nscq.so"):
        shutil.copy(os.path.join(built, name), twin.state("lib/" + name))
    done = subprocess.run([os.path.join(built, "twin-devices"), twin.folder] + list(DRIVERS),
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          universal_newlines=True, check=False)
    if done.returncode != 0:
        raise TwinError("twin-devices: %s" % done.stderr.strip())
    for name in ("smi", "python"):
        program = os.environ.get("TWIN_REAL_" + name.upper())
        if program:
            write_text(twin.state("real-" + name), os.path.abspath(program) + "\n")


def create(folder, shape, instance_type, settings, faults, extras, config, delays, systemd):
    """Make a twin that has never been started."""
    if os.path.exists(os.path.join(folder, "state", "machine.json")):
        raise TwinError("%s is a twin already" % folder)
    twin = Twin(folder)
    os.makedirs(twin.state("units"))
    machine = describe(shape, instance_type, settings)
    write_json(twin.state("faults"), faults)
    write_json(twin.state("delays.json"), delays)
    write_json(twin.state("systemd.json"), systemd)
    write_json(twin.state("config.json"), config)
    write_text(twin.state("boot"), "0\n")
    lay_folders(twin)
    lay_os(twin, machine)
    lay_services(twin, extras)
    lay_agent(twin)
    write_json(twin.state("machine.json"), machine)
    lay_programs(twin, machine)
    return twin


def copy(folder, source):
    """Make a twin that is where another, which is not up, has come to.

    The programs on its disk name their folder: these words are the only ones that change."""
    if os.path.exists(folder):
        raise TwinError("%s is there already" % folder)
    shutil.copytree(source.folder, folder, symlinks=True)
    twin = Twin(folder)
    before = re.compile(re.escape(os.fsencode(source.folder)) + rb"(?![\w.-])")
    for parent, _, names in os.walk(twin.folder):
        for path in (os.path.join(parent, name) for name in names):
            if os.path.isfile(path) and not os.path.islink(path):
                replace_in(path, before, os.fsencode(twin.folder))
    return twin


def replace_in(path, before, now):
    info = os.stat(path)
    with open(path, "rb") as f:
        data = f.read()
    if before.search(data):
        with open(path, "wb") as f:
            f.write(before.sub(lambda _: now, data))
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
